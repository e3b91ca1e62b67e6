"""Relative judging: a model scores runs of one task against each other, in several orders, and the scores are averaged.

How many orders that takes shows on the way: after an order and its reverse judging ends if the means are reliable
(`ENOUGH`), else it goes on with the next two. A judge who gives the same scores again is asked twice, and no more.

Source: RULER (OpenPipe/ART, src/art/rewards/ruler.py): what all runs begin with is shown once, a rubric, scores from 0
to 1 with explanations, one absolute judgement where all runs are the same. Changed: scores are matched by id and never
by position, answers are repaired, scores clamped, several orders averaged, equal runs judged once, long ones condensed,
answers kept by content, calls paid from a ledger, and inconsistent judges named.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from statistics import fmean
from typing import Any

import anyio

from agentmesh.errors import AgentMeshError, ConfigError, LimitExceeded, ProviderError
from agentmesh.learning.ledger import Ledger
from agentmesh.learning.ruler.asking import RUBRIC, Given, Paid, Question, given
from agentmesh.learning.ruler.condensing import Shown
from agentmesh.learning.ruler.flattening import Run
from agentmesh.learning.ruler.group import Group, group_of, orders_of, task_within
from agentmesh.learning.ruler.ranks import Agreement, agreement, flips, reliability
from agentmesh.messages import Usage
from agentmesh.providers.ask import ask
from agentmesh.providers.base import Provider
from agentmesh.providers.cache import CachedProvider, ResponseCache, kept_in
from agentmesh.team.parts import Model, Models, hold, let_go

INCONSISTENT = 0.25
"""A judge that orders a larger share of pairs differently in another order is warned of; one that guesses, half."""
ENOUGH = 0.85
"""Reliability of the means from which on no more orders are judged, unless a number of them is asked for."""
MOST = 12
"""Orders in which a group is judged at most, unless more are asked for."""
_JUDGE = "judge"


@dataclass(frozen=True)
class Score:
    """How good a run is, from 0 to 1: the mean over orders. `explanation`: of the order whose score is nearest to it.

    `spread`: between the highest and the lowest of the orders. `absolute`: there was no other run to compare it with.
    """

    score: float
    explanation: str
    spread: float = 0.0
    absolute: bool = False


@dataclass(frozen=True)
class Ruled(Mapping[str, Score]):
    """Scores by run, in the order of the runs; and what came out beside them."""

    scores: Mapping[str, Score]
    usage: Usage = field(default_factory=Usage)
    """What the judge used now: kept answers are for nothing."""
    orders: int = 0
    """In how many orders they were judged."""
    flips: float | None = None
    """Of pairs of runs, the share that is ordered differently in another order; None where that cannot be said."""
    reliability: float | None = None
    """Of the means, from 0 to 1, as far as orders tell; what a judge gets wrong in all of them does not show."""
    agreement: Agreement | None = None
    """With gold scores, where these are given."""
    warnings: tuple[str, ...] = ()

    def __getitem__(self, run_id: str) -> Score:
        return self.scores[run_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self.scores)

    def __len__(self) -> int:
        return len(self.scores)


class Unfinished(AgentMeshError):
    """Not every order could be judged: the budget is used up, or the judge failed. `ruled`: by those that were."""

    def __init__(self, message: str, ruled: Ruled) -> None:
        self.ruled = ruled
        super().__init__(message)


async def ruler(
    runs: Iterable[Run],
    judge: Model,
    *,
    rubric: str = RUBRIC,
    orders: int | None = None,
    ledger: Ledger | None = None,
    cache: ResponseCache | str | os.PathLike[str] | None = None,
    max_tokens: int = 32_000,
    max_output_tokens: int = 4_096,
    gold: Mapping[str, float] | None = None,
    seed: int = 0,
) -> Ruled:
    """Score runs of one task against each other. `max_tokens`: the longest prompt; `seed`: which orders are drawn.

    `orders`: in how many they are judged; without it in as many as make the scores reliable, from 2 to `MOST`.
    Raises: AgentMeshError for runs that make no group, or do not fit; ConfigError for a judge that is none or cannot
    be asked; Unfinished, with the scores that there are, where the ledger does not pay for the next call, which is then
    not made, or the judge gives no usable answer.
    """
    if orders is not None and orders < 1:
        raise AgentMeshError(f"runs are judged in 1 order or more; found orders={orders}")
    group = group_of(runs)
    if not group.ids:
        return Ruled({})
    async with _asked(judge, ledger, cache) as (provider, paid, settings):
        task = task_within(group.task, max_tokens)

        def question(context: Shown) -> Question:
            return Question(task, context, rubric, max_output_tokens, settings)

        asked, shown = group.put(question, max_tokens)
        permutations = orders_of(len(shown), orders or MOST, seed)
        judged: list[Given] = []
        for order in permutations:
            ids = [list(shown)[at] for at in order]
            request = asked.request([(id_, shown[id_]) for id_ in ids])
            try:
                answer = await ask(provider.complete, request, partial(given, ids=ids))
            except (LimitExceeded, ProviderError) as error:
                ruled = _ruled(group, judged, paid.used, gold)
                raise Unfinished(_why(error, group, len(judged), len(permutations)), ruled) from error
            judged.append(answer.value)
            if orders is None and _are_enough(judged):
                break
        return _ruled(group, judged, paid.used, gold)


def ruler_sync(runs: Iterable[Run], judge: Model, **options: Any) -> Ruled:
    """As `ruler`, for code that is not asynchronous. Raises: RuntimeError inside a running event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return anyio.run(lambda: ruler(runs, judge, **options))
    raise RuntimeError("ruler_sync cannot wait inside a running event loop: use `await ruler(...)` there")


@asynccontextmanager
async def _asked(
    judge: Model, ledger: Ledger | None, cache: ResponseCache | str | os.PathLike[str] | None
) -> AsyncIterator[tuple[Provider, Paid, Any]]:
    """The judge behind its cache, who pays for it, and its settings. What is kept is never set aside anything for."""
    models = Models({_JUDGE: judge}, os.environ)
    if models.faults:
        raise ConfigError(models.faults[_JUDGE], _JUDGE)
    for _, fault in models.unready([_JUDGE]):
        raise ConfigError(fault, _JUDGE)
    plain, settings = models.provider(_JUDGE), models.configs.get(_JUDGE)
    paid = Paid(plain, ledger)
    kept = cache if isinstance(cache, ResponseCache | None) else ResponseCache(cache)
    by_name = kept is not None and kept_in(kept, plain) is not plain
    hold([plain])
    try:
        yield CachedProvider(paid, kept, settings) if kept is not None and by_name else paid, paid, settings
    finally:
        with anyio.CancelScope(shield=True):
            await let_go([plain])
        if kept is not None:
            kept.close()


def _ruled(group: Group, judged: list[Given], used: Usage, gold: Mapping[str, float] | None) -> Ruled:
    if not judged:
        return Ruled({}, used)
    scores = {id_: _score([one[id_] for one in judged], absolute=len(group.lines) == 1) for id_ in group.lines}
    by_run = {run_id: scores[id_] for run_id, id_ in group.ids.items()}
    known = [run_id for run_id in by_run if run_id in (gold or {})]
    flipped, reliable = flips(_by_order(judged)), reliability(_by_order(judged))
    return Ruled(
        by_run,
        used,
        len(judged),
        flipped,
        reliable,
        agreement([by_run[one].score for one in known], [(gold or {})[one] for one in known]) if gold else None,
        tuple(_warnings(flipped, reliable, len(group.lines), len(by_run))),
    )


def _by_order(judged: Sequence[Given]) -> list[list[float]]:
    """The scores of each order, always by the same runs."""
    return [[one[id_][0] for id_ in judged[0]] for one in judged]


def _are_enough(judged: Sequence[Given]) -> bool:
    """Whether each order has been judged with its reverse, and the means are reliable, or tell nothing apart."""
    if len(judged) % 2:
        return False
    reliable = reliability(_by_order(judged))
    return reliable is None or reliable >= ENOUGH


def _score(given: list[tuple[float, str]], *, absolute: bool) -> Score:
    each = [score for score, _ in given]
    mean = fmean(each)
    nearest = min(given, key=lambda one: abs(one[0] - mean))
    return Score(mean, nearest[1], max(each) - min(each), absolute)


def _warnings(flipped: float | None, reliable: float | None, distinct: int, runs: int) -> Iterator[str]:
    if flipped is not None and reliable is not None and flipped > INCONSISTENT:
        yield (
            f"the judge orders {flipped:.0%} of pairs of runs the other way round when the runs stand in another order "
            f"(more than {INCONSISTENT:.0%}), and the reliability of the means is {reliable:.2f}: "
            + ("that is enough" if reliable >= ENOUGH else f"below {ENOUGH:g}, judge more orders, or ask another judge")
        )
    if distinct == 1 and runs > 1:
        yield f"all {runs} runs are the same, so one was scored by itself: the score compares it with nothing"


def _why(error: LimitExceeded | ProviderError, group: Group, done: int, most: int) -> str:
    told = f"judged in {done} of at most {most} {'order' if most == 1 else 'orders'}"
    if isinstance(error, LimitExceeded):
        return (
            f"{told}: the next call may come to {error.needed:,.0f} tokens in all, and the ledger allows "
            f"{error.allowed:,.0f}, so it was not made; allow more, or set max_tokens or max_output_tokens lower"
        )
    names = "; ".join(f"{id_} is {', '.join(group.names(id_))}" for id_ in group.lines if id_ in str(error))
    return f"{told}: {error}" + (f" ({names})" if names else "")
