"""The kinds of topology: pure functions from a few names to phases. The scheduler knows none of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise, permutations
from typing import Any

from agentmesh.config.phases import not_reconciling
from agentmesh.config.topologies import Planner, Positions
from agentmesh.errors import TopologyError
from agentmesh.messages import USER
from agentmesh.topology.phases import Edge, End, Order, Phase, Planning, Vote

Resolve = Callable[[Iterable[str]], tuple[str, ...]]
"""From names in the file to names of agents: `worker` with three replicas is worker-1, worker-2 and worker-3."""
BEST_OF = "best_of"
"""The vote that `independent` adds where a judge picks the best answer."""


def solo(agent: str) -> tuple[Phase, ...]:
    """user -> agent -> user."""
    return chain([agent], name="solo")


def chain(agents: Sequence[str], *, name: str = "chain") -> tuple[Phase, ...]:
    """user -> a1 -> ... -> an -> user: each hears only the one before it."""
    return (Phase(name, "reactive", tuple(agents), _path(USER, *agents, USER)),)


def flat(
    agents: Sequence[str],
    *,
    rounds: int = 2,
    speaker: str | None = None,
    vote: str | None = None,
    order: Order = "simultaneous",
    end: End = "rounds",
) -> tuple[Phase, ...]:
    """Everybody writes to everybody for some rounds; then the speaker, by default the last, answers, or a vote does."""
    names = tuple(agents)
    unique(names)
    clique = tuple(Edge(a, b) for a, b in permutations(names, 2))
    discuss = Phase("discuss", order, names, (*_told(names), *clique), rounds=rounds, end=end)
    if vote is None:
        return (discuss, _answer(speaker, names))
    if speaker is not None:
        raise TopologyError("`speaker` and `vote` exclude each other: give one of them")
    ballots = (*(Edge(name, vote) for name in names), Edge(vote, USER))
    return (discuss, Phase("answer", "simultaneous", names, ballots, opens=names, rounds=1, end="rounds"))


def star(center: str, leaves: Sequence[str], *, rounds: int = 1) -> tuple[Phase, ...]:
    """The center writes to its leaves and hears from them, so often; then it answers."""
    names = (center, *leaves)
    unique(names)
    spokes = (pair for leaf in leaves for pair in ((center, leaf), (leaf, center)))
    edges = (Edge(USER, center), *(Edge(*pair) for pair in spokes))
    return (
        Phase("consult", "simultaneous", names, edges, rounds=2 * rounds, end="rounds"),
        _answer(center, (center,)),
    )


def ring(
    agents: Sequence[str], *, rounds: int | None = None, speaker: str | None = None, order: Order = "simultaneous"
) -> tuple[Phase, ...]:
    """Each agent hears the one before it, for so many rounds that word passes all the way round; then one answers."""
    names = tuple(agents)
    unique(names)
    rounds = rounds or max(len(names) - 1, 1)
    around = tuple(Edge(a, b) for a, b in zip(names, (*names[1:], names[0]), strict=True) if a != b)
    return (
        Phase("pass_on", order, names, (*_told(names), *around), rounds=rounds, end="rounds"),
        _answer(speaker, names),
    )


def layers(
    agents: Sequence[str | Sequence[str]], *, resolve: Resolve = tuple, votes: Collection[str] = ()
) -> tuple[Phase, ...]:
    """Each layer sees the task and what the layer before it wrote, all of it; the last one, perhaps a vote, answers."""
    rows = [resolve([row] if isinstance(row, str) else row) for row in agents]
    unique([name for row in rows for name in row])
    if len(rows[-1]) != 1:
        last = ", ".join(rows[-1])
        raise TopologyError(f"the last layer answers, so it is one agent, or a vote; found {len(rows[-1])}: {last}")
    edges: list[Edge] = []
    for at, row in enumerate(rows):
        edges += [Edge(USER, name) for name in row if name not in votes]
        edges += [Edge(a, b) for a in (rows[at - 1] if at else ()) for b in row]
    edges.append(Edge(rows[-1][0], USER))
    names = tuple(name for row in rows for name in row)
    joins = {name: "all" for row in rows[1:] for name in row}
    return (Phase("layers", "reactive", names, tuple(edges), joins=joins),)  # type: ignore[arg-type]


def debate(sides: Sequence[str], judge: str, *, rounds: int = 2, order: Order = "round_robin") -> tuple[Phase, ...]:
    """The sides write to each other and to the judge, who speaks to none of them and then answers alone."""
    names = tuple(sides)
    unique((*names, judge))
    clique = tuple(Edge(a, b) for a, b in permutations(names, 2))
    heard = tuple(Edge(side, judge) for side in names)
    edges = (*_told((*names, judge)), *clique, *heard)
    return (Phase("debate", order, names, edges, rounds=rounds, end="rounds"), _answer(judge, (judge,), "verdict"))


def independent(
    agents: Sequence[str], *, vote: str | None = None, best_of: str | None = None, aggregator: str | None = None
) -> tuple[Phase, ...]:
    """Everybody works alone; then a vote counts, a judge ranks, or an agent makes one answer of all."""
    names = tuple(agents)
    if sum(way is not None for way in (vote, best_of, aggregator)) != 1:
        raise TopologyError("give exactly one of `vote`, `best_of` and `aggregator`")
    if vote is not None:
        unique((*names, vote))
        edges = (*_told(names), *(Edge(name, vote) for name in names), Edge(vote, USER))
        return (Phase("answers", "reactive", names, edges),)
    end = best_of or aggregator or ""
    unique((*names, end))
    told = (*_told((*names, end)), *(Edge(name, end) for name in names))
    if aggregator is not None:
        edges = (*told, Edge(end, USER))
        return (Phase("answers", "reactive", (*names, end), edges, joins={end: "all"}),)
    entered = tuple(Edge(name, BEST_OF) for name in names)
    ranked = {BEST_OF: Vote(candidates=names)}
    edges = (*told, *entered, Edge(end, BEST_OF), Edge(BEST_OF, USER))
    return (Phase("answers", "reactive", (*names, end), edges, joins={end: "all"}, votes=ranked),)


def hierarchy(
    planner: str,
    workers: Sequence[str | Mapping[str, Any] | Planner],
    *,
    judge: str | None = None,
    max_cycles: int = 3,
    max_tasks: int = 32,
    resolve: Resolve = tuple,
    **more: Any,
) -> tuple[Phase, ...]:
    """A tree of planners and workers who speak only upwards; the judge, if there is one, decides when it is done.

    `more`: `retries`, `fresh` and `reconcile` of `Planning`.
    """
    root = Planner(planner=planner, workers=tuple(workers), max_tasks=max_tasks)
    planning = planning_of(root, judge=judge, max_cycles=max_cycles, resolve=resolve, **more)
    out = [Edge(planner, judge), Edge(judge, planner), Edge(judge, USER)] if judge else [Edge(planner, USER)]
    edges = (Edge(USER, planner), *tree_edges(planning), *out)
    return (Phase("work", "tasks", everyone_in(planning), edges, planning=planning),)


def planning_of(
    root: Planner, *, judge: str | None, max_cycles: int, resolve: Resolve = tuple, **more: Any
) -> Planning:
    """Who plans for whom. Raises: TopologyError where somebody stands in two places, or cannot put all in order."""
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

    grow(root)
    planning = Planning(root.planner, tree, tasks, judge, max_cycles, **more)
    unique(everyone_in(planning))
    wrong = not_reconciling(planning.reconcile, root.planner, tree[root.planner])
    if wrong:
        raise TopologyError(wrong)
    return planning


def everyone_in(planning: Planning) -> tuple[str, ...]:
    """The planner, everybody below it, and the judge."""
    below = (worker for workers in planning.workers.values() for worker in workers)
    return (planning.root, *below, *([planning.judge] if planning.judge else []))


def tree_edges(planning: Planning) -> tuple[Edge, ...]:
    """From each planner to its workers, and back."""
    down = [Edge(boss, worker) for boss, below in planning.workers.items() for worker in below]
    return (*down, *(Edge(edge.recipient, edge.sender) for edge in down))


def graph(edges: Iterable[Edge], nodes: Iterable[str] = ()) -> tuple[Phase, ...]:
    """Edges by hand; an agent acts when messages reach it."""
    drawn = tuple(edges)
    check_edges(drawn)
    named = dict.fromkeys(nodes) | dict.fromkeys(end for edge in drawn for end in edge.pair if end != USER)
    return (Phase("graph", "reactive", tuple(named), drawn),)


def with_positions(phases: Iterable[Phase], positions: Positions) -> tuple[Phase, ...]:
    """The phases with positions asked for in all of them."""
    return tuple(replace(phase, positions=positions) for phase in phases)


def _told(names: Iterable[str]) -> tuple[Edge, ...]:
    return tuple(Edge(USER, name) for name in names)


def _answer(speaker: str | None, names: Sequence[str], phase: str = "answer") -> Phase:
    """A last phase in which one agent alone has an edge, to `user`."""
    speaker = speaker or names[-1]
    if speaker not in names:
        raise TopologyError(f"speaker '{speaker}' is not among the agents: {', '.join(names)}")
    return Phase(phase, "reactive", (speaker,), (Edge(speaker, USER),), opens=(speaker,))


def _path(*nodes: str) -> tuple[Edge, ...]:
    unique(nodes[:-1])
    return tuple(Edge(a, b) for a, b in pairwise(nodes))


def check_edges(edges: Sequence[Edge]) -> None:
    """Raises: TopologyError where an edge is drawn twice, or from a node to itself."""
    unique([f"{edge.sender} -> {edge.recipient}" for edge in edges])
    own = next((edge.sender for edge in edges if edge.sender == edge.recipient), None)
    if own == USER:
        raise TopologyError(f"'{USER}' gives the task and receives the answer: an agent must stand between")
    if own is not None:
        raise TopologyError(f"an edge from '{own}' to itself; an agent remembers its own turns")


def unique(names: Sequence[str]) -> None:
    """Raises: TopologyError where a name stands twice."""
    if len(set(names)) == len(names):
        return
    seen: set[str] = set()
    twice = sorted({name for name in names if name in seen or seen.add(name)})  # type: ignore[func-returns-value]
    raise TopologyError(f"named more than once: {', '.join(twice)}; each may stand in one place only")
