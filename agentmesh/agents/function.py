"""An agent that is a plain Python function."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agentmesh.agents.base import Said, Turn, View, act_out
from agentmesh.errors import AgentError
from agentmesh.messages import Reply
from agentmesh.tools.calling import call


@dataclass
class FunctionAgent:
    """Calls `function(text)` with the inbox as text, or `function(view)` if its parameter is named or annotated so.

    It returns the reply, None for no reply, or a `Reply` whose tool calls act on the graph. A synchronous function runs
    in a thread; if the run is cancelled, its result is discarded.
    """

    function: Callable[..., Any]

    def __post_init__(self) -> None:
        self._wants_view = _wants_view(self.function)

    def fork(self) -> FunctionAgent:
        """It remembers nothing."""
        return self

    async def act(self, turn: Turn) -> Said:
        """One call of the function. Raises: AgentError where it returns something else."""
        result = await self.called(turn.view)
        match result:
            case None | str():
                return Said(result)
            case Reply():
                return await act_out(turn, result)
            case _:
                raise AgentError(f"returned {type(result).__name__}; an agent returns text, a Reply, or None")

    async def called(self, view: View) -> Any:
        """What the function returns, whatever it is. Raises: whatever the function raises."""
        shown: View | str = view if self._wants_view else view.text
        return await call(self.function, shown)


def _wants_view(function: Callable[..., Any]) -> bool:
    try:
        first = next(iter(inspect.signature(function).parameters.values()), None)
    except (TypeError, ValueError):
        return False
    if first is None:
        return False
    return first.name == "view" or first.annotation in {View, "View", "agentmesh.View"}
