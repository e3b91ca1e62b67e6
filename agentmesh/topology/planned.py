"""The most that can happen in a phase of order `tasks`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from agentmesh.messages import USER
from agentmesh.topology.lines import JUDGE_ATTEMPTS, Activity, Start, over
from agentmesh.topology.phases import Phase, Planning


def planned(phase: Phase, start: Start) -> Activity:
    """A planner's turn opens tasks, or proposes an answer; a worker's ends a task; a judge's ends a cycle.

    However tasks fall to the plain workers of one planner, together they are no more than it may open.
    """
    planning = phase.planning
    assert planning is not None
    most = Activity()
    # Who is called upon does its last task once more, and its planner reads that.
    anew = start.calls * len(planning.planner_of)
    again = start.again + (start.calls + anew if start.calls else 0)
    cycles = planning.max_cycles if planning.judge else 1
    # Before each proposal all may be put in order once; where that fails, the planner proposes once more.
    ordered = cycles + again if planning.reconcile else 0
    given: Counter[str] = Counter({planning.root: cycles + again + start.midway + ordered})
    for planner in _downwards(planning.root, planning.workers):
        tasks, below = planning.max_tasks[planner] + anew, planning.workers[planner]
        most.turn(tasks + given[planner], planner)
        tidies = tuple(name for name in below if name == planning.reconcile)
        plain = tuple(name for name in below if name not in planning.workers and name not in tidies)
        # What one planner may open is shared by its plain workers; a planner below may take all of it, too.
        shares = [((name,), tasks) for name in below if name not in plain and name not in tidies]
        for names, count in (*shares, (plain, tasks), (tidies, ordered + anew)):
            _worked_on(planning, planner, names, count, given, most)
    if planning.judge:
        most.turn((cycles + again) * JUDGE_ATTEMPTS, planning.judge)
        most.message(cycles + again, (planning.root, planning.judge))
        most.message(cycles - 1, (planning.judge, planning.root))
    for pair in dict.fromkeys(edge.pair for edge in phase.edges if USER in edge.pair):
        told_again = cycles - 1 if planning.fresh and pair == (USER, planning.root) else 0
        most.message(over(phase, pair, math.inf, start) + told_again, pair)
    _guests(phase, planning, most, start)
    return most


def _worked_on(
    planning: Planning, planner: str, names: Sequence[str], tasks: int, given: Counter[str], most: Activity
) -> None:
    """So many tasks of a planner fall to these workers: each is given out, and perhaps again, and comes back once."""
    if not names:
        return
    plain = [name for name in names if name not in planning.workers]
    merged = planning.merge_retries if planning.accepts and plain else 0
    times = tasks * (1 + planning.retries + merged)
    given.update(dict.fromkeys(names, times))
    if plain:
        most.turn(times, *names)
    most.message(times, *((planner, worker) for worker in names))
    most.message(tasks, *((worker, planner) for worker in names))


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
