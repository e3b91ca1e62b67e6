"""Where candidates are run: nothing is begun that might not fit into what is left of the budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from agentmesh.evaluation.comparison.entrants import Entrant
from agentmesh.evaluation.comparison.study import Plan, Study
from agentmesh.evaluation.ledger import Ledger
from agentmesh.evaluation.tasks.task import EvalTask, Tasks

Counts = Mapping[str, int] | None
"""By task: samples of a baseline."""


@dataclass
class Bench:
    """Runs of one piece of advice: `plan` says how; its tasks are all, and its budget that of a run."""

    plan: Plan
    ledger: Ledger
    scoring: int
    """Tokens that scoring an answer may take; 0 without a judge."""
    kept_back: int = 0
    """Tokens that are kept for what is run later."""
    unfinished: Mapping[str, str] = field(default_factory=dict)

    @property
    def limit(self) -> int:
        """Of every run."""
        assert self.plan.budget_tokens is not None
        return self.plan.budget_tokens

    async def find_unfinished(self) -> None:
        """What the journal holds of an attempt that was cut off. Raises: JournalError."""
        self.unfinished = await Study(self.plan).begun_before()

    def sure(self) -> int:
        """On how many tasks somebody can be run, each run using all of its limit."""
        return max(0, self.ledger.left - self.kept_back) // ((self.limit + self.scoring) * self.plan.seeds)

    async def measure(self, entrants: Sequence[Entrant], tasks: Sequence[EvalTask], counts: Counts = None) -> int:
        """Run everybody on one task after the other, each run up to the limit; how many tasks all have done.

        Raises: AgentMeshError.
        """
        done = 0
        while done < len(tasks):
            several = tasks[done : done + max(1, self.sure() // len(entrants))]
            waiting = list(entrants)
            while waiting:
                fit = self.sure()
                if fit < 1:
                    return done
                portion, waiting = waiting[:fit], waiting[fit:]
                await self._run(portion, several, counts)
            done += len(several)
        return done

    async def study(self, entrants: Sequence[Entrant], tasks: Sequence[EvalTask], counts: Counts = None) -> Study:
        """All that these have been measured to do on the tasks; nothing is run."""
        study = self._study(tasks)
        await study.run(entrants, counts)
        return study

    async def _run(self, entrants: Sequence[Entrant], tasks: Sequence[EvalTask], counts: Counts) -> None:
        held = self.ledger.reserve((self.limit + self.scoring) * self.plan.seeds * len(entrants) * len(tasks))
        assert held is not None, "no more is begun than is sure to fit"
        study = self._study(tasks)
        await study.run(entrants, counts)
        rows = [row for found in study.found.values() for row in found]
        held.settle({row.key: row.tokens + row.scoring_tokens for row in rows})
        self.plan.progress(self.ledger.spent, self.ledger.limit)

    def _study(self, tasks: Sequence[EvalTask]) -> Study:
        quiet = replace(
            self.plan,
            tasks=Tasks(self.plan.tasks.name, tuple(tasks)),
            progress=lambda done, known: None,
        )
        return Study(quiet, limit=self.limit, unfinished=self.unfinished)
