"""Teams whose agents have tools of servers in processes of their own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agentmesh import Agent, Reply, Request, RunResult, Team, ToolCall, Topology
from agentmesh.events import ToolCallFinished

SERVERS = Path(__file__).parents[2] / "servers"


def plain(*arguments: str, script: Path | None = None, **more: Any) -> dict[str, Any]:
    """A server without any library, which starts at once."""
    return {"command": sys.executable, "args": [str(script or SERVERS / "mcp_plain.py"), *arguments], **more}


class Caller:
    """A model that makes these calls one after the other, then says done; it keeps what it was asked."""

    def __init__(self, *calls: str | tuple[str, dict[str, Any]]) -> None:
        self.calls = calls
        self.asked: list[Request] = []

    def __call__(self, request: Request) -> Reply:
        self.asked.append(request)
        made = sum(message["role"] == "tool" for message in request.messages)
        if made == len(self.calls):
            return Reply("done")
        call = self.calls[made]
        name, arguments = (call, {}) if isinstance(call, str) else call
        return Reply(tool_calls=(ToolCall(name, arguments, id=f"call{made}"),))

    @property
    def told(self) -> list[str]:
        """What it was told of its calls, in the last request."""
        return [str(message["content"]) for message in self.asked[-1].messages if message["role"] == "tool"]

    @property
    def tools(self) -> list[str]:
        """The names of its tools."""
        return [tool["function"]["name"] for tool in self.asked[0].tools]


def served(model: Any, server: dict[str, Any], tools: Sequence[Any] = ("docs__*",), **more: Any) -> Team:
    """One agent with these tools of the server `docs`."""
    agent = Agent.model_validate({"name": "a", "model": model, "tools": tools, "max_steps": 12})
    return Team([agent], Topology.solo("a"), mcp={"docs": server}, **more)


def ended(result: RunResult) -> list[ToolCallFinished]:
    """How the calls of tools ended."""
    return [event for event in result.events if isinstance(event, ToolCallFinished)]
