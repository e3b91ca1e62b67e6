"""Answers that a function of the user scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agentmesh.errors import ConfigError
from agentmesh.evaluation.tasks.task import EvalTask, Score
from agentmesh.tools.calling import call


async def custom(task: EvalTask, answer: str, function: Callable[..., Any], name: str) -> Score:
    """What `fn(task, answer)` says: bool, a grade of which 0.5 or more is right, or one of them with a reason.

    Raises: ConfigError if it says anything else; whatever it raises.
    """
    said = await call(function, task, answer)
    match said:
        case bool() | int() | float():
            grade, why = said, f"{name} says {said}"
        case (bool() | int() | float() as grade, str(why)):
            pass
        case _:
            raise ConfigError(f"'{name}' returned {said!r:.80}; allowed: bool, float, or a pair of one and a reason")
    if not 0 <= grade <= 1:
        raise ConfigError(f"'{name}' returned a grade of {grade:g}; allowed: 0 to 1")
    return Score(grade >= 0.5, float(grade), why)
