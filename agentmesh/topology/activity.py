"""The most that can happen in one phase: who may act how often, and what may pass over which edge."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from agentmesh.messages import USER
from agentmesh.topology.parts import strong_parts
from agentmesh.topology.phases import Join, Phase, Planning

JUDGE_ATTEMPTS = 3
"""Turns that a judge may take to decide on one proposal, or a moderator to choose one speaker."""

Pair = tuple[str, str]


@dataclass(frozen=True)
class Start:
    """What a phase finds when it begins.

    `first`: nobody has anything to read from before. `midway`: the phase is under way, and anybody may have something
    to read already. `told`: who has the task. `again`: times that a refuted answer goes back to its author. `calls`:
    times that each agent may be called upon by interventions.
    """

    first: bool = True
    midway: bool = False
    told: frozenset[str] = frozenset()
    again: int = 0
    calls: int = 0


@dataclass
class Activity:
    """Lines of turns and of messages, infinite where nothing bounds them.

    Agents of one line share its turns, however they fall to them; edges of one line share its messages, of which each
    edge takes no more than the second number.
    """

    turns: list[tuple[tuple[str, ...], float]] = field(default_factory=list)
    messages: list[tuple[tuple[Pair, ...], float, float]] = field(default_factory=list)

    def turn(self, count: float, *names: str) -> None:
        """Note a line of turns."""
        self.turns.append((names, count))

    def message(self, count: float, *pairs: Pair, each: float | None = None) -> None:
        """Note a line of messages."""
        self.messages.append((pairs, count, count if each is None else each))


def activity(phase: Phase, start: Start = Start()) -> Activity:
    """The most that can happen in the phase, over all its iterations."""
    once, more = _once(phase, start), phase.max_iterations - 1
    if not more:
        return once
    told = frozenset() if phase.fresh else start.told | frozenset(phase.successors.get(USER, ()))
    later = _once(phase, replace(start, first=phase.fresh, midway=False, told=told))
    most = Activity()
    for (names, count), (_, again) in zip(once.turns, later.turns, strict=True):
        most.turn(count + _times(again, more), *names)
    for (pairs, count, each), (_, again, again_each) in zip(once.messages, later.messages, strict=True):
        # A cap holds for the whole run, however often the phase is gone through.
        cap = phase.by_pair[pairs[0]].max_messages if len(pairs) == 1 else None
        in_all = least(count + _times(again, more), cap)
        most.message(in_all, *pairs, each=least(each + _times(again_each, more), cap))
    return most


def _once(phase: Phase, start: Start) -> Activity:
    match phase.order:
        case "tasks":
            return _tasks(phase, start)
        case "moderator":
            return _moderated(phase, start)
        case "reactive":
            return _reactive(phase, start)
        case _:
            return _rounds(phase, start)


def listeners(phase: Phase) -> dict[str, frozenset[str]]:
    """By agent: who has something to read once it has acted, through votes too."""
    found = {}
    everybody = frozenset(phase.participants)
    for name in phase.participants:
        direct = phase.successors.get(name, ())
        through = (other for vote in direct if vote in phase.votes for other in phase.successors.get(vote, ()))
        found[name] = everybody.intersection((*direct, *through))
    return found


def acting(phase: Phase, *, first: bool = True) -> list[frozenset[str]]:
    """Who may act in each round of a phase in rounds, if everybody who acts writes to all that hear it."""
    hears = listeners(phase)
    waiting = frozenset(phase.participants)
    if first:
        waiting &= {*phase.successors.get(USER, ()), *phase.opens}
    results: frozenset[str] = frozenset()
    rounds: list[frozenset[str]] = []
    met: dict[tuple[frozenset[str], frozenset[str]], int] = {}
    last = phase.rounds or 0
    while waiting and len(rounds) < last:
        if (waiting, results) in met:  # from here on everything repeats
            since = rounds[met[waiting, results] :]
            rounds += (since * (last // len(since) + 1))[: last - len(rounds)]
            break
        met[waiting, results] = len(rounds)
        active, left = _one_round(phase, waiting, hears)
        rounds.append(active)
        # A vote may be counted in any later round: its result comes once, but nobody knows when.
        results |= _told_by_votes(phase, active)
        waiting = left | results
    return rounds


def _told_by_votes(phase: Phase, active: frozenset[str]) -> frozenset[str]:
    """Who hears the results of votes at which one of these may have voted."""
    open_ = (vote for vote in phase.votes if not active.isdisjoint(phase.predecessors.get(vote, ())))
    return frozenset(name for vote in open_ for name in phase.successors.get(vote, ()) if name in phase.participants)


def _one_round(
    phase: Phase, waiting: frozenset[str], hears: Mapping[str, frozenset[str]]
) -> tuple[frozenset[str], frozenset[str]]:
    """Who acts in a round, and who has something to read after it."""
    match phase.order:
        case "simultaneous":
            return waiting, frozenset().union(*(hears[name] for name in waiting))
        case "round_robin":
            left, active = set(waiting), set()
            for name in phase.participants:
                if name in left:
                    active.add(name)
                    left.discard(name)
                    left |= hears[name]
            return frozenset(active), frozenset(left)
        case _:  # in an order that is drawn, whoever can be reached may be reached within the round
            reached, ahead = set(waiting), list(waiting)
            while ahead:
                new = hears[ahead.pop()] - reached
                reached |= new
                ahead += new
            return frozenset(reached), frozenset().union(*(hears[name] for name in reached))


def _rounds(phase: Phase, start: Start) -> Activity:
    """Everybody at most once a round, and only with something to read; one message per recipient and turn."""
    most = Activity()
    times: Counter[str] = Counter()
    for active, rounds in Counter(acting(phase, first=start.first)).items():
        for name in active:
            times[name] += rounds
    capped = _heard_at_most(phase, start) if start.first else {}
    turns: dict[str, float] = {}
    for name in phase.participants:
        count = least(times[name], capped.get(name))
        if start.again:  # what the author of a refuted answer sets in motion is at most what it was before
            woken = _woken(phase, name, start)
            most_of_all = least((phase.rounds or 0) + woken, capped[name] + woken if name in capped else None)
            count = min(times[name] * (1 + start.again), most_of_all)
        if start.calls:  # who is called upon may act in rounds in which nobody else would have written to it
            count = (phase.rounds or 0) + _woken(phase, name, start) + start.calls
        turns[name] = count
        most.turn(count, name)
    _sent(phase, turns, most, start)
    return most


def _heard_at_most(phase: Phase, start: Start) -> dict[str, float]:
    """Turns of agents all of whose edges have a cap: each turn takes something to read."""
    found: dict[str, float] = Counter(phase.opens)  # type: ignore[assignment]
    for edge in phase.edges:
        if edge.sender in phase.boards or edge.recipient in phase.boards:
            continue
        settled = edge.sender in phase.votes or edge.sender == USER
        cap = 1 if settled else math.inf if edge.max_messages is None else edge.max_messages
        found[edge.recipient] = found.get(edge.recipient, 0) + cap
    return found


def _sent(phase: Phase, turns: Mapping[str, float], most: Activity, start: Start, apart: Sequence[str] = ()) -> None:
    """What passes if everybody always writes to all that it may, but for those `apart`."""
    for edge in phase.edges:
        if edge.sender not in phase.boards and edge.recipient not in phase.boards and edge.sender not in apart:
            most.message(_over(phase, edge.pair, turns.get(edge.sender, 0), start), edge.pair)


def _over(phase: Phase, pair: Pair, turns: float, start: Start) -> float:
    """Messages over one edge, if its sender takes so many turns."""
    sender, recipient = pair
    cap = phase.by_pair[pair].max_messages
    if sender == USER:
        return (0 if recipient in start.told else 1) + start.calls
    if sender in phase.votes:
        return 1
    if recipient == USER:
        return least(min(turns, 1 + start.again), cap)
    if recipient in phase.votes:
        # A candidate enters its text, and has a ballot too where nobody else votes.
        both = sender in phase.votes[recipient].candidates and sender in phase.voters(recipient)
        return least(min(turns, 2 if both else 1), cap)
    return least(turns, cap)


def _woken(phase: Phase, name: str, start: Start) -> int:
    """Turns that an agent gets because an answer of its own was refuted."""
    return start.again if (name, USER) in phase.by_pair else 0


def _moderated(phase: Phase, start: Start) -> Activity:
    """The moderator may need several turns to choose each speaker; each speaker acts once when it is chosen."""
    most = Activity()
    chair = phase.moderator or ""
    speakers = tuple(name for name in phase.successors.get(chair, ()) if name != chair and name in phase.participants)
    # The author of a refuted answer speaks once more; if it is the moderator, it may call on one more.
    woken = start.again if any(edge.recipient == USER for edge in phase.edges) else 0
    rounds = (phase.rounds or 0) + woken
    chairs = rounds * JUDGE_ATTEMPTS + woken
    most.turn(chairs, chair)
    most.turn(rounds + woken, *speakers)
    _sent(phase, {chair: float(chairs)}, most, start, speakers)
    _shared(phase, speakers, rounds + woken, most, start)
    if start.calls:
        _called_upon(phase, most, start)
    return most


def _called_upon(phase: Phase, most: Activity, start: Start) -> None:
    """Turns beside the order."""
    for name in phase.participants:
        most.turn(start.calls, name)
        for other in phase.successors.get(name, ()):
            most.message(start.calls, (name, other))


def _shared(phase: Phase, speakers: Sequence[str], turns: float, most: Activity, start: Start) -> None:
    """What agents write that share so many turns: the most if one who writes to many takes all of them."""
    free: dict[str, list[Pair]] = {}
    for speaker in speakers:
        for other in phase.successors.get(speaker, ()):
            count = _over(phase, (speaker, other), turns, start)
            if count < turns:
                most.message(count, (speaker, other))
            else:
                free.setdefault(speaker, []).append((speaker, other))
    if free:
        pairs = [pair for some in free.values() for pair in some]
        most.message(turns * max(map(len, free.values())), *pairs, each=turns)


def _tasks(phase: Phase, start: Start) -> Activity:
    """A planner's turn opens tasks, or proposes an answer; a worker's ends a task; a judge's ends a cycle.

    However tasks fall to the plain workers of one planner, together they are no more than it may open.
    """
    planning = phase.planning
    assert planning is not None
    most = Activity()
    # Who is called upon does its last task once more, and its planner reads that.
    anew = start.calls * len(planning.planner_of)
    again = start.again + (start.calls + anew if start.calls else 0)
    cycles = planning.max_cycles
    given: Counter[str] = Counter({planning.root: (cycles if planning.judge else 1) + again + start.midway})
    for planner in _downwards(planning.root, planning.workers):
        tasks, below = planning.max_tasks[planner] + anew, planning.workers[planner]
        most.turn(tasks + given[planner], planner)
        plain = tuple(worker for worker in below if worker not in planning.workers)
        if plain:
            most.turn(tasks, *plain)
        given.update(dict.fromkeys(below, tasks))
        # What one planner may open is shared by its plain workers; a planner below may take all of it, too.
        shares = [below] if len(plain) == len(below) else [*((name,) for name in below if name not in plain), plain]
        for share in filter(None, shares):
            most.message(tasks, *((planner, worker) for worker in share))
            most.message(tasks, *((worker, planner) for worker in share))
    if planning.judge:
        most.turn((cycles + again) * JUDGE_ATTEMPTS, planning.judge)
        most.message(cycles + again, (planning.root, planning.judge))
        most.message(cycles - 1, (planning.judge, planning.root))
    for pair in dict.fromkeys(edge.pair for edge in phase.edges if USER in edge.pair):
        most.message(_over(phase, pair, math.inf, start), pair)
    _guests(phase, planning, most, start)
    return most


def _guests(phase: Phase, planning: Planning, most: Activity, start: Start) -> None:
    """Those who were called to object to what others said: each of their edges carries so many messages."""
    staff = {planning.root, planning.judge, *planning.planner_of}
    for guest in (name for name in phase.participants if name not in staff):
        heard = phase.predecessors.get(guest, ())
        most.turn(start.calls + len(heard), guest)
        for pair in (*((name, guest) for name in heard), *((guest, name) for name in phase.successors.get(guest, ()))):
            most.message(phase.by_pair[pair].max_messages or 0, pair)


def _downwards(root: str, tree: Mapping[str, tuple[str, ...]]) -> list[str]:
    order, ahead = [], [root]
    for planner in ahead:  # grows while it is read
        order.append(planner)
        ahead += [worker for worker in tree[planner] if worker in tree]
    return order


def _reactive(phase: Phase, start: Start) -> Activity:
    """Turns follow from messages heard, messages from turns. Capped edges are taken at their cap, then lowered."""
    messages: dict[Pair, float] = {}
    for edge in phase.edges:
        settled = edge.sender == USER or edge.sender in phase.votes
        messages[edge.pair] = _over(phase, edge.pair, 1, start) if settled else edge.max_messages or 0
    order, endless = _forwards(phase)
    turns: dict[str, float] = {}
    for _ in range(3):  # each pass only lowers the bounds; more passes would gain little
        for name in order:
            turns[name] = math.inf if name in endless else _reactive_turns(phase, name, messages, start)
            for other in phase.successors.get(name, ()):
                messages[name, other] = _over(phase, (name, other), turns[name], start)
    most = Activity()
    for name in phase.participants:
        most.turn(turns[name], name)
    _sent(phase, turns, most, start)
    return most


def _reactive_turns(phase: Phase, name: str, messages: Mapping[Pair, float], start: Start) -> float:
    before = phase.predecessors.get(name, ())
    heard = [messages[other, name] for other in before]
    join, needed = phase.join(name), phase.needed(name, len(before))
    own = start.midway + _woken(phase, name, start) + start.calls
    most = own + _joined(heard, join, needed)
    if start.first and name not in phase.opens:
        return most
    # Who opens has read the task by then. Where nobody is named, and nobody is given the task, its recipients open.
    unheard = [0 if other == USER else count for other, count in zip(before, heard, strict=True)]
    opened = own + 1 + _joined(unheard, join, needed)
    if name in phase.opens:
        return opened
    return max(most, opened) if USER in before and not phase.opens else most


def _joined(heard: Sequence[float], join: Join, needed: int) -> float:
    """How often so many messages from each predecessor satisfy a join."""
    if join == "any":
        return sum(heard)
    if join == "all":
        return min(heard, default=0)
    endless = sum(map(math.isinf, heard))
    if endless >= needed:
        return math.inf
    finite = [int(count) for count in heard if math.isfinite(count)]
    needed -= endless
    most = sum(finite) // needed
    # Each turn takes messages of as many different senders.
    while (fewer := sum(min(count, most) for count in finite) // needed) < most:
        most = fewer
    return most


def _forwards(phase: Phase) -> tuple[list[str], set[str]]:
    """Agents, senders before recipients where no cap stands between them; and those on a cycle without any cap."""
    parts = free_parts(phase)
    endless = {name for part in parts if len(part) > 1 for name in part}
    return [name for part in parts for name in part], endless


def free_parts(phase: Phase) -> list[list[str]]:
    """Agents in the order of the edges without a cap; those on a common cycle stand together."""
    return strong_parts(phase.participants, free_pairs(phase))


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


def _times(count: float, each: float) -> float:
    """The product, where nothing times infinity is nothing."""
    return count * each if count and each else 0
