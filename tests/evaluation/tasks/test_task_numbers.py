"""Which number a text comes to."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.evaluation.tasks.numbers import number_of, numbers_in, stated, whole_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("395", "395"),
        ("17*23 + 4 = 395", "395"),
        ("17*23 + 4 = 395 (checked with 2 methods)", "395"),
        ("So 391 = 17*23, and 4 more give 395", "395"),
        ("The answer is 17*23 + 4 = 395.", "395"),
        ("The answer is 395 because 17*23 = 391, and 4 more.", "395"),
        ("First 12, then 13.\n**Answer:** 25\nI am sure: 100 %.", "25"),
        ("Answer:\n-7", "-7"),
        ("Answer: 5\nNo, wait. Answer: 6", "6"),
        ("The answer is unknown. Maybe 3?", "3"),
        ("I take 2 and get\n#### 1,234.5", "1234.5"),
        (r"so \boxed{\frac{3}{4}} of 8", "0.75"),
        ("half of it, 1/2", "0.5"),
        ("it costs $1,234,567.89", "1234567.89"),
        ("10-5 = 5", "5"),
        ("x = \u22125", "-5"),
        ("from 3\u20135", "5"),
        ("2e3", "2000"),
        (".5", "0.5"),
        ("1'000'000 inhabitants", "1000000"),
        ("1,2,3", "3"),
        ("20 %", "0.2"),
    ],
)
def test_a_text_comes_to_the_number_that_it_states_or_ends_with(text: str, number: str) -> None:
    found = number_of(text)
    assert found is not None
    assert found.value == Fraction(number)


@pytest.mark.parametrize("text", ["", "none", "abc12", "v1.2.3", "7 / 0", "Answer: unknown"])
def test_a_text_without_a_number_comes_to_none(text: str) -> None:
    assert number_of(text) is None


def test_a_percentage_can_be_read_in_two_ways() -> None:
    found = whole_number("12 %")
    assert found is not None
    assert found.readings == (Fraction(12, 100), Fraction(12))


def test_only_a_text_that_is_all_number_is_a_whole_number() -> None:
    assert [whole_number(text) is not None for text in (" 4 ", "-4.5", "3/4", "4 apples", "4.", "")] == [
        True, True, True, False, False, False,
    ]  # fmt: skip


def test_what_is_stated_stands_behind_the_last_mark() -> None:
    assert stated("The answer is A.\nFinal answer: **B**") == "B"
    assert stated("I would not know") is None


@given(st.text(max_size=80) | st.text("0123456789.,/%=+-*e{}\\boxdfrac#answeri: \n$", max_size=60))
def test_no_text_is_too_strange_to_be_read(text: str) -> None:
    found = number_of(text)
    assert found is None or any(char.isdigit() for char in text)
    assert all(0 <= one.start < one.end for one in numbers_in(text))


@given(st.integers(-(10**12), 10**12), st.sampled_from(["{}", "It is {}.", "1 + 2 = {}", "Answer: {}", "9 or 8?\n{}!"]))
def test_a_number_is_found_again_however_it_is_written(number: int, form: str) -> None:
    for written in (f"{number}", f"{number:,}", f"{number:_}", f"{number}.0"):
        found = number_of(form.format(written))
        assert found is not None
        assert found.value == number
