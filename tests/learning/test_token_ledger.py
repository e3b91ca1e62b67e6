"""The ledger: what is spent and what is set aside never exceed the limit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.errors import AgentMeshError
from agentmesh.learning.ledger import Ledger, Reservation

_STEPS = st.lists(st.tuples(st.integers(0, 400), st.floats(0, 1), st.booleans()), max_size=40)


@given(limit=st.integers(0, 1000), steps=_STEPS)
def test_whatever_is_reserved_and_used_within_it_the_limit_holds_after_every_call(
    limit: int, steps: list[tuple[int, float, bool]]
) -> None:
    ledger, open_, used = Ledger(limit), list[Reservation](), 0
    for tokens, share, settle in steps:
        held = ledger.reserve(tokens)
        assert (held is None) == (used + sum(one.tokens for one in open_) + tokens > limit)
        open_ += [] if held is None else [held]
        if settle and open_:
            first = open_.pop(0)
            used += int(first.tokens * share)
            first.settle(int(first.tokens * share))
        assert ledger.spent == used
        assert ledger.reserved == sum(one.tokens for one in open_)
        assert ledger.spent + ledger.reserved + ledger.left == limit
        assert ledger.reserved <= ledger.peak_reserved <= limit


def test_what_was_counted_under_a_key_is_not_counted_again() -> None:
    ledger = Ledger(100)
    for used in ({"a": 10, "b": 5}, {"a": 10, "c": 1}):
        held = ledger.reserve(50)
        assert held is not None
        held.settle(used)
    assert (ledger.spent, ledger.reserved, ledger.peak_reserved) == (16, 0, 50)


def test_a_provider_that_uses_more_than_it_was_allowed_is_counted_whole_and_nothing_more_is_begun() -> None:
    ledger = Ledger(100)
    held = ledger.reserve(60)
    assert held is not None
    held.settle(120)
    assert (ledger.spent, ledger.overdrawn, ledger.left) == (120, 20, 0)
    assert ledger.reserve(1) is None


def test_a_reservation_is_settled_once_and_nothing_below_zero_is_taken() -> None:
    ledger = Ledger(10)
    held = ledger.reserve(4)
    assert held is not None
    with pytest.raises(ValueError, match="less than nothing"):
        held.settle(-1)
    held.settle(4)
    with pytest.raises(ValueError, match="settled once"):
        held.settle(4)
    with pytest.raises(ValueError, match="cannot be set aside"):
        ledger.reserve(-1)
    with pytest.raises(AgentMeshError, match="budget of -1 tokens"):
        Ledger(-1)
