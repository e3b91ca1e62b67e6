"""Runs of simulated teams on all cores: there is nothing to wait for, only to compute."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context, parent_process
from pathlib import Path
from types import TracebackType
from typing import Self

import anyio
import anyio.to_thread

from agentmesh.evaluation.comparison.entrants import Entrant, Kind
from agentmesh.evaluation.comparison.making import Cell, Maker, Order
from agentmesh.evaluation.comparison.rows import Row
from agentmesh.evaluation.scoring import Scorer
from agentmesh.evaluation.tasks.task import EvalTask
from agentmesh.team import Team

_PORTION = 20
"""Runs that are given to a process at a time."""


@dataclass(frozen=True)
class Recipe:
    """How the teams are made, so that another process can make the same ones."""

    files: tuple[str, ...]
    model: str | None = None
    overrides: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()

    def teams(self) -> list[Team]:
        """The teams of the files, told apart by the names of these where their own are alike. Raises: ConfigError."""
        made = [
            Team.from_yaml(file, model=self.model, overrides=self.overrides, allow=self.allow) for file in self.files
        ]
        names = [team.name for team in made]
        for file, team in zip(self.files, made, strict=True):
            if names.count(team.name) > 1:
                team.name = Path(file).stem
        return made


@dataclass(frozen=True)
class _Told:
    """A run as it is told to another process, which has teams of its own."""

    name: str
    kind: Kind
    recipe: Recipe
    team: int
    """Which of the teams that the recipe makes."""
    member: str | None
    task: EvalTask
    seed: int
    samples: int


class Processes:
    """As many processes as there are cores; `with` it around the comparison."""

    worthwhile = 200
    """Runs below which processes take longer to begin than they save."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._others: list[tuple[Team, Recipe]] = []
        self._pool: ProcessPoolExecutor | None = None

    def know(self, team: Team, recipe: Recipe) -> None:
        """That a team is the one, and the only one, which such a recipe makes."""
        self._others.append((team, recipe))

    @staticmethod
    def can_help(teams: Sequence[Team], tasks: Sequence[EvalTask]) -> bool:
        """Whether all that is to be done is computing, and there are cores to do it on."""
        kinds = {task.scored_by.kind for task in tasks}
        return _cores() > 1 and all(team.simulated for team in teams) and not kinds & {"judge", "program", "custom"}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    async def made(self, orders: Sequence[Order], teams: Sequence[Team], limit: int | None) -> AsyncIterator[list[Row]]:
        """Make these runs; the rows of each portion as they come. Raises: AgentMeshError."""
        told = [self._told(order.cell, teams) for order in orders]
        portions = [told[at : at + _PORTION] for at in range(0, len(told), _PORTION)]
        pool = self._started()
        futures = [pool.submit(_made, portion, limit) for portion in portions]
        for future in futures:
            yield await anyio.to_thread.run_sync(_result_of, future, abandon_on_cancel=True)

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # Spawned, since a fork would copy threads' locks in whatever state they are.
            context = get_context("spawn")
            self._pool = ProcessPoolExecutor(_cores(), context, _begin, (self._recipe,))
        return self._pool

    def _told(self, cell: Cell, teams: Sequence[Team]) -> _Told:
        one = cell.entrant
        other = next((recipe for team, recipe in self._others if team is one.team), None)
        at = 0 if other else next(at for at, team in enumerate(teams) if team is one.team)
        return _Told(one.name, one.kind, other or self._recipe, at, one.member, cell.task, cell.seed, cell.samples)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _result_of(future: Future[list[Row]]) -> list[Row]:
    return future.result()


# In the other process

_makers: list[Maker] = []
_KEPT = 64
"""Recipes whose teams are kept."""


@lru_cache(_KEPT)
def _teams(recipe: Recipe) -> list[Team]:
    return recipe.teams()


def _begin(recipe: Recipe) -> None:
    """An interruption is the parent's to handle; a parent that is gone is worked for no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _makers[:] = [Maker(Scorer())]
    _teams(recipe)


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _made(told: Sequence[_Told], limit: int | None) -> list[Row]:
    async def make() -> list[Row]:
        orders = [_makers[0].order(_cell(one), limit) for one in told]
        return [await _makers[0].row(order) for order in orders]

    return anyio.run(make)


def _cell(one: _Told) -> Cell:
    return Cell(Entrant(one.name, one.kind, _teams(one.recipe)[one.team], one.member), one.task, one.seed, one.samples)
