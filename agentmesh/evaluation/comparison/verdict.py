"""What the comparison says: is a team better, is one agent better, or can it not be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any, Literal

from agentmesh.evaluation.comparison.summary import Standing
from agentmesh.evaluation.intervals import Estimate
from agentmesh.evaluation.statistics import ALPHA, SMALLEST, difference, holm, tasks_needed


@dataclass(frozen=True)
class Pair:
    """A team beside one way to do without it, or beside another team."""

    a: str
    b: str
    estimate: Estimate
    p: float
    tasks: int

    def to_json(self) -> dict[str, Any]:
        """As `pairs` of `agentmesh compare --json` have it."""
        estimate = self.estimate.to_json()
        ends = [estimate["low"], estimate["high"]]
        return {"a": self.a, "b": self.b, "difference": estimate["value"], "ci": ends, "p": self.p, "tasks": self.tasks}


Table = Mapping[tuple[str, str], Pair]
"""By team and by what one member does."""


@dataclass(frozen=True)
class Verdict:
    """One sentence, and what it rests on."""

    verdict: Literal["solo", "team", "unclear"]
    why: str
    pairs: tuple[Pair, ...]
    team: str | None = None
    """The team that is spoken of."""
    alone: str | None = None
    """The way to do without it that is spoken of."""


def verdict_on(standings: Sequence[Standing], *, equal_budget: bool = True) -> Verdict:
    """Compare every team with everything that one member can do.

    A team is better if it is better than every one of these: its interval is above 0 and its p value, the largest of
    them, is below .05 after Holm's correction for several teams. One agent is better if one of these ways is better
    than every team, with the correction for several ways. Otherwise it cannot be told. The last of the pairs are the
    best team beside each other one: on them no verdict rests.
    """
    teams = [one for one in standings if one.kind == "team"]
    alone = [one for one in standings if one.kind != "team"]
    between = tuple(_pair(teams[0], other) for other in teams[1:])
    if not teams or not alone:
        return Verdict("unclear", _without_members(teams, alone, between), between)
    table = {(a.name, b.name): _pair(a, b) for a in teams for b in alone}
    verdict = _beside_members(teams, alone, table, equal_budget)
    return replace(verdict, pairs=(*verdict.pairs, *between))


def _beside_members(teams: Sequence[Standing], alone: Sequence[Standing], table: Table, equal: bool) -> Verdict:
    winner = _winner(teams, alone, table)
    if winner is not None:
        return _team_is_better(winner, alone, table, equal)
    lone = _lone_winner(teams, alone, table)
    if lone is not None:
        return _solo_is_better(lone, teams[0], table)
    return _unclear(teams, alone, table)


def _winner(teams: Sequence[Standing], alone: Sequence[Standing], table: Table) -> Standing | None:
    largest = _adjusted(teams, {team.name: max(table[team.name, one.name].p for one in alone) for team in teams})
    for team in teams:
        if largest[team.name] < ALPHA and all(_above(table[team.name, one.name].estimate) for one in alone):
            return team
    return None


def _lone_winner(teams: Sequence[Standing], alone: Sequence[Standing], table: Table) -> Standing | None:
    largest = _adjusted(alone, {one.name: max(table[team.name, one.name].p for team in teams) for one in alone})
    good = [
        one
        for one in alone
        if largest[one.name] < ALPHA and all(_below(table[team.name, one.name].estimate) for team in teams)
    ]
    return max(good, key=_reach, default=None)


def _adjusted(several: Sequence[Standing], values: Mapping[str, float]) -> dict[str, float]:
    """p values by name after Holm's correction; those who were right in the same runs are one and the same test."""
    alike = {one.name: tuple(map(tuple, one.outcomes.values())) for one in several}
    tests = list(dict.fromkeys(alike.values()))
    by_test = {test: max(values[name] for name, own in alike.items() if own == test) for test in tests}
    adjusted = dict(zip(tests, holm([by_test[test] for test in tests]), strict=True))
    return {name: adjusted[test] for name, test in alike.items()}


def _team_is_better(team: Standing, alone: Sequence[Standing], table: Table, equal: bool) -> Verdict:
    nearest = min(alone, key=lambda one: (table[team.name, one.name].estimate.value or 0.0, one.tokens))
    pair = table[team.name, nearest.name]
    budget = " with the same budget" if equal else ", though not with the same budget"
    why = (
        f"this team helps: {team.name} is right {_points(pair.estimate)} more often than {nearest.name}, the best that "
        f"one agent does{budget} ({_share(team)} against {_share(nearest)}, p = {pair.p:.2g})"
    )
    return Verdict("team", why, tuple(table.values()), team.name, nearest.name)


def _solo_is_better(lone: Standing, best: Standing, table: Table) -> Verdict:
    pair = table[best.name, lone.name]
    why = (
        f"solo is better: {lone.name} is right {_points(_turned(pair.estimate))} more often than {best.name}, the best "
        f"of the teams ({_share(lone)} against {_share(best)}, p = {pair.p:.2g})"
    )
    return Verdict("solo", why, tuple(table.values()), best.name, lone.name)


def _in_question(
    teams: Sequence[Standing], alone: Sequence[Standing], table: Table
) -> tuple[Standing, Standing, Sequence[Standing]]:
    """The best of either side, or against who is ahead whoever is least sure to be behind; and the side that is ahead.

    Teams come in the order of their success.
    """
    best, rival = teams[0], max(alone, key=_reach)
    if _reach(best)[0] > _reach(rival)[0]:
        return best, max(alone, key=lambda one: (table[best.name, one.name].p, *_reach(one))), teams
    if _reach(best)[0] < _reach(rival)[0]:
        return max(teams, key=lambda one: (table[one.name, rival.name].p, *_reach(one))), rival, alone
    return best, rival, teams


def _reach(one: Standing) -> tuple[float, float]:
    return one.success.value or 0.0, -one.tokens


def _unclear(teams: Sequence[Standing], alone: Sequence[Standing], table: Table) -> Verdict:
    best, rival, ahead = _in_question(teams, alone, table)
    pair = table[best.name, rival.name]
    seen = f"{best.name} {_share(best)}, {rival.name} {_share(rival)}, difference {_points(pair.estimate)}"
    more = _would_tell(best, rival, pair, len(ahead))
    why = f"cannot tell with {pair.tasks} task{'' if pair.tasks == 1 else 's'} ({seen}); {more}"
    return Verdict("unclear", why, tuple(table.values()), best.name, rival.name)


def _would_tell(best: Standing, rival: Standing, pair: Pair, tests: int) -> str:
    """How many tasks would tell what, of as many tests as have to be passed."""
    if not any(row.outcome in ("completed", "verified") for one in (best, rival) for row in one.rows):
        return "no run of either was completed"
    deltas = _deltas(best, rival)
    needed = tasks_needed(deltas, tests=tests)
    if not any(deltas):
        if needed > pair.tasks:
            more = f"about {needed} without any would show that they are within {_hundredths(SMALLEST)} of each other"
        else:
            more = f"so they are within {_hundredths(SMALLEST)} of each other, 19 times in 20"
        return f"no task came out differently, {more}; {_cheaper(best, rival)}"
    size = max(abs(pair.estimate.value or 0.0), SMALLEST)
    if needed > pair.tasks:
        return f"about {needed} would tell a difference of {_hundredths(size)}"
    return f"one of {_hundredths(size)} would have been seen with so many, 4 times in 5"


def _pair(a: Standing, b: Standing) -> Pair:
    told = difference(a.outcomes, b.outcomes)
    return Pair(a.name, b.name, told.estimate, told.p, told.tasks)


def _deltas(a: Standing, b: Standing) -> list[float]:
    mine, theirs = a.outcomes, b.outcomes
    return [fmean(mine[task]) - fmean(theirs[task]) for task in mine if task in theirs]


def _above(estimate: Estimate) -> bool:
    return estimate.low is not None and estimate.low > 0


def _below(estimate: Estimate) -> bool:
    return estimate.high is not None and estimate.high < 0


def _turned(estimate: Estimate) -> Estimate:
    return Estimate(*(None if end is None else -end for end in (estimate.value, estimate.high, estimate.low)))


def _points(estimate: Estimate) -> str:
    """`12 points [3, 21]`: hundredths of a share."""
    value, low, high = (0 if end is None else round(100 * end) for end in (estimate.value, estimate.low, estimate.high))
    return f"{value} point{'' if abs(value) == 1 else 's'} [{low}, {high}]"


def _hundredths(share: float) -> str:
    points = round(100 * share)
    return f"{points} point{'' if points == 1 else 's'}"


def _share(one: Standing) -> str:
    return f"{round(100 * (one.success.value or 0.0))} %"


def _cheaper(best: Standing, rival: Standing) -> str:
    less, more = sorted((best, rival), key=lambda one: one.tokens)
    if less.tokens == more.tokens:
        return "both use as many tokens"
    return f"{less.name} uses {less.tokens:,.0f} tokens a run and {more.name} {more.tokens:,.0f}"


def _without_members(teams: Sequence[Standing], alone: Sequence[Standing], between: Sequence[Pair]) -> str:
    if not teams:
        return f"there is no team to compare: {', '.join(one.name for one in alone) or 'nobody'} ran alone"
    why = "cannot tell whether a team helps: no member of a team was run alone"
    if not between:
        return why
    best, following, pair = *teams[:2], between[0]
    shares = f"{_share(best)} against {_share(following)}, p = {pair.p:.2g}"
    if (pair.estimate.value or 0.0) <= 0:
        return f"{why}; of the teams {best.name} is right no more often than {following.name} ({shares})"
    return (
        f"{why}; of the teams {best.name} is right {_points(pair.estimate)} more often than {following.name} ({shares})"
    )
