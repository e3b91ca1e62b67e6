"""The kinds of topology: pure functions from a few names to phases. The scheduler knows none of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise, permutations
from typing import Any, assert_never

from agentmesh.config.models import Chain, Flat, Graph, Hierarchy, Planner, Solo
from agentmesh.errors import TopologyError
from agentmesh.messages import USER
from agentmesh.topology.phases import Edge, Order, Phase, Planning

Resolve = Callable[[Iterable[str]], tuple[str, ...]]
"""From names in the file to names of agents: `worker` with three replicas is worker-1, worker-2 and worker-3."""


def solo(agent: str) -> tuple[Phase, ...]:
    """user -> agent -> user."""
    return chain([agent], name="solo")


def chain(agents: Sequence[str], *, name: str = "chain") -> tuple[Phase, ...]:
    """user -> a1 -> ... -> an -> user: each hears only the one before it."""
    return (Phase(name, "reactive", tuple(agents), _path(USER, *agents, USER)),)


def flat(
    agents: Sequence[str], *, rounds: int = 2, speaker: str | None = None, order: Order = "simultaneous"
) -> tuple[Phase, ...]:
    """Everybody writes to everybody for some rounds; then the speaker, by default the last, answers alone."""
    names = tuple(agents)
    _unique(names)
    speaker = speaker or names[-1]
    if speaker not in names:
        raise TopologyError(f"speaker '{speaker}' is not among the agents: {', '.join(names)}")
    heard = tuple(Edge(USER, name) for name in names)
    clique = tuple(Edge(a, b) for a, b in permutations(names, 2))
    return (
        Phase("discuss", order, names, heard + clique, rounds=rounds),
        Phase("answer", "reactive", (speaker,), (Edge(speaker, USER),), opens=(speaker,)),
    )


def hierarchy(
    planner: str,
    workers: Sequence[str | Mapping[str, Any] | Planner],
    *,
    judge: str | None = None,
    max_cycles: int = 3,
    max_tasks: int = 32,
    resolve: Resolve = tuple,
) -> tuple[Phase, ...]:
    """A tree of planners and workers who speak only upwards; the judge, if there is one, decides when it is done."""
    tree: dict[str, tuple[str, ...]] = {}
    tasks: dict[str, int] = {}

    def grow(root: Planner) -> None:
        named: list[str] = []
        below: list[Planner] = []
        for entry in root.workers:
            if isinstance(entry, Planner):
                named.append(entry.planner)
                below.append(entry)
            else:
                named.extend(resolve([entry]))
        tree[root.planner] = tuple(named)
        tasks[root.planner] = root.max_tasks
        for branch in below:
            grow(branch)

    grow(Planner(planner=planner, workers=tuple(workers), max_tasks=max_tasks))
    everyone = [planner, *(worker for below in tree.values() for worker in below), *([judge] if judge else [])]
    _unique(everyone)
    down = [Edge(boss, worker) for boss, below in tree.items() for worker in below]
    up = [Edge(edge.recipient, edge.sender) for edge in down]
    out = [Edge(planner, judge), Edge(judge, planner), Edge(judge, USER)] if judge else [Edge(planner, USER)]
    planning = Planning(planner, tree, tasks, judge, max_cycles)
    return (Phase("work", "tasks", tuple(everyone), (Edge(USER, planner), *down, *up, *out), planning=planning),)


def graph(edges: Iterable[Edge], nodes: Iterable[str] = ()) -> tuple[Phase, ...]:
    """Edges by hand; an agent acts when messages reach it."""
    drawn = tuple(edges)
    _unique([f"{edge.sender} -> {edge.recipient}" for edge in drawn])
    if any(edge.pair == (USER, USER) for edge in drawn):
        raise TopologyError(f"'{USER}' gives the task and receives the answer: an agent must stand between")
    named = dict.fromkeys(nodes) | dict.fromkeys(end for edge in drawn for end in edge.pair if end != USER)
    return (Phase("graph", "reactive", tuple(named), drawn),)


def phases_of(config: Solo | Chain | Flat | Hierarchy | Graph, resolve: Resolve = tuple) -> tuple[Phase, ...]:
    """The phases that a `topology:` entry describes. Raises: TopologyError."""
    match config:
        case Solo():
            return solo(*resolve([config.agent]))
        case Chain():
            return chain(resolve(config.agents))
        case Flat():
            return flat(resolve(config.agents), rounds=config.rounds, speaker=config.speaker, order=config.order)
        case Hierarchy():
            return hierarchy(
                config.planner,
                config.workers,
                judge=config.judge,
                max_cycles=config.max_cycles,
                max_tasks=config.max_tasks,
                resolve=resolve,
            )
        case Graph():
            edges = (
                Edge(a, b, edge.max_messages, edge.rewrite)
                for edge in config.edges
                for a in resolve([edge.sender])
                for b in resolve([edge.recipient])
                if a != b
            )
            return graph(edges, resolve(config.nodes))
        case _:
            assert_never(config)


def _path(*nodes: str) -> tuple[Edge, ...]:
    _unique(nodes[:-1])
    return tuple(Edge(a, b) for a, b in pairwise(nodes))


def _unique(names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise TopologyError(f"named more than once: {', '.join(twice)}; each may stand in one place only")
