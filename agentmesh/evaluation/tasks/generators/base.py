"""What every generator is: parameters, and one task after the other from a seed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from random import Random
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator

from agentmesh.config.base import Config, Name, PositiveInt
from agentmesh.evaluation.tasks.task import EvalTask

LAST_LINE = "End with a line `Answer: {}`."


class Generator(Config, ABC):
    """Makes tasks of one kind. The same parameters make the same tasks on every machine, and fewer are a beginning."""

    n: Annotated[PositiveInt, Field(le=10_000)] = 50
    seed: int = 0

    def tasks(self, kind: str) -> tuple[EvalTask, ...]:
        """All of them; `kind` is how their ids begin."""
        return tuple(self._named(kind, number) for number in range(1, self.n + 1))

    def _named(self, kind: str, number: int) -> EvalTask:
        task = self.task(Random(f"{kind} {self.seed} {number}"), number)
        return task.model_copy(
            update={"id": f"{kind}-{self.seed}-{number:03}", "metadata": {"kind": kind, **task.metadata}}
        )

    @abstractmethod
    def task(self, random: Random, number: int) -> EvalTask:
        """One task. `metadata` says how hard it is: `difficulty`, from 0 to 1, grows with what the parameters ask."""


def _split(value: Any) -> Any:
    return tuple(filter(None, value.split("+"))) if isinstance(value, str) else value


Agents = Annotated[tuple[Name, ...], BeforeValidator(_split)]
"""Names of agents, `ann+ben+cy`, who each are told something of their own."""


class ForAgents(Generator):
    """A kind whose tasks tell each of some agents something that only it knows."""

    agents: Agents = ()

    @field_validator("agents")
    @classmethod
    def _are_several(cls, agents: tuple[str, ...]) -> tuple[str, ...]:
        if agents and (len(agents) < 2 or len(set(agents)) < len(agents)):
            raise ValueError("give two or more different names, such as ann+ben+cy")
        return agents


def shared_out(random: Random, total: int, most: int) -> list[int]:
    """A number as a sum of some from 1 to `most`, in random order."""
    pieces: list[int] = []
    while total > 0:
        pieces.append(min(total, random.randint(max(1, most // 2), most)))
        total -= pieces[-1]
    random.shuffle(pieces)
    return pieces


def deviation(random: Random) -> float:
    """Nearly a standard normal deviate, from sums alone: the same to the last bit everywhere."""
    return sum(random.random() for _ in range(12)) - 6.0


def share(value: float, most: float) -> float:
    """How far along a value is, from 0 to 1."""
    return round(min(value / most, 1.0), 3)
