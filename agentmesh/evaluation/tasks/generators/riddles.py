"""Riddles: each kind gives way to one way of going about it, so that a team may need several ways, or one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Annotated, Any

from pydantic import BeforeValidator, field_validator

from agentmesh.evaluation.tasks.generators.base import LAST_LINE, Generator
from agentmesh.evaluation.tasks.task import Check, EvalTask
from agentmesh.providers.simulated.riddles import KINDS


def _ages(random: Random) -> tuple[int, ...]:
    times, years, young = random.randint(2, 4), random.randint(2, 9), random.randint(5, 20)
    return times * (young + years) - years, times, young


def _backwards(random: Random) -> tuple[int, ...]:
    added, times = random.randint(2, 40), random.randint(2, 9)
    return added, times, times * (random.randint(3, 60) + added)


def _payments(random: Random) -> tuple[int, ...]:
    small = random.choice((2, 3, 5))
    return random.randint(60, 200), small, small + random.choice((1, 2, 4))


def _sequence(random: Random) -> tuple[int, ...]:
    first, step, growth = random.randint(1, 20), random.randint(2, 9), random.randint(2, 6)
    return tuple(first + at * step + growth * at * (at - 1) // 2 for at in range(4))


_FIGURES: Mapping[str, Callable[[Random], tuple[int, ...]]] = {
    "ages": _ages,
    "backwards": _backwards,
    "payments": _payments,
    "sequence": _sequence,
}


def _split(value: Any) -> Any:
    return tuple(filter(None, value.split("+"))) if isinstance(value, str) else value


class RiddleTasks(Generator):
    """Riddles of these `kinds`, `ages+backwards+payments+sequence`, in turn; one kind takes one way alone.

    Source: the ways are heuristics of Polya, How to Solve It (1945).
    """

    kinds: Annotated[tuple[str, ...], BeforeValidator(_split)] = tuple(KINDS)

    @field_validator("kinds")
    @classmethod
    def _are_known(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        if not kinds or not set(kinds) <= set(KINDS):
            raise ValueError(f"found {'+'.join(kinds) or 'nothing'}; allowed: one or more of {'+'.join(KINDS)}")
        return kinds

    def task(self, random: Random, number: int) -> EvalTask:
        """One riddle, whose trap is another number than the answer."""
        kind = self.kinds[(number - 1) % len(self.kinds)]
        while True:
            figures = _FIGURES[kind](random)
            solved = KINDS[kind].solved(*figures)
            if abs(solved.trap - solved.right) > 1:
                break
        return EvalTask(
            id=str(number),
            prompt=f"{KINDS[kind].form.format(*figures)}\n{LAST_LINE.format('NUMBER')}",
            answer=solved.right,
            check=Check(kind="numeric"),
            metadata={"riddle": kind, "difficulty": round(1 - 1 / len(set(self.kinds)), 3)},
        )
