"""An agent that is a plain Python function."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import anyio.to_thread

from agentmesh.agents.base import Said, Turn, View
from agentmesh.errors import AgentError
from agentmesh.messages import Reply


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
        if inspect.iscoroutinefunction(self.function):
            result = await self.function(shown)
        else:
            result = await anyio.to_thread.run_sync(self.function, shown, abandon_on_cancel=True)
            if inspect.isawaitable(result):
                result = await result
        match result:
            case None | str():
                return Said(result)
            case Reply():
                if not result.tool_calls:
                    return Said(result.text)
                results = await turn.call(result.tool_calls)
                refused = [given.text for given in results if given.failed]
                if refused:
                    raise AgentError("; ".join(refused))
                return Said(result.text or None)
            case _:
                raise AgentError(f"returned {type(result).__name__}; an agent returns text, a Reply, or None")


def _wants_text(function: Callable[..., Any]) -> bool:
    try:
        hints = typing.get_type_hints(function)
        first = next(iter(inspect.signature(function).parameters), None)
    except (TypeError, ValueError, NameError):
        return False
    return first is not None and hints.get(first) is str
