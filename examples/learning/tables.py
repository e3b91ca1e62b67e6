"""The figures as the tables of the page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

Figures = dict[str, Any]


def tables(figures: Figures) -> dict[str, str]:
    """By name: Markdown."""
    return {"arms": _arms(figures), "norms": _norms(figures), "cases": _cases(figures), "races": _races(figures)}


def _arms(figures: Figures) -> str:
    seeds, main = figures["seeds"], next(iter(figures["cases"].values()))
    return _table(
        ("normaliser", "reward at the end", "lowest seed", "right", f"of {seeds} seeds without a searcher"),
        (
            (
                f"`{mode}`",
                _interval(one["reward"]),
                f"{one['lowest']:.2f}",
                _interval(one["right"]),
                str(one["without"]),
            )
            for mode, one in main.items()
        ),
    )


def _norms(figures: Figures) -> str:
    main = next(iter(figures["cases"].values()))
    return _table(
        ("agent", "normaliser", "norm, median", "norm, 99th percentile", "`global` I_k, mean", "highest"),
        (
            (
                agent, f"`{mode}`", f"{main[mode]['norm_median'][at]:.3f}", f"{main[mode]['norm_p99'][at]:.2f}",
                f"{main[mode]['inflation'][at]:.2f}", f"{main[mode]['inflation_highest'][at]:.2f}",
            )
            for at, agent in enumerate(figures["agents"])
            for mode in ("global", "per_agent")
        ),
    )  # fmt: skip


def _cases(figures: Figures) -> str:
    searcher = figures["agents"].index("searcher")

    def row(case: str, arms: Figures) -> Iterable[str]:
        shared, own = arms["global"], arms["per_agent"]
        yield case
        yield f"{shared['norm_p99'][searcher]:.2f}, {own['norm_p99'][searcher]:.2f}"
        yield f"{shared['reward'][0]:.3f}, {own['reward'][0]:.3f}"
        yield _interval(own["gain"], signed=True)
        yield f"{shared['without']}, {own['without']}"

    head = (
        "case",
        "norm of the searcher, 99th percentile",
        "reward",
        "gain of `per_agent`",
        "seeds without a searcher",
    )
    return _table(head, (tuple(row(case, arms)) for case, arms in figures["cases"].items()))


def _races(figures: Figures) -> str:
    return _table(
        ("paid in", "races finished", "seeds that finish", "points", "races with a finding"),
        (
            (
                name, _interval(one["finished"]), f"{one['seeds_that_finish']} of {figures['seeds']}",
                f"{one['points'][0]:.1f}", _interval(one["found"]),
            )
            for name, one in figures["races"].items()
        ),
    )  # fmt: skip


def _interval(estimate: Sequence[float], *, signed: bool = False) -> str:
    value, low, high = (f"{each:+.3f}" if signed else f"{each:.3f}" for each in estimate)
    return f"{value} ({low} to {high})"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
