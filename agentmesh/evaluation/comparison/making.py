"""One run of a comparison, and the row that comes of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import agentmesh
from agentmesh.config.limits import Limits
from agentmesh.config.secrets import told
from agentmesh.errors import AgentMeshError, ConfigError
from agentmesh.evaluation.comparison.entrants import Entrant
from agentmesh.evaluation.comparison.given import parts_of, right_in
from agentmesh.evaluation.comparison.repository import repository_of
from agentmesh.evaluation.comparison.rows import Row
from agentmesh.evaluation.measures import Right, measured
from agentmesh.evaluation.scoring import Scorer, score
from agentmesh.evaluation.tasks.task import EvalTask, Score
from agentmesh.events import TurnFailed
from agentmesh.team import RunResult, Team

SUCCESSFUL = ("completed", "verified")
_THEIR_OWN = frozenset({"limit", "agent", "context_too_long", "content_refused", "malformed"})
"""Kinds of failed turns that are what came of the run. All others are no team's doing: a key, a network, a program."""


@dataclass(frozen=True)
class Cell:
    """One run to be made."""

    entrant: Entrant
    task: EvalTask
    seed: int
    samples: int = 1


@dataclass(frozen=True)
class Order:
    """A run that is about to be made: by whom, within which limits, and the key by which it is known again."""

    cell: Cell
    team: Team = field(repr=False)
    limits: Limits
    key: str


@dataclass
class Maker:
    """Makes runs, those in the journal from where they were cut off."""

    scorer: Scorer
    journal: str | None = None
    _teams: dict[tuple[str, str, int], Team] = field(default_factory=dict)

    def order(self, cell: Cell, limit: int | None) -> Order:
        """The run of a cell, not made yet. Raises: ConfigError."""
        team = self._team(cell)
        limits = _limits(team, cell.entrant, limit)
        task = [cell.task.digest, self.scorer.judges(cell.task.scored_by)]
        facts = [agentmesh.__version__, team.hash, cell.entrant.name, task, cell.seed, limits.model_dump_json()]
        return Order(cell, team, limits, hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:20])

    async def row(self, order: Order, begun: str | None = None) -> Row:
        """Make the run, or go on with a `begun` one, and score its answer. Raises: AgentMeshError."""
        async with repository_of(order.cell.task) as folder:
            # What a run that was cut off had worked on is gone.
            result = await self._result(order, begun if folder is None else None, folder)
            scored = await self._scored(order, result, folder)
        return _row(order.key, order.cell, result, scored, right_in(order.cell.task))

    async def _scored(self, order: Order, result: RunResult, folder: Path | None) -> Score:
        try:
            return await score(order.cell.task, _answer(result), self.scorer, folder=folder)
        except AgentMeshError:
            raise
        except Exception as error:
            name, task = order.cell.entrant.name, order.cell.task
            raise AgentMeshError(
                f"the check of task {task.id} failed on the answer of {name} ({told(error)}); mend {task.scored_by.use}"
            ) from error

    def _team(self, cell: Cell) -> Team:
        """Made once for all tasks that tell nobody anything alone."""
        private = json.dumps(dict(cell.task.private), sort_keys=True)
        place = (cell.entrant.name, private, cell.samples)
        if place not in self._teams:
            self._teams[place] = cell.entrant.for_task(cell.task, cell.samples)
        return self._teams[place]

    async def _result(self, order: Order, begun: str | None, folder: Path | None) -> RunResult:
        if begun is not None:
            gone_on = await order.team.resume(begun, journal=self.journal, durability="normal")
            if gone_on.outcome is None or not _is_provisional(gone_on):
                return gone_on
        team = order.team if folder is None else order.team.with_folder(folder)
        return await team.run(
            order.cell.task.prompt,
            seed=order.cell.seed,
            limits=order.limits,
            parts=parts_of(order.cell.task),
            journal=self.journal,
            durability="normal",
            made={"comparison": order.key},
        )


def kept_for_judges(team: Team) -> int:
    """Tokens that the judges of its monitors may use, which are part of its budget."""
    return sum(config.spending.tokens or 0 for _, config in team.monitors.values() if config.judge is not None)


def _limits(team: Team, entrant: Entrant, limit: int | None) -> Limits:
    """Everybody's tokens are limited alike; a team keeps its other limits, which are part of what it is.

    Raises: ConfigError where the judges of its monitors may use all of it.
    """
    own = team.limits if entrant.kind == "team" else Limits()
    if limit is None:
        return own
    judges = kept_for_judges(team)
    if judges >= limit:
        raise ConfigError(
            f"the judges of the monitors of {entrant.name} may use {judges:,} tokens, and a run {limit:,} in all; "
            "raise --budget-tokens, or lower `limits.tokens` of these monitors"
        )
    return own.model_copy(update={"tokens": limit - judges})


def _is_provisional(result: RunResult) -> bool:
    """Whether it waits for people, or failed for what is no team's doing."""
    if result.outcome != "failed":
        return result.outcome is None
    failed = [event for event in result.events if isinstance(event, TurnFailed)]
    return result.reason.startswith("turn_failed") and bool(failed) and failed[-1].kind not in _THEIR_OWN


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
        provisional=_is_provisional(result),
    )
