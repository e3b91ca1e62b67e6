"""What each agent did and used, counted from the events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from agentmesh.events import (
    BoardWritten,
    Event,
    MessageDelivered,
    MessageRefused,
    ModelCallFinished,
    PhaseStarted,
    TurnEnded,
    TurnFailed,
    TurnStarted,
    VoteCast,
)
from agentmesh.messages import RUN, USER, Usage


@dataclass
class Tally:
    """One agent. `seconds` are those in which it had a turn."""

    agent: str
    turns: int = 0
    usage: Usage = field(default_factory=Usage)
    sent: int = 0
    received: int = 0
    refused: int = 0
    failed_turns: int = 0
    failed_calls: int = 0
    seconds: float = 0.0


class Tallies:
    """One tally for each agent of the graph, in the order in which they first stand in the log."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._by_agent: dict[str, Tally] = {}
        self._since: dict[str, float] = {}
        self._places: set[str] = {USER, RUN}
        """Nodes that are no agents: votes and boards among them."""
        for event in events:
            self._count(event)

    @property
    def all(self) -> list[Tally]:
        """All of them; the run itself last, where it used anything."""
        named = [tally for name, tally in self._by_agent.items() if name not in self._places]
        run = self._by_agent.get(RUN)
        return named + ([run] if run is not None and run.usage.model_calls else [])

    def _count(self, event: Event) -> None:
        match event:
            case PhaseStarted():
                for name in dict.fromkeys(end for pair in event.edges for end in pair):
                    self._of(name)
            case TurnStarted():
                self._of(event.agent).turns += 1
                self._since[event.agent or RUN] = event.ts
            case TurnEnded() | TurnFailed():
                tally = self._of(event.agent)
                tally.failed_turns += isinstance(event, TurnFailed)
                tally.seconds += max(event.ts - self._since.pop(event.agent or RUN, event.ts), 0.0)
            case ModelCallFinished():
                tally = self._of(event.agent)
                tally.usage += event.usage
                tally.failed_calls += event.error is not None
            case MessageDelivered():
                self._of(event.sender).sent += 1
                self._of(event.recipient).received += 1
            case MessageRefused():
                self._of(event.sender).refused += 1
            case BoardWritten():
                self._places.add(event.board)
            case VoteCast():
                self._places.add(event.vote)
            case _:
                pass

    def _of(self, agent: str | None) -> Tally:
        name = agent or RUN
        return self._by_agent.setdefault(name, Tally(name))
