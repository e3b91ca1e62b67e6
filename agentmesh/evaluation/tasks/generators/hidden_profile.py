"""Hidden profiles: what all know speaks for the wrong option; what each knows alone, pooled, for the right one.

Source: Stasser and Titus (1985), "Pooling of unshared information in group decision making"; here facts have weights,
so that the right option is a matter of adding up.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Annotated

from pydantic import Field, model_validator

from agentmesh.evaluation.tasks.generators.base import LAST_LINE, Agents, ForAgents, share, shared_out
from agentmesh.evaluation.tasks.task import Check, EvalTask

OPTIONS = (
    "Oslo", "Lima", "Cairo", "Turin", "Kyoto", "Quito", "Malmo", "Perth", "Dakar", "Porto", "Osaka", "Tunis", "Basel",
    "Hanoi", "Accra", "Leeds",
)  # fmt: skip
ASPECTS = (
    "rents", "trains", "schools", "hospitals", "parks", "wages", "taxes", "harbour", "airport", "libraries", "winters",
    "summers", "air", "water", "theatres", "markets", "roads", "bridges", "housing", "kindergartens", "universities",
    "courts", "suppliers", "customers", "landlords", "insurance", "electricity", "heating", "broadband", "parking",
    "bicycle lanes", "trams", "museums", "beaches", "forests", "restaurants", "bakeries", "workshops", "warehouses",
    "permits", "subsidies", "noise", "safety", "daylight", "neighbours", "office space", "training", "childcare",
    "clinics", "post", "recycling", "sports", "festivals", "languages", "time zone", "visas", "banks", "translators",
    "caterers", "repairs",
)  # fmt: skip
_EACH = 6
"""What each member's own facts weigh together."""
_HEAVIEST = 7


class HiddenProfileTasks(ForAgents):
    """`needed` of the agents have to pool what each knows alone; all of them if it is not given."""

    agents: Agents = ("ann", "ben", "cy")
    options: Annotated[int, Field(ge=2, le=6)] = 3
    needed: Annotated[int, Field(ge=2)] | None = None

    @model_validator(mode="after")
    def _is_possible(self) -> HiddenProfileTasks:
        if not 2 <= len(self.agents) <= 8:
            raise ValueError(f"'agents' names {len(self.agents)}; name 2 to 8, such as ann+ben+cy")
        if self.needed is not None and self.needed > len(self.agents):
            raise ValueError(f"'needed' is {self.needed}; it is at most the number of agents, {len(self.agents)}")
        return self

    def task(self, random: Random, number: int) -> EvalTask:
        """One choice. The decoy leads by less than `needed` members make up for, and by more than fewer do."""
        needed = self.needed or len(self.agents)
        right, decoy, *others = options = random.sample(OPTIONS, self.options)
        aspects = iter(random.sample(ASPECTS, len(ASPECTS)))
        base = random.randint(2, 5)
        weights = {right: base, decoy: base + _EACH * needed - random.randint(1, _EACH - 1)}
        weights |= {other: random.randint(1, base) for other in others}
        common = [fact for name in options for fact in _facts(random, aspects, name, weights[name], _HEAVIEST)]
        own = {agent: _facts(random, aspects, right, _EACH, 4) for agent in self.agents}
        random.shuffle(common)
        prompt = (
            f"Which option is the best: {_listed(sorted(options))}?\n"
            "Each fact speaks for one option, with a weight. The best option is the one for which the weights of all "
            "facts add up to most; some facts may be known to one member of a team only. Known to all:\n"
            f"{_lines(common)}\n{LAST_LINE.format('OPTION')}"
        )
        return EvalTask(
            id=str(number),
            prompt=prompt,
            answer=right,
            private={agent: _lines(facts) for agent, facts in own.items()},
            check=Check(kind="choice", choices=tuple(sorted(options))),
            metadata={
                "options": self.options,
                "agents": len(self.agents),
                "needed": needed,
                "decoy": decoy,
                "difficulty": share(needed - 1, 7),
            },
        )


def _facts(random: Random, aspects: Iterator[str], option: str, weight: int, most: int) -> list[str]:
    return [f"{next(aspects)}: {piece} for {option}" for piece in shared_out(random, weight, most)]


def _lines(facts: list[str]) -> str:
    return "\n".join(f"- {fact}" for fact in facts)


def _listed(options: list[str]) -> str:
    return f"{', '.join(options[:-1])} or {options[-1]}"
