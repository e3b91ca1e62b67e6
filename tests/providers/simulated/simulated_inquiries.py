"""Simulated models on generated tasks, for tests: whole teams, and discussions of seats, of which many soon end."""

from __future__ import annotations

import asyncio
import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from agentmesh import Team
from agentmesh.evaluation.scoring import Score, Scorer, score
from agentmesh.evaluation.tasks.generators import generate
from agentmesh.evaluation.tasks.task import EvalTask
from agentmesh.providers.simulated import profile_named
from tests.providers.simulated.simulated_office import Seat, quoted

NAMES = ("ann", "ben", "cy")
TEAMS: dict[str, dict[str, Any]] = {
    "flat": {"kind": "flat", "agents": list(NAMES), "rounds": 2},
    "star": {"kind": "star", "center": "ann", "leaves": ["ben", "cy"]},
    "chain": {"kind": "chain", "agents": list(NAMES)},
    "debate": {"kind": "debate", "sides": ["ann", "ben"], "judge": "cy", "rounds": 2},
    "vote": {"kind": "independent", "agents": list(NAMES), "vote": "ballot"},
    "aggregator": {"kind": "independent", "agents": list(NAMES), "aggregator": "dan"},
    "hierarchy": {"kind": "hierarchy", "planner": "dan", "workers": list(NAMES), "judge": "eve"},
}
MORE: dict[str, dict[str, Any]] = {
    "vote": {"ballot": {"kind": "vote"}},
    "aggregator": {"dan": {}},
    "hierarchy": {"dan": {"role": "planner"}, "eve": {"role": "judge"}, **{name: {"role": "worker"} for name in NAMES}},
}


@cache
def team(kind: str, model: str) -> Team:
    """A team of three, and of who leads or judges them."""
    agents: dict[str, dict[str, Any]] = {**{name: {} for name in NAMES}, **MORE.get(kind, {})}
    told = {one: more if "kind" in more else {"instructions": "Do your part.", **more} for one, more in agents.items()}
    config = {"version": 1, "name": "asked", "models": {"default": f"simulated:{model}"}, "agents": told}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "team.yaml"
        path.write_text(json.dumps({**config, "topology": TEAMS[kind], "limits": {"turns": 60}}), encoding="utf-8")
        return Team.from_yaml(path)


async def run(task: EvalTask, kind: str, model: str, seed: int) -> str | None:
    """The answer of a whole team, whose members are told what is private to them."""
    result = await team(kind, model).with_private(task.private).run(task.prompt, seed=seed)
    assert result.outcome in ("completed", "verified"), result
    return result.answer


def talk(task: EvalTask, kind: str, model: str, seed: int) -> str:
    """The last word of a discussion of seats: `solo-ann`, `flat` in two rounds and an answer, `in_turn` one round."""
    names = [kind.removeprefix("solo-")] if kind.startswith("solo-") else NAMES
    seats = {name: _seat(name, task, model, seed) for name in names}
    inbox = {name: [quoted("user", task.prompt)] for name in names}
    said = ""
    for place in range(1 if len(names) == 1 else len(names) if kind == "in_turn" else 2 * len(names) + 1):
        name = names[-1] if place == 2 * len(names) else names[place % len(names)]
        heard, inbox[name] = inbox[name], []
        said = seats[name].turn(*heard).text
        for other in names:
            inbox[other] += [quoted(name, said)] * (other != name)
    return said


def _seat(name: str, task: EvalTask, model: str, seed: int) -> Seat:
    secret = f"\n\nOnly you know this:\n{task.private[name]}" if name in task.private else ""
    return Seat(name, instructions=f"Do your part.{secret}", profile=profile_named(model), seed=seed)


def scores(spec: str, kind: str, model: str, seeds: int = 1, *, whole: bool = False) -> list[Score]:
    """How good the answers are, for each task and seed; `whole`: of a team, not only of seats that talk."""

    async def scored() -> list[Score]:
        scorer = Scorer()
        runs = [(task, seed) for task in generate(spec) for seed in range(seeds)]
        found = []
        for task, seed in runs:
            answer = await run(task, kind, model, seed) if whole else talk(task, kind, model, seed)
            found.append(await score(task, answer, scorer))
        return found

    return asyncio.run(scored())


def success(spec: str, kind: str, model: str, seeds: int = 1, *, whole: bool = False) -> float:
    """The share of answers that are right."""
    found = scores(spec, kind, model, seeds, whole=whole)
    return sum(one.correct for one in found) / len(found)


def quality(spec: str, kind: str, model: str, seeds: int = 1, *, whole: bool = False) -> float:
    """How good answers are on average, from 0 to 1."""
    found = scores(spec, kind, model, seeds, whole=whole)
    return sum(one.value for one in found) / len(found)
