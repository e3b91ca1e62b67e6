"""A population with hidden skill structure: which way solves which riddle, none of the prompts says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio

from agentmesh.evaluation.tasks import Tasks, load_tasks
from agentmesh.learning.evolution import Evolution, evolve

TEAM = """\
# Four who look for an answer, and one of them sums up.
version: 1
name: solvers
models: {default: "simulated:worker,judgement=0.8"}
agents:
  ann: {instructions: Find the answer., max_output_tokens: 200}
  ben: {instructions: Find the answer., max_output_tokens: 200}
  cy: {instructions: Find the answer., max_output_tokens: 200}
  dee: {instructions: Find the answer., max_output_tokens: 200}  # who sums up
topology: {kind: independent, agents: [ann, ben, cy], aggregator: dee}
"""
PROMPTS = """\
backwards: Find the answer. Work backwards.
cases: Find the answer. List all cases.
differences: Find the answer. Look at the differences.
slowly: Find the answer. Take your time.
"""
DIVERSE, ONE = "ages+backwards+payments+sequence", "ages"


def riddles(n: int, kinds: str = DIVERSE, seed: int = 0) -> Tasks:
    """Riddles of these kinds, in turn."""
    return load_tasks(f"riddles:n={n},kinds={kinds},seed={seed}")


def laid_out(folder: Path, text: str = TEAM) -> Path:
    """The team's file, and the prompts beside it."""
    (folder / "ways.yaml").write_text(PROMPTS)
    (folder / "team.yaml").write_text(text)
    return folder / "team.yaml"


def evolved(folder: Path, *, tasks: Tasks | None = None, text: str = TEAM, **options: Any) -> Evolution:
    """A small evolution of the team, unless options say otherwise."""
    file = laid_out(folder, text)
    given = {
        "budget_tokens": 300_000,
        "population": 4,
        "generations": 2,
        "baselines": False,
        "vary": [f"agents.*.instructions=@{folder / 'ways.yaml'}"],
        **options,
    }
    return anyio.run(lambda: evolve(file, tasks or riddles(16), **given))
