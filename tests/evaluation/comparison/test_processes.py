"""Simulated runs in other processes are the runs that would have been made here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import anyio
import pytest

from agentmesh.evaluation.comparison import Comparison, compare
from agentmesh.evaluation.comparison.processes import Processes, Recipe
from agentmesh.evaluation.tasks import EvalTask, load_tasks
from tests.evaluation.comparison.served import ROOT

RECIPE = Recipe(
    tuple(str(ROOT / "topologies" / name) for name in ("solo.yaml", "scaling/independent.yaml")),
    model="simulated:worker,laziness=1,span=4",
)


def compared(**options: Any) -> Comparison:
    async def go() -> Comparison:
        tasks = load_tasks("arithmetic:n=4,depth=3,width=3")
        return await compare(RECIPE.teams(), tasks, seeds=2, budget_tokens=12_000, **options)

    return anyio.run(go)


def test_rows_from_other_processes_are_those_from_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Processes, "worthwhile", 1)
    told: list[tuple[int, int]] = []
    with Processes(RECIPE) as processes:
        there = compared(processes=processes, progress=lambda done, known: told.append((done, known)))
    here = compared()

    def facts(comparison: Comparison) -> list[Any]:
        return [replace(row, run_id="", seconds=0.0) for row in comparison.rows]

    assert facts(there) == facts(here)
    assert there.verdict == here.verdict
    assert told[-1] == (len(here.rows), len(here.rows))


def test_processes_help_only_where_nothing_is_waited_for() -> None:
    teams = RECIPE.teams()
    task = EvalTask(id="a", prompt="?", answer=1)
    judged = EvalTask.model_validate({"id": "b", "prompt": "?", "answer": "x", "check": "judge"})
    assert not Processes.can_help(teams, [task, judged])
    assert not Processes.can_help([teams[0].with_model(lambda request: "1")], [task])
