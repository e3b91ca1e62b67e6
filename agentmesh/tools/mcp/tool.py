"""A tool of a server, as an agent has it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from agentmesh.errors import ToolError
from agentmesh.messages import Trust
from agentmesh.tools.context import UNCALLED, ToolContext

Call = Callable[[dict[str, Any], ToolContext], Awaitable[str]]
"""Carries out a call. Raises: ToolError."""


@dataclass(eq=False)
class ServerTool:
    """As `FunctionTool`, with what it is from the server, and what it does there. See `ToolConfig`."""

    definition: dict[str, Any]
    call: Call
    requires: Trust | None = None
    trust: Trust = "untrusted"
    approve: bool = False
    quick: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """By which models call it."""
        return str(self.definition["function"]["name"])

    async def __call__(self, arguments: dict[str, Any], context: ToolContext = UNCALLED) -> str:
        """What the server returned, as text. Raises: ToolError, as untrusted as the server where that wrote it."""
        try:
            return await self.call(arguments, context)
        except ToolError as error:
            if error.trust == self.trust or error.trust == "trusted":
                raise
            raise ToolError(str(error), self.trust) from error
