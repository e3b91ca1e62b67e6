"""What the plots of learning show, before it is decided who draws them: lines, bands and marks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from statistics import fmean, quantiles
from typing import Any, NamedTuple

Told = Mapping[str, Any]
"""What `Evolution.to_json` gives, or a part of it."""
Arms = Mapping[str, Iterable[Iterable[float]]]
"""By name, such as that of a normaliser: a row of values for each seed."""


class At(NamedTuple):
    """A point, and the ends of its band or interval."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Line:
    """Points from left to right. `stepped`: each holds until the next. `strong`: others are seen against it."""

    name: str
    points: tuple[At, ...]
    stepped: bool = False
    strong: bool = False


@dataclass(frozen=True)
class Mark:
    """A single point beside the lines."""

    name: str
    at: At
    strong: bool = False


@dataclass(frozen=True)
class Plot:
    """One picture. `share`: values are from 0 to 1, and written in percent. `from_zero`: the axis of values has 0."""

    caption: str
    x: str
    y: str
    lines: tuple[Line, ...] = ()
    marks: tuple[Mark, ...] = ()
    share: bool = False
    log: bool = False
    from_zero: bool = False

    def shown(self, value: float) -> bool:
        """Whether a value has a place: on a scale of powers nothing below 0 has one."""
        return math.isfinite(value) and (value > 0 or not self.log)

    @property
    def visible(self) -> list[At]:
        """All points that have a place."""
        given = [point for line in self.lines for point in line.points] + [mark.at for mark in self.marks]
        return [point for point in given if self.shown(point.y)]

    def written(self, value: float) -> str:
        """A value as axes and labels say it."""
        return f"{100 * value:.0f} %" if self.share else amount(value)


def amount(value: float) -> str:
    """A number in few characters: `0.25`, `12`, `250k`, `1.5M`."""
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= unit * (1 if unit > 1e3 else 10):
            return f"{value / unit:.3g}{letter}"
    return f"{value:.3g}" if abs(value) < 1e3 else f"{value:.0f}"


RESIDUE = 1e-9
"""A gradient norm up to this is what rounding leaves of a sum that is 0."""


def over_seeds(name: str, rows: Iterable[Iterable[float]]) -> Line:
    """The mean of all seeds that come so far, with the band from their 10th to their 90th percentile."""
    points = []
    for at, column in enumerate(zip_longest(*rows)):
        values = [float(value) for value in column if value is not None and math.isfinite(value)]
        tenths = quantiles(values, n=10, method="inclusive") if len(values) > 1 else None
        ends = (None, None) if tenths is None else (tenths[0], tenths[-1])
        points.append(At(at, fmean(values) if values else math.nan, *ends))
    return Line(name, tuple(points))


def rewards(arms: Arms, caption: str = "Reward", x: str = "update", y: str = "reward") -> Plot:
    """A line for each arm."""
    return Plot(caption, x, y, tuple(over_seeds(name, rows) for name, rows in arms.items()))


def norms(agent: str, arms: Arms) -> Plot:
    """Gradient norms of one agent, a line for each arm; where it did not act, or nothing differed, there is none."""
    lines = tuple(
        over_seeds(name, [[value if value > RESIDUE else math.nan for value in row] for row in rows])
        for name, rows in arms.items()
    )
    return Plot(f"Gradient norm of {agent}", "update", "norm", lines, log=True)


def progress(told: Told) -> Plot:
    """How often teams of each generation are right: the best, the mean with the middle of all, and the champion."""
    at = [one["generation"] for one in told["generations"]]
    each = [[member["success"] for member in one["individuals"]] for one in told["generations"]]
    mean = over_seeds("mean", zip_longest(*each, fillvalue=math.nan)).points
    lines = (
        Line("champion", tuple(map(At, at, champions(told))), strong=True),
        Line("best", tuple(At(x, one["best"]) for x, one in zip(at, told["generations"], strict=True))),
        Line("mean", tuple(point._replace(x=x) for x, point in zip(at, mean, strict=True))),
    )
    return Plot("Success by generation, on tasks of selection", "generation", "right runs", lines, share=True)


def champions(told: Told) -> list[float]:
    """What the champion of each generation was worth, as it was measured where it was born."""
    success = {member["name"]: member["success"] for one in told["generations"] for member in one["individuals"]}
    return [success[one["champion"]] for one in told["generations"]]


def diversity(told: Told) -> Plot:
    """How many different teams each generation comes to."""
    kinds = {"by what is written": "vendi", "by what is answered": "vendi_answers"}
    lines = tuple(
        Line(name, tuple(At(one["generation"], one[key]) for one in told["generations"] if key in one))
        for name, key in kinds.items()
    )
    return Plot("Vendi score by generation", "generation", "different teams", lines, from_zero=True)


def quality(told: Told) -> Plot:
    """The champion so far by what was spent until then, and on held-out tasks everybody who had as much."""
    spent = [one["spent"] for one in told["generations"]]
    line = Line("champion so far", tuple(map(At, spent, champions(told))), stepped=True, strong=True)
    held_out = told["held_out"]
    sides = [(held_out["champion"], True), *((one, False) for one in told["baselines"])]
    marks = [Mark(one["name"], At(one["spent"], one["success"], *one["ci"]), strong) for one, strong in sides]
    start = held_out["as_written"]
    marks.append(Mark(start["name"], At(0, start["success"], *start["ci"])))
    caption = "Success by tokens spent: the line on tasks of selection, marks on held-out tasks with 95 % intervals"
    return Plot(caption, "tokens spent", "right runs", (line,), tuple(marks), share=True)


def limits(plot: Plot) -> tuple[list[float], list[float]]:
    """The ticks of both axes, which begin and end with one. There has to be a visible point."""
    points = plot.visible
    across = [point.x for point in points]
    whole = all(float(x).is_integer() for x in across)
    level = ticks(min(across), max(across), finest=1.0 if whole else 0.0)
    if plot.share:
        return level, [quarter / 4 for quarter in range(5)]
    ends = [end for point in points for end in (point.y, point.low, point.high) if end is not None and plot.shown(end)]
    if plot.log:
        return level, _powers(min(ends), max(ends))
    return level, ticks(min([*ends, 0.0] if plot.from_zero else ends), max(ends))


def ticks(least: float, most: float, finest: float = 0.0) -> list[float]:
    """Round values, not finer than so, the first at or below `least` and the last at or above `most`."""
    step = max(_step(most - least), finest)
    first, last = math.floor(least / step + _SLACK), math.ceil(most / step - _SLACK)
    return [round(nth * step, 12) for nth in range(first, max(last, first + 1) + 1)]


_SLACK = 1e-9
_TICKS = 6


def _step(wide: float) -> float:
    """1, 2 or 5 times a power of ten, at most six of which make up the width."""
    if wide <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(wide / _TICKS))
    return next(power * times for times in (1, 2, 5, 10) if power * times * _TICKS >= wide * (1 - _SLACK))


def _powers(least: float, most: float) -> list[float]:
    first, last = math.floor(math.log10(least) + _SLACK), math.ceil(math.log10(most) - _SLACK)
    return [10.0**power for power in range(first, max(last, first + 1) + 1)]


def spread(wanted: list[float], gap: float, least: float, most: float) -> list[float]:
    """Places for labels, each at least `gap` from the next and as near as it can be to where it is wanted.

    They keep within the ends if there is room for all.
    """
    order = sorted(range(len(wanted)), key=lambda at: wanted[at])
    placed: dict[int, float] = {}
    edge = least
    for at in order:
        placed[at] = max(wanted[at], edge)
        edge = placed[at] + gap
    edge = most
    for at in reversed(order):
        if placed[at] <= edge:
            break
        placed[at] = edge
        edge -= gap
    return [placed[at] for at in range(len(wanted))]
