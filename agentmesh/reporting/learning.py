"""What was learned as one file of HTML that loads nothing and runs nothing: an evolution, a training, or both."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence

from agentmesh.reporting import series
from agentmesh.reporting.curves import curves
from agentmesh.reporting.family import Family, family_of
from agentmesh.reporting.markup import Markup, element, table
from agentmesh.reporting.page import document
from agentmesh.reporting.pedigree import pedigree
from agentmesh.reporting.series import Arms, Plot, Told
from agentmesh.reporting.words import count

_STYLES = ("report.css", "comparison.css", "learning.css")
_MOST = 2000
"""Individuals in the last table; all of them are in the data."""
_SEEDS = "Each line is the mean of all seeds, the band around it reaches from their 10th to their 90th percentile."
_BUDGET = (
    "The line is what the champion was worth on tasks of selection when so many tokens had been spent. Marks are what "
    "everybody is worth on held-out tasks that evolution has not seen, with their 95 % intervals, at the tokens they "
    "used of equal shares. Only marks are to be compared with marks."
)
_PROGRESS = (
    "How many tasks of selection teams of each generation solve. The band reaches from the 10th to the 90th percentile "
    "of the generation. The champion changes only where somebody is better beyond noise, or is so again with "
    "another seed."
)
_DIVERSITY = "How many different teams a generation comes to, from 1 to its size, by what is written and by answers."
_LINEAGE = (
    "A column for each generation, the best at its top, the darker the more often right. Lines lead from parents to "
    "children, and have the colour of what made the child; those that lead to the champion are stronger."
)


def learning_page(
    told: Told | None = None, *, rewards: Arms | None = None, norms: Mapping[str, Arms] | None = None
) -> str:
    """The report of an evolution, as `agentmesh evolve --json` prints it, and of what training showed.

    `rewards`: by name of the arm, a row for each seed. `norms`: by agent the same of the norms of its gradients.
    """
    given = _listed(rewards or {})
    by_agent = {agent: _listed(arms) for agent, arms in (norms or {}).items()}
    chapters = [*_evolved(told)] if told else [element("header", element("h1", "Learning"))]
    if given:
        chapters.append(_chapter("rewards", "Learning curves", _SEEDS, *_arms([series.rewards(given)])))
    if by_agent:
        plots = [series.norms(agent, arms) for agent, arms in by_agent.items()]
        chapters.append(_chapter("norms", "Gradient norms", _SEEDS, *_arms(plots)))
    data = {
        **({"evolution": told} if told else {}),
        "rewards": _finite(given),
        "norms": {agent: _finite(arms) for agent, arms in by_agent.items()},
    }
    title = f"{told['best']['name']}: evolution" if told else "Learning"
    return document(title, chapters, data=data, styles=_STYLES)


def _evolved(told: Told) -> Iterator[Markup]:
    family = family_of(told)
    yield _header(told)
    yield _chapter("budget", "Quality against budget", _BUDGET, curves(series.quality(told)), _sides(told))
    yield _chapter("progress", "Generations", _PROGRESS, curves(series.progress(told)), _generations(told))
    yield _chapter("diversity", "Diversity", _DIVERSITY, curves(series.diversity(told)))
    yield _chapter("lineage", "Lineage", _LINEAGE, pedigree(family), _line(told, family), _everybody(told))
    yield _chapter("best", "The best team", "As a file that runs.", element("pre", told["best"]["yaml"]))


def _header(told: Told) -> Markup:
    best, held_out, ledger = told["best"], told["held_out"], told["ledger"]
    facts = (
        f"{told['operator']}, a population of {told['population']}, {count(len(told['generations']), 'generation')}, "
        f"{count(told['seeds'], 'seed')}, {count(told['tasks'], 'task')} of selection and {held_out['tasks']} held "
        f"out; {ledger['spent']:,} of {ledger['limit']:,} tokens used"
    )
    return element(
        "header",
        element(
            "div", element("h1", "Evolution"), element("p", facts, class_="facts"),
            element("p", element("strong", best["name"]), _worth(told), class_="outcome"),
            element("p", f"Why: {best['why']}", class_="why") if best["why"] else None,
            class_=f"state verdict {'team' if told['beats_baselines'] and not _by_chance(told) else 'unclear'}",
        ),
        element("ul", *(element("li", text) for text in (told["ended"], *told["remarks"]))),
    )  # fmt: skip


def _worth(told: Told) -> str:
    """What the champion is worth beside its best rival, in words."""
    best, start = (told["held_out"][key] for key in ("champion", "as_written"))
    said = f"is right on {_share(best['success'])} of held-out tasks, the team as written on {_share(start['success'])}"
    if told["baselines"]:
        rival = _rival(told)
        said += f", {rival['name']} with an equal share of tokens on {_share(rival['success'])}"
    return f"{said}, which may be chance" if _by_chance(told) else said


def _rival(told: Told) -> Told:
    """Whom the champion is held against: the best of what had as much, or the team as it is written."""
    start = {**told["held_out"]["as_written"], "difference": told["held_out"]["gain"]}
    return max(told["baselines"], key=lambda one: float(one["success"]), default=start)


def _by_chance(told: Told) -> bool:
    """Whether the champion is ahead of its rival by no more than chance can do."""
    rival = _rival(told)
    ahead = told["held_out"]["champion"]["success"] > rival["success"]
    return ahead and not (rival["difference"]["low"] or 0.0) > 0


def _chapter(place: str, name: str, lead: str, *content: Markup) -> Markup:
    return element("section", element("h2", name), element("p", lead, class_="lead"), *content, id=place)


def _folded(what: str, inner: Markup) -> Markup:
    return element("details", element("summary", what), inner)


def _sides(told: Told) -> Markup:
    best, start = told["held_out"]["champion"], told["held_out"]["as_written"]
    head = ("on held-out tasks", "right", "95 %", "tokens of a run", "spent", "share", "gain over it", "95 %")
    sides = [(best, None), (start, told["held_out"]["gain"]), *((one, one["difference"]) for one in told["baselines"])]
    rows = [
        (
            one["name"], _share(one["success"]), _range(*one["ci"]), f"{one['tokens']:,.0f}",
            *(("", "") if one is start else (f"{one['spent']:,}", f"{one['budget']:,}")),
            *(("", "") if gain is None else _gain(gain)),
        )
        for one, gain in sides
    ]  # fmt: skip
    return table("The champion and what is beside it", head, rows, figures=range(1, len(head)))


def _gain(told: Told) -> tuple[str, str]:
    value, low, high = (told[key] for key in ("value", "low", "high"))
    points = "" if value is None else f"{100 * value:+.0f}"
    return points, "" if low is None or high is None else f"{100 * low:+.0f} to {100 * high:+.0f}"


def _generations(told: Told) -> Markup:
    head = ("generation", "best", "mean", "champion", "of them right", "vendi", "of answers", "strangers", "spent")
    rows = [
        (
            str(one["generation"]), _share(one["best"]), _share(one["mean"]), one["champion"], _share(worth),
            f"{one['vendi']:.1f}", f"{one['vendi_answers']:.1f}", str(one["strangers"]), f"{one['spent']:,}",
        )
        for one, worth in zip(told["generations"], series.champions(told), strict=True)
    ]  # fmt: skip
    return table("Generations", head, rows, figures=(1, 2, 4, 5, 6, 7, 8))


def _line(told: Told, family: Family) -> Markup:
    """The champion's line in words, from the beginning."""
    members = sorted((one for one in family.members if one.main), key=lambda one: (one.column, len(one.parents) > 0))
    changes = {one["name"]: one["changes"] for generation in told["generations"] for one in generation["individuals"]}
    rows = [
        (one.name, one.how, " + ".join(one.parents), _share(one.success), _changed(changes[one.name]), one.why)
        for one in members
    ]
    return table("The champion's line", ("who", "how", "of whom", "right", "changes", "why"), rows, figures=(3,))


def _everybody(told: Told) -> Markup:
    rows = [
        (one["name"], one["how"], " + ".join(one["parents"]), _share(one["success"]), f"{one['tokens']:,.0f}",
         _changed(one["changes"]))
        for generation in told["generations"] for one in generation["individuals"]
    ]  # fmt: skip
    head = ("who", "how", "of whom", "right", "tokens of a run", "changes")
    left = f", {len(rows) - _MOST:,} more are left out here" if len(rows) > _MOST else ""
    return _folded(f"Everybody ({len(rows):,}{left})", table("Individuals", head, rows[:_MOST], figures=(3, 4)))


def _changed(changes: Mapping[str, object]) -> Markup:
    return element("div", *(element("div", f"{path}: {_cut(value)}") for path, value in changes.items()))


def _cut(value: object, most: int = 120) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _arms(plots: Sequence[Plot]) -> Iterator[Markup]:
    head = ("", "seeds' mean at the beginning", "half-way", "at the end", "least", "most")
    for plot in plots:
        yield curves(plot)
        rows = [(line.name, *_course([at.y for at in line.points if plot.shown(at.y)], plot)) for line in plot.lines]
        yield _folded("As figures", table(plot.caption, head, rows, figures=range(1, len(head))))


def _course(values: Sequence[float], plot: Plot) -> tuple[str, ...]:
    if not values:
        return ("",) * 5
    chosen = (values[0], values[len(values) // 2], values[-1], min(values), max(values))
    return tuple(plot.written(value) for value in chosen)


def _listed(arms: Arms) -> dict[str, list[list[float]]]:
    return {name: [[float(value) for value in row] for row in rows] for name, rows in arms.items()}


def _finite(arms: Mapping[str, list[list[float]]]) -> dict[str, list[list[float | None]]]:
    """For JSON, which knows no other numbers, in six digits."""
    return {
        name: [[float(f"{value:.6g}") if math.isfinite(value) else None for value in row] for row in rows]
        for name, rows in arms.items()
    }


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"


def _range(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:.2f} to {high:.2f}"
