"""Phases that are drawn by hand: what their names, their edges and those who have a part in them must be like."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import chain

from agentmesh.config.language import did_you_mean, one_of
from agentmesh.config.remarks import Remark
from agentmesh.config.source import Path, written
from agentmesh.config.topologies import AnyTopology, DrawnPhase, Graph, Hierarchy, PhaseConfig, Planner

Every = Callable[[Iterable[str]], tuple[str, ...]]


def drawn_phases(topology: AnyTopology | None) -> Iterator[tuple[Path, DrawnPhase]]:
    """The phases of a graph that is drawn by hand, with their places."""
    if isinstance(topology, Graph) and topology.phases:
        yield from ((("topology", "phases", index), phase) for index, phase in enumerate(topology.phases))
    elif isinstance(topology, Graph):
        yield ("topology",), topology


def takes_everybody(topology: AnyTopology) -> bool:
    """Whether a phase names nobody: then all agents of the file stand on the nodes of its generator or file."""
    return any((phase.generator or phase.file) and not phase.nodes for _, phase in drawn_phases(topology))


def check_phases(topology: AnyTopology, every: Every, everybody: Collection[str]) -> Iterator[Remark]:
    """Everything wrong about phases drawn by hand; `everybody` are the agents of the file."""
    yield from _named_twice(topology)
    if isinstance(topology, Hierarchy):
        yield from _reconciling(("topology",), topology, every, everybody)
    if isinstance(topology, Graph) and topology.phases and topology.phases[0].reserve:
        message = "a run begins with the first phase, which cannot be held in reserve; put it behind another"
        yield Remark("error", ("topology", "phases", 0, "reserve"), message)
    for path, phase in drawn_phases(topology):
        yield from _drawn_twice(path, phase, every)
        yield from _outsiders(path, phase, every, everybody)
        if phase.order == "tasks":
            yield from _reconciling(path, phase, every, everybody)


def _named_twice(topology: AnyTopology) -> Iterator[Remark]:
    first: dict[str, int] = {}
    for index, phase in enumerate(topology.phases if isinstance(topology, Graph) else ()):
        if phase.name in first:
            where = written(("topology", "phases", first[phase.name]))
            message = f"'{phase.name}' is also the name of {where}; give each phase a name of its own"
            yield Remark("error", ("topology", "phases", index, "name"), message)
        first.setdefault(phase.name, index)


def _drawn_twice(place: Path, phase: DrawnPhase, every: Every) -> Iterator[Remark]:
    drawn: dict[tuple[str, str], int] = {}
    for index, edge in enumerate(phase.edges):
        senders, recipients = every(edge.senders), every(edge.recipients)
        if senders == recipients and len(senders) == 1 and senders[0]:
            message = f"an edge from '{senders[0]}' to itself; an agent remembers its own turns"
            yield Remark("error", (*place, "edges", index), message)
        pairs = {(a, b): None for a in senders for b in recipients if a != b and a and b}
        if edge.both:
            pairs |= {(b, a): None for a, b in pairs}
        again = next((pair for pair in pairs if pair in drawn), None)
        if again:
            where = written((*place, "edges", drawn[again]))
            message = f"the edge {again[0]} -> {again[1]} is drawn twice, first at {where}"
            yield Remark("error", (*place, "edges", index), message)
        for pair in pairs:
            drawn.setdefault(pair, index)


def _outsiders(path: Path, phase: DrawnPhase, every: Every, everybody: Collection[str]) -> Iterator[Remark]:
    """A moderator or leader, and those who open a phase, are among those who take part in it."""
    leader = phase.leader if isinstance(phase, PhaseConfig) else None
    if phase.moderator is None and phase.opens is None and leader is None:
        return
    members = _members(phase, every, everybody)
    named: list[tuple[Path, str, str]] = [
        ((*path, "opens", index), name, "'{}' opens the phase and") for index, name in enumerate(phase.opens or ())
    ]
    if phase.moderator is not None:
        named.append(((*path, "moderator"), phase.moderator, "the moderator '{}'"))
    if leader is not None:
        named.append(((*path, "leader"), leader, "the leader '{}'"))
    for place, name, part in named:
        strangers = [one for one in every([name]) if one not in members and one in everybody]
        if strangers and "" not in members:
            who = part.format(strangers[0])
            message = f"{who} is not among the phase's nodes: {one_of(members)}"
            yield Remark("error", place, message + did_you_mean(strangers[0], members))


def not_reconciling(name: str | None, planner: str, workers: Collection[str]) -> str:
    """Why this agent cannot be the worker who puts everything in order for a planner, or nothing."""
    if name is None:
        return ""
    if name not in workers:
        meant = did_you_mean(name, workers)
        return f"'{name}' is to reconcile, and is no worker of '{planner}'; allowed: {one_of(workers)}{meant}"
    alone = f"'{name}' gets no task but to reconcile, and '{planner}' has no other worker; add one"
    return alone if len(workers) == 1 else ""


def _reconciling(
    path: Path, phase: Hierarchy | DrawnPhase, every: Every, everybody: Collection[str]
) -> Iterator[Remark]:
    """Who puts everything in order is a worker of the root planner."""
    workers = every(worker if isinstance(worker, str) else worker.planner for worker in phase.workers)
    if phase.reconcile in everybody and "" not in workers:
        wrong = not_reconciling(phase.reconcile, phase.planner or "", workers)
        if wrong:
            yield Remark("error", (*path, "reconcile"), wrong)


def _members(phase: DrawnPhase, every: Every, everybody: Collection[str]) -> tuple[str, ...]:
    """Who takes part in a phase: its nodes, or those whom its edges name."""
    planning = tuple(_tree(phase)) if phase.order == "tasks" else ()
    if phase.nodes or planning:
        return every((*phase.nodes, *planning))
    ends = every(chain.from_iterable((*edge.senders, *edge.recipients) for edge in phase.edges))
    preset = isinstance(phase, PhaseConfig) and phase.preset
    generated = tuple(everybody) if phase.generator or phase.file or preset else ()
    return tuple(name for name in dict.fromkeys((*generated, *ends)) if not name or name in everybody)


def _tree(planner: DrawnPhase | Planner) -> Iterator[str]:
    yield planner.planner or ""
    for worker in planner.workers:
        if isinstance(worker, str):
            yield worker
        else:
            yield from _tree(worker)
    if isinstance(planner, DrawnPhase) and planner.judge is not None:
        yield planner.judge
