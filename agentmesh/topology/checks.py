"""What is wrong with a graph, found before a token is spent."""

from __future__ import annotations

from typing import NamedTuple

from agentmesh.config.models import Limits
from agentmesh.messages import USER
from agentmesh.topology.bounds import Bounds
from agentmesh.topology.graph import Topology
from agentmesh.topology.phases import Phase


class Lint(NamedTuple):
    """One fault of a graph. `check` names the rule, `agents` those it concerns."""

    check: str
    agents: tuple[str, ...]
    message: str
    fatal: bool = True


def lint(topology: Topology, bounds: Bounds, limits: Limits | None = None) -> list[Lint]:
    """Every fault found, fatal ones first. Only the finite bounds of the whole run make cycles harmless."""
    found = [*_ends(topology), *_unreachable(topology), *_joins(topology), *_unbounded(topology, bounds)]
    if not found:
        found = _single_points(topology)
    return found


def _ends(topology: Topology) -> list[Lint]:
    found = []
    if not any(sender == USER for sender, _ in topology.edges):
        found.append(Lint("no_task", (), "nobody receives the task: draw an edge from 'user' to an agent"))
    if not any(recipient == USER for _, recipient in topology.edges):
        found.append(Lint("no_answer", (), "nobody may answer: draw an edge from an agent to 'user'"))
    return found


def _unreachable(topology: Topology) -> list[Lint]:
    """An agent is reached if messages can flow to it from `user`, in this phase or through an earlier one."""
    reached = {USER}
    for phase in topology.phases:
        reached |= set(phase.opens)
        ahead = [name for name in phase.successors if name in reached]
        while ahead:
            for name in phase.successors.get(ahead.pop(), ()):
                if name not in reached:
                    reached.add(name)
                    ahead.append(name)
    return [
        Lint("unreachable", (name,), f"no message can ever reach '{name}': no path leads to it from 'user'")
        for name in topology.nodes
        if name not in reached
    ]


def _joins(topology: Topology) -> list[Lint]:
    found = []
    for phase in topology.phases:
        if phase.order != "reactive":
            continue
        active = _able_to_act(phase)
        for name in phase.participants:
            join = phase.join(name)
            heard = phase.predecessors.get(name, ())
            if name in active or join == "any" or not heard:
                continue
            missing = [other for other in heard if other not in active]
            wanted = "all its predecessors" if join == "all" else f"{join} of its predecessors"
            why = f"{', '.join(missing)} cannot act first" if missing else f"it has only {len(heard)}"
            found.append(Lint("join", (name,), f"'{name}' waits for {wanted} ({', '.join(heard)}), but {why}"))
    return found


def _able_to_act(phase: Phase) -> set[str]:
    active = {USER, *phase.opens}
    grew = True
    while grew:
        grew = False
        for name in phase.participants:
            heard = phase.predecessors.get(name, ())
            needed = phase.needed(name, len(heard))
            if name not in active and heard and sum(other in active for other in heard) >= needed:
                active.add(name)
                grew = True
    return active


def _unbounded(topology: Topology, bounds: Bounds) -> list[Lint]:
    if bounds.turns is not None:
        return []
    import networkx as nx

    for phase in topology.phases:
        free: nx.DiGraph[str] = nx.DiGraph(
            edge.pair for edge in phase.edges if edge.max_messages is None and USER not in edge.pair
        )
        try:
            cycle = tuple(sender for sender, _ in nx.find_cycle(free))
        except nx.NetworkXNoCycle:
            continue
        drawn = " -> ".join((*cycle, cycle[0]))
        fix = "set max_messages on one of its edges, or limits.turns"
        return [Lint("cycle", cycle, f"the cycle {drawn} has no bound: {fix}")]
    return []


def _single_points(topology: Topology) -> list[Lint]:
    """Agents without whom no path is left from the task to an answer. Only where the graph was drawn by hand."""
    if topology.kind != "graph":
        return []
    import networkx as nx

    answer = (USER, "receives")
    split: nx.DiGraph[object] = nx.DiGraph((a, answer if b == USER else b) for a, b in topology.edges)
    above = nx.immediate_dominators(split, USER)
    points: list[str] = []
    node = above.get(answer)
    while node is not None and node != USER:
        points.insert(0, str(node))
        node = above.get(node)
    if not points:
        return []
    names = ", ".join(points)
    return [Lint("single_point", tuple(points), f"without {names} no answer can come: single points of failure", False)]
