"""The events of a run sorted by whose they are: turn by turn, each with what the agent had before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from agentmesh.events import (
    Event,
    FindingRecorded,
    Inbound,
    InterventionMade,
    MessageDelivered,
    Notice,
    TurnEnded,
    TurnFailed,
    TurnStarted,
)
from agentmesh.messages import RUN


@dataclass
class Turn:
    """What one agent was shown and did in one turn; `started` is None of what happened outside of any.

    `events`: what it did, in order; `ended`, which is one of them, is how the turn ended.
    """

    agent: str
    started: TurnStarted | None = None
    inbox: list[Inbound] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    ended: TurnEnded | TurnFailed | None = None
    left_out: int = 0
    """How many of its events a report does not tell of."""

    @property
    def failed(self) -> bool:
        """Whether it came to nothing."""
        return isinstance(self.ended, TurnFailed)

    @property
    def all_events(self) -> Iterator[Event]:
        """Every event that is told of in this turn."""
        if self.started is not None:
            yield self.started
        yield from self.inbox
        yield from self.events


class Turns:
    """All turns of a log, by agent. What no agent did stands under the name of the run, `agentmesh`.

    Each event stands in exactly one place: a message with the recipient who read it, in the turn in which it was read;
    findings and interventions in none, for they have a chapter of their own.
    """

    def __init__(self, events: Sequence[Event]) -> None:
        self.by_agent: dict[str, list[Turn]] = {}
        self._waiting: dict[str, dict[str, Inbound]] = {}
        for event in events:
            self._place(event)
        for agent, unread in self._waiting.items():
            if unread:
                self.by_agent.setdefault(agent, []).append(Turn(agent, inbox=list(unread.values())))

    def _place(self, event: Event) -> None:
        match event:
            case FindingRecorded() | InterventionMade():
                pass
            case MessageDelivered():
                self._waiting.setdefault(event.recipient, {})[event.message_id] = event
            case Notice(agent=str(agent)):
                self._waiting.setdefault(agent, {})[f"notice:{event.id}"] = event
            case TurnStarted(agent=str(agent)):
                waiting = self._waiting.get(agent, {})
                read = [waiting.pop(item) for item in event.inbox if item in waiting]
                self.by_agent.setdefault(agent, []).append(Turn(agent, event, read))
            case TurnEnded() | TurnFailed():
                current = self._current(event.agent)
                current.events.append(event)
                current.ended = current.ended or event
            case _:
                self._current(event.agent).events.append(event)

    def _current(self, agent: str | None) -> Turn:
        name = agent or RUN
        turns = self.by_agent.setdefault(name, [])
        if not turns:
            turns.append(Turn(name))
        return turns[-1]
