"""What passed over each edge, phase by phase, and what was refused or cut: counted from the events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from agentmesh.events import (
    BoardWritten,
    Event,
    MessageDelivered,
    MessageRefused,
    MessageWithheld,
    PhaseStarted,
    TopologyChanged,
    VoteCast,
)

Pair = tuple[str, str]


@dataclass
class Traffic:
    """One pair of sender and recipient in one phase. `declared`: whether an edge permits it."""

    declared: bool = False
    delivered: int = 0
    refused: int = 0
    withheld: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """Why messages were refused."""
    example: int | None = None
    """The event of the first refusal."""
    cut: int | None = None
    """The event that took the edge away last."""
    restored: int | None = None
    """The event that gave it back, after the last cut."""


@dataclass
class Stage:
    """A phase as the log knows it; the same phase entered again with the same edges is the same stage."""

    name: str
    order: str
    entered: int = 0
    pairs: dict[Pair, Traffic] = field(default_factory=dict)
    votes: set[str] = field(default_factory=set)
    boards: set[str] = field(default_factory=set)

    def on(self, sender: str, recipient: str) -> Traffic:
        """The traffic of a pair."""
        return self.pairs.setdefault((sender, recipient), Traffic())


class Stages:
    """All stages of a log, in the order in which they were first entered."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._stages: dict[tuple[str, tuple[Pair, ...]], Stage] = {}
        self._now: Stage | None = None
        self._cut: dict[Pair, int] = {}
        for event in events:
            self._count(event)

    @property
    def all(self) -> list[Stage]:
        """Those with something to be drawn."""
        return [stage for stage in self._stages.values() if stage.pairs]

    def _count(self, event: Event) -> None:
        match event:
            case PhaseStarted():
                self._enter(event)
            case MessageDelivered():
                self._at.on(event.sender, event.recipient).delivered += 1
            case MessageWithheld():
                self._at.on(event.sender, event.recipient).withheld += 1
            case MessageRefused():
                traffic = self._at.on(event.sender, event.recipient)
                traffic.refused += 1
                traffic.reasons[event.reason] += 1
                traffic.example = traffic.example or event.id
            case BoardWritten(agent=str(agent)):
                self._at.boards.add(event.board)
                self._at.on(agent, event.board).delivered += 1
            case VoteCast():
                self._at.votes.add(event.vote)
            case TopologyChanged():
                self._change(event)
            case _:
                pass

    @property
    def _at(self) -> Stage:
        if self._now is None:
            self._now = self._stages[("", ())] = Stage("before any phase", "", 1)
        return self._now

    def _enter(self, event: PhaseStarted) -> None:
        stage = self._stages.setdefault((event.phase, event.edges), Stage(event.phase, event.order))
        stage.entered += 1
        self._declare(stage, event.edges)
        self._now = stage

    def _declare(self, stage: Stage, pairs: Iterable[Pair]) -> None:
        for pair in pairs:
            traffic = stage.on(*pair)
            traffic.declared = True
            traffic.cut = traffic.cut or self._cut.get(pair)

    def _change(self, event: TopologyChanged) -> None:
        match event.change:
            case "cut" | "isolate":
                self._take(event.edges, event.id)
            case "restore":
                if event.agents:  # somebody joins the phase, on edges that it had not
                    self._declare(self._at, event.edges)
                for pair in event.edges:
                    self._cut.pop(pair, None)
                    if pair in self._at.pairs:
                        self._at.on(*pair).restored = event.id
            case "replace":
                self._take(event.removed, event.id)
                self._declare(self._at, event.edges)
            case "enter_phase":
                pass

    def _take(self, pairs: Iterable[Pair], by: int) -> None:
        for pair in pairs:
            self._cut[pair] = by
            if pair in self._at.pairs:
                traffic = self._at.on(*pair)
                traffic.cut, traffic.restored = by, None
