"""Scores of answers, in one line."""

from __future__ import annotations

from typing import Any

from agentmesh.evaluation.scoring import Score, Scorer, score
from agentmesh.evaluation.tasks import Check, EvalTask


def task(answer: Any = None, kind: str | None = None, *, files: dict[str, str] | None = None, **keys: Any) -> EvalTask:
    check = None if kind is None else Check.model_validate({"kind": kind, **keys})
    return EvalTask(id="t", prompt="What is it?", answer=answer, check=check, files=files or {})


async def scored(one: EvalTask, answer: str | None, scorer: Scorer | None = None) -> Score:
    return await score(one, answer, scorer or Scorer())
