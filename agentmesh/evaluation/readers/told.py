"""Model calls whose inputs repeat what came before them, told once: for logs of calls rather than of conversations."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from agentmesh.evaluation.readers.trace import Call, Draft, Role
from agentmesh.evaluation.readers.values import SPEAKERS


@dataclass(frozen=True, slots=True)
class Said:
    """A message in the input or output of a call. `answers`: the id of the tool call whose result it is."""

    role: Role
    content: str
    calls: tuple[tuple[str, Call], ...] = ()
    id: str = ""
    name: str = ""
    answers: str = ""

    @property
    def key(self) -> str:
        """What tells it apart from others: not by whom it is said, since what one says another hears."""
        if self.role == "tool":
            return f"tool {self.answers or self.content}"
        made = [(call.name, json.dumps(call.arguments, sort_keys=True)) for _, call in self.calls]
        return json.dumps([self.content.strip(), made])


class Told:
    """What a run has told so far.

    A message of an input is known if its id is; without an id, if the run has told the same as often as this input
    holds it. So what an agent says twice is told twice, and what it hears again is not.
    """

    def __init__(self, label: str, task: str = "") -> None:
        self.draft = Draft(label, task)
        self._ids: set[str] = set()
        self._times: Counter[str] = Counter()
        self._calls: dict[str, tuple[str, str]] = {}
        self._made: Counter[str] = Counter()

    def hear(self, agent: str, messages: Iterable[Said], ts: float | None, above: str = "") -> None:
        """The input of a call: `above` is the agent that set this one to work, if one did."""
        here: Counter[str] = Counter()
        for said in messages:
            key = said.key
            here[key] += 1
            known = said.id in self._ids if said.id and self._ids else here[key] <= self._times[key]
            if known or self._is_answered(said) or not (said.content or said.calls or said.role == "tool"):
                continue
            self._tell(*self._speaker(said, agent, above), said, ts, to=agent)

    def say(self, agent: str, said: Said, ts: float | None) -> None:
        """What an agent answers; always new, unless its id is known."""
        if (said.id and said.id in self._ids) or not (said.content or said.calls):
            return
        self._tell(agent, "assistant", said, ts)

    def call(self, agent: str, call_id: str, call: Call, ts: float | None) -> None:
        """A tool is at work: told only if no message has asked for it."""
        if not call_id or call_id not in self._calls:
            self._tell(agent, "assistant", Said("assistant", "", ((call_id, call),)), ts)

    def result(self, agent: str, said: Said, ts: float | None) -> None:
        """What a tool answered, unless an input has told it."""
        if not (said.id and said.id in self._ids) and not self._is_answered(said):
            self._tell(said.name or SPEAKERS["tool"], "tool", said, ts, to=agent)

    def _is_answered(self, said: Said) -> bool:
        """Whether all calls with this id have their results: some models use an id more than once."""
        return said.role == "tool" and 0 < self._made[said.answers] <= self._times[said.key]

    def _speaker(self, said: Said, agent: str, above: str) -> tuple[str, Role]:
        if said.role == "tool":
            return said.name or self._calls.get(said.answers, ("", ""))[0] or SPEAKERS["tool"], "tool"
        if said.role in ("assistant", "agent"):
            return said.name or agent, "assistant"
        if said.role == "user" and (said.name or above):
            return said.name or above, "user" if said.name == SPEAKERS["user"] else "agent"
        return SPEAKERS.get(said.role, said.role), said.role

    def _tell(self, sender: str, role: Role, said: Said, ts: float | None, to: str = "") -> None:
        self._times[said.key] += 1
        self._ids.update([said.id] * bool(said.id))
        for id_, call in said.calls:
            if id_:
                self._calls[id_] = (call.name, sender)
                self._made[id_] += 1
        if role == "tool" and said.answers in self._calls:
            to = self._calls[said.answers][1]
        recipients = (to,) if to and role != "assistant" and to != sender else None
        calls = (call for _, call in said.calls)
        self.draft.add(sender, role, said.content, recipients=recipients, calls=calls, ts=ts)
