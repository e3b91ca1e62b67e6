"""Selection by a ruler: the answers of a generation to each task are judged against each other by a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean

from agentmesh.agents.context import estimated_tokens
from agentmesh.evaluation.ledger import Ledger, Reservation
from agentmesh.evaluation.tasks.task import EvalTask
from agentmesh.learning.evolution.calls import Answered, Calls, side_by_side
from agentmesh.learning.evolution.operators import Scored
from agentmesh.learning.ruler import ruler
from agentmesh.team.parts import Model

_ORDERS = 2
_ATTEMPTS = 3
_LONGEST = 4096
"""Tokens of an answer, each of which a repair reads again."""
_FORM, _EACH = 2000, 100
"""Tokens that the question adds, and each answer in it."""
_SURE = 2
_NOTHING = "(no answer)"


@dataclass
class Judging:
    """Who judges, and what about."""

    judge: Model
    calls: Calls
    tasks: Sequence[EvalTask]
    seed: int = 0

    async def __call__(self, found: Sequence[Scored]) -> dict[str, float] | None:
        """By key of an individual: its mean score over tasks, from 0 to 1; None where the budget did not carry that.

        Raises: AgentMeshError where the judge gives no usable answer.
        """
        tasks = {task.id: task for task in self.tasks}
        asked = [task for task in dict.fromkeys(row.task for row in found[0].rows) if task in tasks]
        scores: dict[str, dict[str, float] | None] = {}

        async def one(task: EvalTask) -> None:
            scores[task.id] = await self._scores(task, _answers(found, task.id))

        await side_by_side([partial(one, tasks[task]) for task in asked], self.calls.bench.plan.concurrency)
        told = [score for score in scores.values() if score is not None]
        if len(told) < len(asked):
            return None
        return {one.individual.key: fmean(score[one.individual.key] for score in told) for one in found}

    async def _scores(self, task: EvalTask, answers: dict[str, str]) -> dict[str, float] | None:
        texts = sum(_SURE * estimated_tokens(text) + _EACH for text in answers.values())
        asked = _FORM + _SURE * estimated_tokens(task.prompt) + texts
        size = _ORDERS * sum(asked + (2 * before + 1) * _LONGEST for before in range(_ATTEMPTS))

        async def ask(held: Reservation) -> Answered:
            runs = [{"run_id": key, "task": task.prompt, "messages": [text]} for key, text in answers.items()]
            own = Ledger(held.tokens)
            ruled = await ruler(
                runs, self.judge, orders=_ORDERS, ledger=own, max_output_tokens=_LONGEST, seed=self.seed
            )
            return Answered({key: ruled[key].score for key in answers}, own.spent)

        facts = [
            "ruler",
            getattr(self.judge, "__qualname__", str(self.judge)),
            task.digest,
            sorted(answers.items()),
            self.seed,
        ]
        answered = await self.calls.made(facts, size, ask)
        return None if answered is None else dict(answered.value)


def _answers(found: Sequence[Scored], task: str) -> dict[str, str]:
    """By key of an individual, the answer of its first seed."""
    first = {
        one.individual.key: next((row.answer for row in one.rows if (row.task, row.seed) == (task, 0)), None)
        for one in found
    }
    return {key: (answer or "").strip() or _NOTHING for key, answer in first.items()}
