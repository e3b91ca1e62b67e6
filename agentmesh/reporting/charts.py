"""Points with their intervals, a row each, as SVG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agentmesh.reporting.markup import Markup, element

_ROW, _TOP = 22, 8
_NAME, _PLOT, _FIGURE = 330, 520, 70
_LETTERS = 46
"""Letters of a name that fit."""


@dataclass(frozen=True)
class Bar:
    """One row: a value, the ends of its interval, and how it is written."""

    name: str
    value: float
    ends: tuple[float | None, float | None]
    figure: str
    strong: bool = False


def chart(caption: str, bars: Sequence[Bar], least: float, most: float) -> Markup:
    """Rows from top to bottom, values from `least` to `most` from left to right, with ticks at quarters."""
    height = _TOP + _ROW * len(bars) + 24
    width = _NAME + _PLOT + _FIGURE
    ticks = [least + (most - least) * quarter / 4 for quarter in range(5)]

    def across(value: float) -> float:
        return _NAME + _PLOT * (min(max(value, least), most) - least) / (most - least)

    bottom = _TOP + _ROW * len(bars)
    lines = [_tick(across(tick), tick, bottom) for tick in ticks]
    rows = [_row(bar, _TOP + _ROW * at + _ROW / 2, across, width) for at, bar in enumerate(bars)]
    drawn = element(
        "svg", element("title", caption), *lines, *rows, viewBox=f"0 0 {width} {height}", width=width, height=height,
        role="img", aria_label=caption, class_="chart",
    )  # fmt: skip
    return element("figure", element("div", drawn, class_="picture"))


def _tick(x: float, value: float, bottom: float) -> Markup:
    line = element("line", x1=x, x2=x, y1=_TOP, y2=bottom, class_="tick zero" if value == 0 else "tick")
    return element("g", line, element("text", f"{100 * value:.0f}", x=x, y=bottom + 16, class_="scale"))


def _row(bar: Bar, y: float, across: Callable[[float], float], width: float) -> Markup:
    low, high = (bar.value if end is None else end for end in bar.ends)
    name = bar.name if len(bar.name) <= _LETTERS else f"{bar.name[: _LETTERS - 1]}…"
    told = f"{bar.name}: {bar.figure} [{100 * low:.0f}, {100 * high:.0f}]"
    return element(
        "g",
        element("title", told),
        element("text", name, x=4, y=y + 4),
        element("line", x1=across(low), x2=across(high), y1=y, y2=y, class_="range"),
        element("circle", cx=across(bar.value), cy=y, r=4.5),
        element("text", bar.figure, x=width - 6, y=y + 4, class_="figure"),
        class_="team" if bar.strong else None,
    )
