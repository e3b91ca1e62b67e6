"""What every log owes its readers, and teams made of functions."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import anyio

from agentmesh import Agent, Reply, Request, Team, ToolCall, Topology
from agentmesh.events import (
    Event,
    MessageDelivered,
    MessageProposed,
    MessageRefused,
    ModelCallFinished,
    ModelCallStarted,
    RunEnded,
    RunStarted,
    ToolCallFinished,
    ToolCallStarted,
    TurnEnded,
    TurnFailed,
    TurnStarted,
)


def well_formed(events: Sequence[Event]) -> None:
    """Numbered without gaps, begun and ended once; all that started is closed; all that was proposed is decided."""
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert len({event.run_id for event in events}) == 1
    assert [type(event) for event in events].count(RunEnded) == 1
    assert isinstance(events[0], RunStarted)
    assert isinstance(events[-1], RunEnded)
    turns = [(e.agent, e.turn) for e in events if isinstance(e, TurnStarted)]
    closed = [(e.agent, e.turn) for e in events if isinstance(e, TurnEnded | TurnFailed)]
    assert sorted(map(str, turns)) == sorted(map(str, closed))
    for started, finished in ((ModelCallStarted, ModelCallFinished), (ToolCallStarted, ToolCallFinished)):
        begun = [e.key for e in events if isinstance(e, started)]
        assert sorted(begun) == sorted(e.key for e in events if isinstance(e, finished))
        assert len(set(begun)) == len(begun)
    proposed = [e.message_id for e in events if isinstance(e, MessageProposed)]
    decided = [e.message_id for e in events if isinstance(e, MessageDelivered | MessageRefused)]
    assert sorted(proposed) == sorted(decided)


def team(model: Any, topology: Topology | None = None, **more: Any) -> Team:
    """A team whose agents all ask one function."""
    drawn = topology or Topology.solo("a")
    own: dict[str, dict[str, Any]] = more.pop("agents", {})
    agents = [Agent(name=name, **own.get(name, {})) for name in drawn.nodes]
    return Team(agents, drawn, models={"default": model, **more.pop("models", {})}, **more)


def says(text: str = "ok") -> Callable[[Request], str]:
    """A model that always answers the same."""
    return lambda request: text


def calls(name: str, **arguments: Any) -> Reply:
    """A reply that calls one tool."""
    return Reply(tool_calls=(ToolCall(name, arguments),))


async def forever(request: Request) -> str:
    """A model that never answers."""
    await anyio.sleep(3600)
    return "too late"


class Timer:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started
