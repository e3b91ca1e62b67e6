"""Ideas: as many distinct valid ones as can be found, counted against a list of those that are valid."""

from __future__ import annotations

import math
from itertools import combinations
from random import Random
from typing import Annotated

from pydantic import Field, model_validator

from agentmesh.evaluation.tasks.generators.base import Generator
from agentmesh.evaluation.tasks.task import Check, EvalTask
from agentmesh.providers.simulated.knowledge import USES


class IdeaTasks(Generator):
    """Uses of some `things` at a time; `enough` is the share of the valid ideas that is a success.

    Source: Guilford's test of alternative uses (1967); here against a closed list, so that it scores without a judge.
    """

    things: Annotated[int, Field(ge=1, le=3)] = 2
    enough: Annotated[float, Field(gt=0, le=1)] = 0.7

    @model_validator(mode="after")
    def _are_enough(self) -> IdeaTasks:
        if self.n > (most := math.comb(len(USES), self.things)):
            raise ValueError(f"'n' is {self.n}; with things={self.things} there are {most} different tasks")
        return self

    def task(self, random: Random, number: int) -> EvalTask:
        """One of all choices of things, which come in an order that hangs on the seed alone."""
        choices = list(combinations(sorted(USES), self.things))
        Random(f"ideas {self.seed} {self.things}").shuffle(choices)
        things = choices[number - 1]
        valid = [f"{idea} ({thing})" for thing in things for idea in USES[thing]]
        prompt = (
            f"List as many different uses as you can of: {'; '.join(things)}.\n"
            "Write each on a line of its own that begins with `- ` and ends with the thing in brackets, such as "
            f"`- paint it ({things[0]})`, and write no other lines of that form."
        )
        return EvalTask(
            id=str(number),
            prompt=prompt,
            answer=valid,
            check=Check(kind="ideas", enough=max(1, math.ceil(self.enough * len(valid)))),
            metadata={"things": list(things), "ideas": len(valid), "difficulty": self.enough},
        )
