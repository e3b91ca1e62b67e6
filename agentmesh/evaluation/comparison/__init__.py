"""Does this team beat its best member? Teams and what one agent can do, on the same tasks at the same limit."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentmesh.errors import ConfigError
from agentmesh.evaluation.comparison.entrants import Entrant
from agentmesh.evaluation.comparison.making import SUCCESSFUL, kept_for_judges
from agentmesh.evaluation.comparison.processes import Processes
from agentmesh.evaluation.comparison.rows import KeptRows, Row
from agentmesh.evaluation.comparison.study import Plan, Study
from agentmesh.evaluation.comparison.summary import MEASURES, Standing, standings
from agentmesh.evaluation.comparison.verdict import Pair, Verdict, verdict_on
from agentmesh.evaluation.scoring import Scorer
from agentmesh.evaluation.tasks import Tasks
from agentmesh.team import Team

RESULTS = Path(".agentmesh", "comparisons")
"""Where rows are kept, one file a comparison, unless it is said otherwise."""


@dataclass(frozen=True)
class Comparison:
    """What came of it. `to_json` has everything that is printed, and all that it is computed from."""

    tasks: str
    budget_tokens: int
    unequal: tuple[str, ...]
    """What was not equal, each in one sentence; empty if everything was."""
    remarks: tuple[str, ...]
    """What else should be known to read the figures."""
    standings: tuple[Standing, ...]
    verdict: Verdict
    rows: tuple[Row, ...]
    seeds: int = 1

    @property
    def equal_budget(self) -> bool:
        """Whether nobody was given, or used, more than another one could have."""
        return not self.unequal

    def to_json(self) -> dict[str, Any]:
        """As `agentmesh compare --json` prints it."""
        return {
            "tasks": self.tasks,
            "seeds": self.seeds,
            "budget_tokens": self.budget_tokens,
            "equal_budget": self.equal_budget,
            "unequal": list(self.unequal),
            "remarks": list(self.remarks),
            "teams": [one.to_json() for one in self.standings],
            "pairs": [pair.to_json() for pair in self.verdict.pairs],
            "verdict": self.verdict.verdict,
            "why": self.verdict.why,
            "runs": [row.to_json() for row in self.rows],
        }


async def compare(
    teams: Sequence[Team],
    tasks: Tasks,
    *,
    budget_tokens: int | None = None,
    seeds: int = 1,
    baselines: bool = True,
    scorer: Scorer | None = None,
    results: str | Path | None = None,
    journal: str | None = None,
    concurrency: int = 8,
    processes: Processes | None = None,
    progress: Callable[[int, int], None] = lambda done, known: None,
) -> Comparison:
    """Run teams, each member alone, and what the best member can do with the whole budget, on the same tasks and seeds.

    `budget_tokens` limits every run; without it the limit is what the thirstiest run of a team used. `results` keeps
    finished runs, and `journal` those that are cut off: what is found there is not run, or paid for, again.
    `processes` make the runs of teams that only compute.

    Raises: ConfigError, JournalError, MissingExtra, ValueError.
    """
    if not teams:
        raise ConfigError("there is no team to compare; give at least one")
    if not tasks.items:
        raise ConfigError(f"{tasks.name} holds no task")
    scorer = scorer or Scorer()
    scorer.refuse_unready(tasks.items)
    study = Study(
        Plan(
            teams=teams,
            tasks=tasks,
            seeds=seeds,
            budget_tokens=budget_tokens,
            scorer=scorer,
            rows=KeptRows(results),
            journal=journal,
            concurrency=concurrency,
            processes=processes,
            baselines=baselines,
            progress=progress,
        )
    )
    async with scorer:
        await study.carry_out()
    return concluded(study)


def concluded(study: Study) -> Comparison:
    """What a study that has run everybody comes to. Raises: MissingExtra."""
    told = standings(study.entrants, study.found)
    rows = tuple(row for one in told for row in study.found[one.name])
    unequal = tuple(_unequal(study.entrants, told, study.budget))
    remarks = (*study.left_out, *_remarks(study.entrants, told))
    name, seeds = study.plan.tasks.name, study.plan.seeds
    verdict = verdict_on(told, equal_budget=not unequal)
    return Comparison(name, study.budget, unequal, remarks, tuple(told), verdict, rows, seeds)


def results_of(teams: Sequence[Team], tasks: Tasks, budget_tokens: int | None) -> Path:
    """The file for the rows of this comparison: another one for other teams, tasks or limits; seeds are added to it."""
    facts = "|".join([*(team.hash for team in teams), tasks.hash, str(budget_tokens)])
    return RESULTS / f"{hashlib.sha256(facts.encode()).hexdigest()[:12]}.jsonl"


def _unequal(entrants: Sequence[Entrant], told: Sequence[Standing], budget: int) -> list[str]:
    """What makes the budgets unequal."""
    found = []
    by_name = {one.name: one for one in entrants}
    for one in told:
        most = max(row.tokens for row in one.rows)
        if most > budget:
            found.append(f"{one.name} used up to {most:,} tokens in a run, {most - budget:,} more than the budget")
        limits = by_name[one.name].team.limits
        if one.kind == "team" and limits.usd is not None:
            found.append(f"{one.name} has a limit of {limits.usd:g} USD of its own beside the budget")
    return found


def _remarks(entrants: Sequence[Entrant], told: Sequence[Standing]) -> Iterator[str]:
    """Runs that gave no answer count as wrong: of whom there are any, and why."""
    by_name = {one.name: one for one in entrants}
    for one in told:
        entrant = by_name[one.name]
        if entrant.kind == "team":
            yield from _beside(entrant.team)
        alike: dict[tuple[Any, ...], list[Row]] = {}
        for row in one.rows:
            if row.outcome not in SUCCESSFUL:
                alike.setdefault((row.outcome, row.provisional, row.reason.partition(":")[0]), []).append(row)
        for rows in alike.values():
            yield f"{len(rows)} of {len(one.rows)} runs of {one.name} {_ended(entrant, rows[-1])}"


def _beside(team: Team) -> Iterator[str]:
    """What of a team is in no row of a member."""
    if judges := kept_for_judges(team):
        yield f"{team.name} keeps {judges:,} tokens of its limit for the judges of its monitors"
    for name, agent in team.agents.items():
        if agent.kind == "team":
            yield f"{name} of {team.name} is a team, whose members were not run alone; compare it as well to see them"


def _ended(one: Entrant, row: Row) -> str:
    """How, and what there is to be done about it."""
    again = "; they count as wrong, and are not kept: the same command takes them up again" if row.provisional else ""
    if row.outcome is None:
        return f"wait for people, whose answers are recorded by `agentmesh answer`{again}"
    told = f"ended as {row.outcome} ({row.reason}){again}"
    if row.outcome != "limit":
        return told
    agents = one.team.agents
    longest = max(agents[name].max_output_tokens for name in ([one.member] if one.member else agents))
    return (
        f"{told}; a call is sent only while its longest answer (`max_output_tokens`, here {longest:,}) fits into what "
        "is left"
    )


__all__ = [
    "MEASURES",
    "Comparison",
    "Pair",
    "Row",
    "Standing",
    "Verdict",
    "compare",
    "concluded",
    "results_of",
]
