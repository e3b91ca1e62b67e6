"""A comparison as one file of HTML that loads nothing and runs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agentmesh.evaluation.comparison import MEASURES
from agentmesh.reporting.charts import Bar, chart
from agentmesh.reporting.markup import Markup, element, join, table
from agentmesh.reporting.page import document
from agentmesh.reporting.words import count

Told = Mapping[str, Any]
"""What `Comparison.to_json` gives, or a part of it."""

_HEADLINES = {"team": "A team helps", "solo": "One agent is better", "unclear": "It cannot be told"}
_KINDS = {
    "team": "team",
    "member": "member alone",
    "told_all": "told everything",
    "majority": "majority of samples",
    "best_of": "best of samples",
    "refine": "refining",
}
_FAR: Told = {"difference": float("inf")}
_MOST_RUNS = 2000
"""Runs in the last table; all of them are in the data."""


def comparison_html(told: Told) -> str:
    """The report of a comparison, as `agentmesh compare --json` prints it."""
    teams = [one for one in told["teams"] if one["kind"] == "team"]
    names = {one["name"] for one in teams}
    alone = [pair for pair in told["pairs"] if pair["b"] not in names]
    others = [pair for pair in told["pairs"] if pair["b"] in names]
    chapters = [
        _header(told),
        _chapter("success", "Who is right how often", _SUCCESS, _successes(told), _standings(told["teams"])),
        _chapter("pairs", "Teams beside what one agent can do", _PAIRS, *_pairs(alone)) if alone else None,
        _chapter("between", "The best team beside the others", _BETWEEN, *_between(others)) if others else None,
        _chapter("measures", "What the teams are like", _MEASURES, *_measures(teams)) if _measured(teams) else None,
        _chapter("tasks", "Task by task", _TASKS, _by_task(told)),
        _chapter("runs", "All runs", _runs_lead(told), _runs(told["runs"])),
    ]
    title = f"{_HEADLINES[told['verdict']]}: {told['tasks']}"
    return document(title, chapters, data=dict(told), styles=("report.css", "comparison.css"))


_SUCCESS = (
    "The point is the share of runs that were completed with a right answer, the line its 95 % interval by Wilson. "
    "Teams are bold; all others are one agent with the same limit of tokens."
)
_PAIRS = (
    "How much more often each team is right than the best that one agent did, in points. Intervals come of drawing "
    "tasks anew; p is McNemar's. Above 0 the team is better, below 0 one agent is."
)
_BETWEEN = "How much more often it is right than each other team, in points. No verdict rests on this."
_MEASURES = "Each beside the best member alone. An empty cell has no denominator, or nothing that could be read."
_TASKS = (
    "The share of right runs of each task: where teams and single agents differ, and on which tasks everybody fails."
)


def _header(told: Told) -> Markup:
    facts = (
        f"{told['tasks']}: {count(len({row['task'] for row in told['runs']}), 'task')}, "
        f"{count(told['seeds'], 'seed')}, {count(len(told['runs']), 'run')}, "
        f"each limited to {told['budget_tokens']:,} tokens"
    )
    equal = "The budget was equal for all." if told["equal_budget"] else "The budget was not equal:"
    notes = [element("li", text) for text in [*told["unequal"], *told["remarks"]]]
    state = element(
        "div",
        element("h1", "Comparison"),
        element("p", facts, class_="facts"),
        element("p", element("strong", _HEADLINES[told["verdict"]]), class_="outcome"),
        element("p", told["why"], class_="why"),
        class_=f"state verdict {told['verdict']}",
    )
    return element("header", state, element("p", equal), element("ul", *notes) if notes else None)


def _chapter(place: str, name: str, lead: str, *content: Markup) -> Markup:
    return element("section", element("h2", name), element("p", lead, class_="lead"), *content, id=place)


def _successes(told: Told) -> Markup:
    bars = [
        Bar(one["name"], one["success"], tuple(one["ci"]), _share(one["success"]), strong=one["kind"] == "team")
        for one in told["teams"]
    ]
    return chart("Success with 95 % intervals", bars, 0.0, 1.0)


def _standings(teams: Sequence[Told]) -> Markup:
    head = ("", "what it is", "right", "95 %", "95 % by task", "grade", "tokens", "most", "tokens per success", "USD",
            "USD per success", "calls", "turns", "seconds", "samples")  # fmt: skip
    rows = [
        (
            one["name"], _KINDS[one["kind"]], _share(one["success"]), _range(one["ci"]), _range(one["ci_by_task"]),
            _figure(one["value"]), f"{one['tokens']:,.0f}", f"{one['most_tokens']:,}",
            _figure(one["tokens_per_success"], 0), _usd(one["cost_usd"]), _usd(one["cost_usd_per_success"]),
            _figure(one["model_calls"], 1), _figure(one["turns"], 1), _figure(one["seconds"], 2),
            _figure(one["samples"], 1),
        )
        for one in teams
    ]  # fmt: skip
    return table("Means over runs", head, rows, figures=range(2, len(head)))


def _pairs(pairs: Sequence[Told]) -> Iterable[Markup]:
    nearest: dict[str, Told] = {}
    for pair in pairs:
        if pair["difference"] is not None and pair["difference"] < nearest.get(pair["a"], _FAR)["difference"]:
            nearest[pair["a"]] = pair
    yield _apart(nearest.values())
    yield _all_pairs(pairs, "team", "one agent")


def _between(pairs: Sequence[Told]) -> Iterable[Markup]:
    yield _apart(pairs)
    yield _all_pairs(pairs, "team", "another team")


def _apart(pairs: Iterable[Told]) -> Markup:
    bars = [
        Bar(f"{pair['a']} - {pair['b']}", apart, tuple(pair["ci"]), f"{100 * apart:+.0f}", strong=_is_apart(pair))
        for pair in pairs
        if (apart := pair["difference"]) is not None
    ]
    return chart("Difference in success with 95 % intervals", bars, -1.0, 1.0)


def _all_pairs(pairs: Iterable[Told], one: str, other: str) -> Markup:
    rows = [
        (p["a"], p["b"], _figure(p["difference"], 3), _range(p["ci"]), f"{p['p']:.3g}", str(p["tasks"])) for p in pairs
    ]
    head = (one, other, "difference", "95 %", "p", "tasks")
    return table("All pairs", head, rows, figures=range(2, len(head)))


def _is_apart(pair: Told) -> bool:
    """Whether the interval leaves 0 out."""
    low, high = pair["ci"]
    return low is not None and high is not None and not low <= 0 <= high


def _measured(teams: Sequence[Told]) -> list[str]:
    return [name for name in MEASURES if any(one["measures"].get(name) not in (None, [], {}) for one in teams)]


def _measures(teams: Sequence[Told]) -> Iterable[Markup]:
    shown = _measured(teams)
    head = ("", *(one["name"] for one in teams))
    rows = [(name.replace("_", " "), *(_cell(one["measures"].get(name)) for one in teams)) for name in shown]
    yield table("Measures", head, rows, figures=range(1, len(head)))
    words = [part for name in shown for part in (element("dt", name.replace("_", " ")), element("dd", MEASURES[name]))]
    yield element("details", element("summary", "What they mean"), element("dl", *words, class_="words"))


def _by_task(told: Told) -> Markup:
    names = [one["name"] for one in told["teams"]]
    runs: dict[tuple[str, str], list[bool]] = {}
    for row in told["runs"]:
        runs.setdefault((row["task"], row["team"]), []).append(row["correct"])
    tasks = list(dict.fromkeys(row["task"] for row in told["runs"]))
    rows = [(task, *(_mean(runs.get((task, name))) for name in names)) for task in tasks]
    return table("Share of right runs", ("task", *names), rows, figures=range(1, len(names) + 1))


def _runs(runs: Sequence[Told]) -> Markup:
    head = ("who", "task", "seed", "outcome", "right", "answer", "why", "tokens", "run")
    rows = [
        (
            row["team"], row["task"], str(row["seed"]), row["outcome"] or "waiting", "yes" if row["correct"] else "no",
            _cut(row["answer"] or ""), _cut(row["why"]), f"{row['tokens']:,}", row["run_id"],
        )
        for row in runs[:_MOST_RUNS]
    ]  # fmt: skip
    return element("details", element("summary", "Show them"), table("Runs", head, rows, figures=(2, 7)))


def _runs_lead(told: Told) -> str:
    total = len(told["runs"])
    left = f" {total - _MOST_RUNS:,} more are left out here." if total > _MOST_RUNS else ""
    return f"A run with a journal is looked at with `agentmesh report`.{left}"


def _cell(value: Any) -> Markup | str:
    match value:
        case None:
            return ""
        case list():
            return ", ".join(f"{one:.2f}" for one in value)
        case Mapping():
            return join((element("div", f"{label}: {rate:.2f}") for label, rate in value.items()))
        case int():
            return f"{value:,}"
        case _:
            return f"{value:.2f}"


def _mean(runs: Sequence[bool] | None) -> str:
    return "" if not runs else f"{sum(runs) / len(runs):.2f}"


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"


def _range(ends: Sequence[float | None]) -> str:
    low, high = ends
    return "" if low is None or high is None else f"{low:.2f} to {high:.2f}"


def _figure(value: float | None, digits: int = 2) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def _usd(value: float | None) -> str:
    return "?" if value is None else "0" if value == 0 else f"{value:.4f}"


def _cut(text: str, most: int = 160) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."
