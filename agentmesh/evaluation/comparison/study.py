"""Runs everybody on every task with every seed, at one limit; what was run before is not run again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import fmean

import anyio

from agentmesh.evaluation.comparison.entrants import LEAST, Entrant, entrants_of, is_solo, spending
from agentmesh.evaluation.comparison.making import Cell, Maker, Order
from agentmesh.evaluation.comparison.processes import Processes
from agentmesh.evaluation.comparison.rows import KeptRows, Row
from agentmesh.evaluation.scoring import Scorer
from agentmesh.evaluation.tasks.task import EvalTask, Tasks
from agentmesh.journal import Journal
from agentmesh.team import Team
from agentmesh.team.kept import opened


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
    processes: Processes | None = None
    """Where runs are made that need nothing but computing."""
    baselines: bool = True
    progress: Callable[[int, int], None] = lambda done, known: None
    """Told how many runs are done, of how many that are known."""


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
    left_out: list[str] = field(default_factory=list)
    """Ways to spend the budget that it is too small for, each in a sentence."""
    _done: int = 0
    _known: int = 0

    @cached_property
    def _maker(self) -> Maker:
        return Maker(self.plan.scorer, self.plan.journal)

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
            least = LEAST.get(way.kind, 1)
            if fmean(counts.values()) < least:
                self.left_out.append(f"{way.name} is left out: the budget is too small for {least} answers")
                continue
            self._known += len(tasks) * self.plan.seeds
            await self.run([way], counts)

    def samples(self, way: Entrant, best: Entrant, task: EvalTask) -> int:
        """How many samples fit into the limit of a run, going by what the member has used on the task alone.

        With the first seed: more seeds change nothing of what was run before.
        """
        alone = next(row.tokens for row in self.found[best.name] if (row.task, row.seed) == (task.id, 0))
        assert self.limit is not None
        return way.samples(self.limit, alone, self.budget)

    async def run(self, entrants: Iterable[Entrant], samples: Mapping[str, int] | None = None) -> None:
        """Run these on all tasks. `samples`: by task, how many a baseline may take."""
        cells: list[Cell] = []
        for one in entrants:
            self.entrants.append(one)
            self.found[one.name] = []
            for task in self.plan.tasks.items:
                count = (samples or {}).get(task.id, 1)
                cells += [Cell(one, task, seed, count) for seed in range(self.plan.seeds)]
        orders = [self._maker.order(cell, self.limit) for cell in cells]
        missing = [order for order in orders if self.plan.rows.get(order.key) is None]
        self._tell(len(orders) - len(missing))
        await self._make(missing)
        for order in orders:
            row = self.plan.rows.get(order.key)
            assert row is not None, "every run that was made has a row"
            self.found[order.cell.entrant.name].append(row)

    async def _make(self, orders: Sequence[Order]) -> None:
        """Make these runs, some at a time: here, or where only computing is to be done, in other processes."""
        processes = self.plan.processes
        if processes is not None and len(orders) >= processes.worthwhile:
            async for rows in processes.made(orders, self.plan.teams, self.limit):
                self._keep(rows)
            return
        waiting = iter(orders)

        async def work() -> None:
            for order in waiting:  # shared: each takes the next one
                self._keep([await self._maker.row(order, self.unfinished.get(order.key))])

        try:
            async with anyio.create_task_group() as group:
                for _ in range(min(self.plan.concurrency, len(orders))):
                    group.start_soon(work)
        except ExceptionGroup as several:  # runs go side by side: the first that went wrong stands for all
            raise first_of(several) from several

    def _keep(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self.plan.rows.add(row)
        self._tell(len(rows))

    def _tell(self, more: int) -> None:
        self._done += more
        self.plan.progress(self._done, max(self._known, self._done))

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


def first_of(several: ExceptionGroup[Exception]) -> Exception:
    """Of errors that came up side by side one, which stands for all."""
    first = several.exceptions[0]
    return first_of(first) if isinstance(first, ExceptionGroup) else first


def _solos(members: Sequence[Entrant], teams: Sequence[Team]) -> list[Entrant]:
    """Without baselines, of the members only those that were given as teams of one."""
    given = [team for team in teams if is_solo(team)]
    return [one for one in members if one.kind == "member" and any(one.team is team for team in given)]


def _longest_answer(team: Team) -> int:
    return max(agent.max_output_tokens for agent in team.agents.values())
