"""What readers yield: traces in the format that `agentmesh audit` reads, and faults where they cannot read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from agentmesh.evaluation.readers.source import Source

Role = Literal["assistant", "agent", "user", "tool", "system"]


class Call(NamedTuple):
    """A tool that an agent calls. Arguments that are no JSON object are kept as their text."""

    name: str
    arguments: Mapping[str, Any] | str


@dataclass(frozen=True, slots=True)
class TraceEvent:
    """One thing said or done. `recipients` is None for everyone, `ts` is in seconds; a tool's result is sent by it."""

    i: int
    sender: str
    recipients: tuple[str, ...] | None
    role: Role
    content: str
    tool_calls: tuple[Call, ...] = ()
    ts: float | None = None

    def to_json(self) -> dict[str, Any]:
        """As one entry of a native trace."""
        calls = [{"name": call.name, "arguments": call.arguments} for call in self.tool_calls]
        return {
            "i": self.i,
            "sender": self.sender,
            "recipients": None if self.recipients is None else list(self.recipients),
            "role": self.role,
            "content": self.content,
            "tool_calls": calls or None,
            "ts": self.ts,
        }


@dataclass(frozen=True, slots=True)
class Trace:
    """What one team did about one task, in the order in which it happened."""

    id: str
    task: str
    agents: tuple[str, ...]
    events: tuple[TraceEvent, ...]

    def to_json(self) -> dict[str, Any]:
        """One line of a native trace file, as an object that JSON can hold."""
        return {
            "id": self.id,
            "task": self.task,
            "agents": list(self.agents),
            "events": [event.to_json() for event in self.events],
        }


@dataclass(frozen=True, slots=True)
class Fault:
    """What could not be read, and where: the line of the file, or which sample of an archive, counted from 1."""

    line: int
    message: str


Read: TypeAlias = Iterator[Trace | Fault]


@dataclass(frozen=True)
class Reader:
    """One format of trace files."""

    what: str
    """What such a file holds, for people."""
    recognises: Callable[[Any], bool]
    """Whether a JSON value, or what is left of it when its end is cut off, is of this format."""
    read: Callable[[Source], Read]


@dataclass
class Draft:
    """A trace that is being put together, event by event."""

    id: str
    task: str = ""
    events: list[TraceEvent] = field(default_factory=list)

    def add(
        self,
        sender: str,
        role: Role,
        content: str,
        *,
        recipients: tuple[str, ...] | None = None,
        calls: Iterable[Call] = (),
        ts: float | None = None,
    ) -> None:
        """One more event; the first message of the user is the task, unless that is known."""
        if role == "user" and not self.task:
            self.task = content
        self.events.append(TraceEvent(len(self.events), sender, recipients, role, content, tuple(calls), ts))

    def done(self) -> Trace:
        """The trace. Its agents are those who spoke, in the order in which they first did."""
        return Trace(self.id, self.task, speakers(self.events), tuple(self.events))


def speakers(events: Iterable[TraceEvent]) -> tuple[str, ...]:
    """Who speaks as an agent, in the order in which they first do."""
    return tuple(dict.fromkeys(event.sender for event in events if event.role in ("assistant", "agent")))
