"""Where many ideas are wanted, a team whose members know different things wins; elsewhere it does not.

All misread some of what others say: an idea is passed over then, and a fact is taken for another one.
"""

from __future__ import annotations

from functools import cache

import pytest

from agentmesh import Team
from agentmesh.evaluation.comparison import Comparison
from tests.evaluation.directions.simulations import Size, apart, best_alone, gain, members, ran, right, team
from tests.sizes import NIGHTLY

SIZE = Size(40, 4) if NIGHTLY else Size(8)
FLAT = "flat"
OTHERS = ("ranking", "estimation", "arithmetic")
"""Of these the last is done with a calculator, which all have."""


@cache
def had(kind: str, heterogeneity: float = 0.5) -> Comparison:
    flat = talkers(heterogeneity)
    return ran([*members(flat), flat], kind, SIZE)


def talkers(heterogeneity: float) -> Team:
    return team(FLAT, f"simulated:worker,skill=0.6,noise=0.2,heterogeneity={heterogeneity}")


def gained(comparison: Comparison) -> tuple[float, float, float]:
    """How much more often the team is right than its best member alone."""
    return gain(comparison, FLAT, best_alone(comparison))


def test_a_diverse_team_has_more_ideas_than_one_agent_with_the_same_budget() -> None:
    found = ran([talkers(0.5)], "ideas", Size(24) if NIGHTLY else Size(8), baselines=True)
    assert (found.verdict.verdict, found.verdict.team) == ("team", FLAT)
    assert {one.kind for one in found.standings} == {"team", "member", "majority", "best_of", "refine"}


@pytest.mark.parametrize("kind", OTHERS)
def test_what_it_gains_with_ideas_it_does_not_gain_with_other_work(kind: str) -> None:
    _, least, _ = gained(had("ideas"))
    _, low, high = gained(had(kind))
    assert low <= 0
    assert 0 <= high < least


def test_copies_have_the_ideas_of_one() -> None:
    found = had("ideas", 0)
    assert gained(found) == (0, 0, 0)
    assert 0 < found.standings[0].rows[0].value < 1


def test_the_more_members_differ_the_more_ideas_they_add() -> None:
    doses = [had("ideas", heterogeneity) for heterogeneity in (0, 0.25, 0.5)]
    success = [gained(one)[0] for one in doses]
    ideas = [apart(one, FLAT, best_alone(one), lambda row: row.value)[0] for one in doses]
    assert success == sorted(success)
    assert ideas == sorted(ideas)
    assert right(doses[-1], FLAT) > right(doses[0], FLAT)
