"""Orders compared, by formulas written out."""

from __future__ import annotations

import math
import random
from importlib import import_module

import pytest

from agentmesh.learning.ruler import kendall, spearman
from agentmesh.learning.ruler.ranks import flips, reliability


def test_tau_b_and_rho_are_those_of_scipy() -> None:
    stats = import_module("scipy.stats")
    drawn = random.Random(0)
    for _ in range(60):
        count = drawn.randint(2, 12)
        xs, ys = ([drawn.randint(0, 6) / 2 for _ in range(count)] for _ in range(2))
        if len(set(xs)) == 1 or len(set(ys)) == 1:
            assert kendall(xs, ys) is None
            assert spearman(xs, ys) is None
            continue
        assert kendall(xs, ys) == pytest.approx(stats.kendalltau(xs, ys).statistic)
        assert spearman(xs, ys) == pytest.approx(stats.spearmanr(xs, ys).statistic)


def test_of_fewer_than_two_nothing_is_said() -> None:
    assert kendall([], []) is None
    assert kendall([1.0], [2.0]) is None
    assert spearman([], []) is None
    assert spearman([1.0], [2.0]) is None


def test_flips_are_counted_among_pairs_that_both_orders_tell_apart() -> None:
    assert flips([[1, 2, 3], [3, 2, 1]]) == 1
    assert flips([[1, 2, 3], [1, 3, 2]]) == pytest.approx(1 / 3)
    assert flips([[1, 1, 2], [2, 1, 3]]) == 0, "a tie is no order"
    assert flips([[1, 2]]) is None
    assert flips([[1, 1], [1, 1]]) is None


def test_judges_that_guess_flip_half_of_all_pairs() -> None:
    drawn = random.Random(1)
    found = flips([[drawn.random() for _ in range(12)] for _ in range(40)])
    assert found is not None
    assert math.isclose(found, 0.5, abs_tol=0.03)


def test_the_reliability_of_a_mean_is_alpha() -> None:
    # Variances 1 and 1, of the sums (2, 5, 5) 3: 2/1 (1 - 2/3).
    assert reliability([[1, 2, 3], [1, 3, 2]]) == pytest.approx(2 / 3)
    assert reliability([[0.1, 0.2, 0.3], [0.6, 0.7, 0.8]]) == pytest.approx(1), "one who is more lenient agrees"
    assert reliability([[1, 2, 3], [3, 2, 1]]) == 0
    assert reliability([[1, 2, 3], [4, 2, 0]]) == 0, "never below"


def test_of_one_judgement_or_one_run_or_where_nothing_differs_no_reliability_is_said() -> None:
    assert reliability([[0.5, 0.5], [0.75, 0.75]]) is None
    assert reliability([[1, 2, 3]]) is None
    assert reliability([[1], [1]]) is None
    assert reliability([]) is None


def test_reliability_is_how_means_of_as_many_judgements_go_together() -> None:
    drawn = random.Random(2)
    worth = [drawn.gauss(0, 1) for _ in range(400)]
    one, other = ([[true + drawn.gauss(0, 1) for true in worth] for _ in range(4)] for _ in range(2))
    together = spearman(*([sum(each) for each in zip(*four, strict=True)] for four in (one, other)))
    assert reliability(one) == pytest.approx(0.8, abs=0.03), "4 / (4 + 1): four times the truth, once the noise"
    assert together == pytest.approx(0.8, abs=0.05)
