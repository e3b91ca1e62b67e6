"""Groups of runs whose quality is known."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from typing import Any

Group = tuple[list[dict[str, Any]], dict[str, float]]
"""Runs as mappings, and by run how good it is."""


def run(run_id: str, *messages: Any, task: str = "Do it.") -> dict[str, Any]:
    return {"run_id": run_id, "task": task, "messages": list(messages)}


def sums(seed: int, count: int = 8) -> Group:
    """So many teams of two do as many sums; each gets another number of them right."""
    drawn = random.Random(seed)
    asked = [(drawn.randint(11, 99), drawn.randint(11, 99)) for _ in range(count - 1)]
    task = "Compute " + ", ".join(f"{one}*{other}" for one, other in asked)
    runs, gold = [], {}
    for right in drawn.sample(range(count), count):
        told = [f"{a}*{b} = {a * b + (0 if at < right else 7)}" for at, (a, b) in enumerate(asked)]
        answer = "; ".join(told)
        runs.append(
            run(
                f"team-{right}",
                {"from": "user", "to": "planner", "text": task},
                {"from": "worker", "to": "planner", "kind": "handoff", "text": answer},
                {"outcome": "completed", "answer": answer},
                task=task,
            )
        )
        gold[f"team-{right}"] = right / (count - 1)
    return runs, gold


def suites(seed: int, count: int = 8) -> Group:
    """So many programmers; of each other tests pass."""
    drawn = random.Random(seed)
    runs, gold = [], {}
    for passed in drawn.sample(range(count), count):
        said = f"{passed} passed, {count - 1 - passed} failed"
        called = {"agent": "coder", "call": "run_tests", "arguments": "{}", "result": said}
        runs.append(run(f"coder-{passed}", {"text": "I begin."}, called, {"outcome": "completed", "answer": "Done."}))
        gold[f"coder-{passed}"] = float(passed)
    return runs, gold


def shown(request: Any) -> dict[str, Any]:
    """What a judge is shown, decoded."""
    decoded: dict[str, Any] = json.loads(next(one["content"] for one in request.messages if one["role"] == "user"))
    return decoded


def answer(scores: Sequence[tuple[str, float]] | Mapping[str, float]) -> str:
    """What a judge says that gives these scores."""
    pairs = scores.items() if isinstance(scores, Mapping) else scores
    return json.dumps({"scores": [{"id": id_, "explanation": "so it is", "score": score} for id_, score in pairs]})
