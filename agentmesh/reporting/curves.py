"""Lines with their bands, and marks beside them, over two axes, as SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from agentmesh.reporting.markup import Markup, element, number
from agentmesh.reporting.series import At, Line, Mark, Plot, amount, limits, spread
from agentmesh.reporting.words import shortened

_LEFT, _WIDE, _NAMES = 56, 640, 220
_TOP, _HIGH, _BELOW = 30, 260, 44
_GAP = 16
"""Between the labels of two lines."""
_LETTERS = 30
"""Letters of a label that fit."""
_FEW = 40
"""Points of a line that are drawn one by one."""
COLOURS = 6
"""Of lines; then they come again, dashed."""


def curves(plot: Plot) -> Markup:
    """A figure; each line and each mark is named at its right."""
    caption = element("figcaption", element("b", plot.caption))
    if not plot.visible:
        return element("figure", caption, element("p", "There is nothing to show.", class_="note"))
    return element("figure", caption, element("div", _Drawing(plot).drawn(), class_="picture"))


@dataclass(frozen=True)
class _Label:
    """A name, with a sign of what it names and a thin line to where that ends."""

    name: str
    x: float
    y: float
    kind: str
    strong: bool

    def drawn(self, y: float) -> Markup:
        """At the right of the picture, at this height."""
        right = _LEFT + _WIDE
        lead = f"M{number(self.x + 7)} {number(self.y)}H{number(max(right, self.x + 7))}L{right + 14} {number(y)}"
        stroke = element("path", d=f"M{right + 16} {number(y)}h14", fill="none")
        sign = _diamond(right + 23, y, 5) if self.kind.startswith("mark") else stroke
        return element(
            "g", element("title", self.name), element("path", d=lead, class_="lead-line"),
            element("g", sign, class_=self.kind),
            element("text", shortened(self.name, _LETTERS), x=right + 36, y=y + 4),
            class_="name strong" if self.strong else "name",
        )  # fmt: skip


class _Drawing:
    """One plot in coordinates."""

    def __init__(self, plot: Plot) -> None:
        self._plot = plot
        self._across, self._up = limits(plot)
        self._lines = [(line, _kind(nth)) for nth, line in enumerate(plot.lines)]
        marks = [mark for mark in plot.marks if plot.shown(mark.at.y)]
        nth = count(len(plot.lines))
        self._marks = [(mark, "own" if mark.strong else _kind(next(nth))) for mark in marks]
        self._high = max(_HIGH, _GAP * (len(self._lines) + len(marks)))

    def drawn(self) -> Markup:
        wide, high = _LEFT + _WIDE + _NAMES, _TOP + self._high + _BELOW
        lines = [part for line, kind in self._lines for part in self._line(line, kind)]
        marks = [self._mark(mark, kind) for mark, kind in self._marks]
        caption = self._plot.caption
        return element(
            "svg", element("title", caption), *self._axes(), *lines, *marks, *self._labels(),
            viewBox=f"0 0 {wide} {high}", width=wide, height=high, role="img", aria_label=caption,
            class_="chart curves",
        )  # fmt: skip

    def _x(self, value: float) -> float:
        least, most = self._across[0], self._across[-1]
        return _LEFT + _WIDE * (value - least) / (most - least)

    def _y(self, value: float) -> float:
        scale: Callable[[float], float] = math.log10 if self._plot.log else float
        least, most = scale(self._up[0]), scale(self._up[-1])
        if not self._plot.shown(value):
            return _TOP + self._high
        return _TOP + self._high * (1 - (scale(value) - least) / (most - least))

    def _axes(self) -> Iterator[Markup]:
        bottom = _TOP + self._high
        for value in self._up:
            y = self._y(value)
            yield element("line", x1=_LEFT, x2=_LEFT + _WIDE, y1=y, y2=y, class_="tick")
            yield element("text", self._plot.written(value), x=_LEFT - 8, y=y + 4, class_="scale up")
        for value in self._across:
            x = self._x(value)
            yield element("line", x1=x, x2=x, y1=bottom, y2=bottom + 4, class_="axis")
            yield element("text", amount(value), x=x, y=bottom + 17, class_="scale")
        yield element("line", x1=_LEFT, x2=_LEFT + _WIDE, y1=bottom, y2=bottom, class_="axis")
        yield element("text", self._plot.y, x=4, y=14, class_="of")
        yield element("text", self._plot.x, x=_LEFT + _WIDE / 2, y=bottom + 36, class_="of across")

    def _line(self, line: Line, kind: str) -> Iterator[Markup]:
        runs = list(self._runs(line.points))
        title = element("title", f"{line.name}: {self._told(line)}")
        for run in runs:
            if len(banded := [point for point in run if point.low is not None and point.high is not None]) > 1:
                yield element("g", title, element("path", d=self._band(banded)), class_=f"band {kind}")
        path = "".join(self._path(run, stepped=line.stepped) for run in runs)
        if line.strong:
            yield element("path", d=path, class_="halo")
        yield element("g", title, element("path", d=path, fill="none"), class_=f"line {kind}")
        if sum(map(len, runs)) <= _FEW:
            yield from (self._point(line.name, point, kind) for run in runs for point in run)

    def _runs(self, points: Sequence[At]) -> Iterator[list[At]]:
        """Stretches without a gap."""
        run: list[At] = []
        for point in points:
            if self._plot.shown(point.y):
                run.append(point)
            elif run:
                yield run
                run = []
        if run:
            yield run

    def _path(self, run: Sequence[At], *, stepped: bool) -> str:
        places = [(number(self._x(point.x)), number(self._y(point.y))) for point in run]
        (x, y), *rest = places
        return f"M{x} {y}" + ("" if rest else "h0") + "".join(f"H{x}V{y}" if stepped else f"L{x} {y}" for x, y in rest)

    def _band(self, run: Sequence[At]) -> str:
        there = [f"{number(self._x(at.x))} {number(self._y(at.high or 0))}" for at in run]
        back = [f"{number(self._x(at.x))} {number(self._y(at.low or 0))}" for at in reversed(run)]
        return f"M{'L'.join([*there, *back])}Z"

    def _point(self, name: str, point: At, kind: str) -> Markup:
        said = f"{name}, {self._plot.x} {amount(point.x)}: {self._figures(point)}"
        circle = element("circle", cx=self._x(point.x), cy=self._y(point.y), r=3.2)
        return element("g", element("title", said), circle, class_=f"point {kind}")

    def _mark(self, mark: Mark, kind: str) -> Markup:
        x, y = self._x(mark.at.x), self._y(mark.at.y)
        low, high = (mark.at.y if end is None else end for end in (mark.at.low, mark.at.high))
        said = f"{mark.name}, {self._plot.x} {amount(mark.at.x)}: {self._figures(mark.at)}"
        span = element("line", x1=x, x2=x, y1=self._y(low), y2=self._y(high), class_="range")
        return element("g", element("title", said), span, _diamond(x, y, 6), class_=f"mark {kind}")

    def _figures(self, point: At) -> str:
        written = self._plot.written
        ends = "" if point.low is None or point.high is None else f" [{written(point.low)}, {written(point.high)}]"
        return f"{written(point.y)}{ends}"

    def _told(self, line: Line) -> str:
        seen = self._seen(line)
        if not seen:
            return "nothing to show"
        return f"from {self._figures(seen[0])} to {self._figures(seen[-1])}"

    def _seen(self, line: Line) -> list[At]:
        return [point for point in line.points if self._plot.shown(point.y)]

    def _labels(self) -> Iterator[Markup]:
        given = [
            _Label(line.name, self._x(seen[-1].x), self._y(seen[-1].y), f"line {kind}", strong=line.strong)
            for line, kind in self._lines
            if (seen := self._seen(line))
        ]
        given += [
            _Label(mark.name, self._x(mark.at.x), self._y(mark.at.y), f"mark {kind}", strong=mark.strong)
            for mark, kind in self._marks
        ]
        places = spread([label.y for label in given], _GAP, _TOP, _TOP + self._high)
        return (label.drawn(y) for label, y in zip(given, places, strict=True))


def _diamond(x: float, y: float, half: float) -> Markup:
    corners = ((0, -half), (half, 0), (0, half), (-half, 0))
    return element("polygon", points=" ".join(f"{number(x + a)},{number(y + b)}" for a, b in corners))


def _kind(nth: int) -> str:
    return f"c{nth % COLOURS}" + (" again" if nth >= COLOURS else "")
