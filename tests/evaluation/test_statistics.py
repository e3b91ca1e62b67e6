"""Intervals and tests: against exact cases, and by how often they are right."""

from __future__ import annotations

import random
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentmesh.evaluation.statistics import by_task, difference, holm, resampled, success, tasks_needed


def outcomes(*tasks: str) -> dict[str, list[bool]]:
    """`"++-"` is a task with three runs of which two were right."""
    return {f"t{at}": [run == "+" for run in runs] for at, runs in enumerate(tasks)}


def test_success_has_wilsons_interval() -> None:
    told = success(outcomes("+", "+", "+", "+", "+", "+", "+", "+", "-", "-"))
    assert (told.value, told.low, told.high) == pytest.approx((0.8, 0.4902, 0.9433), abs=1e-4)
    assert success({}).value is None


def test_several_seeds_of_one_task_do_not_make_more_tasks() -> None:
    once, often = by_task(outcomes("+", "-", "+", "+")), by_task(outcomes("+++++", "-----", "+++++", "+++++"))
    assert often == once


def test_a_difference_is_tested_exactly_where_each_task_ran_once() -> None:
    # 8 tasks only the one solved, 1 only the other, 11 the same: McNemar's exact test is binomial, 2 * (1 + 9) / 2^9.
    a = outcomes(*"+" * 8, "-", *"+" * 11)
    b = outcomes(*"-" * 8, "+", *"+" * 11)
    told = difference(a, b)
    assert told.p == pytest.approx(2 * (1 + 9) / 2**9)
    assert told.tasks == 20
    assert told.estimate.value == pytest.approx(7 / 20)
    assert 0 < (told.estimate.low or 0) < 7 / 20


def test_only_tasks_that_both_ran_are_compared() -> None:
    told = difference({"x": [True], "y": [True], "z": []}, {"y": [False], "z": [True]})
    assert told.tasks == 1
    assert told.estimate.value == 1.0


def test_alike_teams_do_not_differ() -> None:
    same = outcomes("++", "-+", "--")
    told = difference(same, same)
    assert (told.estimate.value, told.estimate.low, told.estimate.high, told.p) == (0.0, 0.0, 0.0, 1.0)


def test_repeated_seeds_do_not_make_a_difference_more_certain() -> None:
    a, b = outcomes(*["+"] * 6, "-"), outcomes(*["-"] * 3, *["+"] * 3, "-")
    copied = difference({task: one * 10 for task, one in a.items()}, {task: one * 10 for task, one in b.items()})
    assert copied.p > 0.05
    assert copied.estimate == difference(a, b).estimate


def test_where_nothing_differs_five_in_a_hundred_tests_say_so() -> None:
    rng = random.Random(5)

    def one() -> dict[str, list[bool]]:
        return {str(task): [rng.random() < hard for _ in range(3)] for task, hard in enumerate(levels)}

    wrong = 0
    for _ in range(120):
        levels = [rng.random() for _ in range(20)]
        wrong += difference(one(), one()).p < 0.05
    assert 1 <= wrong <= 14


def test_more_tasks_are_needed_for_a_smaller_difference() -> None:
    large, small = [1.0, 1.0, 0.0, 1.0] * 5, [1.0, 0.0, 0.0, 0.0, -0.5] * 4
    few, many = tasks_needed(large), tasks_needed(small)
    assert (few or 0) < 10 < (many or 0)
    assert (tasks_needed([0.5, -0.5] * 10) or 0) > 500  # to tell a difference of five points


@settings(max_examples=25)
@given(st.lists(st.floats(-1, 1), min_size=2, max_size=12))
def test_an_interval_holds_its_mean(values: list[float]) -> None:
    told = resampled(values)
    assert told.low is not None
    assert told.high is not None
    assert told.low - 1e-9 <= fmean(values) <= told.high + 1e-9


def test_of_several_tests_each_is_held_to_more() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
