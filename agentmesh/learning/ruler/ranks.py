"""Orders of the same things compared: how far judge and truth agree, and a judge with itself.

Plain Python: scipy.stats takes longer to import than a judgement to be read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean, variance


@dataclass(frozen=True)
class Agreement:
    """Of scores with gold scores; None where either are all alike, or fewer than two. `runs`: how many have both."""

    tau: float | None
    rho: float | None
    runs: int


def agreement(scores: Sequence[float], gold: Sequence[float]) -> Agreement:
    """How far two lists of scores of the same runs order them alike."""
    return Agreement(kendall(scores, gold), spearman(scores, gold), len(scores))


def kendall(xs: Sequence[float], ys: Sequence[float]) -> float | None:
    """Kendall's tau-b: pairs in the same order less those in the other, over the root of pairs untied in each.

    Source: Kendall (1945).
    """
    signs = [(_sign(xs[i], xs[j]), _sign(ys[i], ys[j])) for i, j in combinations(range(len(xs)), 2)]
    untied = sum(x != 0 for x, _ in signs) * sum(y != 0 for _, y in signs)
    return sum(x * y for x, y in signs) / math.sqrt(untied) if untied else None


def spearman(xs: Sequence[float], ys: Sequence[float]) -> float | None:
    """Spearman's rho: the correlation of ranks, those who are alike having the mean of theirs."""
    one, other = _ranks(xs), _ranks(ys)
    if len(one) < 2:
        return None
    mean = fmean(one)
    spread = math.sqrt(sum((x - mean) ** 2 for x in one) * sum((y - mean) ** 2 for y in other))
    return sum((x - mean) * (y - mean) for x, y in zip(one, other, strict=True)) / spread if spread else None


def flips(orders: Sequence[Sequence[float]]) -> float | None:
    """Of pairs of runs that two judgements both tell apart, the share that these order differently.

    `orders`: by judgement the scores of the same runs. None where no two judgements tell a pair apart.
    """
    told = flipped = 0
    for one, other in combinations(orders, 2):
        for i, j in combinations(range(len(one)), 2):
            both = _sign(one[i], one[j]) * _sign(other[i], other[j])
            told += both != 0
            flipped += both < 0
    return flipped / told if told else None


def reliability(orders: Sequence[Sequence[float]]) -> float | None:
    """How far the mean of these judgements would go with that of as many others: the correlation to be expected.

    `orders`: as in `flips`. None of fewer than two judgements or runs, and where none tells anything apart.
    Source: Cronbach's alpha (1951).
    """
    count = len(orders)
    if count < 2 or len(orders[0]) < 2:
        return None
    apart, whole = sum(map(variance, orders)), variance(map(math.fsum, zip(*orders, strict=True)))
    if not apart:
        return None
    return max(0.0, count / (count - 1) * (1 - apart / whole)) if whole else 0.0


def _sign(one: float, other: float) -> int:
    return (one > other) - (one < other)


def _ranks(values: Sequence[float]) -> list[float]:
    return [sum(other < one for other in values) + (values.count(one) + 1) / 2 for one in values]
