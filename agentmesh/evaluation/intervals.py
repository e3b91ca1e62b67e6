"""Intervals of 95 %: closed forms and exact sums, so that nothing beyond the standard library is needed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

Z = 1.959963984540054
_TAIL = 0.025
_RESAMPLES = 400


@dataclass(frozen=True)
class Estimate:
    """A figure and the bounds of its interval; None where there is nothing to estimate it from, or no finite value."""

    value: float | None
    low: float | None = None
    high: float | None = None

    def to_json(self) -> dict[str, float | None]:
        """For JSON, which knows no infinity."""
        return {"value": _finite(self.value), "low": _finite(self.low), "high": _finite(self.high)}


NOTHING = Estimate(None)


def share(hits: int, of: int) -> Estimate:
    """A share of independent cases. Source: Wilson (1927)."""
    if of == 0:
        return NOTHING
    p = hits / of
    middle = (p + Z * Z / (2 * of)) / (1 + Z * Z / of)
    half = Z * math.sqrt(p * (1 - p) / of + Z * Z / (4 * of * of)) / (1 + Z * Z / of)
    return Estimate(p, max(0.0, middle - half), min(1.0, middle + half))


def rate(count: int, exposure: float) -> Estimate:
    """Events per unit of exposure, if they come independently. Exact for Poisson counts. Source: Garwood (1936)."""
    if exposure <= 0:
        return NOTHING
    low = _solved(lambda mean: 1 - _poisson(count - 1, mean), _TAIL, count) if count else 0.0
    high = _solved(lambda mean: 1 - _poisson(count, mean), 1 - _TAIL, count)
    return Estimate(count / exposure, low / exposure, high / exposure)


def quantile(values: Sequence[float], q: float) -> Estimate:
    """A quantile, between two of the values in order: how many lie below it is binomial. Values may be infinite."""
    n = len(values)
    if n == 0:
        return NOTHING
    ordered = sorted(values)
    low = next(at for at in range(n + 1) if _binomial(at, n, q) > _TAIL)
    high = next(at for at in range(n + 1) if _binomial(at, n, q) >= 1 - _TAIL)
    at = max(0, math.ceil(q * n) - 1)
    return Estimate(ordered[at], ordered[min(low, at)], ordered[min(max(high, at), n - 1)])


def ratio(parts: Sequence[tuple[float, float]], seed: int = 0) -> Estimate:
    """A ratio of sums over runs whose parts hang together: the bootstrap draws whole runs, with this seed."""
    parts = [part for part in parts if part[1]]
    if not parts:
        return NOTHING
    rng = Random(seed)
    drawn = sorted(_ratio(rng.choices(parts, k=len(parts))) for _ in range(_RESAMPLES))
    cut = int(_TAIL * _RESAMPLES)
    return Estimate(_ratio(parts), drawn[cut], drawn[-1 - cut])


def _ratio(parts: Sequence[tuple[float, float]]) -> float:
    return sum(hits for hits, _ in parts) / sum(of for _, of in parts)


def _poisson(most: int, mean: float) -> float:
    """The chance of at most so many events."""
    if most < 0:
        return 0.0
    if mean <= 0:
        return 1.0
    logs = (at * math.log(mean) - mean - math.lgamma(at + 1) for at in range(most + 1))
    return min(1.0, math.fsum(map(math.exp, logs)))


def _binomial(most: int, of: int, p: float) -> float:
    """The chance of at most so many hits."""
    return math.fsum(math.comb(of, at) * p**at * (1 - p) ** (of - at) for at in range(most + 1))


def _solved(rising: Callable[[float], float], target: float, count: int) -> float:
    """Where a rising function of a mean reaches the target."""
    low, high = 0.0, count + 10 + 6 * math.sqrt(count + 1)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < target else (low, middle)
    return (low + high) / 2


def _finite(value: float | None) -> float | None:
    return None if value is None or math.isinf(value) else round(value, 4)
