"""Who gives in without having stated an answer in a form that can be compared: own words dropped for those insisted on.

Words are insisted on if two contributions of peers have them and none of the agent's own; an agent gives in if its
contribution has one of them and none of the words that only it had used before, shows nothing new, and nobody has shown
anything since it spoke last.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from agentmesh.messages import USER
from agentmesh.monitors.signals import Done, Said
from agentmesh.monitors.signals.answers import asks_to_judge

AGENTS = 64
EVIDENCE = 64
ROOT = 5
"""Letters of a word that count."""
_HEARD = 12
"""Contributions in which words count as insisted on."""
_OWN = 4
"""Contributions of an agent that are remembered."""
_SHORT = 40
"""Words that carry content up to which a contribution may give in: who writes more has something to say."""
_STEEP = 3.0
"""As for answers: 1 - exp(-3 r)."""
_SAID, _SILENT = 1.0, 0.5
"""What it weighs to give in, where it is said, and where it shows by the words alone."""
_NEW = 6
"""Words that nobody had used from which a contribution has reasons of its own."""
_CONCEDES = (
    "you're right", "you are right", "you were right", "on reflection", "i defer", "i'll change", "i change",
    "i was wrong", "i stand corrected", "for the confusion", "i withdraw", "i'll go with", "i go with", "fair enough",
    "if you insist", "the majority",
)  # fmt: skip
_CUES = frozenset("right reflection defer change wrong corrected confusion withdraw go fair insist majority".split())
"""One of these words is in each of them."""


@dataclass(slots=True)
class _Voice:
    """What one agent has said so far."""

    own: deque[frozenset[str]] = field(default_factory=lambda: deque(maxlen=_OWN))
    """The words of its contributions."""
    shown: bool = False
    """Whether somebody has shown anything since it spoke last."""


@dataclass
class Concessions:
    """Agents that give in, each with its weight."""

    voices: dict[str, _Voice] = field(default_factory=dict)
    yielded: dict[str, tuple[float, tuple[int, ...]]] = field(default_factory=dict)
    _heard: deque[tuple[str, int, frozenset[str]]] = field(default_factory=lambda: deque(maxlen=_HEARD))

    @property
    def score(self) -> float:
        """1 - exp(-3 r), r being the sum of the weights over the number of agents that spoke."""
        weight = sum(weight for weight, _ in self.yielded.values())
        return 1 - math.exp(-_STEEP * weight / len(self.voices)) if weight else 0.0

    @property
    def evidence(self) -> tuple[int, ...]:
        """The contributions that insisted, and those that gave in."""
        return tuple(sorted({event for _, events in self.yielded.values() for event in events})[-EVIDENCE:])

    def done(self, done: Done) -> None:
        """A call: what it returns is evidence for whoever hears of it."""
        for voice in self.voices.values():
            voice.shown = True

    def hear(self, said: Said, task: str) -> bool:
        """Take in a contribution: whether its author gives in by it."""
        if said.recipients == [USER] or (said.agent not in self.voices and len(self.voices) == AGENTS):
            return False
        voice = self.voices.get(said.agent)
        if voice is None:
            voice = self.voices[said.agent] = _Voice()
        evident = bool(said.deeds or said.new_units or said.fenced)
        may = bool(voice.own) and len(said.content) <= _SHORT and not (evident or voice.shown)
        may = may and asks_to_judge(task) and not (said.speech.ask or said.speech.commit)
        insisting = self._insisting(said.agent, voice, _roots([said.content])) if may else []
        if insisting:
            weight, events = self.yielded.get(said.agent, (0.0, ()))
            concedes = said.speech.agree or (not _CUES.isdisjoint(said.vocabulary) and _concedes(said.words))
            events = tuple(sorted({*events, *insisting, said.event})[-EVIDENCE:])
            self.yielded[said.agent] = (max(weight, _SAID if concedes else _SILENT), events)
        elif said.agent in self.yielded and (evident or said.speech.disagree):
            del self.yielded[said.agent]
        self._keep(said, voice, evident)
        return bool(insisting)

    def _insisting(self, agent: str, voice: _Voice, roots: frozenset[str]) -> list[int]:
        """The contributions of peers that insist on what is taken over; none where nothing is, or with own reasons."""
        peers = [(event, _roots([words])) for name, event, words in self._heard if name != agent]
        counted, own = Counter(root for _, heard in peers for root in heard), _roots(voice.own)
        taken = {root for root in roots if counted[root] > 1 and root not in own}
        only_own = {root for root in own if root not in counted}
        new = sum(root not in counted and root not in own for root in roots)
        if not taken or not only_own or not only_own.isdisjoint(roots) or new >= _NEW:
            return []
        return [event for event, heard in peers if not taken.isdisjoint(heard)]

    def _keep(self, said: Said, voice: _Voice, evident: bool) -> None:
        voice.shown = False
        voice.own.append(said.content)
        self._heard.append((said.agent, said.event, said.content))
        if evident:
            for other in self.voices.values():
                other.shown = other.shown or other is not voice


def _roots(texts: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset(word[:ROOT] for words in texts for word in words)


def _concedes(words: list[str]) -> bool:
    start = f" {' '.join(words[:40])} "
    return any(f" {phrase} " in start for phrase in _CONCEDES)
