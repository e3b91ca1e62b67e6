"""Estimates of a quantity from several clues, each a little off: the more of them are pooled, the nearer."""

from __future__ import annotations

from random import Random
from typing import Annotated

from pydantic import Field

from agentmesh.evaluation.tasks.generators.base import LAST_LINE, ForAgents, deviation
from agentmesh.evaluation.tasks.task import Check, EvalTask

_QUANTITIES = (
    ("beans", "the jar"), ("books", "the old library"), ("trees", "the city park"), ("tiles", "the roof"),
    ("bricks", "the chimney"), ("seats", "the stadium"), ("sheep", "the valley"), ("letters", "the mail bag"),
    ("coins", "the chest"), ("boats", "the harbour"), ("lamps", "the theatre"), ("apples", "the orchard"),
)  # fmt: skip
_WITNESSES = (
    "the guard", "a visitor", "the owner", "a neighbour", "the cleaner", "a photograph", "the ledger", "a surveyor",
    "the foreman", "a pupil", "the postman", "a pilot", "the gardener", "a painter", "the clerk", "a mathematician",
)  # fmt: skip


class EstimationTasks(ForAgents):
    """`clues` are each off by about `spread` of the quantity; within `tolerance` of it is right.

    With agents the clues are shared out among them, so that each is told its own; without, all stand in the prompt.
    """

    clues: Annotated[int, Field(ge=1, le=len(_WITNESSES))] = 9
    spread: Annotated[float, Field(gt=0, le=0.3)] = 0.15
    tolerance: Annotated[float, Field(gt=0, le=0.5)] = 0.05

    def task(self, random: Random, number: int) -> EvalTask:
        """One quantity and its clues."""
        things, place = random.choice(_QUANTITIES)
        quantity = random.randint(200, 5000)
        witnesses = random.sample(_WITNESSES, self.clues)
        clues = [f"- {name}: {round(quantity * _off(random, self.spread))}" for name in witnesses]
        private = {agent: "\n".join(clues[at :: len(self.agents)]) for at, agent in enumerate(self.agents)}
        known = "" if self.agents else "\n" + "\n".join(clues)
        prompt = (
            f"Estimate the number of {things} in {place}.\n"
            "Each clue names who made an estimate, and the estimate; all are off by chance, and some may be known to "
            f"one member of a team only.{known}\n{LAST_LINE.format('NUMBER')}"
        )
        return EvalTask(
            id=str(number),
            prompt=prompt,
            answer=quantity,
            private={agent: told for agent, told in private.items() if told},
            check=Check(kind="numeric", relative=self.tolerance),
            metadata={
                "clues": self.clues,
                "spread": self.spread,
                "difficulty": round(min(1.0, self.spread / self.tolerance / self.clues**0.5 / 3), 3),
            },
        )


def _off(random: Random, spread: float) -> float:
    """A factor around 1, never so far off that it says something else altogether."""
    return 1 + spread * max(-3.0, min(3.0, deviation(random)))
