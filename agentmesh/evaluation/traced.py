"""A foreign trace as the events of a run: what monitors read is the same, wherever it was recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from agentmesh.events import (
    Event,
    MessageDelivered,
    RunEnded,
    RunStarted,
    ToolCallFinished,
    ToolCallStarted,
    stamped,
)
from agentmesh.messages import USER


class ForeignEvent(Protocol):
    """One event of a trace in the format for `audit`."""

    @property
    def i(self) -> int: ...
    @property
    def sender(self) -> str: ...
    @property
    def recipients(self) -> Sequence[str] | None: ...
    @property
    def role(self) -> str: ...
    @property
    def content(self) -> str: ...
    @property
    def tool_calls(self) -> Sequence[tuple[str, Any]]: ...
    @property
    def ts(self) -> float | None: ...


class ForeignTrace(Protocol):
    """A trace in the format for `audit`."""

    @property
    def id(self) -> str: ...
    @property
    def task(self) -> str: ...
    @property
    def agents(self) -> Sequence[str]: ...
    @property
    def events(self) -> Sequence[ForeignEvent]: ...


def events_of(trace: ForeignTrace) -> Iterator[tuple[Event, int | None]]:
    """The events that a run would have recorded, each with the `i` of the trace's event that it comes from.

    A message to everybody is one to each other agent. Who is no agent and no tool speaks as `user`. A tool's result
    belongs to the call that asked for it, by name, and has its key; one that nobody asked for, to whoever spoke last.
    """
    return _Conversion(trace).events()


WAITING = 256
"""Calls that wait for their results at most; of more, the oldest have come to nothing."""


@dataclass(frozen=True, slots=True)
class _Call:
    """A call without a result: who called, what, with which arguments, and where."""

    key: str
    agent: str
    name: str
    arguments: Mapping[str, Any]
    place: int

    def finished(self, result: str | None) -> ToolCallFinished:
        """It comes back."""
        return ToolCallFinished(
            agent=self.agent, key=self.key, name=self.name, arguments=dict(self.arguments), result=result
        )


class _Conversion:
    def __init__(self, trace: ForeignTrace) -> None:
        self._trace = trace
        self._agents = list(dict.fromkeys(trace.agents))
        self._known = frozenset(self._agents)
        self._pending: list[_Call] = []
        self._last = self._agents[0] if self._agents else "agent"
        self._id = 0
        self._messages = 0

    def events(self) -> Iterator[tuple[Event, int | None]]:
        trace = self._trace
        yield self._stamped(RunStarted(team="trace", task=trace.task), None), None
        for event in trace.events:
            made = self._returned(event) if event.role == "tool" else self._acted(event)
            for one, place in made:
                yield self._stamped(one, event.ts), place
        last = trace.events[-1].ts if trace.events else None
        yield self._stamped(RunEnded(outcome="completed", reason="the trace ends"), last), None

    def _stamped(self, event: Event, ts: float | None) -> Event:
        self._id += 1
        return stamped(event, self._id, self._trace.id, ts or 0.0)

    def _acted(self, event: ForeignEvent) -> Iterator[tuple[Event, int]]:
        known = event.sender in self._known
        sender = event.sender if known or event.role not in ("user", "system") else USER
        if sender != USER:
            self._last = sender
            yield from self._unreturned(sender)
        if event.content:
            for recipient in self._recipients(event, sender):
                self._messages += 1
                delivered = MessageDelivered(
                    agent=sender,
                    message_id=f"m{self._messages}",
                    sender=sender,
                    recipient=recipient,
                    content=event.content,
                )
                yield delivered, event.i
        for name, given in event.tool_calls or ():
            call = _Call(f"{self._id}", sender, name, _arguments(given), event.i)
            self._pending.append(call)
            yield ToolCallStarted(agent=sender, key=call.key, name=name, arguments=dict(call.arguments)), event.i
            if len(self._pending) > WAITING:
                oldest = self._pending.pop(0)
                yield oldest.finished(None), oldest.place

    def _recipients(self, event: ForeignEvent, sender: str) -> Sequence[str]:
        if event.recipients:
            return list(dict.fromkeys(event.recipients))
        return [name for name in self._agents if name != sender] or [USER]

    def _unreturned(self, agent: str) -> Iterator[tuple[Event, int]]:
        """The agent goes on: what it had called will not be answered any more."""
        gone = [call for call in self._pending if call.agent == agent]
        if gone:
            self._pending = [call for call in self._pending if call.agent != agent]
        for call in gone:
            yield call.finished(None), call.place

    def _returned(self, event: ForeignEvent) -> Iterator[tuple[Event, int]]:
        name = event.sender.removeprefix("tool:")
        at = next((at for at, call in enumerate(self._pending) if call.name == name), 0 if self._pending else None)
        call = _Call("", self._last, name, {}, event.i) if at is None else self._pending.pop(at)
        yield call.finished(event.content), event.i


def _arguments(given: Any) -> Mapping[str, Any]:
    """Arguments as traces hold them: an object, or its JSON; any other text under the empty name."""
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError:
            return {"": given}
    return given if isinstance(given, dict) else {"": given}
