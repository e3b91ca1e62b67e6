"""One generation after the other, until there were as many as were wanted or the budget carries no further one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from statistics import fmean
from typing import Any

import anyio

from agentmesh.evaluation.tasks.task import EvalTask
from agentmesh.learning.evolution.arena import Arena, Promotion
from agentmesh.learning.evolution.breeding import DeadEnds, Drawing
from agentmesh.learning.evolution.calls import side_by_side
from agentmesh.learning.evolution.diversity import answered_vendi, collapsed, written_vendi
from agentmesh.learning.evolution.genome import Individual
from agentmesh.learning.evolution.operators import Operator, Place, Scored, next_places, ranked
from agentmesh.learning.evolution.proposing import Proposing
from agentmesh.topology.graph import Topology

FEW = 4
"""Tasks of a generation at least, where there are so many: on fewer everybody is alike."""
_SURE = 0.9
"""Share of the room that is planned with: children may use a little more than the team as it is written."""
_STRANGERS = 4
"""One in so many of a generation that has collapsed is replaced."""
_STRANGE = "unlike every parent and everything tried: another way of going about such tasks"
Judge = Callable[[Sequence[Scored]], Awaitable[dict[str, float] | None]]
"""Scores by key of individuals, from 0 to 1; None where the budget did not carry that."""


@dataclass(frozen=True)
class Generation:
    """Everybody of it, as they were measured."""

    number: int
    members: tuple[Scored, ...]
    vendi: float
    """By what is written."""
    vendi_answers: float
    strangers: int
    """How many were put in because the generation had collapsed."""
    champion: str
    spent: int

    def to_json(self) -> dict[str, Any]:
        """As `generations` of `agentmesh evolve --json` has it."""
        success = [one.success for one in self.members]
        return {
            "generation": self.number,
            "best": round(max(success), 4),
            "mean": round(fmean(success), 4),
            "vendi": round(self.vendi, 4),
            "vendi_answers": round(self.vendi_answers, 4),
            "strangers": self.strangers,
            "champion": self.champion,
            "spent": self.spent,
            "individuals": [_member(one) for one in self.members],
        }


def _member(one: Scored) -> dict[str, Any]:
    own = one.individual
    return {
        "name": own.name,
        "parents": list(own.parents),
        "how": own.how,
        "why": own.why,
        "changes": dict(own.changes),
        "success": round(one.success, 4),
        "judged": one.judged if one.judged is None else round(one.judged, 4),
        "tokens": round(one.tokens, 1),
    }


@dataclass
class Search:
    """Evolution while it goes on."""

    arena: Arena
    drawing: Drawing
    tasks: Sequence[EvalTask]
    """Of selection; each generation is measured on the first `batch` of them."""
    operator: Operator
    population: int
    wanted: int
    """Generations after the first."""
    k: int
    seed: int
    later: Callable[[float], int]
    """What is kept of the budget for what comes after evolution, by the tokens of a run."""
    proposing: Proposing | None = None
    judge: Judge | None = None
    migration: Topology | None = None
    dead: DeadEnds = field(default_factory=DeadEnds)
    generations: list[Generation] = field(default_factory=list)
    promotions: list[Promotion] = field(default_factory=list)
    champion: Scored | None = None
    batch: int = 0
    ended: str = ""

    async def carry_out(self) -> None:
        """Everything. Raises: AgentMeshError."""
        written = Individual("g0-00", {})
        pilot = await self.arena.measured([written], self.tasks[:FEW])
        if pilot is None:
            self.ended = "the budget does not carry the team as it is written on a few tasks"
            return
        self.arena.bench.kept_back = self.later(pilot[0].tokens)
        self.batch = self._affordable(pilot[0].tokens)
        members = await self._first(written, pilot[0])
        for number in range(self.wanted + 1):
            if number:
                members = await self._children(number)
            if self.ended or not await self._measured(number, members):
                return
        self.ended = f"there were as many generations as were wanted, {self.wanted} after the first"

    def _affordable(self, tokens: float) -> int:
        """On how many tasks each generation fits into the budget, if all use as much as the team as it is written."""
        bench = self.arena.bench
        room = _SURE * (bench.ledger.left - bench.kept_back)
        each = (tokens + bench.scoring) * bench.plan.seeds * self.population * (self.wanted + 1)
        return min(len(self.tasks), max(min(FEW, len(self.tasks)), int(room / max(each, 1))))

    async def _measured(self, number: int, members: Sequence[Individual]) -> bool:
        """Measure a generation, and see who is champion now. False where the budget did not carry it."""
        tasks = self.tasks[: self.batch]
        found = await self.arena.measured(members, tasks)
        if found is not None and self.judge is not None:
            judged = await self.judge(found)
            found = None if judged is None else [replace(one, judged=judged[one.individual.key]) for one in found]
        if found is None:
            self.ended = f"generation {number} did not fit into what was left of the budget"
            return False
        self._note_dead(found, number)
        best = max(found, key=lambda one: one.worth)
        if self.champion is None:
            self.champion = next(one for one in found if not one.individual.changes)
        self.champion, promotion = await self.arena.promoted(number, self.champion, best, tasks)
        self.promotions += [promotion] if promotion is not None else []
        self.generations.append(self._generation(number, found, self.champion))
        return True

    def _generation(self, number: int, found: Sequence[Scored], champion: Scored) -> Generation:
        return Generation(
            number,
            tuple(found),
            written_vendi([one.individual.changes for one in found]),
            answered_vendi([{row.task: row.answer for row in one.rows if row.seed == 0} for one in found]),
            sum(one.individual.how == "stranger" for one in found),
            champion.individual.name,
            self.arena.bench.ledger.spent,
        )

    def _note_dead(self, found: Sequence[Scored], number: int) -> None:
        before = {one.individual.name: one for one in self.generations[-1].members} if self.generations else {}
        for one in found:
            if one.individual.parents and (parent := before.get(one.individual.parents[0])) is not None:
                self.dead.note(one, parent, number)

    async def aclose(self) -> None:
        """Close the connections of the model that varies."""
        if self.proposing is not None:
            with anyio.CancelScope(shield=True):
                await self.proposing.provider.aclose()

    # Who comes next

    async def _first(self, written: Individual, pilot: Scored) -> list[Individual]:
        """The team as it is written, and all others drawn, or written by the model."""
        members = [written]
        random = Random(f"{self.seed} first")
        proposals = await self._proposed([(f"g0-{at:02}", [pilot], "") for at in range(1, self.population)])
        for at in range(1, self.population):
            name = f"g0-{at:02}"
            taken = {one.key for one in members}
            one = proposals.get(name) or self.drawing.stranger(name, random, taken)
            members.append(one or replace(written, name=name))
        return members

    async def _children(self, number: int) -> list[Individual]:
        """The members of the next generation, with strangers among them if it would be too uniform."""
        random = Random(f"{self.seed} {number}")
        places = next_places(self.operator, self.generations[-1].members, self.k, random, self.migration)
        names = [f"g{number}-{at:02}" for at in range(len(places))]
        asked = [(name, ranked(place.parents), "") for name, place in zip(names, places, strict=True) if not place.kept]
        proposals = await self._proposed(asked)
        members: list[Individual] = []
        for name, place in zip(names, places, strict=True):
            members.append(self._member(name, place, proposals.get(name), random, {one.key for one in members}))
        return await self._guarded(members, places, random)

    def _member(
        self, name: str, place: Place, proposal: Individual | None, random: Random, taken: set[str]
    ) -> Individual:
        if place.kept:
            own = place.parents[0].individual
            return replace(own, name=name, parents=(own.name,), how="kept")
        if proposal is not None and proposal.key not in taken:
            return proposal
        child = self.drawing.child(name, place.parents, random, taken)
        best = max(place.parents, key=lambda one: one.rank).individual
        return child or replace(best, name=name, parents=(best.name,), how="kept for want of another")

    async def _guarded(self, members: list[Individual], places: Sequence[Place], random: Random) -> list[Individual]:
        """A quarter of a generation that would have collapsed is strangers instead, the last of its children."""
        uniform = collapsed(written_vendi([one.changes for one in members]), self.generations[0].vendi)
        if len(members) < 2 or not uniform:
            return members
        children = [at for at, place in enumerate(places) if not place.kept][-max(1, len(members) // _STRANGERS) :]
        asked = [(members[at].name, ranked(places[at].parents), _STRANGE) for at in children]
        proposals = await self._proposed(asked)
        for at in children:
            name, taken = members[at].name, {one.key for one in members}
            one = proposals.get(name) or self.drawing.stranger(name, random, taken)
            if one is not None:
                members[at] = replace(one, parents=(), how="stranger")
        return members

    async def _proposed(self, asked: Sequence[tuple[str, list[Scored], str]]) -> dict[str, Individual]:
        """By name: children that the model writes, side by side; none without one."""
        found: dict[str, Individual] = {}
        proposing = self.proposing
        if proposing is None:
            return found

        async def one(nth: int, name: str, parents: list[Scored], wish: str) -> None:
            child = await proposing.proposed(name, parents, proposing.request(parents, self.dead, wish), nth)
            if child is not None:
                found[name] = child

        jobs = (partial(one, nth, *about) for nth, about in enumerate(asked))
        await side_by_side(jobs, self.arena.bench.plan.concurrency)
        return found
