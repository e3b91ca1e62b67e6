"""Where nobody hears anybody before the end, errors go through: independent teams amplify them most.

All agents are copies, each of whom leaves the calculator aside in every other turn. An error of one can be seen by who
hears it, and who sees it may calculate; who makes one answer of several can only pass on what it was given. The units
are ours. Compared are the teams of the scaling study, the source of the claim: in a hierarchy nobody but the planner
and the judge states an answer to the whole task.
"""

from __future__ import annotations

from functools import cache

import pytest

from agentmesh.evaluation.comparison import Comparison, Row
from tests.evaluation.directions.simulations import (
    ALONE,
    MAIN,
    SCALED,
    SCALING,
    SMALL,
    Size,
    apart,
    gain,
    outcomes,
    played,
    right,
    standing,
)
from tests.sizes import NIGHTLY

INDEPENDENT, *CONNECTED = SCALED
TASKS = "arithmetic:shape=sequence"
SIZE = MAIN if NIGHTLY else Size(16)
DOSED = SCALING[1:] if NIGHTLY else SCALING[1:2]


@cache
def erring(skill: float) -> Comparison:
    return played(SCALING if skill == 0.93 else (SCALING[0], *DOSED), model(skill), TASKS, SIZE)


@cache
def flawless() -> Comparison:
    return played(SCALING, model(1), TASKS, SMALL)


def model(skill: float) -> str:
    return f"worker,laziness=0.5,heterogeneity=0,skill={skill}"


def wrong(row: Row) -> float:
    """The share of wrong answers among those stated in a run."""
    return row.measures.wrong / row.measures.stated


@pytest.mark.parametrize("name", CONNECTED)
def test_independent_agents_state_more_that_is_wrong_and_end_wrong_more_often(name: str) -> None:
    found = erring(0.93)
    assert apart(found, INDEPENDENT, name, wrong)[1] > 0
    assert gain(found, name, INDEPENDENT)[1] > 0


@pytest.mark.parametrize("measure", ["error_amplification", "error_survival"])
def test_independent_agents_amplify_errors_most(measure: str) -> None:
    """The first counts what is said on the way too, the second what becomes of an error with which somebody begins."""
    found = {name: standing(erring(0.93), name).measures[measure] for name in SCALED}
    alone = found.pop(INDEPENDENT)
    assert alone > 1.5 * max(found.values())


def test_without_errors_there_is_nothing_to_amplify() -> None:
    found = flawless()
    assert right(found, ALONE) == 1
    measures = [standing(found, name).measures for name in SCALED]
    assert all(one["error_amplification"] is one["error_survival"] is None for one in measures)
    assert len({str(runs) for runs in outcomes(found).values()}) == 1


@pytest.mark.parametrize("name", [file.rpartition("/")[2] for file in DOSED])
def test_the_more_errors_there_are_the_further_independent_agents_fall_behind(name: str) -> None:
    doses = [flawless(), erring(0.97), erring(0.93)]
    behind = [right(one, name) - right(one, INDEPENDENT) for one in doses]
    assert behind == sorted(behind)
    assert behind[0] == 0 < behind[-1]
