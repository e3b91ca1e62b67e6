"""An agent that is a program: the view on its standard input, the reply on its standard output."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.lowlevel
from anyio.abc import ByteReceiveStream, Process

from agentmesh.agents.base import Said, Turn, View, act_out
from agentmesh.config.models import CommandConfig
from agentmesh.errors import AgentError
from agentmesh.messages import RUN, Position, Reply, ToolCall
from agentmesh.providers.encoding import mended, mended_calls

OUTPUT_LIMIT = 10_000_000
"""Bytes that a program may write to one stream."""

_SHOWN = 500
_LOOK_SECONDS = 0.05
_GRACE_SECONDS = 0.5


class Finished(subprocess.CompletedProcess[str]):
    """A program that ended by itself, with its decoded output."""


async def run_program(
    argv: tuple[str, ...],
    stdin: str,
    timeout_s: float,
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Finished:
    """Run a program without a shell, in a process group of its own; kill the whole group when it ends or must end.

    What it left running in the background does not count: once it has exited, its output is complete.
    Raises: AgentError if it cannot be started, takes too long or writes too much.
    """
    # A cancellation in the middle of starting would leave a process that nobody knows.
    with anyio.CancelScope(shield=True):
        try:
            process = await anyio.open_process(list(argv), cwd=folder, env=environment, start_new_session=True)
        except (OSError, ValueError) as error:
            raise AgentError(f"cannot start {argv[0]!r}: {getattr(error, 'strerror', None) or error}") from error
    output = _Output()
    try:
        await anyio.lowlevel.checkpoint()
        async with anyio.create_task_group() as streams:
            streams.start_soon(output.collect, process)
            streams.start_soon(_feed, process, stdin)
            with anyio.move_on_after(timeout_s):
                await _until_exit(process, output)
            exited = process.returncode is not None
            if exited:
                await _complete(process, output)
            streams.cancel_scope.cancel()
    finally:
        await _end(process)
    if output.excess:
        raise AgentError(f"{argv[0]!r} wrote more than {OUTPUT_LIMIT:,} bytes to {output.excess} and was killed")
    if not exited:
        raise AgentError(f"{argv[0]!r} did not end within {timeout_s:g} s and was killed")
    code = process.returncode if process.returncode is not None else -1
    return Finished(list(argv), code, output.text("stdout"), output.text("stderr"))


class _Output:
    """What a program has written so far."""

    def __init__(self) -> None:
        self.ended = anyio.Event()
        self.excess = ""
        """The stream that got too long, if one did."""
        self._written = {"stdout": bytearray(), "stderr": bytearray()}

    async def collect(self, process: Process) -> None:
        """Read both streams to their ends."""
        async with anyio.create_task_group() as streams:
            streams.start_soon(self._read, process.stdout, "stdout")
            streams.start_soon(self._read, process.stderr, "stderr")
        self.ended.set()

    def text(self, name: str) -> str:
        """One stream, decoded."""
        return self._written[name].decode(errors="replace")

    async def _read(self, stream: ByteReceiveStream | None, name: str) -> None:
        assert stream is not None
        async for chunk in stream:
            self._written[name] += chunk
            if len(self._written[name]) > OUTPUT_LIMIT:
                self.excess = name
                return


async def _feed(process: Process, text: str) -> None:
    assert process.stdin is not None
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, ConnectionError):
        await process.stdin.send(text.encode(errors="replace"))
        await process.stdin.aclose()


async def _until_exit(process: Process, output: _Output) -> None:
    """Return once the program has exited or written too much.

    Usually its streams end with it. Where a child keeps them open, looking now and then finds the exit.
    """
    while process.returncode is None and not output.excess:
        with anyio.move_on_after(_LOOK_SECONDS):
            await output.ended.wait()
            await process.wait()


async def _complete(process: Process, output: _Output) -> None:
    """Read what the program wrote before it exited; children that keep its streams open are killed."""
    with anyio.move_on_after(_GRACE_SECONDS):
        await output.ended.wait()
    if not output.ended.is_set():
        _kill_group(process)
        with anyio.move_on_after(_GRACE_SECONDS):
            await output.ended.wait()


def _kill_group(process: Process) -> None:
    # The group may outlive its leader: children that it left behind are killed too.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


async def _end(process: Process) -> None:
    _kill_group(process)
    with anyio.CancelScope(shield=True):
        while process.returncode is None:
            with anyio.move_on_after(_LOOK_SECONDS):
                await process.wait()
        # A stream with unread output, or kept open by a child that left the group, closes only from this side.
        transport = getattr(getattr(process, "_process", None), "_transport", None)
        if transport is not None:
            transport.close()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                await stream.aclose()


@dataclass
class CommandAgent:
    """Runs its program once per turn.

    `json`: stdin is `{"agent", "turn", "phase", "recipients", "tools", "inbox": [{"sender", "content", "kind",
    "task_id"}]}`; stdout is the reply as text, or `{"text", "tool_calls": [{"name", "arguments"}], "position"}`.
    `text`: stdin is the message, or each as `SENDER: content` where there are several, without notices unless there is
    nothing else; stdout is the reply.
    """

    config: CommandConfig

    def fork(self) -> CommandAgent:
        """It remembers nothing."""
        return self

    async def act(self, turn: Turn) -> Said:
        """One run of the program. Raises: AgentError if it fails, hangs or writes something else."""
        view = turn.view
        stdin = _as_text(view) if self.config.format == "text" else json.dumps(_as_json(view), ensure_ascii=False)
        done = await run_program(self.config.argv, stdin, self.config.timeout_s)
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip()[-_SHOWN:]
            raise AgentError(f"{self.config.argv[0]!r} ended with status {done.returncode}: {said}")
        return await act_out(turn, self._read(done.stdout))

    def _read(self, stdout: str) -> Reply:
        if self.config.format == "text" or not stdout.lstrip().startswith("{"):
            return Reply(stdout.strip())
        try:
            read = json.loads(stdout)
            calls = [ToolCall(call["name"], call.get("arguments") or {}) for call in read.get("tool_calls") or ()]
            position = Position.model_validate(read["position"]) if read.get("position") else None
            return Reply(mended(str(read.get("text") or "")), tuple(mended_calls(calls)), position=position)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise AgentError(f"{self.config.argv[0]!r} wrote JSON that is no reply: {error}") from error


def _as_text(view: View) -> str:
    items = view.messages or view.inbox
    if len(items) == 1:
        return items[0].content
    # Further lines are set in, so that none of them can pass for a message of somebody else.
    return "\n\n".join(f"{getattr(item, 'sender', RUN)}: " + "\n  ".join(item.content.splitlines()) for item in items)


def _as_json(view: View) -> dict[str, object]:
    return {
        "agent": view.agent,
        "turn": view.turn,
        "phase": view.phase,
        "recipients": view.recipients,
        "tools": view.tools,
        "inbox": [
            {
                "sender": getattr(item, "sender", RUN),
                "content": item.content,
                "kind": getattr(item, "kind", "notice"),
                "task_id": getattr(item, "task_id", None),
            }
            for item in view.inbox
        ],
    }
