"""The most that can happen in one phase: who may act how often, and what may pass over which edge."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from agentmesh.messages import USER
from agentmesh.topology.lines import BEGINNING, JUDGE_ATTEMPTS, Activity, Pair, Start, least, over, times
from agentmesh.topology.parts import strong_parts
from agentmesh.topology.phases import Join, Phase
from agentmesh.topology.planned import planned


def activity(phase: Phase, start: Start = BEGINNING) -> Activity:
    """The most that can happen in the phase, over all its iterations."""
    once, more = _once(phase, start), phase.max_iterations - 1
    if not more:
        return once
    told = frozenset() if phase.fresh else start.told | frozenset(phase.successors.get(USER, ()))
    later = _once(phase, replace(start, first=phase.fresh, midway=False, told=told))
    most = Activity()
    for (names, count), (_, again) in zip(once.turns, later.turns, strict=True):
        most.turn(count + times(again, more), *names)
    for (pairs, count, each), (_, again, again_each) in zip(once.messages, later.messages, strict=True):
        # A cap holds for the whole run, however often the phase is gone through.
        cap = phase.by_pair[pairs[0]].max_messages if len(pairs) == 1 else None
        in_all = least(count + times(again, more), cap)
        most.message(in_all, *pairs, each=least(each + times(again_each, more), cap))
    return most


def _once(phase: Phase, start: Start) -> Activity:
    match phase.order:
        case "tasks":
            return planned(phase, start)
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
            most.message(over(phase, edge.pair, turns.get(edge.sender, 0), start), edge.pair)


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
            count = over(phase, (speaker, other), turns, start)
            if count < turns:
                most.message(count, (speaker, other))
            else:
                free.setdefault(speaker, []).append((speaker, other))
    if free:
        pairs = [pair for some in free.values() for pair in some]
        most.message(turns * max(map(len, free.values())), *pairs, each=turns)


def _reactive(phase: Phase, start: Start) -> Activity:
    """Turns follow from messages heard, messages from turns. Capped edges are taken at their cap, then lowered."""
    messages: dict[Pair, float] = {}
    for edge in phase.edges:
        settled = edge.sender == USER or edge.sender in phase.votes
        messages[edge.pair] = over(phase, edge.pair, 1, start) if settled else edge.max_messages or 0
    order, endless = _forwards(phase)
    turns: dict[str, float] = {}
    for _ in range(3):  # each pass only lowers the bounds; more passes would gain little
        for name in order:
            turns[name] = math.inf if name in endless else _reactive_turns(phase, name, messages, start)
            for other in phase.successors.get(name, ()):
                messages[name, other] = over(phase, (name, other), turns[name], start)
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
