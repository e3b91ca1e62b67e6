"""Runs everybody on every task with every seed, at one limit; what was run before is not run again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

import anyio

import agentmesh
from agentmesh.config.limits import Limits
from agentmesh.evaluation.comparison.entrants import LEAST, Entrant, entrants_of, spending
from agentmesh.evaluation.comparison.given import parts_of, right_in
from agentmesh.evaluation.comparison.rows import KeptRows, Row
from agentmesh.evaluation.measures import Right, measured
from agentmesh.evaluation.scoring import Scorer, score
from agentmesh.evaluation.tasks.task import EvalTask, Score, Tasks
from agentmesh.journal import Journal
from agentmesh.team import RunResult, Team
from agentmesh.team.kept import opened

SUCCESSFUL = ("completed", "verified")


@dataclass(frozen=True)
class Plan:
    """What is compared, and how."""

    teams: Sequence[Team]
    tasks: Tasks
    seeds: int
    budget_tokens: int | None
    """Limit of tokens of every run; None: what the thirstiest run of a team used."""
    scorer: Scorer
    rows: KeptRows
    journal: str | None = None
    """Where runs are kept, so that those that were cut off go on; None: they are run anew."""
    concurrency: int = 8
    baselines: bool = True
    progress: Callable[[int, int], None] = lambda done, all_: None
    """Told how many runs are done, of how many that are known."""


@dataclass(frozen=True)
class Cell:
    """One run to be made."""

    entrant: Entrant
    task: EvalTask
    seed: int
    samples: int = 1


@dataclass
class Study:
    """A comparison while it is made."""

    plan: Plan
    entrants: list[Entrant] = field(default_factory=list)
    found: dict[str, list[Row]] = field(default_factory=dict)
    """By name of an entrant."""
    limit: int | None = None
    """Of every run's tokens, once it is known."""
    unfinished: Mapping[str, str] = field(default_factory=dict)
    """By key: a run in the journal."""
    _done: int = 0
    _known: int = 0
    _teams: dict[tuple[str, str, int], Team] = field(default_factory=dict)

    async def carry_out(self) -> None:
        """Run everything. Raises: ConfigError, JournalError, AgentMeshError."""
        plan = self.plan
        self.limit = plan.budget_tokens
        everybody = entrants_of(plan.teams, plan.tasks.items)
        teams = [one for one in everybody if one.kind == "team"]
        members = (
            [one for one in everybody if one.kind == "member"] if plan.baselines else _solos(everybody, plan.teams)
        )
        self._known = (len(teams) + len(members)) * len(plan.tasks.items) * plan.seeds
        self.unfinished = await self.begun_before()
        if self.limit is None and teams:
            await self.run(teams)
            self.limit = self.thirstiest + 2 * max(_longest_answer(team) for team in plan.teams)
        await self.run([*([] if self.found else teams), *members])
        if plan.baselines and teams and members:
            best = max(members, key=lambda one: (self._success(one), -self._tokens(one)))
            await self.run_spending(best)

    async def run_spending(self, best: Entrant) -> None:
        """What the best member can do with the whole budget."""
        tasks = self.plan.tasks.items
        for way in spending(best, tasks):
            counts = {task.id: self.samples(way, best, task) for task in tasks}
            if fmean(counts.values()) >= LEAST.get(way.kind, 1):
                self._known += len(tasks) * self.plan.seeds
                await self.run([way], counts)

    def samples(self, way: Entrant, best: Entrant, task: EvalTask) -> int:
        """How many samples fit into the limit of a run, going by what the member has used on the task alone."""
        alone = [row.tokens for row in self.found[best.name] if row.task == task.id]
        assert self.limit is not None
        return way.samples(self.limit, fmean(alone))

    async def run(self, entrants: Iterable[Entrant], samples: Mapping[str, int] | None = None) -> None:
        """Run these on all tasks. `samples`: by task, how many a baseline may take."""
        cells: list[Cell] = []
        for one in entrants:
            self.entrants.append(one)
            self.found[one.name] = []
            for task in self.plan.tasks.items:
                count = (samples or {}).get(task.id, 1)
                cells += [Cell(one, task, seed, count) for seed in range(self.plan.seeds)]
        rows: dict[int, Row] = {}
        waiting = iter(enumerate(cells))

        async def work() -> None:
            for at, cell in waiting:  # shared: each takes the next one
                rows[at] = await self._row(cell)
                self._done += 1
                self.plan.progress(self._done, max(self._known, self._done))

        async with anyio.create_task_group() as group:
            for _ in range(min(self.plan.concurrency, len(cells))):
                group.start_soon(work)
        for at in range(len(cells)):
            self.found[cells[at].entrant.name].append(rows[at])

    async def _row(self, cell: Cell) -> Row:
        team = self._team(cell)
        limits = _limits(team, cell.entrant, self.limit)
        key = _key(team, cell, limits)
        kept = self.plan.rows.get(key)
        if kept is not None:
            return kept
        result = await self._result(team, cell, key, limits)
        scored = await score(cell.task, _answer(result), self.plan.scorer)
        row = _row(key, cell, result, scored, right_in(cell.task))
        self.plan.rows.add(row)
        return row

    def _team(self, cell: Cell) -> Team:
        """Made once for all tasks that tell nobody anything alone."""
        told = json.dumps(dict(cell.task.private), sort_keys=True)
        place = (cell.entrant.name, told, cell.samples)
        if place not in self._teams:
            self._teams[place] = cell.entrant.for_task(cell.task, cell.samples)
        return self._teams[place]

    async def _result(self, team: Team, cell: Cell, key: str, limits: Limits) -> RunResult:
        plan = self.plan
        begun = self.unfinished.get(key)
        if begun is not None:
            return await team.resume(begun, journal=plan.journal, durability="normal")
        return await team.run(
            cell.task.prompt,
            seed=cell.seed,
            limits=limits,
            parts=parts_of(cell.task),
            journal=plan.journal,
            durability="normal",
            made={"comparison": key},
        )

    async def begun_before(self) -> dict[str, str]:
        """By key: runs of an earlier attempt whose rows were not written. Raises: JournalError."""
        if self.plan.journal is None:
            return {}
        async with opened(self.plan.journal) as store:
            return await _comparisons_in(store, self.plan.rows)

    @property
    def thirstiest(self) -> int:
        """Most tokens that a run of a team used."""
        return max(row.tokens for one in self.entrants if one.kind == "team" for row in self.found[one.name])

    @property
    def budget(self) -> int:
        """What every run could use: the limit, or where none was given what the thirstiest run of a team used.

        A call is sent only if its longest answer fits into the limit, beside one that is kept for the last word of the
        run; so two such answers are allowed beyond.
        """
        if self.plan.budget_tokens is not None or not any(one.kind == "team" for one in self.entrants):
            return self.plan.budget_tokens or max(row.tokens for rows in self.found.values() for row in rows)
        return self.thirstiest

    def _success(self, one: Entrant) -> float:
        return fmean(row.correct for row in self.found[one.name])

    def _tokens(self, one: Entrant) -> float:
        return fmean(row.tokens for row in self.found[one.name])


async def _comparisons_in(store: Journal, rows: KeptRows) -> dict[str, str]:
    begun = {}
    for status in reversed(await store.runs()):
        key = status.record.made.get("comparison")
        if key is not None and rows.get(key) is None and status.events and not status.running:
            begun[key] = status.record.run_id
    return begun


def _solos(members: Sequence[Entrant], teams: Sequence[Team]) -> list[Entrant]:
    """Without baselines, of the members only those that were given as teams of one."""
    given = [team for team in teams if team.topology.kind == "solo"]
    return [one for one in members if any(one.team is team for team in given)]


def _longest_answer(team: Team) -> int:
    return max(agent.max_output_tokens for agent in team.agents.values())


def _limits(team: Team, entrant: Entrant, limit: int | None) -> Limits:
    """Everybody's tokens are limited alike; a team keeps its other limits, which are part of what it is.

    What judges of monitors may use is paid from the same budget.
    """
    own = team.limits if entrant.kind == "team" else Limits()
    if limit is None:
        return own
    watched = sum(config.spending.tokens or 0 for _, config in team.monitors.values() if config.judge is not None)
    return own.model_copy(update={"tokens": max(1, limit - watched)})


def _key(team: Team, cell: Cell, limits: Limits) -> str:
    task = cell.task.model_dump_json(exclude={"metadata"})
    facts = [agentmesh.__version__, team.hash, cell.entrant.name, task, cell.seed, limits.model_dump_json()]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:20]


def _answer(result: RunResult) -> str | None:
    """A limit or a stop is no success, whatever was said last."""
    return result.answer if result.outcome in SUCCESSFUL else None


def _row(key: str, cell: Cell, result: RunResult, scored: Score, right: Right) -> Row:
    used, judged = result.usage, scored.usage
    return Row(
        key=key,
        team=cell.entrant.name,
        task=cell.task.id,
        seed=cell.seed,
        samples=cell.samples,
        run_id=result.run_id,
        outcome=result.outcome,
        reason=result.reason,
        answer=result.answer,
        correct=scored.correct and result.outcome in SUCCESSFUL,
        value=scored.value,
        why=scored.why,
        tokens=used.input_tokens + used.output_tokens,
        cost_usd=used.cost_usd,
        model_calls=used.model_calls,
        seconds=round(result.seconds, 3),
        scoring_tokens=judged.input_tokens + judged.output_tokens,
        measures=measured(result.events, right),
    )
