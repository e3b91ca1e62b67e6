"""The plots of learning as files: .png or .svg, drawn by matplotlib (extra `plots`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import log10
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentmesh.errors import ConfigError, MissingExtra
from agentmesh.reporting import series
from agentmesh.reporting.family import Descent, Family, Member, family_of
from agentmesh.reporting.series import Arms, Plot, Told
from agentmesh.reporting.words import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SUFFIXES = (".png", ".svg")
_COLOURS = ("#2f5fb8", "#c2410c", "#0b7a4b", "#7c3aed", "#b3246b", "#0b7285")
_GOLD, _SOFT, _EDGE, _LINE = "#c77700", "#5b6576", "#64748b", "#d5dbe5"
_STYLE: Mapping[Any, Any] = {
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _SOFT,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": "medium",
    "figure.constrained_layout.w_pad": 0.12,
    "font.size": 10.0,
    "grid.color": _LINE,
    "grid.linestyle": ":",
    "savefig.dpi": 150,
    "svg.fonttype": "none",
    "svg.hashsalt": "agentmesh",
    "text.parse_math": False,
    "xtick.color": _SOFT,
    "ytick.color": _SOFT,
}
"""Names are what they are, `$` and all, and stay text in an SVG; the same figures make the same file."""
_WIDE, _HIGH = 9.0, 4.2
"""Of a picture, in inches."""
_GAP = 0.06
"""Between the labels of two lines, in heights of the plot."""
_LETTERS = 26
_FEW = 40
"""Points that are drawn one by one."""
_BOX, _ACROSS = 0.62, 1.25
"""How wide somebody is in a lineage, and how far from one generation to the next."""

Evolution = Any
"""What `evolve` returns, or its JSON."""


def learning_curve(
    given: Arms | Evolution, path: str | Path, *, title: str = "Reward", x: str = "update", y: str = "reward"
) -> None:
    """Rewards of each arm, a row for each seed; or success by generation of an evolution.

    Raises: ConfigError, MissingExtra.
    """
    told = _told(given)
    plot = series.progress(told) if "generations" in told else series.rewards(told, title, x, y)
    _curves([plot], path)


def gradient_norms(by_agent: Mapping[str, Arms], path: str | Path) -> None:
    """A panel for each agent, with a row for each seed of each arm. Raises: ConfigError, MissingExtra."""
    _curves([series.norms(agent, arms) for agent, arms in by_agent.items()], path)


def quality_against_budget(evolution: Evolution, path: str | Path) -> None:
    """The champion by tokens spent, and what had as many beside it. Raises: ConfigError, MissingExtra."""
    _curves([series.quality(_told(evolution))], path)


def diversity(evolution: Evolution, path: str | Path) -> None:
    """The Vendi score of each generation. Raises: ConfigError, MissingExtra."""
    _curves([series.diversity(_told(evolution))], path)


def lineage(evolution: Evolution, path: str | Path) -> None:
    """Who comes from whom, and the champion's line. Raises: ConfigError, MissingExtra."""
    family = family_of(_told(evolution))
    columns = max(len(family.generations), 1)

    def draw(figure: Figure) -> None:
        _family(figure.subplots(), family)

    _saved(draw, path, 1.0 + 1.7 * columns, 1.4 + 0.27 * max(family.rows, 4))


def _told(given: Any) -> Told:
    return given if isinstance(given, Mapping) else dict(given.to_json())


def _curves(plots: list[Plot], path: str | Path) -> None:
    def draw(figure: Figure) -> None:
        for axes, plot in zip(figure.subplots(len(plots), squeeze=False)[:, 0], plots, strict=True):
            _plot(axes, plot)

    _saved(draw, path, _WIDE, _HIGH * len(plots))


def _saved(draw: Callable[[Figure], None], path: str | Path, wide: float, high: float) -> None:
    """A new figure, drawn and written. It belongs to no window and to no state of matplotlib."""
    target = Path(path)
    if target.suffix.lower() not in _SUFFIXES:
        raise ConfigError(f"a plot is written as {' or '.join(_SUFFIXES)}, not as '{target.suffix}'", str(path))
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("a plot as a file", "plots") from error
    with rc_context(dict(_STYLE)):
        figure = Figure(figsize=(wide, high), layout="constrained")
        draw(figure)
        try:
            figure.savefig(target, metadata={"Date": None} if target.suffix.lower() == ".svg" else None)
        except OSError as error:
            raise ConfigError(f"the plot cannot be written there: {error.strerror or error}", str(path)) from error


def _plot(axes: Axes, plot: Plot) -> None:
    axes.set_title(plot.caption, loc="left", wrap=True)
    if not plot.visible:
        axes.text(0.5, 0.5, "There is nothing to show.", ha="center", transform=axes.transAxes)
        axes.set_axis_off()
        return
    across, up = series.limits(plot)
    if plot.log:
        axes.set_yscale("log")
    axes.set_xlim(across[0], across[-1])
    axes.set_ylim(up[0], up[-1])
    axes.set_xticks(across, [series.amount(value) for value in across])
    axes.set_yticks(up, [plot.written(value) for value in up])
    axes.minorticks_off()
    axes.grid(axis="y")
    axes.set_xlabel(plot.x)
    axes.set_ylabel(plot.y)
    ends = [*_lines(axes, plot), *_marks(axes, plot)]
    _named(axes, plot, ends, (up[0], up[-1]))


Ending = tuple[str, float, float, str, bool]
"""A name, where its line ends, its colour, and whether it is strong."""


def _lines(axes: Axes, plot: Plot) -> list[Ending]:
    ends: list[Ending] = []
    for nth, line in enumerate(plot.lines):
        colour, dashes = _COLOURS[nth % len(_COLOURS)], "--" if nth >= len(_COLOURS) else "-"
        xs = [point.x for point in line.points]
        ys = [point.y if plot.shown(point.y) else float("nan") for point in line.points]
        shown = [point for point in line.points if plot.shown(point.y)]
        if not shown:
            continue
        kind: Any = {"clip_on": False, **({"drawstyle": "steps-post"} if line.stepped else {})}
        if line.strong:
            axes.plot(xs, ys, color=_GOLD, alpha=0.4, linewidth=7, **kind)
        signs: Any = {"marker": "o", "markersize": 4} if len(shown) <= _FEW else {}
        axes.plot(xs, ys, color=colour, linestyle=dashes, linewidth=1.6, gid=f"line-{nth}", **signs, **kind)
        nan = float("nan")
        lows, highs = ([nan if end is None else end for end in ends_] for ends_ in _ends(line))
        axes.fill_between(xs, lows, highs, color=colour, alpha=0.15, linewidth=0)
        ends.append((line.name, shown[-1].x, shown[-1].y, colour, line.strong))
    return ends


def _ends(line: series.Line) -> tuple[list[float | None], list[float | None]]:
    return [point.low for point in line.points], [point.high for point in line.points]


def _marks(axes: Axes, plot: Plot) -> list[Ending]:
    ends: list[Ending] = []
    nth = len(plot.lines)
    for mark in plot.marks:
        at = mark.at
        colour = _GOLD if mark.strong else _COLOURS[nth % len(_COLOURS)]
        nth += not mark.strong
        low, high = (at.y if end is None else end for end in (at.low, at.high))
        axes.plot([at.x, at.x], [low, high], color=colour, alpha=0.7, linewidth=1.4, clip_on=False)
        axes.plot([at.x], [at.y], color=colour, marker="D", markersize=6, markeredgecolor="white", clip_on=False)
        ends.append((mark.name, at.x, at.y, colour, mark.strong))
    return ends


def _named(axes: Axes, plot: Plot, ends: list[Ending], up: tuple[float, float]) -> None:
    """Names at the right, in the colour of what they name, each with a thin line to it."""
    scale: Callable[[float], float] = log10 if plot.log else float
    least, most = map(scale, up)
    heights = [(scale(y) - least) / (most - least) for _, _, y, _, _ in ends]
    places = series.spread(heights, _GAP, 0.0, 1.0)
    for (name, x, y, colour, strong), place in zip(ends, places, strict=True):
        axes.annotate(
            shortened(name, _LETTERS), (x, y), (1.03, place), xycoords="data", textcoords="axes fraction",
            va="center", color=colour, fontsize="small", weight="bold" if strong else "normal", annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "alpha": 0.35, "linestyle": ":", "shrinkB": 4},
        )  # fmt: skip


def _family(axes: Axes, family: Family) -> None:
    axes.set_axis_off()
    axes.set_title(f"Lineage of {family.champion}", loc="left")
    if not family.members:
        axes.text(0.5, 0.5, "There is nothing to show.", ha="center", transform=axes.transAxes)
        return
    ways = {how: nth for nth, how in enumerate(family.ways)}
    for descent in sorted(family.descents, key=lambda one: (one.own, one.main)):
        _descent(axes, descent, _colour(descent.how, ways))
    for member in family.members:
        _member(axes, member, champion=member.name == family.champion)
    for at, number in enumerate(family.generations):
        axes.text(_ACROSS * at, -1.0, f"generation {number}", color=_SOFT, fontsize="small")
    axes.set_xlim(-0.3, _ACROSS * (len(family.generations) - 1) + _BOX + 0.1)
    axes.set_ylim(max(family.rows, 4) - 0.4, -1.6)
    _family_legend(axes, family, ways)


def _family_legend(axes: Axes, family: Family, ways: Mapping[str, int]) -> None:
    from matplotlib.patches import Rectangle

    signs: list[Any] = [axes.plot([], [], color=_GOLD, linewidth=5, alpha=0.5)[0]]
    signs += [axes.plot([], [], color=_colour(how, ways), linestyle=_dashes(how))[0] for how in ways]
    names = ["the champion's line", *(f"{how}: {times:,}" for how, times in family.ways.items())]
    if without := sum(not member.parents for member in family.members):
        signs.append(Rectangle((0, 0), 1, 1, fill=False, edgecolor=_EDGE, linestyle="--"))
        names.append(f"without parents: {without:,}")
    axes.legend(
        signs, names, loc="upper left", bbox_to_anchor=(0, 0), ncols=3, frameon=False, fontsize="small"
    )  # fmt: skip


def _colour(how: str, ways: Mapping[str, int]) -> str:
    return _SOFT if how == "kept" else _COLOURS[ways[how] % len(_COLOURS)]


def _dashes(how: str) -> str:
    return "--" if how == "kept" else "-"


def _descent(axes: Axes, descent: Descent, colour: str) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Outline

    parent, child = descent.parent, descent.child
    beside = parent.column == child.column
    x, to_x = _ACROSS * parent.column + (0 if beside else _BOX), _ACROSS * child.column
    bend, to_bend = (x - 0.25, to_x - 0.25) if beside else ((x + to_x) / 2,) * 2
    corners = [(x, parent.row), (bend, parent.row), (to_bend, child.row), (to_x, child.row)]
    curve = Outline(corners, [Outline.MOVETO, Outline.CURVE4, Outline.CURVE4, Outline.CURVE4])
    if descent.main:
        axes.add_patch(PathPatch(curve, fill=False, edgecolor=_GOLD, linewidth=6, alpha=0.5))
    strength: Any = {"linewidth": 1.4, "alpha": 0.85} if descent.own else {"linewidth": 0.7, "alpha": 0.25}
    axes.add_patch(PathPatch(curve, fill=False, edgecolor=colour, linestyle=_dashes(descent.how), **strength))


def _member(axes: Axes, member: Member, *, champion: bool) -> None:
    from matplotlib.patches import Rectangle

    x, y = _ACROSS * member.column, member.row - 0.36
    edge: Any = {"edgecolor": _GOLD, "linewidth": 3 if champion else 1.8} if member.main else {"edgecolor": _EDGE}
    dashes = "-" if member.parents else "--"
    axes.add_patch(Rectangle((x, y), _BOX, 0.72, facecolor="white", zorder=2))
    shade = (0.184, 0.373, 0.722, 0.05 + 0.4 * min(max(member.success, 0.0), 1.0))
    axes.add_patch(Rectangle((x, y), _BOX, 0.72, facecolor=shade, linestyle=dashes, zorder=3, **edge))
    said: Any = {"va": "center_baseline", "fontsize": 8, "weight": "bold" if champion else "normal", "zorder": 4}
    axes.text(x + 0.03, member.row, shortened(member.name, 9), ha="left", **said)
    axes.text(x + _BOX - 0.03, member.row, f"{100 * member.success:.0f} %", ha="right", **said)
