"""The same agents behind a real server: the directions are those of the models, not of how they are reached."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from agentmesh.evaluation.comparison import Comparison
from tests.evaluation.directions.simulations import ALONE, Size, ran, right, team

PARAMETERS = "worker,laziness=1,heterogeneity=0,span=3,fading=0.95,noise=0.25"
FILES = ("solo", "scaling/independent", "hierarchy")
SEQUENCE, TREE = "arithmetic:shape=sequence,depth=2,width=2", "arithmetic:shape=tree,depth=4,width=2"
ELSEWHERE = ("key", "run_id", "seconds", "cost_usd")
"""What of a row hangs on how the model is named and reached, or on a clock."""


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    arguments = [sys.executable, "-m", "agentmesh", "serve-simulated", "--port", "0"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as running:
        assert running.stdout is not None
        yield running.stdout.readline().strip()
        running.kill()


def compared(model: str, tasks: str) -> Comparison:
    return ran([team(file, model) for file in FILES], tasks, Size(4))


def rows(comparison: Comparison) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.to_json().items() if name not in ELSEWHERE} for row in comparison.rows]


@pytest.mark.real_models
def test_through_a_server_every_run_is_the_same_and_so_are_the_directions(
    served: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    for tasks, team_gains in ((SEQUENCE, False), (TREE, True)):
        here = compared(f"simulated:{PARAMETERS}", tasks)
        there = compared(f"openai:{PARAMETERS}@{served}", tasks)
        assert rows(there) == rows(here)
        assert (right(there, "planner-worker") > right(there, ALONE)) is team_gains
