"""What may be used, and where that may be said: the run > a phase > an agent > an edge; monitors have their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from agentmesh.config.base import Config, PositiveInt


class Spending(Config):
    """What model calls may use. Absent means no limit."""

    tokens: PositiveInt | None = Field(None, description="Input and output tokens together")
    usd: float | None = Field(None, gt=0, description="What model calls may cost, in USD; every price must be known")
    model_calls: PositiveInt | None = Field(None, description="Model calls, repairs included, retries not")


class Limits(Spending):
    """What a run, a phase of it, or one agent may use. Absent means no limit."""

    turns: PositiveInt | None = Field(None, description="Turns")
    messages: PositiveInt | None = Field(None, description="Delivered messages")
    seconds: float | None = Field(None, gt=0, description="Seconds of wall-clock time")

    def raised(self, *, tokens: int = 0, usd: float = 0.0, seconds: float = 0.0) -> Limits:
        """The limits with so much more allowed. Where there is no limit, nothing can be added to it."""
        more = {"tokens": tokens, "usd": usd, "seconds": seconds}
        now = {key: getattr(self, key) for key in more}
        return self.model_copy(update={key: now[key] + more[key] for key in more if now[key] is not None})


class MonitorLimits(Spending):
    """What the model calls of a monitor may use, absent meaning no limit, and how often it may intervene."""

    interventions: PositiveInt = Field(20, description="Interventions of the monitor in one run, but for `halt`")

    @model_validator(mode="before")
    @classmethod
    def _its_own(cls, given: Any) -> Any:
        return _fitting(cls, given, "a monitor")


class EdgeLimits(Spending):
    """What may pass over an edge, and what its summaries may use. Absent means no limit."""

    messages: PositiveInt | None = Field(None, description="Messages over this edge in a run, as `max_messages`")

    @model_validator(mode="before")
    @classmethod
    def _its_own(cls, given: Any) -> Any:
        return _fitting(cls, given, "an edge")


def _fitting(model: type[Spending], given: Any, place: str) -> Any:
    """What was given, unless it holds a limit that makes sense elsewhere only. Raises: ValueError."""
    for key in given if isinstance(given, Mapping) else ():
        if key in Limits.model_fields and key not in model.model_fields:
            allowed = f"allowed: {', '.join(model.model_fields)}"
            raise ValueError(f"{place} has no `{key}`; {allowed}; `{key}` goes with the team, a phase or an agent")
    return given
