"""A team that gives in to whoever speaks first loses what its best member knows; a blind first round brings it back.

Three agents without tools, the second of whom is always right alone, speak one after the other, or all at once: then
nobody hears anybody in the first round. What they are held against is the best of them alone, once.
"""

from __future__ import annotations

from functools import cache

import pytest

from agentmesh import Team
from agentmesh.evaluation.comparison import Comparison
from tests.evaluation.directions.simulations import MAIN, SMALL, best_alone, gain, members, ran, team

SKILLS = (0.9, 1, 0.9)
IN_TURN, AT_ONCE, BLIND = "in turn", "at once", "blind_then_discuss"
TASKS = "arithmetic:depth=2,width=2"
BEST = "skeptic alone"
TALKERS, VOTERS = ("proposer", "skeptic", "chair"), ("ann", "bob", "cy")


def cast(names: tuple[str, ...], sycophancy: float) -> list[str]:
    """Overrides that give these agents their models, and no tools."""
    models = [
        f"agents.{name}.model=simulated:worker,skill={skill},sycophancy={sycophancy}"
        for name, skill in zip(names, SKILLS, strict=True)
    ]
    return [*models, *(f"agents.{name}.tools=[]" for name in names)]


def talking(name: str, sycophancy: float) -> Team:
    order = "round_robin" if name == IN_TURN else "simultaneous"
    shape = [f"topology.order={order}", "topology.rounds=2"]
    return team("flat", "simulated:worker", [*cast(TALKERS, sycophancy), *shape], name)


@cache
def talked(sycophancy: float) -> Comparison:
    in_turn, at_once = (talking(name, sycophancy) for name in (IN_TURN, AT_ONCE))
    blind = [team("blind_then_discuss", "simulated:worker", cast(VOTERS, sycophancy))] if sycophancy == 1 else []
    size = MAIN if sycophancy else SMALL
    return ran([*members(in_turn), in_turn, at_once, *blind], TASKS, size)


def test_a_sycophantic_team_that_speaks_in_turn_falls_below_its_best_member() -> None:
    assert best_alone(talked(1)) == BEST
    assert gain(talked(1), IN_TURN, BEST)[2] < 0


@pytest.mark.parametrize("name", [AT_ONCE, BLIND])
def test_a_blind_first_round_recovers_what_was_lost(name: str) -> None:
    recovered, low, _ = gain(talked(1), name, IN_TURN)
    assert low > 0
    assert recovered > gain(talked(1), BEST, name)[0], "more than is still missing"


def test_whoever_stands_by_what_it_found_loses_nothing_by_speaking_in_turn() -> None:
    for over in (BEST, AT_ONCE):
        _, low, high = gain(talked(0), IN_TURN, over)
        assert low <= 0 <= high


def test_the_more_sycophancy_the_further_a_team_falls_and_the_more_a_blind_round_brings_back() -> None:
    doses = [talked(sycophancy) for sycophancy in (0, 0.5, 1)]
    lost = [gain(one, BEST, IN_TURN)[0] for one in doses]
    recovered = [gain(one, AT_ONCE, IN_TURN)[0] for one in doses]
    assert lost == sorted(lost)
    assert recovered == sorted(recovered)
    assert min(lost[-1], recovered[-1]) > 0
