"""What a topology is made of: edges, and the phases in which they hold. Data only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from agentmesh.config.limits import EdgeLimits, Limits
from agentmesh.config.loops import LoopConfig
from agentmesh.config.topologies import Carries, End, Positions
from agentmesh.config.topologies import OrderName as Order
from agentmesh.messages import USER, Trust

__all__ = ["Board", "Carries", "Edge", "End", "Join", "Order", "Phase", "Planning", "Positions", "Until", "Vote"]

Method = Literal["plurality", "borda", "condorcet"]
Join = Literal["any", "all", "quorum"] | int
Agreed = Literal["ordering", "focal"]
IN_ROUNDS: frozenset[Order] = frozenset({"round_robin", "simultaneous", "random"})


@dataclass(frozen=True, slots=True)
class Edge:
    """A permission: `sender` may write to `recipient`, and `recipient` sees what it writes.

    To a board it permits writing, from a board reading; to a vote it permits one ballot.
    """

    sender: str
    recipient: str
    max_messages: int | None = None
    rewrite: str | None = None
    carries: Carries = "full"
    trust: Trust = "trusted"
    model: str = "default"
    """Who summarises, where `carries` is `summary`."""
    limits: EdgeLimits = field(default=EdgeLimits(), repr=False)
    """What those summaries may use. Limits are no part of the graph, nor of its hash."""

    @property
    def pair(self) -> tuple[str, str]:
        """The edge without its attributes."""
        return (self.sender, self.recipient)


@dataclass(frozen=True)
class Vote:
    """How a vote node counts what reaches it.

    `options`: what may be voted for; anything if empty. `candidates`: agents whose own words the vote passes on, when
    they win; ballots then name agents. `weights`: by voter. `ties`: `seed`, or the voter whose ballot decides.
    """

    method: Method = "plurality"
    options: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    ties: str = "seed"

    @property
    def choices(self) -> tuple[str, ...]:
        """What a ballot may name; empty if it may name anything."""
        return self.candidates or self.options


@dataclass(frozen=True)
class Board:
    """Shared memory: what it holds before anybody has written to it."""

    content: str = ""


@dataclass(frozen=True)
class Until:
    """What must hold for a phase to be over: a program's or a function's word; with a promise, an agent's before."""

    command: tuple[str, ...] | None = None
    promise: str | None = None
    function: str | None = None
    timeout_s: float = 60.0


@dataclass(frozen=True)
class Planning:
    """Who plans and who works in a phase of order `tasks`.

    `workers` maps each planner to those who take its tasks, in order; a worker that is a key itself plans for others.
    `retries`: times that a failed task is given out again. `fresh`: whether all forget what was with each cycle.
    `reconcile`: a worker of the root who gets no other task than to put all in order before an answer is proposed.
    """

    root: str
    workers: Mapping[str, tuple[str, ...]]
    max_tasks: Mapping[str, int]
    judge: str | None = None
    max_cycles: int = 1
    retries: int = 0
    fresh: bool = False
    reconcile: str | None = None
    accepts: frozenset[str] = field(default=frozenset(), repr=False)
    """Whose work is merged and checked before it counts. How is no part of the graph, nor of its hash."""
    merge_retries: int = field(default=0, repr=False)
    """Times that work goes back which could not be merged, or did not hold then."""
    resolver: str | None = field(default=None, repr=False)
    """To whom it goes then in place of its author, if both work for one planner."""

    @cached_property
    def planner_of(self) -> dict[str, str]:
        """Each worker's planner."""
        return {worker: planner for planner, workers in self.workers.items() for worker in workers}


@dataclass(frozen=True)
class Phase:
    """A stretch of a run with its own edges, its own order of acting and its own end.

    `participants` take turns, in this order where there is one. `opens` act when the phase starts although nobody has
    written to them. `rounds` ends the orders that go in rounds; of a moderator it is the number of speakers. `joins`
    says for reactive agents what they wait for, where it is not any message.
    """

    name: str
    order: Order
    participants: tuple[str, ...]
    edges: tuple[Edge, ...]
    opens: tuple[str, ...] = ()
    rounds: int | None = None
    planning: Planning | None = None
    joins: Mapping[str, Join] = field(default_factory=dict)
    votes: Mapping[str, Vote] = field(default_factory=dict)
    boards: Mapping[str, Board] = field(default_factory=dict)
    moderator: str | None = None
    end: End = "all_done"
    until: Until | None = None
    max_iterations: int = 1
    loop: LoopConfig | None = None
    fresh: bool = False
    reserve: bool = False
    """Whether it is gone through only when it is entered."""
    positions: Positions = "off"
    agreed: Agreed | None = None
    """What the run tells all who take part when it begins: an order of their names, or a rule by which to choose."""
    limits: Limits = field(default=Limits(), repr=False)
    """What the phase may use, over all its occurrences. No part of the graph, nor of its hash."""

    @cached_property
    def by_pair(self) -> dict[tuple[str, str], Edge]:
        """Each edge by its ends."""
        return {edge.pair: edge for edge in self.edges}

    @cached_property
    def successors(self) -> dict[str, tuple[str, ...]]:
        """To whom each node may write, in the order of the edges; boards are not written to by messages."""
        return _neighbours((edge.sender, edge.recipient) for edge in self.edges if self._passes(edge))

    @cached_property
    def predecessors(self) -> dict[str, tuple[str, ...]]:
        """Whom each node can hear, in the order of the edges."""
        return _neighbours((edge.recipient, edge.sender) for edge in self.edges if self._passes(edge))

    @cached_property
    def writes(self) -> dict[str, tuple[str, ...]]:
        """The boards that each agent may write to."""
        return _neighbours(edge.pair for edge in self.edges if edge.recipient in self.boards)

    @cached_property
    def reads(self) -> dict[str, tuple[str, ...]]:
        """The boards that each agent may read."""
        return _neighbours((edge.recipient, edge.sender) for edge in self.edges if edge.sender in self.boards)

    def voters(self, vote: str) -> tuple[str, ...]:
        """Who may vote: all with an edge to the vote, its candidates only if nobody else has one."""
        heard = self.predecessors.get(vote, ())
        return tuple(name for name in heard if name not in self.votes[vote].candidates) or heard

    def join(self, name: str) -> Join:
        """What an agent waits for."""
        return self.joins.get(name, "any")

    def needed(self, name: str, heard: int) -> int:
        """Of how many of so many predecessors an agent must have heard before it acts."""
        match self.joins.get(name, "any"):
            case "any":
                return 1
            case "all":
                return max(heard, 1)
            case "quorum":
                return heard // 2 + 1
            case number:
                return number

    def only(self, holds: Callable[[tuple[str, str]], bool]) -> Phase:
        """The phase with those of its edges that hold."""
        edges = tuple(edge for edge in self.edges if holds(edge.pair))
        return self if len(edges) == len(self.edges) else replace(self, edges=edges)

    def joined(self, agent: str, pairs: Iterable[tuple[str, str]]) -> Phase:
        """The phase with a guest, and these edges where it does not have them.

        Where nothing else bounds what is said, each of them carries one message.
        """
        most = 1 if self.order in ("reactive", "tasks") else None
        new = tuple(Edge(*pair, max_messages=most) for pair in pairs if pair not in self.by_pair)
        here = agent in self.participants
        participants = self.participants if here else (*self.participants, agent)
        return replace(self, participants=participants, edges=(*self.edges, *new))

    def accepting(self, workers: Collection[str], retries: int, resolver: str | None) -> Phase:
        """The phase with tasks of these workers done only when their work is merged and holds."""
        if self.planning is None:
            return self
        merged = replace(self.planning, accepts=frozenset(workers), merge_retries=retries, resolver=resolver)
        return replace(self, planning=merged)

    def renamed(self, old: str, new: str) -> Phase:
        """The phase with one agent in the place of another."""

        def name(one: str) -> str:
            return new if one == old else one

        planning = self.planning
        if planning is not None:
            workers = {name(boss): tuple(map(name, below)) for boss, below in planning.workers.items()}
            tasks = {name(boss): many for boss, many in planning.max_tasks.items()}
            judge, tidier = planning.judge and name(planning.judge), planning.reconcile and name(planning.reconcile)
            planning = replace(planning, root=name(planning.root), workers=workers, max_tasks=tasks, judge=judge)
            planning = replace(planning, reconcile=tidier, resolver=planning.resolver and name(planning.resolver))
        return replace(
            self,
            participants=tuple(map(name, self.participants)),
            edges=tuple(replace(edge, sender=name(edge.sender), recipient=name(edge.recipient)) for edge in self.edges),
            opens=tuple(map(name, self.opens)),
            planning=planning,
            joins={name(one): join for one, join in self.joins.items()},
            votes={
                vote: replace(
                    rule,
                    candidates=tuple(map(name, rule.candidates)),
                    weights={name(one): weight for one, weight in rule.weights.items()},
                    ties=name(rule.ties),
                )
                for vote, rule in self.votes.items()
            },
            moderator=self.moderator and name(self.moderator),
        )

    def _passes(self, edge: Edge) -> bool:
        return edge.sender not in self.boards and edge.recipient not in self.boards


def edges_hash(edges: Iterable[tuple[str, str]]) -> str:
    """A short hash of a set of edges, the same whatever their order."""
    return digest(sorted(map(list, edges)))


def digest(facts: Any) -> str:
    """Sixteen hexadecimal digits that change with the facts."""
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def speaks_to_user(phase: Phase) -> bool:
    """Whether an answer can come in the phase."""
    return any(edge.recipient == USER for edge in phase.edges)


def _neighbours(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for node, other in pairs:
        found.setdefault(node, []).append(other)
    return {node: tuple(others) for node, others in found.items()}
