"""GSM8K-style files: a word problem, and its solution that ends in `#### 42`.

Source: https://github.com/openai/grade-school-math, the files `train.jsonl` and `test.jsonl`; the solution is kept as
metadata, and only what stands behind `####` is the answer.
"""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from agentmesh.config.topologies import misfit
from agentmesh.evaluation.tasks.numbers import whole_number
from agentmesh.evaluation.tasks.readers.form import Entry, Format, has
from agentmesh.evaluation.tasks.task import Check, EvalTask

_FORM = "Work it out, and end with a line `Answer: N`, where N is the number alone."


class Problem(Entry):
    """One line of such a file."""

    question: str
    answer: str

    @property
    def number(self) -> str:
        """What stands behind the last `####`."""
        return self.answer.rpartition("####")[2].strip()

    @model_validator(mode="after")
    def _ends_in_a_number(self) -> Self:
        if whole_number(self.number) is None:
            raise misfit("answer", "no number stands behind `####`; allowed: a solution that ends in `#### 42`")
        return self


def _task(problem: Problem, id: str) -> EvalTask:
    solution = problem.answer.rpartition("####")[0].strip()
    return EvalTask(
        id=id,
        prompt=f"{problem.question.strip()}\n\n{_FORM}",
        answer=problem.number,
        check=Check(kind="numeric"),
        metadata={"solution": solution} if solution else {},
    )


GSM8K = Format(
    what='{"question", "answer": "... #### 42"}',
    recognises=lambda value: has(value, "question", "answer") and not has(value, "choices"),
    entry=Problem,
    task=_task,
)
