"""The formulas recompute what was published with them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.evaluation.metrics import (
    communication_density,
    communication_share,
    coordination_cost,
    efficiency,
    error_amplification,
    error_gap,
    message_density,
    oracle,
    overhead,
    redundancy,
    retention,
    synergy_gap,
    vendi,
)

TEAMS_AND_ORACLES = {
    "MMLU-Pro": (86.0, 91.8, 6.3),
    "GPQA-D": (76.0, 88.8, 14.4),
    "SimpleQA": (51.0, 62.3, 18.1),
    "HLE": (28.0, 47.5, 41.1),
    "MATH-500": (63.0, 79.0, 20.3),
}
"""By benchmark: the team, at least one correct, the published gap in per cent (arXiv 2602.01011)."""
ARCHITECTURES = {
    "single": (0.466, 7.2, 0, 0.466),
    "independent": (0.370, 11.4, 58, 0.234),
    "decentralised": (0.477, 26.1, 263, 0.132),
    "centralised": (0.463, 27.7, 285, 0.120),
    "hybrid": (0.452, 44.3, 515, 0.074),
}
"""Success, turns, published overhead in per cent, published efficiency (arXiv 2512.08296)."""


@pytest.mark.parametrize(("team", "best", "published"), TEAMS_AND_ORACLES.values(), ids=TEAMS_AND_ORACLES)
def test_the_published_synergy_gaps_follow_from_the_published_scores(
    team: float, best: float, published: float
) -> None:
    assert synergy_gap(team, best) * 100 == pytest.approx(published, abs=0.05)


@pytest.mark.parametrize(("success", "turns", "more", "published"), ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_the_published_overheads_and_efficiencies_follow_from_success_and_turns(
    success: float, turns: float, more: float, published: float
) -> None:
    alone = ARCHITECTURES["single"][1]
    assert overhead(turns, alone) * 100 == pytest.approx(more, abs=0.6)
    assert efficiency(success, turns, alone) == pytest.approx(published, abs=0.001)


def test_of_errors_less_is_better() -> None:
    assert error_gap(30.0, 20.0) == pytest.approx(0.5)
    assert error_gap(10.0, 20.0) == pytest.approx(-0.5)


def test_densities_count_per_turn_and_per_pair() -> None:
    assert message_density(12, 30) == pytest.approx(0.4)
    assert communication_density(12, 4) == pytest.approx(1.0)
    assert communication_share(3, 12) == 0.25


def test_the_published_loss_in_pairs_is_a_coordination_cost() -> None:
    # CooperBench (arXiv 2601.13295): GPT-5 solves .48 alone and .28 in a pair, a drop of 42 %.
    assert coordination_cost(0.28, 0.48) == pytest.approx(0.42, abs=0.005)


def test_error_amplification_has_no_value_where_one_agent_makes_no_error() -> None:
    assert error_amplification(0.3, 0.1) == pytest.approx(3.0)
    assert error_amplification(0.3, 0.0) is None


def test_redundancy_is_the_mean_over_pairs_of_different_agents() -> None:
    assert redundancy([[1.0, 0.2, 0.4], [0.2, 1.0, 0.6], [0.4, 0.6, 1.0]]) == pytest.approx(0.4)
    assert redundancy([[1.0]]) is None


def test_the_vendi_score_counts_what_differs() -> None:
    assert vendi([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]) == pytest.approx(3.0)
    assert vendi([[1.0, 1.0], [1.0, 1.0]]) == pytest.approx(1.0)


def test_the_oracle_is_right_where_at_least_one_member_is() -> None:
    assert oracle([[True, False], [False, False], [False, True], [True, True]]) == 0.75
    assert oracle([]) == 0.0


def test_retention_weighs_buckets_of_difficulty_alike_however_many_tasks_they_hold() -> None:
    difficulty = [0.0] * 8 + [1.0] * 2
    alone, together = [1.0] * 8 + [0.5, 0.5], [1.0] * 8 + [0.0, 0.0]
    assert retention(alone, together, difficulty) == pytest.approx(0.5 / 0.75)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.1, 1)), min_size=2, max_size=40))
def test_a_team_that_does_as_its_best_member_retains_everything(tasks: list[tuple[float, float]]) -> None:
    difficulty, success = [level for level, _ in tasks], [solved for _, solved in tasks]
    kept = retention(success, success, difficulty)
    assert kept is None or kept == pytest.approx(1.0)


def test_retention_has_no_value_where_all_tasks_are_equally_hard_or_solo_never_succeeds() -> None:
    assert retention([1.0, 0.0], [1.0, 0.0], [0.5, 0.5]) is None
    assert retention([0.0, 0.0], [1.0, 0.0], [0.0, 1.0]) is None
    with pytest.raises(ValueError, match="the same tasks"):
        retention([1.0], [1.0, 0.0], [0.5])


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: synergy_gap(0.1, 0.0),
        lambda: overhead(3, 0),
        lambda: efficiency(0.5, 0, 1),
        lambda: coordination_cost(0.1, 0.0),
        lambda: communication_density(3, 1),
        lambda: communication_share(0, 0),
        lambda: message_density(3, 0),
        lambda: error_gap(1.0, 0.0),
    ],
)
def test_what_cannot_be_divided_by_is_told(wrong) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="above 0; found 0"):
        wrong()
