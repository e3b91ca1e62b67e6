"""What a topology is made of: edges, and the phases in which they hold. Data only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Order = Literal["reactive", "round_robin", "simultaneous", "tasks"]
Join = Literal["any", "all"] | int


@dataclass(frozen=True, slots=True)
class Edge:
    """A permission: `sender` may write to `recipient`, and `recipient` sees what it writes."""

    sender: str
    recipient: str
    max_messages: int | None = None
    rewrite: str | None = None

    @property
    def pair(self) -> tuple[str, str]:
        """The edge without its attributes."""
        return (self.sender, self.recipient)


@dataclass(frozen=True)
class Planning:
    """Who plans and who works in a phase of order `tasks`.

    `workers` maps each planner to those who take its tasks, in order; a worker that is a key itself plans for others.
    """

    root: str
    workers: Mapping[str, tuple[str, ...]]
    max_tasks: Mapping[str, int]
    judge: str | None = None
    max_cycles: int = 1

    @cached_property
    def planner_of(self) -> dict[str, str]:
        """Each worker's planner."""
        return {worker: planner for planner, workers in self.workers.items() for worker in workers}


@dataclass(frozen=True)
class Phase:
    """A stretch of a run with its own edges, its own order of acting and its own end.

    `opens` act when the phase starts although nobody has written to them. `rounds` ends the orders that go in rounds.
    """

    name: str
    order: Order
    participants: tuple[str, ...]
    edges: tuple[Edge, ...]
    opens: tuple[str, ...] = ()
    rounds: int | None = None
    planning: Planning | None = None

    @cached_property
    def by_pair(self) -> dict[tuple[str, str], Edge]:
        """Each edge by its ends."""
        return {edge.pair: edge for edge in self.edges}

    @cached_property
    def successors(self) -> dict[str, tuple[str, ...]]:
        """To whom each node may write, in the order of the edges."""
        return _neighbours((edge.sender, edge.recipient) for edge in self.edges)

    @cached_property
    def predecessors(self) -> dict[str, tuple[str, ...]]:
        """Whom each node can hear, in the order of the edges."""
        return _neighbours((edge.recipient, edge.sender) for edge in self.edges)


def _neighbours(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for node, other in pairs:
        found.setdefault(node, []).append(other)
    return {node: tuple(others) for node, others in found.items()}
