"""Successive halving: all on a few tasks, the better half on twice as many, until one is left or the budget is used.

Source: Karnin, Koren and Somekh (2013), Almost Optimal Exploration in Multi-Armed Bandits; here the number of tasks
doubles, as in Jamieson and Talwalkar (2016), and a rung that would not fit into the budget is not begun.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any

from agentmesh.evaluation.advice.bench import Bench
from agentmesh.evaluation.advice.candidates import Candidate
from agentmesh.evaluation.comparison.rows import Row
from agentmesh.evaluation.tasks.task import EvalTask

FEW = 4
"""Tasks of the first rung."""
_SHARE = 3
"""At most one part in so many of the budget is kept for held-out tasks."""


@dataclass(frozen=True)
class Place:
    """Where a candidate came in on a rung."""

    candidate: Candidate
    rows: Sequence[Row] = field(repr=False)
    kept: bool = False

    @property
    def success(self) -> float:
        """Share of right runs."""
        return fmean(row.correct for row in self.rows)

    @property
    def tokens(self) -> float:
        """Of a run."""
        return fmean(row.tokens for row in self.rows)

    def to_json(self) -> dict[str, Any]:
        """For JSON."""
        one = self.candidate
        return {
            "name": one.name,
            "topology": one.shape,
            "agents": one.agents,
            "prompt": one.prompt.name,
            "success": round(self.success, 4),
            "tokens": round(self.tokens, 1),
            "kept": self.kept,
        }


@dataclass(frozen=True)
class Rung:
    """Candidates on the same tasks, the best first."""

    tasks: int
    places: tuple[Place, ...]
    spent: int
    """Of the budget, when it was over."""

    def to_json(self) -> dict[str, Any]:
        """For JSON."""
        return {"tasks": self.tasks, "spent": self.spent, "candidates": [place.to_json() for place in self.places]}


@dataclass(frozen=True)
class Search:
    """What came of it."""

    rungs: tuple[Rung, ...]
    ended: str
    """Why there is no further rung."""

    @property
    def order(self) -> tuple[Place, ...]:
        """Everybody, the best first: those who came further, and then those who did better there."""
        found: dict[str, Place] = {}
        for rung in reversed(self.rungs):
            for place in rung.places:
                found.setdefault(place.candidate.name, place)
        return tuple(found.values())


async def halve(bench: Bench, candidates: Sequence[Candidate], tasks: Sequence[EvalTask], *, held_out: int) -> Search:
    """The search, each run up to the limit of the bench. `held_out`: how many runs come after it.

    The budget carries at least one task for everybody. Raises: AgentMeshError.
    """
    alive = tuple(candidates)
    await _measured(bench, alive, tasks[:1])
    places = await _placed(bench, alive, tasks[:1])
    more = tasks[1 : min(FEW, 1 + _affordable(bench, places, held_out))]
    done = 1 + await _measured(bench, alive, more)
    rungs: list[Rung] = []
    while True:
        places = await _placed(bench, alive, tasks[:done])
        better = places[: (len(places) + 1) // 2]
        more = tasks[done : 2 * done]
        ended = ""
        if len(alive) == 1:
            ended = "one is left"
        elif not more:
            ended = "all tasks of the search are used"
        elif _affordable(bench, better, held_out) < len(more):
            ended = "another rung would not fit into the budget"
        kept = 0 if ended else len(better)
        marked = tuple(replace(place, kept=at < kept) for at, place in enumerate(places))
        rungs.append(Rung(done, marked, bench.ledger.spent))
        alive = tuple(place.candidate for place in better)
        if not ended and await _measured(bench, alive, more) < len(more):
            ended = "the last rung used more than its candidates had used before, and was broken off"
        if ended:
            return Search(tuple(rungs), ended)
        done += len(more)


async def _measured(bench: Bench, candidates: Sequence[Candidate], tasks: Sequence[EvalTask]) -> int:
    return await bench.measure([one.entrant for one in candidates], tasks)


async def _placed(bench: Bench, candidates: Sequence[Candidate], tasks: Sequence[EvalTask]) -> list[Place]:
    """By success, then by tokens."""
    study = await bench.study([one.entrant for one in candidates], tasks)
    places = [Place(one, tuple(study.found[one.name])) for one in candidates]
    return sorted(places, key=lambda place: (-place.success, place.tokens))


def _affordable(bench: Bench, places: Sequence[Place], held_out: int) -> int:
    """How many more tasks for these fit, if they go on as before, into what is not kept for held-out tasks."""
    each = [fmean(row.tokens + row.scoring_tokens for row in place.rows) for place in places]
    later = min(held_out * fmean(each), bench.ledger.limit / _SHARE)
    room = bench.ledger.left - bench.kept_back - later
    return max(0, int(room / (sum(each) * bench.plan.seeds or 1)))
