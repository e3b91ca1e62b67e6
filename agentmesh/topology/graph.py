"""The graph that decides who may speak to whom, made once and never changed."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

from agentmesh.config.topologies import (
    AnyTopology,
    Chain,
    Debate,
    EdgeConfig,
    Flat,
    Graph,
    Hierarchy,
    Independent,
    Layers,
    PhaseConfig,
    Ring,
    Star,
    long_edge,
)
from agentmesh.errors import TopologyError
from agentmesh.messages import RUN, USER, Policy
from agentmesh.topology import drawn, kinds
from agentmesh.topology.bounds import Bounds, bounds_of
from agentmesh.topology.described import phases_of
from agentmesh.topology.drawn import valid
from agentmesh.topology.phases import Board, Edge, Join, Method, Order, Phase, Planning, Positions, Until, Vote, digest

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["Board", "Edge", "Join", "Order", "Phase", "Planning", "Topology", "Until", "Vote"]

Votes = Mapping[str, Vote]
Boards = Mapping[str, Board]


class Topology:
    """Who may speak to whom, and in what sequence of phases.

    Made by `Topology.chain(["a", "b"])` and the like, from phases, or from a `networkx.DiGraph` whose nodes are agent
    names and `user`. Of such a graph the edge attributes `max_messages`, `rewrite`, `carries`, `trust` and `model` are
    read, and the node attributes `join` and `kind` (`vote` with its keys, `board`).

    `votes` and `boards` say which nodes are no agents. `policy`: what happens to a message that no edge permits.

    Raises: TopologyError where a name is reserved or stands twice.
    """

    def __init__(
        self,
        graph: nx.DiGraph[str] | Sequence[Phase | PhaseConfig | Mapping[str, Any]],
        *,
        kind: str = "graph",
        joins: Mapping[str, Join] | None = None,
        votes: Votes | None = None,
        boards: Boards | None = None,
        policy: Policy = "return_to_agent",
    ) -> None:
        phases = (
            drawn.from_networkx(graph)
            if hasattr(graph, "is_directed")
            else tuple(drawn.phase_from(phase, index) for index, phase in enumerate(graph))
        )
        self.kind = kind
        self.policy: Policy = policy
        self.phases: tuple[Phase, ...] = tuple(
            _completed(phase, joins or {}, votes or {}, boards or {}) for phase in phases
        )
        taken = {*self.nodes, *self.votes, *self.boards} & {RUN, USER}
        if taken:
            raise TopologyError(f"'{RUN}' and '{USER}' are reserved: no agent may have these names")

    @classmethod
    def solo(cls, agent: str, **more: Any) -> Topology:
        """user -> agent -> user."""
        return cls(kinds.solo(agent), kind="solo", **more)

    @classmethod
    def chain(cls, agents: Sequence[str], *, positions: Positions = "off", **more: Any) -> Topology:
        """user -> a1 -> ... -> an -> user."""
        return cls._of(valid(Chain, {"agents": tuple(agents), "positions": positions}), **more)

    @classmethod
    def flat(
        cls,
        agents: Sequence[str],
        *,
        rounds: int = 2,
        speaker: str | None = None,
        vote: str | None = None,
        order: Order = "simultaneous",
        end: str = "rounds",
        positions: Positions = "off",
        **more: Any,
    ) -> Topology:
        """Everybody writes to everybody for some rounds; then the speaker, by default the last, or a vote, answers."""
        given = {"agents": tuple(agents), "rounds": rounds, "speaker": speaker, "vote": vote, "order": order}
        config = valid(Flat, {**given, "end": end, "positions": positions})
        return cls._of(config, **_voted(vote, more))

    @classmethod
    def star(
        cls, center: str, leaves: Sequence[str], *, rounds: int = 1, positions: Positions = "off", **more: Any
    ) -> Topology:
        """A center asks its leaves, who hear nobody else, and answers."""
        given = {"center": center, "leaves": tuple(leaves), "rounds": rounds, "positions": positions}
        return cls._of(valid(Star, given), **more)

    @classmethod
    def ring(
        cls,
        agents: Sequence[str],
        *,
        rounds: int | None = None,
        speaker: str | None = None,
        order: Order = "simultaneous",
        positions: Positions = "off",
        **more: Any,
    ) -> Topology:
        """Each agent hears only the one before it; then the speaker, by default the last, answers."""
        given = {"agents": tuple(agents), "rounds": rounds, "speaker": speaker, "order": order, "positions": positions}
        return cls._of(valid(Ring, given), **more)

    @classmethod
    def layers(cls, agents: Sequence[str | Sequence[str]], *, positions: Positions = "off", **more: Any) -> Topology:
        """Each layer sees the task and everything that the layer before it wrote; the last one answers."""
        rows = tuple(row if isinstance(row, str) else tuple(row) for row in agents)
        return cls._of(valid(Layers, {"agents": rows, "positions": positions}), **more)

    @classmethod
    def debate(
        cls,
        sides: Sequence[str],
        judge: str,
        *,
        rounds: int = 2,
        order: Order = "round_robin",
        positions: Positions = "off",
        **more: Any,
    ) -> Topology:
        """The sides argue before a judge, who then answers alone."""
        given = {"sides": tuple(sides), "judge": judge, "rounds": rounds, "order": order, "positions": positions}
        return cls._of(valid(Debate, given), **more)

    @classmethod
    def independent(
        cls,
        agents: Sequence[str],
        *,
        vote: str | None = None,
        best_of: str | None = None,
        aggregator: str | None = None,
        positions: Positions = "off",
        **more: Any,
    ) -> Topology:
        """Everybody works alone; then a vote counts, a judge ranks, or an agent makes one answer of all."""
        ways = {"vote": vote, "best_of": best_of, "aggregator": aggregator}
        config = valid(Independent, {"agents": tuple(agents), "positions": positions, **ways})
        return cls._of(config, **_voted(vote, more))

    @classmethod
    def hierarchy(
        cls,
        planner: str,
        workers: Sequence[str | Mapping[str, Any]],
        *,
        judge: str | None = None,
        max_cycles: int = 3,
        max_tasks: int = 32,
        retries: int = 0,
        memory: Literal["full", "fresh"] = "full",
        reconcile: str | None = None,
        **more: Any,
    ) -> Topology:
        """A planner, workers (or planners with workers: `{"planner": ..., "workers": [...]}`), and perhaps a judge."""
        given = {"planner": planner, "workers": tuple(workers), "judge": judge, "reconcile": reconcile}
        numbers = {"max_cycles": max_cycles, "max_tasks": max_tasks, "retries": retries}
        return cls._of(valid(Hierarchy, {**given, **numbers, "memory": memory}), **more)

    @classmethod
    def graph(
        cls, edges: Iterable[Any], nodes: Iterable[str] = (), *, positions: Positions = "off", **more: Any
    ) -> Topology:
        """Edges by hand: pairs, `"a -> b"`, or `{"from", "to", "max_messages"}`. `joins`: by agent."""
        listed = [valid(EdgeConfig, _mapping(edge)) for edge in edges]
        return cls(kinds.with_positions(kinds.graph(drawn.edges_of(listed), nodes), positions), **more)

    @classmethod
    def generator(
        cls, generator: str, nodes: Sequence[str], edges: Iterable[Any] = (), *, order: Order = "reactive",
        rounds: int | None = None, positions: Positions = "off", arguments: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Topology:  # fmt: skip
        """A graph that a function of NetworkX makes, its nodes named in order; `edges` add those of `user`."""
        given = {"generator": generator, "nodes": tuple(nodes), "edges": tuple(edges), "order": order}
        config = valid(Graph, {**given, "rounds": rounds, "positions": positions, "arguments": dict(arguments or {})})
        return cls._of(config, **more)

    @classmethod
    def from_file(cls, path: str, **more: Any) -> Topology:
        """A graph from a GraphML or node-link JSON file, whose nodes are agent names and `user`."""
        import networkx as nx

        return cls(nx.DiGraph(drawn.read_graph(str(path))), **more)

    @classmethod
    def from_config(
        cls,
        config: AnyTopology,
        resolve: kinds.Resolve = tuple,
        joins: Mapping[str, Join] | None = None,
        *,
        votes: Votes | None = None,
        boards: Boards | None = None,
        everybody: Sequence[str] = (),
    ) -> Topology:
        """The topology that a `topology:` entry describes."""
        phases = phases_of(config, resolve, everybody, tuple(votes or ()))
        return cls(phases, kind=config.kind, joins=joins, votes=votes, boards=boards, policy=config.policy)

    @classmethod
    def _of(cls, config: AnyTopology, *, policy: Policy = "return_to_agent", **more: Any) -> Topology:
        phases = phases_of(config, votes=tuple(more.get("votes") or ()))
        return cls(phases, kind=config.kind, policy=policy, **more)

    def with_joins(self, joins: Mapping[str, Join]) -> Topology:
        """The same topology with what some agents wait for."""
        return Topology(self.phases, kind=self.kind, joins=joins, policy=self.policy)

    def accepting(self, workers: Collection[str], retries: int, resolver: str | None) -> Topology:
        """The same topology with tasks of these workers done only when their work is merged and holds."""
        topology = copy.copy(self)
        topology.__dict__.pop("bounds", None)
        topology.phases = tuple(phase.accepting(workers, retries, resolver) for phase in self.phases)
        return topology

    @cached_property
    def nodes(self) -> tuple[str, ...]:
        """All agents on the graph, in the order in which phases name them; `user`, votes and boards are no agents."""
        return tuple(dict.fromkeys(name for phase in self.phases for name in phase.participants))

    @cached_property
    def votes(self) -> dict[str, Vote]:
        """The votes by name."""
        return {name: vote for phase in self.phases for name, vote in phase.votes.items()}

    @cached_property
    def boards(self) -> dict[str, Board]:
        """The boards by name."""
        return {name: board for phase in self.phases for name, board in phase.boards.items()}

    @cached_property
    def joins(self) -> dict[str, Join]:
        """What agents wait for, where it is not any message, over all phases."""
        return {name: join for phase in self.phases for name, join in phase.joins.items()}

    @cached_property
    def edges(self) -> list[tuple[str, str]]:
        """All permitted pairs (sender, recipient), over all phases."""
        return list(dict.fromkeys(edge.pair for phase in self.phases for edge in phase.edges))

    @cached_property
    def hash(self) -> str:
        """Changes when, and only when, the graph, a phase, a join or the policy changes."""
        return digest([[repr(phase) for phase in self.phases], self.policy])

    @cached_property
    def bounds(self) -> Bounds:
        """The most that a run can use, with every agent at its defaults. A team knows its own agents better."""
        return bounds_of(self.phases)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Topology) and self.hash == other.hash

    def __hash__(self) -> int:
        return hash(self.hash)

    def __repr__(self) -> str:
        return f"<Topology {self.kind}: {len(self.nodes)} agents, {len(self.edges)} edges, {len(self.phases)} phases>"


def _completed(phase: Phase, joins: Mapping[str, Join], votes: Votes, boards: Boards) -> Phase:
    """The phase with the joins of its agents, and with what is known of its nodes that are no agents.

    Joins that say what goes without saying are left out, so that equal graphs have equal hashes.
    """
    for name, join in joins.items():
        if join not in ("any", "all", "quorum") and (not isinstance(join, int) or join < 1):
            raise TopologyError(f"the join of '{name}' is any, all, quorum, or a number from 1; found {join!r}")
    for name, vote in votes.items():
        _check_vote(name, vote)
    ends = {end for edge in phase.edges for end in edge.pair}
    own_votes = {**{name: vote for name, vote in votes.items() if name in ends}, **phase.votes}
    own_boards = {**{name: board for name, board in boards.items() if name in ends}, **phase.boards}
    others = {*own_votes, *own_boards}
    agents = tuple(name for name in phase.participants if name not in others)
    waiting = {**phase.joins, **{name: join for name, join in joins.items() if name in agents}}
    if phase.order != "reactive":
        waiting = {}
    return replace(
        phase,
        participants=agents,
        opens=_opening(phase, others, own_boards),
        joins={name: waiting[name] for name in agents if waiting.get(name, "any") != "any"},
        votes=own_votes,
        boards=own_boards,
    )


def _check_vote(name: str, vote: Vote) -> None:
    """What the configuration of a file has checked already. Raises: TopologyError."""
    if vote.method not in get_args(Method):
        allowed = ", ".join(get_args(Method))
        raise TopologyError(f"the method of the vote '{name}' is one of {allowed}; found {vote.method!r}")
    if vote.options and vote.candidates:
        raise TopologyError(f"`options` and `candidates` exclude each other: the vote '{name}' is about one of them")
    for voter, weight in vote.weights.items():
        if not isinstance(weight, int | float) or not weight > 0:
            raise TopologyError(f"the weight of '{voter}' at '{name}' is a number above 0; found {weight!r}")


def _opening(phase: Phase, others: Collection[str], boards: Boards) -> tuple[str, ...]:
    """Who acts first: in the place of a board those who hear of nothing else."""
    hearing = {edge.recipient for edge in phase.edges if edge.sender not in boards}
    reading = [
        edge.recipient for edge in phase.edges if edge.sender in boards and edge.sender in phase.opens
        and edge.recipient not in hearing
    ]  # fmt: skip
    return tuple(name for name in dict.fromkeys((*phase.opens, *reading)) if name not in others)


def _voted(vote: str | None, more: dict[str, Any]) -> dict[str, Any]:
    """A vote that is only named is counted by plurality."""
    votes = more.get("votes") or {}
    return more if vote is None or vote in votes else {**more, "votes": {vote: Vote(), **votes}}


def _mapping(edge: Any) -> Any:
    long = long_edge(edge)
    if not isinstance(long, EdgeConfig | Mapping):
        raise TopologyError(f"an edge is [a, b], 'a -> b' or {{from, to, max_messages, rewrite}}; found {edge!r}")
    return long if isinstance(long, Mapping) else long.model_dump(by_alias=True)
