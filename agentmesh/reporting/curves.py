"""Lines with their bands, and marks beside them, over two axes, as SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

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
    return (
        element("figure", element("div", _Drawing(plot).drawn(), class_="picture")) if plot.visible else _nothing(plot)
    )


def _nothing(plot: Plot) -> Markup:
    return element("figure", element("p", f"{plot.caption}: there is nothing to show.", class_="note"))


@dataclass(frozen=True)
class _Label:
    """A name, from where its line comes, and of which class it is."""

    name: str
    x: float
    y: float
    kind: str


class _Drawing:
    """One plot in coordinates."""

    def __init__(self, plot: Plot) -> None:
        self._plot = plot
        self._across, self._up = limits(plot)
        labels = sum(1 for line in plot.lines if self._seen(line)) + len(plot.marks)
        self._high = max(_HIGH, _GAP * labels)

    def drawn(self) -> Markup:
        wide, high = _LEFT + _WIDE + _NAMES, _TOP + self._high + _BELOW
        lines = [part for nth, line in enumerate(self._plot.lines) for part in self._line(line, _kind(nth))]
        marks = [part for mark in self._plot.marks for part in self._mark(mark)]
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
                yield element("path", title, d=self._band(banded), class_=f"band {kind}")
        path = "".join(self._path(run, stepped=line.stepped) for run in runs)
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
        return f"M{x} {y}" + "".join(f"H{x}V{y}" if stepped else f"L{x} {y}" for x, y in rest)

    def _band(self, run: Sequence[At]) -> str:
        there = [f"{number(self._x(at.x))} {number(self._y(at.high or 0))}" for at in run]
        back = [f"{number(self._x(at.x))} {number(self._y(at.low or 0))}" for at in reversed(run)]
        return f"M{'L'.join([*there, *back])}Z"

    def _point(self, name: str, point: At, kind: str) -> Markup:
        said = f"{name}, {self._plot.x} {amount(point.x)}: {self._figures(point)}"
        circle = element("circle", cx=self._x(point.x), cy=self._y(point.y), r=3.2)
        return element("g", element("title", said), circle, class_=f"point {kind}")

    def _mark(self, mark: Mark) -> Iterator[Markup]:
        x, y = self._x(mark.at.x), self._y(mark.at.y)
        corners = " ".join(f"{number(x + a)},{number(y + b)}" for a, b in ((0, -6), (6, 0), (0, 6), (-6, 0)))
        low, high = (mark.at.y if end is None else end for end in (mark.at.low, mark.at.high))
        said = f"{mark.name}, {self._plot.x} {amount(mark.at.x)}: {self._figures(mark.at)}"
        yield element(
            "g", element("title", said),
            element("line", x1=x, x2=x, y1=self._y(low), y2=self._y(high), class_="range"),
            element("polygon", points=corners), class_="mark strong" if mark.strong else "mark",
        )  # fmt: skip

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
            _Label(line.name, self._x(seen[-1].x), self._y(seen[-1].y), f"name {_kind(nth)}")
            for nth, line in enumerate(self._plot.lines)
            if (seen := self._seen(line))
        ]
        given += [
            _Label(mark.name, self._x(mark.at.x), self._y(mark.at.y), "name strong" if mark.strong else "name mark")
            for mark in self._plot.marks
        ]
        places = spread([label.y for label in given], _GAP, _TOP, _TOP + self._high)
        for label, y in zip(given, places, strict=True):
            right = _LEFT + _WIDE
            lead = f"M{number(label.x + 7)} {number(label.y)}H{number(right + 2)}L{right + 14} {number(y)}"
            yield element(
                "g", element("title", label.name), element("path", d=lead, class_="lead-line"),
                element("text", shortened(label.name, _LETTERS), x=right + 18, y=y + 4), class_=label.kind,
            )  # fmt: skip


def _kind(nth: int) -> str:
    return f"c{nth % COLOURS}" + (" again" if nth >= COLOURS else "")
