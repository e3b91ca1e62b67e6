"""The most that can happen in one phase: who may act how often, and what may pass over which edge."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from agentmesh.messages import USER
from agentmesh.topology.phases import Join, Phase

JUDGE_ATTEMPTS = 3
"""Turns that a judge may take to decide on one proposal, or a moderator to choose one speaker."""

Pair = tuple[str, str]


@dataclass
class Activity:
    """Lines of turns and of messages, infinite where nothing bounds them.

    Agents of one line share its turns, however they fall to them; edges of one line share its messages.
    """

    turns: list[tuple[tuple[str, ...], float]] = field(default_factory=list)
    messages: list[tuple[tuple[Pair, ...], float]] = field(default_factory=list)

    def turn(self, count: float, *names: str) -> None:
        """Note a line of turns."""
        self.turns.append((names, count))

    def message(self, count: float, *pairs: Pair) -> None:
        """Note a line of messages."""
        self.messages.append((pairs, count))


def activity(phase: Phase, *, first: bool = True) -> Activity:
    """The most that can happen in the phase, over all its iterations. `first`: nobody has anything to read before."""
    if phase.order == "tasks":
        once = _tasks(phase)
    elif phase.order == "moderator":
        once = _moderated(phase)
    elif phase.order == "reactive":
        once = _reactive(phase)
    else:
        once = _rounds(phase, first=first and phase.max_iterations == 1)
    times = phase.max_iterations
    return Activity([(n, c * times) for n, c in once.turns], [(p, c * times) for p, c in once.messages])


def listeners(phase: Phase) -> dict[str, frozenset[str]]:
    """By agent: who has something to read once it has acted, through votes too."""
    found = {}
    for name in phase.participants:
        direct = phase.successors.get(name, ())
        through = (other for vote in direct if vote in phase.votes for other in phase.successors.get(vote, ()))
        found[name] = frozenset({*direct, *through}) & frozenset(phase.participants)
    return found


def acting(phase: Phase, *, first: bool = True) -> list[frozenset[str]]:
    """Who may act in each round of a phase in rounds, if everybody who acts writes to all that hear it."""
    hears = listeners(phase)
    waiting = set(phase.participants)
    if first:
        told = {edge.recipient for edge in phase.edges if edge.sender == USER}
        waiting = {name for name in phase.participants if name in told or name in phase.opens}
    rounds: list[frozenset[str]] = []
    for _ in range(phase.rounds or 0):
        active, waiting = _one_round(phase, waiting, hears)
        if rounds and active == rounds[-1] and waiting == active:
            rounds += [active] * ((phase.rounds or 0) - len(rounds))
            break
        rounds.append(active)
        if not waiting:
            break
    return rounds


def _one_round(
    phase: Phase, waiting: set[str], hears: Mapping[str, frozenset[str]]
) -> tuple[frozenset[str], set[str]]:
    """Who acts in a round, and who has something to read after it."""
    match phase.order:
        case "simultaneous":
            return frozenset(waiting), set().union(*(hears[name] for name in waiting))
        case "round_robin":
            left, active = set(waiting), set()
            for name in phase.participants:
                if name in left:
                    active.add(name)
                    left.discard(name)
                    left |= hears[name]
            return frozenset(active), left
        case _:  # in an order that is drawn, whoever can be reached may be reached within the round
            reached, ahead = set(waiting), list(waiting)
            while ahead:
                new = hears[ahead.pop()] - reached
                reached |= new
                ahead += new
            return frozenset(reached), set().union(*(hears[name] for name in reached))


def _rounds(phase: Phase, *, first: bool) -> Activity:
    """Everybody at most once a round, and only with something to read; one message per recipient and turn."""
    most = Activity()
    times = Counter(name for active in acting(phase, first=first) for name in active)
    turns = {name: _heard_at_most(phase, name, times[name], first=first) for name in phase.participants}
    for name, count in turns.items():
        most.turn(count, name)
    _sent(phase, turns, most)
    return most


def _heard_at_most(phase: Phase, name: str, times: int, *, first: bool) -> float:
    """Turns, where every edge to the agent has a cap: each turn takes something to read."""
    if not first:
        return times
    caps = [
        1 if edge.sender in phase.votes or edge.sender == USER else edge.max_messages
        for edge in phase.edges
        if edge.recipient == name and edge.sender not in phase.boards
    ]
    known = [cap for cap in caps if cap is not None]
    return times if len(known) < len(caps) else min(times, sum(known) + (name in phase.opens))


def _sent(phase: Phase, turns: Mapping[str, float], most: Activity) -> None:
    for edge in phase.edges:
        if edge.sender not in phase.boards and edge.recipient not in phase.boards:
            most.message(_over(phase, edge.pair, turns.get(edge.sender, 0)), edge.pair)


def _over(phase: Phase, pair: Pair, turns: float) -> float:
    """Messages over one edge, if its sender takes so many turns."""
    sender, recipient = pair
    cap = phase.by_pair[pair].max_messages
    if sender == USER or sender in phase.votes or recipient == USER:
        return least(1, cap)
    if recipient in phase.votes:
        # A candidate enters its text, and may have a ballot too.
        return least(min(turns, 2 if sender in phase.votes[recipient].candidates else 1), cap)
    return least(turns, cap)


def _moderated(phase: Phase) -> Activity:
    """The moderator may need several turns to choose each speaker; each speaker acts once when it is chosen."""
    most = Activity()
    rounds, chair = phase.rounds or 0, phase.moderator or ""
    speakers = tuple(name for name in phase.participants if name != chair)
    most.turn(rounds * JUDGE_ATTEMPTS, chair)
    most.turn(rounds, *speakers)
    turns = dict.fromkeys(speakers, float(rounds)) | {chair: float(rounds * JUDGE_ATTEMPTS)}
    _sent(phase, turns, most)
    return most


def _tasks(phase: Phase) -> Activity:
    """A planner's turn opens tasks, or proposes an answer; a worker's ends a task; a judge's ends a cycle.

    However tasks fall to the plain workers of one planner, together they are no more than it may open.
    """
    planning = phase.planning
    assert planning is not None
    most = Activity()
    given: Counter[str] = Counter({planning.root: planning.max_cycles if planning.judge else 1})
    for planner in _downwards(planning.root, planning.workers):
        tasks = planning.max_tasks[planner]
        most.turn(tasks + given[planner], planner)
        plain = [worker for worker in planning.workers[planner] if worker not in planning.workers]
        if plain:
            most.turn(tasks, *plain)
        below = planning.workers[planner]
        for worker in below:
            given[worker] = tasks
        if len(plain) == len(below):
            most.message(tasks, *((planner, worker) for worker in below))
            most.message(tasks, *((worker, planner) for worker in below))
            continue
        for group in ([worker] for worker in below if worker in planning.workers):
            most.message(tasks, *((planner, worker) for worker in group))
            most.message(tasks, *((worker, planner) for worker in group))
        if plain:
            most.message(tasks, *((planner, worker) for worker in plain))
            most.message(tasks, *((worker, planner) for worker in plain))
    others = {edge.pair for edge in phase.edges if USER in edge.pair}
    if planning.judge:
        cycles = planning.max_cycles
        most.turn(cycles * JUDGE_ATTEMPTS, planning.judge)
        most.message(cycles, (planning.root, planning.judge))
        most.message(cycles - 1, (planning.judge, planning.root))
    for pair in others:
        most.message(1, pair)
    return most


def _downwards(root: str, tree: Mapping[str, tuple[str, ...]]) -> list[str]:
    order, ahead = [], [root]
    for planner in ahead:  # grows while it is read
        order.append(planner)
        ahead += [worker for worker in tree[planner] if worker in tree]
    return order


def _reactive(phase: Phase) -> Activity:
    """Turns follow from messages heard, messages from turns. Capped edges are taken at their cap, then lowered."""
    messages: dict[Pair, float] = {}
    for edge in phase.edges:
        settled = edge.sender == USER or edge.sender in phase.votes
        messages[edge.pair] = 1 if settled else edge.max_messages or 0
    order, endless = _forwards(phase)
    turns: dict[str, float] = {}
    for _ in range(3):  # each pass only lowers the bounds; more passes would gain little
        for name in order:
            heard = [messages[a, name] for a in phase.predecessors.get(name, ())]
            joined = _joined(heard, phase.join(name), phase.needed(name, len(heard))) + (name in phase.opens)
            turns[name] = math.inf if name in endless else joined
            for other in phase.successors.get(name, ()):
                messages[name, other] = _over(phase, (name, other), turns[name])
    most = Activity()
    for name in phase.participants:
        most.turn(turns[name], name)
    _sent(phase, turns, most)
    return most


def _joined(heard: Sequence[float], join: Join, needed: int) -> float:
    match join:
        case "any":
            return sum(heard)
        case "all":
            return min(heard, default=0)
        case _:
            return sum(heard) // needed if all(map(math.isfinite, heard)) else math.inf


def _forwards(phase: Phase) -> tuple[list[str], set[str]]:
    """Agents, senders before recipients where no cap stands between them; and those on a cycle without any cap."""
    parts = free_parts(phase)
    endless = {name for part in parts if len(part) > 1 for name in part}
    return [name for part in parts for name in part], endless


def free_parts(phase: Phase) -> list[list[str]]:
    """Agents in the order of the edges without a cap; those on a common cycle stand together."""
    import networkx as nx

    free: nx.DiGraph[str] = nx.DiGraph()
    free.add_nodes_from(phase.participants)
    free.add_edges_from(free_pairs(phase))
    parts = nx.condensation(free)
    return [sorted(parts.nodes[part]["members"]) for part in nx.topological_sort(parts)]


def free_pairs(phase: Phase) -> Iterable[Pair]:
    """Edges between agents that no cap bounds; a vote passes something on once, which is a cap."""
    agents = set(phase.participants)
    return (
        edge.pair
        for edge in phase.edges
        if edge.max_messages is None and edge.sender in agents and edge.recipient in agents
    )


def least(value: float, limit: float | None) -> float:
    """The smaller of the two, where there is a limit."""
    return value if limit is None else min(value, limit)
