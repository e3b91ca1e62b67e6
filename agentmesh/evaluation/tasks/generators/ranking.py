"""Rankings against the order that an expert gives: by what agents are told, each a little wrong, or what they know."""

from __future__ import annotations

from random import Random
from typing import Annotated

from pydantic import Field

from agentmesh.evaluation.tasks.generators.base import LAST_LINE, ForAgents, deviation, share
from agentmesh.evaluation.tasks.task import Check, EvalTask
from agentmesh.providers.simulated.knowledge import MEASURES

_CRATES = ("Alder", "Birch", "Cedar", "Elm", "Fir", "Hazel", "Larch", "Maple", "Oak", "Pine", "Rowan", "Willow")


class RankingTasks(ForAgents):
    """`items` in the order of a measure, the greatest first.

    With agents it is the weight of crates that nobody else has seen: each agent is told an estimate of each, off by
    about `spread`. Without, it is a measure of well-known things.
    """

    items: Annotated[int, Field(ge=3, le=10)] = 5
    spread: Annotated[float, Field(gt=0, le=0.3)] = 0.15

    def task(self, random: Random, number: int) -> EvalTask:
        """One list of things, and their order."""
        if self.agents:
            measure, values = "weight in kg", _crates(random, self.items)
        else:
            measure = random.choice(sorted(MEASURES))
            values = {name: MEASURES[measure][name] for name in random.sample(sorted(MEASURES[measure]), self.items)}
        told = {agent: _estimates(random, agent, values, self.spread) for agent in self.agents}
        hint = "\nThese are crates. All estimates of them are off by chance; those of others help." if told else ""
        prompt = (
            f"Rank by {measure}, the greatest first: {', '.join(sorted(values))}.{hint}\n"
            f"{LAST_LINE.format('FIRST > SECOND > ...')}"
        )
        return EvalTask(
            id=str(number),
            prompt=prompt,
            answer=sorted(values, key=lambda name: -values[name]),
            private=told,
            check=Check(kind="ranking"),
            metadata={"measure": measure, "items": self.items, "difficulty": share(self.items, 10)},
        )


def _crates(random: Random, count: int) -> dict[str, float]:
    """Weights of which each is a fifth more than the next."""
    least = random.randint(20, 60)
    names = random.sample(_CRATES, count)
    return {name: round(least * 1.2**at) for at, name in enumerate(names)}


def _estimates(random: Random, agent: str, values: dict[str, float], spread: float) -> str:
    names = sorted(values)
    return "\n".join(f"- {name} ({agent}): {round(values[name] * (1 + spread * deviation(random)))}" for name in names)
