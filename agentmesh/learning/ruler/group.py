"""A group of runs as it is put to a judge: equal runs once, what all begin with once, long ones made to fit."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from agentmesh.agents.context import estimated_tokens
from agentmesh.errors import AgentMeshError
from agentmesh.learning.ruler.asking import Question, size_of
from agentmesh.learning.ruler.condensing import Shown, condensed, shares, size
from agentmesh.learning.ruler.flattening import Line, Run, flat

LEAST = 200
"""Tokens of its own without which no run is judged: what is shown of less says too little."""
_CONTEXT = 4
"""What all begin with takes a quarter of the room at most."""
_FRAME = 24
"""Tokens that an id, and what stands around it, take."""


@dataclass(frozen=True)
class Group:
    """Runs of one task. `ids`: by run, the id under which a judge knows it, which equal runs share."""

    task: str
    ids: dict[str, str]
    lines: dict[str, tuple[Line, ...]]
    """By id, and in the order of ids, so that it does not matter in which order runs are given."""

    def names(self, id_: str) -> list[str]:
        """The runs that are known under an id."""
        return [run_id for run_id, one in self.ids.items() if one == id_]

    def put(self, ask: Callable[[Shown], Question], tokens: int) -> tuple[Question, dict[str, Shown]]:
        """The question, and by id what is shown of each run, in so many tokens. Raises: AgentMeshError."""
        runs = list(self.lines.values())
        common = _common(runs) if len(runs) > 1 else 0
        bare = size_of(ask([]).request([]))
        context = condensed(runs[0][:common], max(0, (tokens - bare) // _CONTEXT)) if common else []
        room = tokens - bare - size(context) - _FRAME * len(runs)
        rest = [lines[common:] for lines in runs]
        sizes = [size(lines) for lines in rest]
        given = shares(sizes, max(0, room))
        if any(some < min(LEAST, whole) for some, whole in zip(given, sizes, strict=True)):
            raise AgentMeshError(_too_many(len(runs), tokens, tokens - bare - size(context)))
        shown = {id_: condensed(rest[at], given[at]) for at, id_ in enumerate(self.lines)}
        return ask(context), shown


def group_of(runs: Iterable[Run]) -> Group:
    """Runs as a group. Raises: AgentMeshError where two have one id, or they are not of one task."""
    flats = [flat(run) for run in runs]
    twice = [run_id for run_id, count in Counter(one.run_id for one in flats).items() if count > 1]
    if twice:
        raise AgentMeshError(f"runs given more than once: {', '.join(twice)}; each is judged once")
    tasks = list(dict.fromkeys(one.task for one in flats))
    if len(tasks) > 1:
        told = "; ".join(repr(task[:60]) for task in tasks[:3])
        raise AgentMeshError(
            f"runs of one group have one task, and these have {len(tasks)}: {told}; judge the runs of each task apart"
        )
    distinct = {one.digest: one for one in sorted(flats, key=lambda one: one.digest)}
    named = _named(distinct)
    ids = {one.run_id: named[one.digest] for one in flats}
    return Group(tasks[0] if tasks else "", ids, {named[digest]: one.lines for digest, one in distinct.items()})


def orders_of(count: int, orders: int, seed: int) -> list[tuple[int, ...]]:
    """So many different orders of so many things, one that is drawn and its turns, each followed by its reverse.

    Turned by a half first, then by quarters and so on, so that soon each has stood everywhere equally often: a reverse
    evens out what favours the first or the last, and a turn what favours both, or the middle. Then another is drawn.
    """
    wanted, found = min(orders, math.factorial(count)), dict[tuple[int, ...], None]()
    drawn = random.Random(seed)
    while len(found) < wanted:
        one = tuple(drawn.sample(range(count), count))
        for turn in _spread(count):
            turned = one[turn:] + one[:turn]
            found |= dict.fromkeys((turned, turned[::-1]))
    return list(found)[:wanted]


def _spread(count: int) -> Iterable[int]:
    """All numbers below it: 0, the half, the quarters, the eighths and so on."""
    halvings = range(count.bit_length() + 1)
    return dict.fromkeys(count * part // 2**times for times in halvings for part in range(2**times))


def _named(distinct: Iterable[str]) -> dict[str, str]:
    """Ids by digest: as short as tells them apart, and of a length that is the same for all."""
    digests = list(distinct)
    length = next(n for n in range(4, 65) if len({digest[:n] for digest in digests}) == len(digests))
    return {digest: f"run-{digest[:length]}" for digest in digests}


def _common(runs: Sequence[Sequence[Line]]) -> int:
    """How many lines all begin with."""
    shortest = min(map(len, runs))
    return next((at for at in range(shortest) if any(one[at] != runs[0][at] for one in runs)), shortest)


def _too_many(count: int, tokens: int, room: int) -> str:
    fit = max(0, room // (LEAST + _FRAME))
    return (
        f"{count} different runs do not fit into max_tokens={tokens:,}: beside the task there is room for {fit}, at "
        f"{LEAST} tokens each; allow more tokens, or judge the runs in smaller groups"
    )


def task_within(task: str, tokens: int) -> str:
    """A task that leaves room for runs: of one that is too long, the beginning."""
    most = max(LEAST, tokens // _CONTEXT)
    if estimated_tokens(task) <= most:
        return task
    kept = task[: most * len(task) // estimated_tokens(task)]
    return f"{kept} [... {len(task) - len(kept)} characters left out]"
