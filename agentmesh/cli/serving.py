"""A team behind a tool of the Model Context Protocol: each call is a run."""

from __future__ import annotations

import math
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

from agentmesh import __version__
from agentmesh.config.secrets import told
from agentmesh.errors import AgentMeshError
from agentmesh.events import Event, TurnStarted
from agentmesh.reporting import summary
from agentmesh.runner.member import Delta, FailedAttempt
from agentmesh.team import Team

if TYPE_CHECKING:
    from mcp import types
    from mcp.server import Server, ServerRequestContext

SUCCESS = frozenset({"verified", "completed"})
_PROPERTIES: dict[str, Any] = {
    "run_id": {"type": "string"},
    "outcome": {
        "type": ["string", "null"],
        "description": "verified or completed; null of a run that waits for people",
    },
    "reason": {"type": "string"},
    "answer": {"type": ["string", "null"]},
    "usage": {"type": "object", "description": "input_tokens, output_tokens, model_calls and cost_usd"},
}
_INPUT = {
    "type": "object",
    "properties": {"task": {"type": "string", "minLength": 1, "description": "What the team is to do"}},
    "required": ["task"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class TeamServer:
    """One tool, whose calls are runs of the team with these options."""

    team: Team
    name: str
    description: str
    options: Mapping[str, Any] = field(default_factory=dict)

    async def over_streams(self) -> None:
        """Serve one client over standard input and output, until it leaves. Whatever else is printed goes to stderr."""
        from mcp.server.stdio import stdio_server

        server = self.made()
        async with stdio_server() as (read, write):
            with redirect_stdout(sys.stderr):  # what is left in its buffer would follow the last message
                await server.run(read, write, server.create_initialization_options())

    async def over_http(self, listening: socket.socket, host: str, path: str) -> None:
        """Serve any number of clients, until the process is told to end."""
        import uvicorn

        app = self.made().streamable_http_app(streamable_http_path=path, host=host)
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=5)
        await uvicorn.Server(config).serve([listening])

    def made(self) -> Server[Any]:
        """The server, not connected to anybody yet."""
        from mcp import types
        from mcp.server import Server

        output = {"type": "object", "properties": _PROPERTIES, "required": list(_PROPERTIES)}
        tool = types.Tool(name=self.name, description=self.description, input_schema=_INPUT, output_schema=output)

        async def listed(context: object, params: object) -> types.ListToolsResult:
            return types.ListToolsResult(tools=[tool])

        return Server(self.name, version=__version__, on_list_tools=listed, on_call_tool=self._called)

    async def _called(
        self, context: ServerRequestContext[Any, Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        given = params.arguments or {}
        task = given.get("task")
        if params.name != self.name:
            return _result(f"there is no tool '{params.name}'; there is: {self.name}")
        if not isinstance(task, str) or not task.strip() or len(given) > 1:
            return _result("it takes task, a text that is not empty, and nothing else")
        try:
            facts = await self._ran(task, context)
        except AgentMeshError as error:
            return _result(told(error))
        return _result(_text(facts), {key: facts[key] for key in _PROPERTIES}, failed=facts["outcome"] not in SUCCESS)

    async def _ran(self, task: str, context: ServerRequestContext[Any, Any]) -> dict[str, Any]:
        """What one run came to. It is interrupted if the call is cancelled."""
        progress, seen = anyio.create_memory_object_stream[str](math.inf)

        def watch(event: Event | Delta | FailedAttempt) -> None:
            if isinstance(event, TurnStarted):
                progress.send_nowait(f"turn of '{event.agent}'")

        failure: AgentMeshError | None = None
        events: Sequence[Event] = ()
        async with anyio.create_task_group() as group:
            group.start_soon(_report, context, seen)
            try:
                events = (await self.team.run(task, **self.options, watch=watch)).events
            except AgentMeshError as error:  # raised below as it is: the task group would wrap it
                failure = error
            finally:
                progress.close()
        if failure is not None:
            raise failure
        return summary(events)


async def _report(context: ServerRequestContext[Any, Any], seen: MemoryObjectReceiveStream[str]) -> None:
    """Tell the client of each turn, if it wants to know."""
    async with seen:
        number = 0
        async for message in seen:
            number += 1
            with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):  # it has left: its call ends, too
                await context.session.report_progress(number, message=message)


def _text(facts: Mapping[str, Any]) -> str:
    """The answer; or why there is none that counts, with what goes on from there."""
    outcome, run_id = facts["outcome"], facts["run_id"]
    if outcome in SUCCESS:
        return str(facts["answer"])
    if outcome is None:
        asked = "; ".join(f"{one['question_id']}: {one['content']}" for one in facts["questions"])
        return (
            f"waiting for a person: {asked}; agentmesh answer {run_id} QUESTION_ID TEXT, then agentmesh resume {run_id}"
        )
    answer = f"\nlast answer: {facts['answer']}" if facts["answer"] is not None else ""
    return f"{outcome}: {facts['reason']}{answer}"


def _result(text: str, structured: Mapping[str, Any] | None = None, *, failed: bool = True) -> types.CallToolResult:
    from mcp import types

    content: list[types.ContentBlock] = [types.TextContent(text=text)]
    if structured is None:
        return types.CallToolResult(content=content, is_error=failed)
    return types.CallToolResult(content=content, structured_content=dict(structured), is_error=failed)
