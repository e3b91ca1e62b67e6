"""The graph that decides who may speak to whom, made once and never changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from agentmesh.config.models import Chain, EdgeConfig, Flat, Hierarchy, TopologyConfig, long_edge
from agentmesh.errors import TopologyError
from agentmesh.messages import RUN, USER
from agentmesh.topology import kinds
from agentmesh.topology.bounds import Bounds, bounds_of
from agentmesh.topology.phases import Edge, Join, Order, Phase, Planning

if TYPE_CHECKING:
    import networkx as nx

M = TypeVar("M", bound=BaseModel)

__all__ = ["Edge", "Join", "Order", "Phase", "Planning", "Topology"]


class Topology:
    """Who may speak to whom, and in what sequence of phases.

    Made by `Topology.chain(["a", "b"])` and the like, or from a `networkx.DiGraph` whose nodes are agent names and
    `user`. Edge attributes `max_messages` and `rewrite` and the node attribute `join` are read from the graph.

    Raises: TopologyError where a name is reserved or stands twice.
    """

    def __init__(
        self,
        graph: nx.DiGraph[str] | Sequence[Phase],
        *,
        kind: str = "graph",
        joins: Mapping[str, Join] | None = None,
    ) -> None:
        drawn = _from_networkx(graph) if hasattr(graph, "is_directed") else (tuple(graph), {})
        self.kind = kind
        self.phases: tuple[Phase, ...] = drawn[0]
        self.joins: dict[str, Join] = _joins({**drawn[1], **(joins or {})})
        if RUN in self.nodes or USER in self.nodes:
            raise TopologyError(f"'{RUN}' and '{USER}' are reserved: no agent may have these names")

    @classmethod
    def solo(cls, agent: str) -> Topology:
        """user -> agent -> user."""
        return cls(kinds.solo(agent), kind="solo")

    @classmethod
    def chain(cls, agents: Sequence[str]) -> Topology:
        """user -> a1 -> ... -> an -> user."""
        return cls(kinds.phases_of(_valid(Chain, agents=tuple(agents))), kind="chain")

    @classmethod
    def flat(
        cls, agents: Sequence[str], *, rounds: int = 2, speaker: str | None = None, order: Order = "simultaneous"
    ) -> Topology:
        """Everybody writes to everybody for some rounds; then the speaker, by default the last, answers."""
        config = _valid(Flat, agents=tuple(agents), rounds=rounds, speaker=speaker, order=order)
        return cls(kinds.phases_of(config), kind="flat")

    @classmethod
    def hierarchy(
        cls,
        planner: str,
        workers: Sequence[str | Mapping[str, Any]],
        *,
        judge: str | None = None,
        max_cycles: int = 3,
        max_tasks: int = 32,
    ) -> Topology:
        """A planner, workers (or planners with workers: `{"planner": ..., "workers": [...]}`), and perhaps a judge."""
        below = tuple(workers)
        config = _valid(
            Hierarchy, planner=planner, workers=below, judge=judge, max_cycles=max_cycles, max_tasks=max_tasks
        )
        return cls(kinds.phases_of(config), kind="hierarchy")

    @classmethod
    def graph(
        cls, edges: Iterable[Any], nodes: Iterable[str] = (), *, joins: Mapping[str, Join] | None = None
    ) -> Topology:
        """Edges by hand: pairs, `"a -> b"`, or `{"from", "to", "max_messages"}`."""
        return cls(kinds.graph((_edge(long_edge(edge)) for edge in edges), nodes), joins=joins)

    @classmethod
    def from_config(
        cls, config: TopologyConfig, resolve: kinds.Resolve = tuple, joins: Mapping[str, Join] | None = None
    ) -> Topology:
        """The topology that a `topology:` entry describes."""
        return cls(kinds.phases_of(config, resolve), kind=config.kind, joins=joins)

    @cached_property
    def nodes(self) -> tuple[str, ...]:
        """All agents on the graph, in the order in which phases name them; `user` is not among them."""
        return tuple(dict.fromkeys(name for phase in self.phases for name in phase.participants))

    @cached_property
    def edges(self) -> list[tuple[str, str]]:
        """All permitted pairs (sender, recipient), over all phases."""
        return list(dict.fromkeys(edge.pair for phase in self.phases for edge in phase.edges))

    @cached_property
    def hash(self) -> str:
        """Changes when, and only when, the graph, a phase or a join changes."""
        facts = [[repr(phase) for phase in self.phases], sorted((k, str(v)) for k, v in self.joins.items())]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]

    @cached_property
    def bounds(self) -> Bounds:
        """The most that a run can use, with every agent at its defaults. A team knows its own agents better."""
        return bounds_of(self.phases, self.joins)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Topology) and self.hash == other.hash

    def __hash__(self) -> int:
        return hash(self.hash)

    def __repr__(self) -> str:
        return f"<Topology {self.kind}: {len(self.nodes)} agents, {len(self.edges)} edges, {len(self.phases)} phases>"


def _from_networkx(graph: Any) -> tuple[tuple[Phase, ...], dict[str, Join]]:
    if not graph.is_directed() or graph.is_multigraph():
        raise TopologyError(f"a topology is a networkx.DiGraph; found {type(graph).__name__}")
    strange = [node for node in graph.nodes if not isinstance(node, str)]
    if strange:
        raise TopologyError(f"nodes are agent names (text); found {', '.join(map(repr, strange[:5]))}")
    edges = (
        _edge({"from": a, "to": b, "max_messages": data.get("max_messages"), "rewrite": data.get("rewrite")})
        for a, b, data in graph.edges(data=True)
    )
    joins = {node: data["join"] for node, data in graph.nodes(data=True) if "join" in data}
    return kinds.graph(edges, (node for node in graph.nodes if node != USER)), joins


def _edge(given: Any) -> Edge:
    if not isinstance(given, EdgeConfig | Mapping):
        raise TopologyError(f"an edge is [a, b], 'a -> b' or {{from, to, max_messages, rewrite}}; found {given!r}")
    edge = given if isinstance(given, EdgeConfig) else _valid(EdgeConfig, **given)
    return Edge(edge.sender, edge.recipient, edge.max_messages, edge.rewrite)


def _joins(given: Mapping[str, Join]) -> dict[str, Join]:
    """Without those that say what goes without saying, so that equal graphs have equal hashes."""
    for name, join in given.items():
        if join not in ("any", "all") and (not isinstance(join, int) or join < 1):
            raise TopologyError(f"the join of '{name}' is any, all, or a number from 1; found {join!r}")
    return {name: join for name, join in given.items() if join != "any"}


def _valid(model: type[M], **given: Any) -> M:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise TopologyError("; ".join(faults)) from error
