"""What arithmetic a simulated model sees in a text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.providers.simulated.problems import arithmetic
from agentmesh.tools.calculator import text_of


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("Compute 12*7 + 5", ["12*7 + 5"]),
        ("What is 12 plus 30 times 4?", ["12 + 30*4"]),
        ("What is twelve plus twenty-one?", ["12 + 21"]),
        ("What is 12 \u00d7 7 \u2212 5?", ["12*7 - 5"]),
        ("The sum of 3, 4 and 5, please.", ["3 + 4 + 5"]),
        ("What is the product of 3 and 4?", ["3*4"]),
        ("What is the difference between 9 and 4?", ["9 - 4"]),
        ("The quotient of 9 and 3?", ["9/3"]),
        ("Divide 20 by 4.", ["20/4"]),
        ("Multiply 3 by 4.", ["3*4"]),
        ("Start with 12, add 30, multiply by 4, subtract 5.", ["(12 + 30)*4 - 5"]),
        ("Begin with 8, double it, divide by 4, then triple it and halve it.", ["8*2/4*3/2"]),
        ("Ann has 12 apples, buys 30 more and gives away 5: how many are left?", ["12 + 30 - 5"]),
        ("There are 20 birds. 5 fly off? No, it loses 5.", ["20 - 5"]),
        ("Subtract 5 from 20, then divide by 3.", ["(20 - 5)/3"]),
        ("Add 12 and 30, then multiply by 4.", ["(12 + 30)*4"]),
        ("Compute 12*7 and 3+4.", ["12*7", "3 + 4"]),
        ("Compute 3+4, and again 3 + 4.", ["3 + 4"]),
        ("1,200 + 3,400.5", ["1200 + 3400.5"]),
        ("Compute 12-7", ["12 - 7"]),
        ("3-4", ["3 - 4"]),
        ("Write 3-4 sentences about a 24/7 shop that opened on 2026-11-22.", []),
        ("worker-1 took t1 with v2.0 for 5kg - 3kg at 50%", []),
        ("- 3 * 4\n- 5 + 6", ["3*4", "5 + 6"]),
        ("See chapter 1 - introduction, chapter 2 - methods", []),
        ("3*4 gives 12", ["3*4"]),
        ("3*4, then add 12", ["3*4 + 12"]),
        ("A team has 3 members. Use 2 sentences, make 5 points.", []),
        ("A shop has 3 boxes of 12 eggs.", []),
        ("no numbers", []),
        ("(((((", []),
    ],
)
def test_problems_are_found(text: str, problems: list[str]) -> None:
    assert [problem.text for problem in arithmetic(text).problems] == problems


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("12*7 + 5 = 89", [("12*7 + 5", "89")]),
        ("First 12*7 = 84; then 84 + 5 = 89.", [("12*7", "84"), ("84 + 5", "89")]),
        ("12*7 + 5 = 84 + 5 = 89", [("12*7 + 5", "84 + 5"), ("84 + 5", "89")]),
        ("x = 5 and 5 = 5", []),
    ],
)
def test_claims_are_found(text: str, claims: list[tuple[str, str]]) -> None:
    assert [(claim.text, text_of(claim.claimed)) for claim in arithmetic(text).equations] == claims


@pytest.mark.parametrize("text", ["Compute 12*", "Compute *7", "Compute 12*[...]", "Compute ?", "Compute 3*4 + "])
def test_a_missing_operand_is_noticed(text: str) -> None:
    assert arithmetic(text).incomplete


@pytest.mark.parametrize("text", ["Compute 12*7", "What is 12*7 - please?", "Tell me about bees", "In 1990 it was 5"])
def test_nothing_is_missed_where_nothing_is_missing(text: str) -> None:
    assert not arithmetic(text).incomplete


@pytest.mark.parametrize(
    "text", ["(" * 20000, "1-(2*" * 4000, "1+1=2 " * 3000, "start with 1, " + "add 1, " * 3000, "1 " * 9000]
)
def test_hostile_texts_are_searched_in_bounded_time(text: str) -> None:
    started = time.process_time()
    arithmetic(text)
    assert time.process_time() - started < 3


@given(st.text(alphabet="0123456789+-*/(). =,andxthe\n\u27e6\u27e7", max_size=80))
def test_any_text_can_be_searched(text: str) -> None:
    found = arithmetic(text)
    assert all(problem.text for problem in found.problems)
