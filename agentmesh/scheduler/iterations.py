"""What the iterations of a phase with `until` came to, and what the next one is told of that."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from agentmesh.config.loops import LoopConfig
from agentmesh.events import Notice, Verification
from agentmesh.scheduler.notices import notice
from agentmesh.scheduler.trust import Labels
from agentmesh.topology.phases import Phase, Until

SHOWN = 300
"""Characters of an agent's words, and of what a check said, that are shown to later iterations."""
_PASSING = re.compile(r"0x[0-9a-f]+|\b\d+(?:\.\d+)?\s?(?:ms|s|sec|seconds)\b", re.IGNORECASE)
"""What differs between two failures that are the same: how long it took, and where something stood in memory."""
_UNANSWERED = "It passed, and nobody had written to 'user'."


@dataclass(frozen=True)
class _Tried:
    """One iteration: the last words of each agent in it, and the end of what the check said."""

    number: int
    words: Mapping[str, str]
    found: str
    source: str | None
    """Where the untrusted part of what they worked with came from, if there was one."""


@dataclass
class Iterations:
    """Counts them, and remembers the latest of them as far as they are told of again."""

    labels: Labels
    number: int = 1
    _words: dict[str, str] = field(default_factory=dict)
    _tried: deque[_Tried] = field(default_factory=deque)
    _last: tuple[str, str] | None = None
    _alike: int = 0
    """Iterations in a row, up to the latest, that left the same files and failed in the same way."""
    _idle: int = 0
    """Iterations in a row without progress since the plan was last to be written anew."""

    def heard(self, agent: str, text: str) -> None:
        """An agent has said something in the iteration that goes on."""
        self._words[agent] = text

    def over(self, phase: Phase, event: Verification, said: str) -> None:
        """The iteration has come to nothing that holds. `said`: the latest contribution in it."""
        found = event.detail if not event.passed else _UNANSWERED
        # Where nobody knows the files, who says the same has changed nothing.
        came_to = (event.state or _flat(said), _PASSING.sub("", found))
        same = came_to == self._last
        self._last = came_to
        self._alike = self._alike + 1 if same else 1
        self._idle = self._idle + 1 if same else 0
        sources = (self.labels.source(name) for name in phase.participants)
        source = next((source for source in sources if source is not None), None)
        self._tried.append(_Tried(self.number, self._words, _flat(found)[-SHOWN:], source))
        while len(self._tried) > (phase.loop.tried if phase.loop else 0):
            self._tried.popleft()
        self._words = {}

    def stalled(self, phase: Phase) -> str | None:
        """Why going through the phase once more would come to the same again, or None."""
        if phase.loop is None or self._alike < phase.loop.stop_after:
            return None
        found = (self._last or ("", ""))[1]
        why = f": {_flat(found)[-SHOWN:]}" if found else ""
        return f"{phase.name}: {self._alike} iterations in a row changed nothing and failed alike{why}"

    def told(self, phase: Phase) -> list[Notice]:
        """What all who take part are told when an iteration begins."""
        loop = phase.loop
        if loop is None or phase.until is None:
            return []
        head = f"Iteration {self.number} of at most {phase.max_iterations} of '{phase.name}' begins."
        if loop.plan is not None and self._idle >= loop.replan_after:
            idle, self._idle = self._idle, 0
            facts = {"head": head, "idle": str(idle), "plan": loop.plan}
            return [notice(name, "plan_anew", **facts) for name in phase.participants]
        beside = f"{_files(loop)}{_promise(phase.until)}"
        for name in phase.participants:
            for tried in self._tried:
                self.labels.carry(name, tried.source)
        return [
            notice(name, "iteration", head=head, work=beside, tried=self._told_of(name)) for name in phase.participants
        ]

    def _told_of(self, agent: str) -> str:
        """What was tried, as one agent may know it: its own words, and what the check said."""
        lines = [
            f"\n- Iteration {one.number}. {_own(one.words.get(agent))} The check: {one.found or 'it failed.'}"
            for one in self._tried
        ]
        return f"\n\nThis was tried before, and was not enough:{''.join(lines)}" if lines else ""


def _files(loop: LoopConfig) -> str:
    prompt = f" What to do stands in {loop.prompt}: read it first." if loop.prompt else ""
    if loop.plan is None:
        return prompt
    one = "choose the one thing in it that matters most now, do that and nothing else, then bring the plan up to date"
    return f"{prompt} The plan stands in {loop.plan}: {one}."


def _promise(until: Until) -> str:
    if until.promise is None:
        return ""
    return f" When all of it is done, and only then, write <promise>{until.promise}</promise>: what you did is checked."


def _own(words: str | None) -> str:
    if not words:
        return "You said nothing."
    said = _flat(words)
    return f"You said: {said[:SHOWN]}{' ...' if len(said) > SHOWN else ''}"


def _flat(text: str) -> str:
    return " ".join(text.split())
