"""What a tool may know of the call that it is carrying out, beside its arguments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from agentmesh.errors import AgentError
from agentmesh.tools.workspaces.base import Workspace


@dataclass(frozen=True)
class ToolContext:
    """Given to a function whose parameter is annotated so; the model sees nothing of that parameter."""

    agent: str
    """Who calls."""
    key: str
    """Names the call: the same when it is made again because the process ended in the middle of it."""
    ask: Callable[[str], Awaitable[str]]
    """Puts a question to the person in charge and waits for the answer, for days if need be."""
    workspace: Workspace | None = None
    """The files that the agent works on, if it has any."""
    again: bool = False
    """The call was begun before, by a process that ended in the middle of it: what it does may be done already."""


async def _nobody(question: str) -> str:
    raise AgentError("nobody is there to answer")


UNCALLED = ToolContext("", "", _nobody)
"""Of a tool that no agent calls."""


async def ask_human(question: str, context: ToolContext) -> str:
    """Ask the person in charge, where nobody and nothing else can tell you. The answer may take long.

    Args:
        question: What you need to know, with all that the person needs for an answer
        context: Whom to ask

    """
    return await context.ask(question)
