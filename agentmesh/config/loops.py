"""Phases that are gone through again until something holds: what must hold, and what each time is like."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from agentmesh.config.base import Config, PositiveInt
from agentmesh.config.workspaces import CheckCommand


class UntilProgram(Config):
    """The longer way to name the program of an `until`, as `verify` of a team has it."""

    command: CheckCommand = Field(description="Program and arguments")


def _argv(given: Any) -> Any:
    """`verify: {command: [python, check.py]}` is the same as `verify: [python, check.py]`."""
    argv = given["command"] if isinstance(given, dict) and set(given) == {"command"} else given
    return tuple(argv) if isinstance(argv, list) else argv


class UntilConfig(Config):
    """What must hold before a phase is over; until it does, the phase is gone through again."""

    verify: Annotated[
        CheckCommand | None, BeforeValidator(_argv, json_schema_input_type=CheckCommand | UntilProgram | None)
    ] = Field(None, description="Program and arguments, or {command: [...]}: 0 means done")
    promise: str | None = Field(
        None,
        min_length=1,
        description="Text that an agent has to write as <promise>TEXT</promise> before the check is made",
    )
    function: str | None = Field(None, description="package.module:function (text) -> bool")
    timeout_s: float = Field(60.0, gt=0, description="Seconds that the program may take")

    @model_validator(mode="after")
    def _one_way(self) -> UntilConfig:
        if self.verify is not None and self.function is not None:
            raise ValueError("give one of `verify` and `function`, not both")
        if self.verify is None and self.function is None:
            alone = "a promise alone proves nothing; add" if self.promise is not None else "give"
            raise ValueError(f"{alone} `verify` or `function`")
        return self


class LoopConfig(Config):
    """How a phase with `until` goes from one iteration to the next. Files are those of the agents' workspace."""

    prompt: str | None = Field(None, description="File that says what to do; read anew in each iteration")
    plan: str | None = Field(None, description="File with the plan, of which each iteration does one thing")
    replan_after: PositiveInt = Field(
        3, description="Iterations without progress after which the next one only writes the `plan` anew"
    )
    stop_after: PositiveInt = Field(5, description="Identical failures in a row after which the run ends as stalled")
    commit: bool = Field(True, description="Whether what each iteration changed is committed, where it is a repository")
    tried: int = Field(5, ge=0, description="Latest iterations of which the next one is told what became of them")

    @model_validator(mode="after")
    def _plan_to_replan(self) -> LoopConfig:
        if self.plan is None and "replan_after" in self.model_fields_set:
            raise ValueError("`replan_after` goes with a `plan`; name the file, or remove it")
        return self
