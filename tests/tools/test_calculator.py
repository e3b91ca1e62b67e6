"""The calculator: exact, bounded, and clear about what it does not understand."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.errors import ToolError
from agentmesh.tools.calculator import (
    MAX_DEPTH,
    MAX_LENGTH,
    Number,
    calculator,
    evaluate,
    expression_at,
    number_text,
    parse,
    text_of,
)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("12*7 + 5", "89"),
        ("(12 + 30) * 4 - 5", "163"),
        ("2 - 3 - 4", "-5"),
        ("100 / 8 / 5", "2.5"),
        ("-3 * -(4 - 1)", "9"),
        ("--5", "5"),
        ("-(-(2 + 1))", "3"),
        ("0.1 + 0.2", "0.3"),
        ("10/3", "3.33333333333333"),
        ("-1/8", "-0.125"),
        ("2/3", "0.666666666666667"),
        ("12 \u00d7 7 \u2212 4 \u00f7 2", "82"),
        ("  7\n+ 1 ", "8"),
    ],
)
def test_the_calculator_computes(expression: str, value: str) -> None:
    assert calculator(expression) == value


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("", "ends where a number or a parenthesis should stand"),
        ("12 +", "ends where a number or a parenthesis should stand"),
        ("2 ** 3", "found '* 3' at character 4 where a number or a parenthesis should stand"),
        ("2 ^ 3", "powers are not offered"),
        ("abs(3)", "found 'abs(3)' at character 1"),
        ("(1 + 2", "ends where an operator or ')' should stand"),
        ("1 2", "found '2' at character 3 where an operator or the end should stand"),
        ("1 / (2 - 2)", "division by zero: 1/0"),
        ("1" * (MAX_LENGTH + 1), f"at most {MAX_LENGTH} are allowed"),
        ("(" * (MAX_DEPTH + 1) + "1" + ")" * (MAX_DEPTH + 1), f"more than {MAX_DEPTH} parentheses"),
        ("__import__('os')", "allowed: numbers such as 12 or 0.5, the operators + - * /, and parentheses"),
    ],
)
def test_what_cannot_be_computed_is_refused_with_what_was_found_and_what_is_allowed(expression: str, told: str) -> None:
    with pytest.raises(ToolError) as caught:
        calculator(expression)
    assert told in str(caught.value)


def test_the_longest_expression_is_computed() -> None:
    assert evaluate("+".join("1" * 500)) == 500
    assert evaluate("9*" * 499 + "9") == 9**500
    assert number_text(evaluate("9*" * 499 + "9")).startswith("132")


def test_a_long_decimal_is_rounded_and_a_short_one_exact() -> None:
    assert number_text(Fraction(1, 2**30)) == str(format(1 / 2**30, ".30f"))
    assert number_text(Fraction(1, 2**40)) == "0.000000000000909494701772928"
    assert number_text(Fraction(-5, 100)) == "-0.05"


def test_an_expression_in_running_text_ends_before_an_operator_without_a_number() -> None:
    text = "is 3 + (4 * 2) - and then"
    expression, end = expression_at(text, 3)
    assert (text_of(expression), text[3:end]) == ("3 + 4*2", "3 + (4 * 2)")
    expression, end = expression_at("3 + (4 see", 0)
    assert (expression, end) == (Number(Fraction(3)), 1)


class Tree(NamedTuple):
    """An expression with the value that Python gives it."""

    text: str
    value: Fraction


def _negated(tree: Tree) -> Tree:
    return Tree(f"-({tree.text})", -tree.value)


def _joined(parts: tuple[Tree, str, Tree]) -> Tree:
    left, symbol, right = parts
    if symbol == "/" and not right.value:
        symbol = "*"
    value = {
        "+": lambda: left.value + right.value,
        "-": lambda: left.value - right.value,
        "*": lambda: left.value * right.value,
        "/": lambda: left.value / right.value,
    }[symbol]()
    return Tree(f"({left.text}) {symbol} ({right.text})", value)


TREES: st.SearchStrategy[Tree] = st.recursive(
    st.decimals(0, 9999, places=2, allow_nan=False).map(lambda number: Tree(str(number), Fraction(number))),
    lambda inner: st.one_of(inner.map(_negated), st.tuples(inner, st.sampled_from("+-*/"), inner).map(_joined)),
    max_leaves=12,
)


@given(TREES)
def test_every_value_agrees_with_exact_fractions(tree: Tree) -> None:
    assert evaluate(tree.text) == tree.value


@given(TREES)
def test_an_expression_written_out_again_means_the_same(tree: Tree) -> None:
    expression = parse(tree.text)
    assert evaluate(text_of(expression)) == tree.value
    assert text_of(parse(text_of(expression))) == text_of(expression)


@given(st.fractions())
def test_a_number_reads_back_as_itself_to_fifteen_digits(number: Fraction) -> None:
    back = Fraction(number_text(number))
    assert abs(back - number) <= abs(number) * Fraction(1, 10**14)
    if number.denominator == 1:
        assert back == number


@given(st.text(max_size=60))
def test_any_text_is_computed_or_refused(text: str) -> None:
    value: object = None
    with suppress(ToolError):
        value = evaluate(text)
    assert value is None or isinstance(value, Fraction)
