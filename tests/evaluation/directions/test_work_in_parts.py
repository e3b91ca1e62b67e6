"""Work whose parts need each other suffers under every team; work in independent parts gains most under a hierarchy.

All agents are copies without tools who tire after three operations in one reply, and now and then misread a figure of
another one. What a team is held against is one agent asked once: here no way to spend the whole budget does better,
since copies slip alike.
"""

from __future__ import annotations

from functools import cache

import pytest

from agentmesh.evaluation.comparison import Comparison
from tests.evaluation.directions.simulations import (
    ALONE,
    MAIN,
    SCALED,
    SCALING,
    SMALL,
    Size,
    gain,
    outcomes,
    played,
    ran,
    right,
    standing,
    team,
)
from tests.sizes import NIGHTLY

HIERARCHY = "planner-worker"
TREES = MAIN if NIGHTLY else Size(12)
SEQUENCE, TREE = "arithmetic:shape=sequence,depth=2,width=2", "arithmetic:shape=tree,depth=4,width=2"
FILES = (*SCALING, "hierarchy")
TEAMS = (*SCALED, HIERARCHY)
DOSED = FILES if NIGHTLY else ("scaling/independent", "hierarchy")
"""Those that are also watched while a parameter grows."""
DOSED_TEAMS = TEAMS if NIGHTLY else ("independent", HIERARCHY)


def model(noise: float = 0.25, fading: float = 0.95) -> str:
    return f"worker,laziness=1,heterogeneity=0,span=3,fading={fading},noise={noise}"


@cache
def sequences() -> Comparison:
    return played(FILES, model(), SEQUENCE, MAIN)


@cache
def without_noise() -> Comparison:
    return played(FILES, model(noise=0), SEQUENCE, SMALL)


@cache
def trees() -> Comparison:
    return played(FILES, model(), TREE, TREES)


@pytest.mark.parametrize("name", TEAMS)
def test_work_in_sequence_degrades_under_every_team(name: str) -> None:
    _, _, high = gain(sequences(), name, ALONE)
    assert high < 0


def test_without_misreading_a_sequence_loses_nothing_on_its_way_through_a_team() -> None:
    found = outcomes(without_noise())
    assert found[ALONE]
    assert all(found[name] == found[ALONE] for name in TEAMS)


@pytest.mark.parametrize("name", DOSED_TEAMS)
def test_the_more_is_misread_the_more_a_sequence_loses(name: str) -> None:
    doses = [without_noise(), weakly(0.1), sequences()]
    lost = [right(one, ALONE) - right(one, name) for one in doses]
    assert lost == sorted(lost)
    assert lost[0] == 0 < lost[-1]


@cache
def weakly(noise: float) -> Comparison:
    return played(DOSED, model(noise), SEQUENCE, MAIN)


def test_work_in_independent_parts_gains_most_under_the_hierarchy() -> None:
    _, low, _ = gain(trees(), HIERARCHY, ALONE)
    assert low > 0
    for name in SCALED:
        assert gain(trees(), HIERARCHY, name)[1] > 0
        assert gain(trees(), name, ALONE)[0] <= 0


def test_who_does_not_tire_gains_nothing_from_sharing_the_work_out() -> None:
    found = played(FILES, model(noise=0, fading=1), TREE, SMALL)
    assert right(found, ALONE) == 1
    assert all(right(found, name) == 1 for name in TEAMS)


def test_the_sooner_agents_tire_the_more_sharing_the_work_out_gains() -> None:
    doses = [*(played(("hierarchy",), model(fading=fading), TREE, TREES) for fading in (1, 0.98)), trees()]
    gained = [right(one, HIERARCHY) - right(one, ALONE) for one in doses]
    assert gained == sorted(gained)
    assert gained[0] <= 0 < gained[-1]


@pytest.mark.skipif(not NIGHTLY, reason="many runs, for a verdict that says the same")
def test_the_verdicts_are_solo_for_sequences_and_the_hierarchy_for_independent_parts() -> None:
    teams = [team(file, f"simulated:{model()}") for file in FILES]
    size = Size(24, 2)
    in_sequence = ran(teams, SEQUENCE, size, baselines=True)
    assert in_sequence.verdict.verdict == "solo"
    ways = [one for one in in_sequence.standings if one.kind != "team"]
    assert max(right(in_sequence, one.name) for one in ways) == right(in_sequence, in_sequence.verdict.alone or "")
    in_parts = ran(teams, TREE, size, baselines=True)
    assert (in_parts.verdict.verdict, in_parts.verdict.team) == ("team", HIERARCHY)
    assert standing(in_parts, HIERARCHY).kind == "team"
