"""Agreement measured with right answers, on rounds small enough to count by hand."""

from __future__ import annotations

import pytest

from agentmesh.evaluation.agreement import (
    Debate,
    conformity_rate,
    disagreement_collapse_rate,
    flip_matrix,
    independence_rate,
    modal_adoption,
    negative_agreement_rate,
    oracle_gap,
    vulnerability,
)


def debate(gold: str, *rounds: str) -> Debate:
    """Rounds written as `4 4 5`: what a, b, c ... answer; `-` for nothing."""
    names = "abcdef"
    return Debate([{names[at]: None if x == "-" else x for at, x in enumerate(one.split())} for one in rounds], gold)


COLLAPSED = debate("4", "4 5 5", "5 5 5")
"""PD, then NA: a gives up the right answer for the majority's."""
SAVED = debate("4", "4 5 5", "4 4 5", "4 4 4")
"""PD, PD, PA."""
UNANIMOUS = debate("4", "4 4 4", "4 4 4")
LOST = debate("4", "5 6 7", "5 5 6")
"""ND throughout."""


def test_the_state_of_a_round_says_whether_all_agree_and_whether_one_is_right() -> None:
    assert COLLAPSED.states == ["PD", "NA"]
    assert SAVED.states == ["PD", "PD", "PA"]
    assert LOST.states == ["ND", "ND"]
    assert debate("1", "- -").states == [None]


def test_disagreement_collapses_where_a_right_answer_is_among_others_and_does_not_prevail() -> None:
    assert disagreement_collapse_rate([COLLAPSED, SAVED, UNANIMOUS, LOST]) == 1 / 2
    assert disagreement_collapse_rate([COLLAPSED]) == 1.0
    assert disagreement_collapse_rate([UNANIMOUS, LOST]) is None


def test_negative_agreement_counts_steps_at_which_a_right_answer_could_be_given_up() -> None:
    # COLLAPSED: a holds it once and gives it up. SAVED: a in round 1, a and b in round 2, all keep it.
    assert negative_agreement_rate([COLLAPSED, SAVED, UNANIMOUS]) == 1 / 4
    assert negative_agreement_rate([COLLAPSED, SAVED], agent="a") == 1 / 3
    assert negative_agreement_rate([COLLAPSED, SAVED], agent="b") == 0.0
    assert negative_agreement_rate([COLLAPSED, SAVED], agent="c") is None


def test_conformity_and_independence_are_shares_of_all_questions() -> None:
    alone, misled = [True, True, False, True, False], [True, False, False, False, True]
    assert conformity_rate(alone, misled) == 2 / 5
    assert conformity_rate(alone, misled, guidance_is_right=True) == 1 / 5
    assert independence_rate(alone, misled, [True, True, True, True, True]) == 1 / 5
    assert conformity_rate([], []) is None
    with pytest.raises(ValueError, match="outcomes of 1, 2 questions"):
        conformity_rate([True], [True, False])


def test_the_flip_matrix_counts_first_against_last_answers() -> None:
    assert flip_matrix([COLLAPSED, SAVED, LOST]) == {
        "right_right": 1, "right_wrong": 1, "wrong_right": 2, "wrong_same": 3, "wrong_other": 2,
    }  # fmt: skip
    assert vulnerability([COLLAPSED, SAVED]) == 1 / 2
    assert vulnerability([LOST]) is None


def test_who_answers_only_once_has_not_flipped() -> None:
    assert sum(flip_matrix([debate("4", "4 -", "- 5")]).values()) == 0


def test_modal_adoption_counts_those_who_held_another_answer_than_most_of_their_peers() -> None:
    # COLLAPSED: a faces two 5s and adopts; b and c see 4 and 5, no majority.
    assert modal_adoption([COLLAPSED]) == 1.0
    # First step: a faces 5 5 and stays; b and c see no majority. Second: c faces 4 4 and adopts; a and b see none.
    assert modal_adoption([SAVED]) == 1 / 2
    assert modal_adoption([UNANIMOUS]) is None


def test_the_oracle_gap_is_what_the_plurality_discards() -> None:
    assert oracle_gap([COLLAPSED, SAVED, UNANIMOUS, LOST]) == 1 / 4
    assert oracle_gap([]) is None


def test_answers_are_compared_by_what_they_mean() -> None:
    assert debate("1/2", "0.50 .5 2").states == ["PD"]


def test_a_debate_without_rounds_is_refused() -> None:
    with pytest.raises(ValueError, match="without a round"):
        Debate([], "4")
