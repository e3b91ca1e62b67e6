"""Is the one better than the other: intervals and tests for runs of two teams on the same tasks, several seeds each.

Tasks are what is drawn at random; runs of one task with other seeds hang together. So what is resampled is tasks, and
all seeds of a task weigh as much as one of another. Needs the extra `evaluation`: numpy and scipy, on first use.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from statistics import NormalDist, fmean, pvariance
from typing import Any

from agentmesh.errors import MissingExtra
from agentmesh.evaluation.intervals import Estimate, share

RESAMPLES = 2000
ALPHA = 0.05
_SEED = 0
_POWER_Z = 0.8416212335729143
"""Of a power of 80 %."""
SMALLEST = 0.05
"""The difference in success that is worth finding where none is seen."""

Outcomes = Mapping[str, Sequence[bool]]
"""By task: whether each of its runs, in the order of seeds, was right."""


@dataclass(frozen=True)
class Difference:
    """How much more often `a` is right than `b`, on the same tasks and seeds."""

    estimate: Estimate
    p: float
    tasks: int


def success(outcomes: Outcomes) -> Estimate:
    """The share of right runs, with Wilson's interval, which takes runs for independent. See `resampled` for tasks."""
    runs = [right for one in outcomes.values() for right in one]
    return share(sum(runs), len(runs))


def by_task(outcomes: Outcomes) -> Estimate:
    """The same share, with an interval for other tasks of this sort: each task counts once, whatever its seeds."""
    return resampled([fmean(one) for one in outcomes.values() if one])


def difference(a: Outcomes, b: Outcomes) -> Difference:
    """Success of `a` less that of `b`: bootstrap over tasks, and McNemar's test, over the tasks that both have."""
    shared = [task for task in a if b.get(task) and a[task]]
    deltas = [fmean(a[task]) - fmean(b[task]) for task in shared]
    return Difference(resampled(deltas), _mcnemar(a, b, shared), len(shared))


def resampled(values: Sequence[float]) -> Estimate:
    """The mean of one value per task, and its 95 % interval: tasks are drawn anew, with a fixed seed.

    The percentile bootstrap. Where all values are alike it is that value. Source: Efron (1979).
    """
    if not values:
        return Estimate(None)
    mean = fmean(values)
    if len(set(values)) == 1:
        return Estimate(mean, mean, mean)
    numpy, _ = _libraries()
    drawn = numpy.random.default_rng(_SEED).integers(len(values), size=(RESAMPLES, len(values)))
    low, high = numpy.quantile(numpy.asarray(values, dtype=float)[drawn].mean(axis=1), (0.025, 0.975))
    return Estimate(mean, float(low), float(high))


def tasks_needed(deltas: Sequence[float], smallest: float = SMALLEST, tests: int = 1) -> int:
    """How many tasks would tell, 4 times in 5, a difference like the one seen, or of `smallest` if that is more.

    From n = (z.975 + z.8)^2 var / d^2, the normal approximation, and 2 / d more, since the test is exact; with a
    stricter z where there are several `tests`. Where all tasks came out alike: how many such ones are no chance; where
    no difference was seen, how many show that one of `smallest` would have been.
    """
    alpha, mean = ALPHA / tests, fmean(deltas)
    if len(set(deltas)) == 1:
        return math.ceil(1 - math.log2(alpha) if mean else math.log(ALPHA) / math.log(1 - smallest))
    size, variance = max(abs(mean), smallest), pvariance(deltas) * len(deltas) / (len(deltas) - 1)
    z = NormalDist().inv_cdf(1 - alpha / 2) + _POWER_Z
    return math.ceil(z**2 * variance / size**2 + 2 / size)


def holm(values: Sequence[float]) -> list[float]:
    """p values, made larger since there are several. Source: Holm (1979)."""
    order = sorted(range(len(values)), key=lambda at: values[at])
    adjusted, largest = [0.0] * len(values), 0.0
    for rank, at in enumerate(order):
        largest = max(largest, min(1.0, (len(values) - rank) * values[at]))
        adjusted[at] = largest
    return adjusted


def _mcnemar(a: Outcomes, b: Outcomes, tasks: Sequence[str]) -> float:
    """McNemar's exact test; with several runs of a task that of Durkalski et al. (2003), for clustered pairs."""
    _, special = _libraries()
    discordant = [_discordant(a[task], b[task]) for task in tasks]
    if all(len(a[task]) == len(b[task]) == 1 for task in tasks):
        more, less = (sum(pair[side] for pair in discordant) for side in (0, 1))
        return min(1.0, 2 * float(special.bdtr(min(more, less), int(more + less), 0.5)))
    deltas = [more - less for more, less in discordant]
    spread = sum(delta**2 for delta in deltas)
    return 1.0 if spread == 0 else float(special.chdtrc(1, sum(deltas) ** 2 / spread))


def _discordant(a: Sequence[bool], b: Sequence[bool]) -> tuple[float, float]:
    """Shares of the seeds that both ran: only the one was right, only the other was."""
    pairs = list(zip(a, b, strict=False))
    only_a, only_b = sum(x and not y for x, y in pairs), sum(y and not x for x, y in pairs)
    return only_a / len(pairs), only_b / len(pairs)


def _libraries() -> tuple[Any, Any]:
    # Not scipy.stats, whose import takes longer than many a comparison.
    try:
        return import_module("numpy"), import_module("scipy.special")
    except ImportError as error:
        raise MissingExtra("the statistics of a comparison", "evaluation") from error
