"""What the search found, beside what one agent can do, on tasks that the search has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from agentmesh.errors import AgentMeshError
from agentmesh.evaluation.advice.bench import Bench
from agentmesh.evaluation.advice.candidates import Candidate
from agentmesh.evaluation.advice.halving import FEW, Place
from agentmesh.evaluation.advice.prompts import AS_WRITTEN
from agentmesh.evaluation.comparison import Comparison, concluded
from agentmesh.evaluation.comparison.entrants import LEAST, Entrant, spending
from agentmesh.evaluation.comparison.summary import Standing
from agentmesh.evaluation.intervals import Estimate
from agentmesh.evaluation.statistics import difference
from agentmesh.evaluation.tasks.task import EvalTask

AT_MOST = 5
"""How many are run on held-out tasks."""


@dataclass(frozen=True)
class Finalists:
    """Who is run on held-out tasks."""

    team: Candidate
    solo: Candidate
    """The best member alone, as it is written."""
    prompted: Candidate
    """The same member with the team's prompt."""
    best: Candidate
    """The best that a member alone has done with any prompt."""

    @property
    def alone(self) -> list[Candidate]:
        """Each once."""
        return list({one.name: one for one in (self.solo, self.prompted, self.best)}.values())


@dataclass(frozen=True)
class Gain:
    """How much more often the best team is right than the best member alone, and what it comes from.

    The part of the prompt is what the same prompt does for the member alone; the rest is that of the graph.
    """

    total: Estimate
    prompt: Estimate
    graph: Estimate

    def to_json(self) -> dict[str, Any]:
        """For JSON."""
        return {name: getattr(self, name).to_json() for name in ("total", "prompt", "graph")}


def finalists(order: Sequence[Place]) -> Finalists:
    """The best of each sort, going by an order of all."""
    places = [place.candidate for place in order]
    alone = [one for one in places if one.alone]
    team = next(one for one in places if not one.alone)
    solo = next(one for one in alone if one.prompt is AS_WRITTEN)
    same = (one for one in alone if one.entrant.member == solo.entrant.member and one.prompt == team.prompt)
    return Finalists(team, solo, next(same, solo), alone[0])


def spendable(order: Sequence[Place], final: Finalists) -> int:
    """What a member may spend: what the team has used at most, and two longest answers that are only set aside.

    All have the same limit; but one agent is to spend as much as the team does, not as much as it might.
    """
    used = max(row.tokens for place in order if place.candidate is final.team for row in place.rows)
    return used + 2 * max(agent.max_output_tokens for agent in final.team.entrant.team.agents.values())


async def compared(
    bench: Bench, final: Finalists, seen: Sequence[EvalTask], unseen: Sequence[EvalTask], spend: int
) -> Comparison:
    """The finalists and the best way to `spend` as much on one member, on as many unseen tasks as the budget carries.

    Raises: AgentMeshError.
    """
    way = await _best_spending(bench, final, seen[:FEW], spend)
    bench.kept_back = 0
    entrants = [one.entrant for one in (final.team, *final.alone)]
    done: list[EvalTask] = []
    counts: dict[str, int] = {}
    while some := unseen[len(done) : len(done) + bench.sure() // (len(entrants) + 1)]:
        await bench.measure(entrants, some)
        if way is not None:
            counts |= await _samples(bench, way, final.best.entrant, some, spend)
            await bench.measure([way], some, counts)
        done += some
    if not done:
        raise AgentMeshError("the search used more than it was allowed, and left nothing for held-out tasks")
    study = await bench.study(entrants, done)
    if way is not None:
        await study.run([way], counts)
    return concluded(study)


def gain_of(final: Finalists, standings: Sequence[Standing]) -> Gain:
    """The gain on held-out tasks, with intervals for other tasks of this sort."""
    by_name = {one.name: one.outcomes for one in standings}
    team, solo, prompted = (by_name[one.name] for one in (final.team, final.solo, final.prompted))
    pairs = ((team, solo), (prompted, solo), (team, prompted))
    return Gain(*(difference(a, b).estimate for a, b in pairs))


async def _best_spending(bench: Bench, final: Finalists, tasks: Sequence[EvalTask], spend: int) -> Entrant | None:
    """The way that did best on a few tasks of the search; a vote of copies is no way beside itself."""
    best = final.best.entrant
    if await bench.measure([best], tasks) < len(tasks):
        return None
    found: list[tuple[float, float, Entrant]] = []
    for way in spending(best, tasks):
        if way.kind == "majority" and final.team.shape == "vote":
            continue
        counts = await _samples(bench, way, best, tasks, spend)
        if fmean(counts.values()) < LEAST.get(way.kind, 1):
            continue
        if await bench.measure([way], tasks, counts) == len(tasks):
            rows = (await bench.study([way], tasks, counts)).found[way.name]
            found.append((-fmean(row.correct for row in rows), fmean(row.tokens for row in rows), way))
    return min(found, key=lambda one: one[:2], default=(0, 0, None))[2]


async def _samples(bench: Bench, way: Entrant, best: Entrant, tasks: Sequence[EvalTask], spend: int) -> dict[str, int]:
    """By task, as many as the member can pay for, going by what it has used on the task alone."""
    rows = (await bench.study([best], tasks)).found[best.name]
    used = {task.id: fmean(row.tokens for row in rows if row.task == task.id) for task in tasks}
    return {task: way.samples(spend, tokens) for task, tokens in used.items()}
