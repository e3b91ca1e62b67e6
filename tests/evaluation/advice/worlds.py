"""A team, tasks, and models that are right or wrong by what they are shown, and by the number of the task."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio

from agentmesh import Reply, Request, Team
from agentmesh.evaluation.advice import Advice, advise
from agentmesh.evaluation.tasks import EvalTask, Tasks
from agentmesh.messages import Usage

_SUM = re.compile(r"What is (\d+) \+ (\d+)\?")
_QUOTED = re.compile(r'<message from="([^"]+)"')

TEAM = """
version: 1
name: given
models: {default: "simulated:worker"}
agents:
  worker: {instructions: Work., replicas: 3, max_output_tokens: 50, memory: full}
  chair: {instructions: Sum up what the others have said., role: chair, max_output_tokens: 60}
topology: {kind: flat, agents: [worker, chair], speaker: chair, rounds: 1}
limits: {turns: 40}
"""

Rule = Callable[[int, int, str], bool]
"""Whether an answer is right: by the number of the task, how many others are heard, and the system's text."""


class World:
    """Models that follow a rule, and what they were paid."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.calls = 0
        self.tokens = 0

    def __call__(self, request: Request) -> Reply:
        system, *said = [str(message["content"]) for message in request.messages]
        text = "\n".join(said)
        others = {name for name in _QUOTED.findall(text) if name not in ("user", request.agent)}
        a, b = map(int, _SUM.findall(text)[0])
        right = self.rule(a, len(others), system)
        usage = Usage(input_tokens=(len(system) + len(text)) // 4, output_tokens=8)
        self.calls += 1
        self.tokens += usage.input_tokens + usage.output_tokens
        return Reply(f"What is {a} + {b}? It is {a + b if right else a + b + 1}", usage=usage)


def tasks(count: int = 24) -> Tasks:
    """Sums, numbered from 0 by their first operand."""
    items = (EvalTask(id=f"s{n}", prompt=f"What is {n} + {3 * n}?", answer=4 * n) for n in range(count))
    return Tasks("sums", tuple(items))


def team_in(folder: Path, world: World, text: str = TEAM) -> Team:
    """The team of the text, whose models are those of the world."""
    path = folder / "team.yaml"
    path.write_text(text)
    return Team.from_yaml(path, models={"default": world})


def advised(folder: Path, world: World, **options: Any) -> Advice:
    """The advice for the team in this world."""
    given = {"budget_tokens": 400_000, "sizes": (3, 5), "prompts": (), "concurrency": 4, **options}
    return anyio.run(lambda: advise(team_in(folder, world), given.pop("tasks", None) or tasks(), **given))
