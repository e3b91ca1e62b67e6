"""Answers that are a number, wherever it stands in the text."""

from __future__ import annotations

from fractions import Fraction

from agentmesh.evaluation.scoring.texts import one_of, shown
from agentmesh.evaluation.tasks.numbers import Found, number_of, whole_number
from agentmesh.evaluation.tasks.task import Check, EvalTask, Score
from agentmesh.tools.calculator import number_text

_ROUNDING = Fraction(1, 10**9)
"""What is right may be a fraction that JSON cannot hold: so near, as a share of it, is the same."""


def numeric(task: EvalTask, answer: str, check: Check) -> Score:
    """Right if the number that the answer comes to is a right one, or near enough."""
    found = number_of(answer)
    if found is None:
        return Score(False, 0.0, f"no number in {shown(answer)}; right is {one_of(task.accepted)}")
    correct = any(_is_near(found, right, check) for one in task.accepted if (right := whole_number(one)))
    told = f"it says {number_text(found.value)}" if abs(found.value) < 10**20 else "it says a number of many digits"
    return Score(correct, float(correct), told if correct else f"{told}; right is {one_of(task.accepted)}")


def _is_near(found: Found, right: Found, check: Check) -> bool:
    """Whether two numbers agree in one of their readings: 12 % may be meant where 12 is right, or .12."""
    if found.percent and right.percent:
        return _within(found.value, right.value, check)
    return any(_within(a, b, check) for a in found.readings for b in right.readings)


def _within(found: Fraction, right: Fraction, check: Check) -> bool:
    rounding = 0 if right.denominator == 1 else _ROUNDING
    share = max(Fraction(str(check.relative)), rounding)
    return abs(found - right) <= max(Fraction(str(check.tolerance)), share * abs(right))
