"""Policies in a table: what they choose, and the gradient of what they are to make large."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.learning.policies import Acts, Floats, Table, chosen, gradient, objective
from tests.learning.demonstration.deeds import drawn
from tests.sizes import examples

EPS = 1e-6


def by_differences(table: Floats, before: Floats, acts: Acts, advantage: Floats) -> Floats:
    found = np.zeros_like(table)
    for at in np.ndindex(table.shape):
        step = np.zeros_like(table)
        step[at] = EPS
        up, down = (objective(table + sign * step, before, acts, advantage) for sign in (1, -1))
        found[at] = (up - down) / (2 * EPS)
    return found


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.05, 0.5, 2.0]))
@examples(40)
def test_the_gradient_is_that_of_finite_differences_clipped_or_not(seed: int, moved: float) -> None:
    given_ = drawn(seed, moved)
    assert gradient(*given_) == pytest.approx(by_differences(*given_), abs=1e-7)


def test_a_deed_that_has_become_likelier_than_the_clip_allows_is_pushed_no_further() -> None:
    before, one = np.zeros((1, 3)), Acts(*(np.array([0]) for _ in Acts._fields))
    likelier = np.array([[2.0, 0.0, 0.0]])
    assert not gradient(likelier, before, one, np.array([1.0])).any()
    assert gradient(likelier, before, one, np.array([-1.0]))[0, 0] < 0, "but it can be taken back"
    assert gradient(before, before, one, np.array([1.0]))[0] == pytest.approx([2 / 3, -1 / 3, -1 / 3])


def test_choices_come_as_often_as_the_policy_says() -> None:
    policy = Table(np.log(np.array([[0.2, 0.5, 0.3]])))
    numbers = np.linspace(0, 1, 1000, endpoint=False)
    taken = chosen(policy, np.zeros(1000, np.int64), numbers)
    assert np.bincount(taken) == pytest.approx([200, 500, 300], abs=1)
