"""Programs that a team was told to run: started without a shell, ended with all of their group."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import anyio
import anyio.lowlevel
from anyio.abc import ByteReceiveStream, Process

from agentmesh.errors import AgentError

OUTPUT_LIMIT = 10_000_000
"""Bytes that a program may write to one stream."""

_LOOK_SECONDS = 0.05
_GRACE_SECONDS = 0.5


class ProgramKilled(AgentError):
    """A program that was started has taken too long, or written too much."""


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
    Raises: AgentError if it cannot be started; ProgramKilled if it takes too long or writes too much.
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
        await end(process)
    if output.excess:
        raise ProgramKilled(f"{argv[0]!r} wrote more than {OUTPUT_LIMIT:,} bytes to {output.excess} and was killed")
    if not exited:
        raise ProgramKilled(f"{argv[0]!r} did not end within {timeout_s:g} s and was killed")
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


async def end(process: Process) -> None:
    """Kill a program with all of its group, and let go of its streams; never cut short by a cancellation."""
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
