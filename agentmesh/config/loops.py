"""Phases that are gone through again until something holds: what must hold, and what each time is like."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from agentmesh.config.base import Config, PositiveInt


def _argv(given: Any) -> Any:
    """`verify: {command: [python, check.py]}` is the same as `verify: [python, check.py]`."""
    return given["command"] if isinstance(given, dict) and set(given) == {"command"} else given


class UntilConfig(Config):
    """What must hold before a phase is over; until it does, the phase is gone through again."""

    verify: Annotated[tuple[str, ...] | None, BeforeValidator(_argv)] = Field(
        None, min_length=1, description="Program and arguments, or {command: [...]}: 0 means done"
    )
    promise: str | None = Field(
        None,
        min_length=1,
        description="Text that an agent writes as <promise>TEXT</promise>; checked beside the others",
    )
    function: str | None = Field(None, description="package.module:function (text) -> bool")
    timeout_s: float = Field(60.0, gt=0, description="Seconds that the program may take")

    @model_validator(mode="after")
    def _one_way(self) -> UntilConfig:
        if sum(way is not None for way in (self.verify, self.promise, self.function)) != 1:
            raise ValueError("give exactly one of `verify`, `promise` and `function`")
        return self


class LoopConfig(Config):
    """How a phase with `until` goes from one iteration to the next. Files are those of the agents' workspace."""

    prompt: str | None = Field(None, description="File that says what to do; read anew in each iteration")
    plan: str | None = Field(None, description="File with the plan, of which each iteration does one thing")
    replan_after: PositiveInt = Field(
        3, description="Iterations without progress after which the next one writes the plan anew"
    )
    stop_after: PositiveInt = Field(5, description="Identical failures in a row after which the run ends as stalled")
    commit: bool = Field(True, description="Whether what each iteration changed is committed, where it is a repository")
    tried: int = Field(5, ge=0, description="Latest iterations of which the next one is told what became of them")
