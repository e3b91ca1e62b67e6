"""The graph as it was at any point of a run, folded from the log alone."""

from __future__ import annotations

from collections.abc import Sequence

from agentmesh.errors import TopologyError
from agentmesh.events import Event, PhaseStarted, TopologyChanged
from agentmesh.messages import USER
from agentmesh.topology.graph import Topology
from agentmesh.topology.phases import Edge, Order, Phase

_Pair = tuple[str, str]


def topology_at(events: Sequence[Event], at: int | None = None) -> Topology:
    """The edges that hold right after the event with the id `at`, or after the last one; in the phase of that moment.

    Raises: TopologyError where no phase has started by then.
    """
    started: PhaseStarted | None = None
    drawn: dict[_Pair, None] = {}
    cut: set[_Pair] = set()
    for event in events:
        if at is not None and event.id > at:
            break
        if isinstance(event, PhaseStarted):
            started, drawn = event, dict.fromkeys(event.edges)
        elif isinstance(event, TopologyChanged):
            drawn, cut = _changed(event, drawn, cut)
    if started is None:
        raise TopologyError("no phase has started by then, so no edge holds yet")
    edges = tuple(Edge(a, b) for a, b in drawn if (a, b) not in cut)
    order: Order = started.order  # type: ignore[assignment]
    nodes = tuple(dict.fromkeys(end for edge in edges for end in edge.pair if end != USER))
    return Topology([Phase(started.phase, order, nodes, edges)], kind="graph")


def _changed(event: TopologyChanged, drawn: dict[_Pair, None], cut: set[_Pair]) -> tuple[dict[_Pair, None], set[_Pair]]:
    """The edges of the phase, and those that are cut, after one change."""
    match event.change:
        case "cut" | "isolate":
            return drawn, cut | set(event.edges) | {pair for pair in drawn if not set(pair).isdisjoint(event.agents)}
        case "restore":
            if event.agents:  # who joins the phase brings edges of its own
                drawn = {**drawn, **dict.fromkeys(event.edges)}
            return drawn, cut - set(event.edges)
        case "replace":
            old, new = event.agents
            names = {old: new}
            renamed = {(names.get(a, a), names.get(b, b)) for a, b in cut}
            return {(names.get(a, a), names.get(b, b)): None for a, b in drawn}, renamed
        case "enter_phase":
            return drawn, cut
