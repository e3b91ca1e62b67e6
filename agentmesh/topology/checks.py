"""What is wrong or odd about a graph, found before a token is spent."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from agentmesh.config.models import Limits
from agentmesh.messages import USER
from agentmesh.topology.activity import activity, free_pairs
from agentmesh.topology.bounds import Bounds
from agentmesh.topology.failing import indispensable
from agentmesh.topology.graph import Topology
from agentmesh.topology.hearing import unheard
from agentmesh.topology.phase_checks import Lint, listed, phase_faults
from agentmesh.topology.phases import IN_ROUNDS, Join, Phase
from agentmesh.topology.reach import able_to_act, get_to_act, heard_by_user, reached, untold

__all__ = ["Lint", "lint"]


class _Acting(NamedTuple):
    """A phase, to whom `user` gives the task in it, and which agents take turns in it if all do that can."""

    phase: Phase
    told: frozenset[str]
    agents: frozenset[str]


def lint(topology: Topology, bounds: Bounds, limits: Limits | None = None) -> list[Lint]:
    """Every fault found, fatal ones first. Warnings of the whole graph are given only if nothing is fatal.

    Only the finite bounds of the whole run make cycles harmless. Phases in reserve are no part of the course of a run.
    """
    places = [index for index, phase in enumerate(topology.phases) if not phase.reserve]
    if len(places) == len(topology.phases):
        return _lint(topology, bounds, limits)
    course = copy.copy(topology)
    phases = tuple(topology.phases[index] for index in places)
    course.__dict__ = {"kind": topology.kind, "policy": topology.policy, "phases": phases}  # nothing that it has cached
    found = [_placed(fault, places) for fault in _lint(course, bounds, limits)]
    for index in set(range(len(topology.phases))).difference(places):
        alone = phase_faults([topology.phases[0], topology.phases[index]])
        found += [_placed(fault, [0, index]) for fault in alone if fault.phase == 1]
    return sorted(found, key=lambda fault: not fault.fatal)


def _placed(fault: Lint, places: Sequence[int]) -> Lint:
    return fault if fault.phase is None else fault._replace(phase=places[fault.phase])


def _lint(topology: Topology, bounds: Bounds, limits: Limits | None) -> list[Lint]:
    found = [*_ends(topology), *_unreachable(topology), *_joins(topology), *_unbounded(topology, bounds)]
    found += phase_faults(topology.phases)
    if not any(fault.fatal for fault in found):
        acting = _acting(topology.phases)
        found += _unanswered(topology, acting) or _warnings(topology, acting, limits)
    return sorted(found, key=lambda fault: not fault.fatal)


def _warnings(topology: Topology, acting: Sequence[_Acting], limits: Limits | None) -> Iterator[Lint]:
    yield from _never_act(topology, acting)
    yield from _no_way(topology, acting)
    yield from _boards(topology)
    yield from _unasked(topology)
    yield from _voters(topology)
    yield from _unheard(topology)
    yield from _density(topology, limits)
    yield from _single_points(topology)


def _acting(phases: Sequence[Phase]) -> list[_Acting]:
    told = untold(phases)
    return [
        _Acting(phase, new, get_to_act(phase, new, first=index == 0))
        for index, (phase, new) in enumerate(zip(phases, told, strict=True))
    ]


def _ends(topology: Topology) -> Iterator[Lint]:
    if not any(sender == USER for sender, _ in topology.edges):
        yield Lint("no_task", (), "nobody receives the task: draw an edge from 'user' to an agent")
    if not any(recipient == USER for _, recipient in topology.edges):
        yield Lint("no_answer", (), "nobody may answer: draw an edge from an agent to 'user'")


def _unreachable(topology: Topology) -> Iterator[Lint]:
    """An agent is reached if messages can flow to it from `user`, in this phase or through an earlier one."""
    found = reached(topology.phases)
    for name in topology.nodes:
        if name in found:
            continue
        reads = any(name in phase.reads for phase in topology.phases)
        hint = "; a board lets nobody act" if reads else ""
        message = f"no message can ever reach '{name}': no path leads to it from 'user'{hint}"
        yield Lint("unreachable", (name,), message)


def _joins(topology: Topology) -> Iterator[Lint]:
    for index, (phase, told) in enumerate(zip(topology.phases, untold(topology.phases), strict=True)):
        if phase.order != "reactive" or not phase.joins:
            continue
        active = able_to_act(phase, told)
        for name in phase.participants:
            heard = phase.predecessors.get(name, ())
            if name in active or phase.join(name) == "any" or not heard:
                continue
            why = _why_unmet(phase, name, active, told)
            wanted = f"'{name}' waits for {_wanted(phase.join(name))} ({listed(heard)})"
            yield Lint("join", (name,), f"{wanted}, but {why}", phase=index)


def _wanted(join: Join) -> str:
    match join:
        case "all":
            return "all its predecessors"
        case "quorum":
            return "more than half of its predecessors"
        case _:
            return f"{join} of its predecessors"


def _why_unmet(phase: Phase, name: str, active: set[str], told: frozenset[str]) -> str:
    heard = phase.predecessors[name]
    if phase.needed(name, len(heard)) > len(heard):
        return f"it has only {len(heard)}"
    late = [other for other in heard if other not in active]
    if late:
        return f"{listed(late)} cannot act first"
    assert name not in told, "whose predecessors all act, and who has the task, acts"
    return "'user' has given it the task in an earlier phase"


def _unbounded(topology: Topology, bounds: Bounds) -> Iterator[Lint]:
    if bounds.turns is not None:
        return
    import networkx as nx

    for index, phase in enumerate(topology.phases):
        if phase.order != "reactive":
            continue
        try:
            cycle = tuple(sender for sender, _ in nx.find_cycle(nx.DiGraph(free_pairs(phase))))
        except nx.NetworkXNoCycle:
            continue
        drawn = " -> ".join((*cycle, cycle[0]))
        fix = "set max_messages on one of its edges, or limits.turns"
        yield Lint("cycle", cycle, f"the cycle {drawn} has no bound: {fix}", phase=index)
        return


def _unanswered(topology: Topology, acting: Sequence[_Acting]) -> list[Lint]:
    """Somebody may answer, and nobody who may ever gets to act."""
    silent: list[str] = []
    for phase, _, agents in acting:
        for name in phase.predecessors.get(USER, ()):
            if name in agents or (name in phase.votes and not agents.isdisjoint(phase.predecessors.get(name, ()))):
                return []
            silent.append(name)
    names = dict.fromkeys(silent)
    return [Lint("no_answer", tuple(names), f"no answer can come: {listed(names)} may answer and never gets to act")]


def _never_act(topology: Topology, acting: Sequence[_Acting]) -> Iterator[Lint]:
    active = frozenset().union(*(agents for _, _, agents in acting))
    for name in topology.nodes:
        if name not in active:
            chairs = [p.moderator for p in topology.phases if p.order == "moderator" and name in p.participants]
            why = (
                f"'{chairs[0]}' has no edge to call upon it" if chairs else "the rounds are over before word reaches it"
            )
            yield Lint("never_acts", (name,), f"'{name}' never takes a turn: {why}", fatal=False)


def _no_way(topology: Topology, acting: Sequence[_Acting]) -> Iterator[Lint]:
    heard = heard_by_user(topology.phases)
    active = frozenset().union(*(agents for _, _, agents in acting))
    for name in topology.nodes:
        if name not in heard and name in active:
            message = f"nothing that '{name}' writes can ever reach 'user', over edges, votes or boards"
            yield Lint("no_way", (name,), message, fatal=False)


def _boards(topology: Topology) -> Iterator[Lint]:
    """A board that holds something from the beginning needs nobody who writes."""
    for name, board in topology.boards.items():
        if not board.content and all(edge[1] != name for edge in topology.edges):
            yield Lint("board", (name,), f"nobody may write to the board '{name}', and it is empty", fatal=False)
        if all(edge[0] != name for edge in topology.edges):
            yield Lint("board", (name,), f"nobody may read the board '{name}'", fatal=False)


def _unasked(topology: Topology) -> Iterator[Lint]:
    """Positions are wanted, and nobody is asked for one."""
    wanted = [phase for phase in topology.phases if phase.positions != "off"]
    if wanted and not any(map(_asks, wanted)):
        why = "order: tasks asks for none, and neither is anybody asked who may answer 'user'; remove it"
        yield Lint("positions", (), f"`positions: {wanted[0].positions}` has no effect: {why}", fatal=False)


def _asks(phase: Phase) -> bool:
    answering = phase.predecessors.get(USER, ())
    return phase.order != "tasks" and any(name not in answering for name in phase.participants)


def _voters(topology: Topology) -> Iterator[Lint]:
    """What a vote says of voters who have no edge to it."""
    for name, vote in topology.votes.items():
        voters = {voter for phase in topology.phases for voter in phase.predecessors.get(name, ())}
        for voter in vote.weights:
            if voter not in voters:
                message = f"'{voter}' has a weight at '{name}' and no edge to it"
                yield Lint("voter", (voter, name), message, fatal=False, key="weights")
        if vote.ties != "seed" and vote.ties not in voters:
            message = f"'{vote.ties}' decides ties at '{name}' and has no edge to it: the seed will decide them"
            yield Lint("voter", (vote.ties, name), message, fatal=False, key="ties")


def _unheard(topology: Topology) -> Iterator[Lint]:
    """Of a star it is the purpose that the leaves do not hear each other."""
    if topology.kind == "star":
        return
    deaf, of_whom = unheard(topology.phases, topology.nodes)
    if not deaf:
        return
    first, *others = deaf
    message = f"within the rounds '{first}' can never hear of {listed(of_whom)}"
    if others:
        message += f"; so it is with {len(others)} more who do not hear of everybody ({listed(others)})"
    yield Lint("unheard", tuple(deaf), f"{message}: give the phase more rounds", fatal=False)


def _density(topology: Topology, limits: Limits | None) -> Iterator[Lint]:
    if limits is None or limits.messages is None:
        return
    needed = {phase.name: _if_all_talk(phase) for phase in topology.phases}
    total = sum(needed.values())
    if total > limits.messages:
        parts = ", ".join(f"{count} in '{name}'" for name, count in needed.items() if count)
        found = f"limits.messages is {limits.messages}, and {total} pass if everybody talks in every round"
        yield Lint("density", (), f"{found} ({parts}): the run may end before its answer", fatal=False)


def _if_all_talk(phase: Phase) -> int:
    """Messages of one iteration. Where there are no rounds, every edge is used once."""
    if phase.order in IN_ROUNDS:
        return int(sum(count for _, count, _ in activity(phase).messages)) // phase.max_iterations
    edges = (edge for edge in phase.edges if edge.sender not in phase.boards and edge.recipient not in phase.boards)
    return sum(1 for edge in edges if phase.order == "reactive" or USER in edge.pair)


def _single_points(topology: Topology) -> Iterator[Lint]:
    """Agents without whom no answer can come. Only where the graph was drawn by hand: a kind is what it is."""
    points = indispensable(topology.phases, topology.nodes) if topology.kind == "graph" else []
    if points:
        message = f"without {listed(points)} no answer can come: single points of failure"
        yield Lint("single_point", tuple(points), message, fatal=False)
