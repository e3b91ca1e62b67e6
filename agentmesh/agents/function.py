"""An agent that is a plain Python function."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agentmesh.agents.base import Said, Turn, View, act_out
from agentmesh.errors import AgentError
from agentmesh.messages import Reply
from agentmesh.tools.calling import call


@dataclass
class FunctionAgent:
    """Calls `function(view)`, or `function(text)` where its parameter is annotated `str`.

    It returns the reply, None for no reply, or a `Reply` whose tool calls act on the graph. A synchronous function runs
    in a thread; if the run is cancelled, its result is discarded.
    """

    function: Callable[..., Any]

    def __post_init__(self) -> None:
        self._wants_text = _wants_text(self.function)

    def fork(self) -> FunctionAgent:
        """It remembers nothing."""
        return self

    async def act(self, turn: Turn) -> Said:
        """One call of the function. Raises: AgentError where it returns something else."""
        shown: View | str = turn.view.text if self._wants_text else turn.view
        result = await call(self.function, shown)
        match result:
            case None | str():
                return Said(result)
            case Reply():
                return await act_out(turn, result)
            case _:
                raise AgentError(f"returned {type(result).__name__}; an agent returns text, a Reply, or None")


def _wants_text(function: Callable[..., Any]) -> bool:
    try:
        hints = typing.get_type_hints(function)
        first = next(iter(inspect.signature(function).parameters), None)
    except (TypeError, ValueError, NameError):
        return False
    return first is not None and hints.get(first) is str
