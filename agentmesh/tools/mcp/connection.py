"""A connection to one MCP server, as long as a run lasts."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
from anyio.abc import TaskGroup, TaskStatus

from agentmesh.config.secrets import SECRET_NAME, keep_out, told, without_keys
from agentmesh.config.servers import ServerConfig
from agentmesh.errors import AgentMeshError, ConfigError, MissingExtra, Problem, ToolError
from agentmesh.tools.mcp.program import ServerProgram
from agentmesh.tools.mcp.results import text_of

if TYPE_CHECKING:
    from mcp import Client, MCPError
    from mcp.types import Tool

_MOST_PAGES = 100
_CLOSING_SECONDS = 5.0
_SSE_SECONDS = 300.0
"""How long a stream over HTTP may be silent: a server may hold one open; each call has a time of its own."""


class ServerFault(AgentMeshError):
    """A server cannot be used. Says why, without its name."""


class Connection:
    """Speaks to one server. Where it has ended, the next call connects once more; no call is made twice."""

    def __init__(self, name: str, config: ServerConfig, group: TaskGroup, headers: Mapping[str, str]) -> None:
        self._name = name
        self._config = config
        self._group = group
        self._headers = headers
        self._lock = anyio.Lock()
        self._client: Client | None = None
        self._program: ServerProgram | None = None
        self._fault = ""
        self._leave = anyio.Event()
        self._left = anyio.Event()

    async def tools(self) -> list[Tool]:
        """All that the server offers, by name. Raises: ServerFault."""
        tools: list[Tool] = []
        cursor: str | None = None
        try:
            with anyio.fail_after(self._config.timeout_s):
                client = await self._connected()
                for _ in range(_MOST_PAGES):
                    page = await client.list_tools(cursor=cursor)
                    tools += page.tools
                    cursor = page.next_cursor
                    if cursor is None:
                        break
        except TimeoutError as error:
            raise ServerFault(f"it did not say what tools it has within {self._config.timeout_s:g} s") from error
        except ServerFault:
            raise
        except Exception as error:  # whatever the server makes of the protocol
            raise ServerFault(await self._reason(error)) from error
        return sorted(tools, key=lambda tool: tool.name)

    async def call(self, tool: str, arguments: dict[str, Any]) -> str:
        """What a tool returns, as text. Raises: ToolError, untrusted where the server wrote its text."""
        from mcp import MCPError

        server = f"server '{self._name}'"
        try:
            with anyio.fail_after(self._config.timeout_s):
                client = await self._connected()
                result = await client.call_tool(tool, arguments)
        except TimeoutError as error:
            within = f"did not answer within {self._config.timeout_s:g} s"
            raise ToolError(f"{server} {within}; whether it did what was asked is not known") from error
        except ServerFault as error:
            raise ToolError(f"{server} cannot be reached: {error}", "untrusted") from error
        except MCPError as error:
            if not _is_lost(error):
                raise ToolError(without_keys(error.message), "untrusted") from error
            why = await self._reason(error, complaint=False)
            raise ToolError(
                f"{server} was lost in the middle of the call: {why}; whether it did what was asked is not known",
                "untrusted",
            ) from error
        except Exception as error:  # a result that is not of the form that the server itself declared
            raise ToolError(told(error), "untrusted") from error
        text = without_keys(text_of(result))
        if result.is_error:
            raise ToolError(text or "the tool failed, and did not say why", "untrusted")
        return text

    def close(self) -> None:
        """Let the server go; its task ends soon after."""
        self._leave.set()

    async def _connected(self) -> Client:
        """The client, connected anew if the server has ended. Raises: ServerFault."""
        async with self._lock:
            if self._client is None or (self._program is not None and self._program.silent):
                await self._connect()
            assert self._client is not None
            return self._client

    async def _connect(self) -> None:
        self.close()
        self._client, self._fault = None, ""
        self._leave, self._left = anyio.Event(), anyio.Event()
        self._program = ServerProgram(self._config) if self._config.command is not None else None
        try:
            await self._group.start(self._live, self._leave, self._left)
        except Exception as error:  # whatever the server makes of the protocol
            raise ServerFault(await self._reason(error)) from error

    async def _live(
        self, leave: anyio.Event, left: anyio.Event, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Hold the connection until it is let go: a client is entered and left by the same task."""
        from mcp import Client

        from agentmesh import __version__

        mine: Client | None = None
        try:
            async with Client(self._transport(), client_info=_who(__version__), cache=None) as mine:
                self._client = mine
                task_status.started()
                await leave.wait()
        except Exception as error:
            if mine is None:
                raise
            self._fault = told(_first(error))
        finally:
            if self._client is mine:
                self._client = None
            left.set()

    def _transport(self) -> AbstractAsyncContextManager[Any]:
        return self._program.transport() if self._program is not None else self._over_http()

    @asynccontextmanager
    async def _over_http(self) -> AsyncIterator[Any]:
        import httpx2
        from mcp.client.streamable_http import streamable_http_client

        seconds = self._config.timeout_s
        timeout = httpx2.Timeout(seconds, read=max(seconds, _SSE_SECONDS))
        async with (
            httpx2.AsyncClient(headers=dict(self._headers), timeout=timeout) as http,
            streamable_http_client(str(self._config.url), http_client=http) as streams,
        ):
            yield streams

    async def _reason(self, error: Exception, *, complaint: bool = True) -> str:
        """Why the connection is lost. It is closed, so that the next call makes a new one."""
        self.close()
        with anyio.move_on_after(_CLOSING_SECONDS):
            await self._left.wait()
        if self._program is not None and self._program.code is not None:
            return self._program.last_words(complaint)
        return self._fault or without_keys(str(_first(error))) or type(error).__name__


@asynccontextmanager
async def connected(servers: Mapping[str, ServerConfig]) -> AsyncIterator[dict[str, Connection]]:
    """Connections to these servers, each made on first use and all closed in the end. Raises: MissingExtra."""
    try:
        import mcp  # noqa: F401 - now, so that its absence is known before anything is spent
    except ImportError as error:
        raise MissingExtra(f"a server of tools (mcp.{next(iter(servers))})", "mcp") from error
    headers = {name: headers_of(name, config) for name, config in servers.items()}
    failure: Exception | None = None
    async with anyio.create_task_group() as group:
        connections = {name: Connection(name, config, group, headers[name]) for name, config in servers.items()}
        try:
            yield connections
        except Exception as error:  # raised below as it is: the task group would wrap it
            failure = error
        finally:
            for connection in connections.values():
                connection.close()
            group.cancel_scope.deadline = anyio.current_time() + _CLOSING_SECONDS
    if failure is not None:
        raise failure


def headers_of(name: str, config: ServerConfig) -> dict[str, str]:
    """The headers with values from the environment, which no text repeats from now on. Raises: ConfigError."""
    keep_out(value for name, value in config.environment.items() if SECRET_NAME.search(name))
    headers: dict[str, str] = {}
    for header, variable in config.headers_env.items():
        value = os.environ.get(variable, "").strip()
        if not value:
            where = f"mcp.{name}.headers_env.{header}"
            raise ConfigError([Problem(0, 0, where, f"the environment variable {variable} is not set")])
        headers[header] = value
    keep_out([*headers.values(), *(value.removeprefix("Bearer ") for value in headers.values())])
    return headers


def _who(version: str) -> Any:
    from mcp.types import Implementation

    return Implementation(name="agentmesh", version=version)


def _is_lost(error: MCPError) -> bool:
    """Whether the connection is gone, and not only the call refused."""
    from mcp.types import CONNECTION_CLOSED

    return error.code == CONNECTION_CLOSED or error.message == "Session terminated"


def _first(error: BaseException) -> BaseException:
    """What went wrong at first, out of the groups in which tasks wrap it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
