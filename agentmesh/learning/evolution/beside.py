"""What came of evolution on tasks that it has not seen, beside one agent with an equal share of the tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any

from agentmesh.evaluation.advice.bench import Bench
from agentmesh.evaluation.advice.room import least_of
from agentmesh.evaluation.comparison.entrants import LEAST, Entrant, entrants_of, spending
from agentmesh.evaluation.comparison.rows import Row
from agentmesh.evaluation.comparison.summary import outcomes_of
from agentmesh.evaluation.intervals import Estimate
from agentmesh.evaluation.statistics import by_task, difference, success
from agentmesh.evaluation.tasks.task import EvalTask
from agentmesh.learning.evolution.arena import Arena
from agentmesh.learning.evolution.genome import Individual
from agentmesh.learning.evolution.operators import Scored
from agentmesh.learning.evolution.search import FEW
from agentmesh.team import Team


@dataclass(frozen=True)
class Side:
    """One side of the comparison on held-out tasks."""

    name: str
    kind: str
    rows: tuple[Row, ...] = field(repr=False)
    budget: int
    """What it might use in all."""
    spent: int
    """What it used; of the champion all that evolution did."""

    @property
    def success(self) -> float:
        """Share of right runs."""
        return _right(self.rows)

    def gain(self, other: Side) -> dict[str, Any]:
        """How much more often it is right than another one, with the interval over tasks."""
        told = difference(outcomes_of(self.rows), outcomes_of(other.rows))
        return {**told.estimate.to_json(), "p": told.p}

    def to_json(self) -> dict[str, Any]:
        """For JSON."""
        outcomes = outcomes_of(self.rows)
        return {
            "name": self.name,
            "kind": self.kind,
            "success": round(self.success, 4),
            "ci": _ends(success(outcomes)),
            "ci_by_task": _ends(by_task(outcomes)),
            "tasks": len(outcomes),
            "tokens": round(fmean(row.tokens for row in self.rows), 1),
            "samples": round(fmean(row.samples for row in self.rows), 1),
            "budget": self.budget,
            "spent": self.spent,
        }


def ways_of(team: Team, tasks: Sequence[EvalTask]) -> int:
    """How many baselines there are: one agent with all of it, and each way to spend it on more than one answer."""
    members = _members(team, tasks)
    return 1 + len(spending(members[0], tasks)) if members else 0


@dataclass
class Final:
    """Runs on held-out tasks, each side within its share of the budget."""

    arena: Arena
    tasks: Sequence[EvalTask]
    share: int
    """What each side may use in all."""
    remarks: list[str] = field(default_factory=list)

    async def champion(self, champion: Scored, budget: int) -> tuple[Side, Side] | None:
        """The champion and the team as it is written, on as many tasks as the budget carries; None if on none.

        Raises: AgentMeshError.
        """
        arena, written = self.arena, Individual("g0-00", {})
        both = list({one.key: one for one in (champion.individual, written)}.values())
        entrants = [arena.entrant(one) for one in both]
        done = await arena.bench.measure(entrants, self.tasks)
        if done < len(self.tasks):
            self.remarks.append(f"the budget carried {done} of {len(self.tasks)} held-out tasks")
            self.tasks = self.tasks[:done]
        if not done:
            return None
        found = (await arena.bench.study(entrants, self.tasks)).found
        best, start = (tuple(found[one.name]) for one in (entrants[0], entrants[-1]))
        name = entrants[-1].name
        return (
            Side(champion.individual.name, "champion", best, budget, 0),
            Side(f"{name} as written", "team", start, budget, 0),
        )

    async def baselines(self, seen: Sequence[EvalTask]) -> list[Side]:
        """What one agent does with a share as large as that of evolution, one way after the other.

        Who that agent is, is decided on tasks that evolution has seen. Raises: AgentMeshError.
        """
        bench, seeds = self.arena.bench, self.arena.bench.plan.seeds
        team = self.arena.team(Individual("g0-00", {}))
        members = _members(team, self.tasks)
        ways = ways_of(team, self.tasks)
        limit = self.share // (len(self.tasks) * seeds) - bench.scoring
        if not members or limit < least_of(team):
            self.remarks.append("no agent alone was run: a share of the budget is too small for one call on each task")
            return []
        bench.kept_back = (ways - 1) * self.share  # it comes out of the share of one agent alone
        best = await self._best(members, seen[:FEW])
        wide = replace(bench, plan=replace(bench.plan, budget_tokens=limit))
        sides: list[Side] = []
        alone: dict[str, float] = {}
        for nth, way in enumerate([best, *spending(best, self.tasks)], start=1):
            counts = {task: way.samples(limit, used) for task, used in alone.items()} if nth > 1 else None
            if counts and fmean(counts.values()) < (least := LEAST.get(way.kind, 1)):
                self.remarks.append(f"{way.name} is left out: the budget is too small for {least} answers")
                continue
            wide.kept_back = (ways - nth) * self.share
            side = await self._side(wide, way, counts)
            sides += [side] if side is not None else []
            if nth == 1 and side is not None:
                alone = {task.id: fmean(r.tokens for r in side.rows if r.task == task.id) for task in self.tasks}
        return sides

    async def _best(self, members: Sequence[Entrant], tasks: Sequence[EvalTask]) -> Entrant:
        bench = self.arena.bench
        if len(members) == 1:
            return members[0]
        if await bench.measure(members, tasks) < len(tasks):
            return members[0]
        found = (await bench.study(members, tasks)).found
        return max(members, key=lambda one: (_right(found[one.name]), -fmean(row.tokens for row in found[one.name])))

    async def _side(self, bench: Bench, way: Entrant, counts: Mapping[str, int] | None) -> Side | None:
        before = bench.ledger.spent
        if await bench.measure([way], self.tasks, counts) < len(self.tasks):
            self.remarks.append(f"{way.name} is left out: the budget did not carry it")
            return None
        found = tuple((await bench.study([way], self.tasks, counts)).found[way.name])
        return Side(way.name, way.kind, found, self.share, bench.ledger.spent - before)


def _members(team: Team, tasks: Sequence[EvalTask]) -> list[Entrant]:
    return [one for one in entrants_of([team], tasks) if one.kind == "member"]


def _right(rows: Sequence[Row]) -> float:
    return fmean(row.correct for row in rows)


def _ends(estimate: Estimate) -> list[float | None]:
    told = estimate.to_json()
    return [told["low"], told["high"]]
