"""Sums: as many operations in parts that need each other, or in parts that do not."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Annotated, Literal

from pydantic import Field

from agentmesh.evaluation.tasks.generators.base import LAST_LINE, Generator, share
from agentmesh.evaluation.tasks.task import EvalTask

_SMALL = 99
"""So large are, at most, the numbers that are added, and those that are multiplied by a digit."""
_HARDEST = 40
_STEPS = {"+": "add {}", "-": "subtract {}", "*": "multiply by {}", "/": "divide by {}"}


class ArithmeticTasks(Generator):
    """A `tree` of `width` independent sums of `depth` operations each, added up; or a `sequence` of as many operations.

    A sequence is told in steps of which each needs the one before. Numbers stay small, so that what is hard is how many
    operations there are, and not each of them.
    """

    depth: Annotated[int, Field(ge=1, le=8)] = 3
    width: Annotated[int, Field(ge=1, le=4)] = 3
    shape: Literal["tree", "sequence"] = "tree"

    def task(self, random: Random, number: int) -> EvalTask:
        """One sum, and its value."""
        operations = self.depth * self.width + self.width
        if self.shape == "tree":
            # The number in front keeps the brackets of the first part.
            first, parts = random.randint(2, 9), [_steps(random, self.depth) for _ in range(self.width)]
            expression = " + ".join([str(first), *(f"({_written(*part)})" for part in parts)])
            prompt, answer = f"Compute {expression}.", first + sum(_value(*part) for part in parts)
        else:
            start, steps = _steps(random, operations)
            told = ", ".join(_STEPS[symbol].format(operand) for symbol, operand in steps)
            prompt, answer = f"Start with {start}, {told}. What is the result?", _value(start, steps)
        metadata = {
            "shape": self.shape,
            "depth": self.depth if self.shape == "tree" else operations,
            "width": self.width if self.shape == "tree" else 1,
            "operations": operations,
            "difficulty": share(operations, _HARDEST),
        }
        return EvalTask(
            id=str(number), prompt=f"{prompt}\n{LAST_LINE.format('NUMBER')}", answer=answer, metadata=metadata
        )


def _steps(random: Random, count: int) -> tuple[int, list[tuple[str, int]]]:
    """A number, and steps from it whose results are whole, and stay between 1 and ten times the small numbers."""
    start = value = random.randint(2, _SMALL)
    steps: list[tuple[str, int]] = []
    for _ in range(count):
        operands = _operands(value)
        symbol = random.choice([symbol for symbol in operands if operands[symbol]])
        steps.append((symbol, random.choice(operands[symbol])))
        value = _value(value, steps[-1:])
    return start, steps


def _operands(value: int) -> dict[str, Sequence[int]]:
    """By operation: what may come after it."""
    return {
        "+": range(2, _SMALL + 1) if value <= 9 * _SMALL else (),
        "-": range(2, min(_SMALL, value - 1) + 1),
        "*": range(2, 10) if value <= _SMALL else (),
        "/": [divisor for divisor in range(2, 10) if value % divisor == 0],
    }


def _value(start: int, steps: Sequence[tuple[str, int]]) -> int:
    for symbol, operand in steps:
        match symbol:
            case "+":
                start += operand
            case "-":
                start -= operand
            case "*":
                start *= operand
            case _:
                start //= operand
    return start


def _written(start: int, steps: Sequence[tuple[str, int]]) -> str:
    text, additive = str(start), False
    for symbol, operand in steps:
        text = f"({text}){symbol}{operand}" if symbol in "*/" and additive else f"{text}{symbol}{operand}"
        additive = symbol in "+-"
    return text
