"""An MCP server that is a program: one message a line on its standard streams, nothing of ours in its environment.

The client of `mcp` hands on more of the environment, and lets children live that a server leaves behind.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import anyio
from anyio.abc import ByteReceiveStream, Process
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from agentmesh.config.secrets import without_keys
from agentmesh.config.servers import ServerConfig
from agentmesh.errors import AgentError
from agentmesh.tools.programs import end

if TYPE_CHECKING:
    from mcp.shared.message import SessionMessage

KEPT = ("PATH", "HOME", "LANG", "TMPDIR")
"""Variables that every program is given."""
LINE_LIMIT = 16_000_000
"""Bytes of one message; a server that writes more without the end of a line has ended."""

_COMPLAINT = 500
_GRACE_SECONDS = 1.0
_GONE = (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream, OSError)


class ServerProgram:
    """Starts the program, and ends it with all of its group."""

    def __init__(self, config: ServerConfig) -> None:
        self._config = config
        self._complaint = bytearray()
        self.code: int | None = None
        """With what it exited."""
        self.silent = False
        """Whether it has closed its output: it answers no more."""

    def last_words(self, complaint: bool) -> str:
        """How it ended, with the end of what it wrote to its standard error if that is wanted."""
        written = without_keys(self._complaint.decode(errors="replace").strip()) if complaint else ""
        return f"it ended with code {self.code}" + (f"; it wrote: {written}" if written else "")

    @asynccontextmanager
    async def transport(self) -> AsyncIterator[Any]:
        """The streams that a client of `mcp` speaks over. Raises: AgentError if the program cannot be started."""
        process = await self._started()
        incoming: MemoryObjectSendStream[SessionMessage | Exception]
        read: MemoryObjectReceiveStream[SessionMessage | Exception]
        incoming, read = anyio.create_memory_object_stream(0)
        write: MemoryObjectSendStream[SessionMessage]
        outgoing: MemoryObjectReceiveStream[SessionMessage]
        write, outgoing = anyio.create_memory_object_stream(0)
        try:
            async with incoming, read, write, outgoing, anyio.create_task_group() as pumps:
                pumps.start_soon(self._hear, process, incoming)
                pumps.start_soon(self._heed, process.stderr)
                pumps.start_soon(_tell, process, outgoing)
                try:
                    yield read, write
                finally:
                    with anyio.CancelScope(shield=True):
                        await self._end(process)
                    pumps.cancel_scope.cancel()
        finally:
            await end(process)  # once more, for what was cancelled before it had begun

    async def _started(self) -> Process:
        config = self._config
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        # A cancellation in the middle of starting would leave a process that nobody knows.
        with anyio.CancelScope(shield=True):
            try:
                process = await anyio.open_process(
                    [str(config.command), *config.args],
                    cwd=config.folder,
                    env=kept | config.environment,
                    start_new_session=True,
                )
            except (OSError, ValueError) as error:
                why = getattr(error, "strerror", None) or error
                raise AgentError(f"cannot start {config.command!r}: {why}") from error
        return process

    async def _end(self, process: Process) -> None:
        """Close its input, which asks it to leave; then kill whatever of it is left."""
        assert process.stdin is not None
        with suppress(*_GONE):
            await process.stdin.aclose()
        with anyio.move_on_after(_GRACE_SECONDS):
            # Waiting for the process would wait for its children's streams too.
            while process.returncode is None:  # noqa: ASYNC110 - nothing else tells of its exit
                await anyio.sleep(0.01)
        self.code = process.returncode
        await end(process)

    async def _hear(self, process: Process, incoming: MemoryObjectSendStream[Any]) -> None:
        assert process.stdout is not None
        rest = b""
        async with incoming:
            with suppress(*_GONE):
                async for chunk in process.stdout:
                    *lines, rest = (rest + chunk).split(b"\n")
                    for line in lines:
                        if (message := _message(line)) is not None:
                            await incoming.send(message)
                    if len(rest) > LINE_LIMIT:
                        break
            self.silent = True

    async def _heed(self, stderr: ByteReceiveStream | None) -> None:
        assert stderr is not None
        with suppress(*_GONE):
            async for chunk in stderr:
                self._complaint += chunk
                del self._complaint[:-_COMPLAINT]


async def _tell(process: Process, outgoing: MemoryObjectReceiveStream[SessionMessage]) -> None:
    assert process.stdin is not None
    with suppress(*_GONE):
        async for message in outgoing:
            line = message.message.model_dump_json(by_alias=True, exclude_unset=True)
            await process.stdin.send(line.encode() + b"\n")


def _message(line: bytes) -> SessionMessage | None:
    """What a line says; None for one that is no message, such as a greeting for people."""
    from mcp.shared.message import SessionMessage
    from mcp_types import jsonrpc_message_adapter

    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError:
        return None
