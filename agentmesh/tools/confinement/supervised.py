"""A program under a supervisor: how the order is written, carried out and reported."""

from __future__ import annotations

import marshal
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import anyio
import anyio.lowlevel
from anyio.abc import Process

from agentmesh.errors import ToolError
from agentmesh.tools.confinement.base import Ran, Rules
from agentmesh.tools.confinement.launching.order import Order, Report
from agentmesh.tools.confinement.places import check, environment

_MEBIBYTE = 1 << 20
_PATIENCE = 15.0
_PROBE_SECONDS = 10.0
_SIGNALS = range(129, 160)


def order_for(argv: Sequence[str], rules: Rules, *, folder: Path, stdin: str, seconds: float | None) -> Order:
    """What every way begins with. Raises: ToolError if the program or the folder is not there."""
    private = str(Path(tempfile.gettempdir()).resolve() / f"agentmesh-{secrets.token_hex(8)}")
    variables = environment(rules, private)
    check(argv, rules, folder, variables)
    limits = rules.limits
    return Order(
        argv=list(argv),
        folder=str(folder.resolve()),
        environment=variables,
        stdin=stdin.encode(errors="replace"),
        seconds=seconds if seconds is not None else limits.seconds,
        output=limits.output,
        processes=limits.processes,
        overhead=0,
        memory=limits.memory_mb * _MEBIBYTE,
        file=limits.file_mb * _MEBIBYTE,
        private=private,
        parent=os.getpid(),
        fence=None,
        families=[],
        afterwards=[],
    )


async def supervised(order: Order) -> Ran:
    """Carry out an order; when this is cancelled, or its process killed, everything that was started is ended.

    Raises: ToolError if the program cannot be started.
    """
    # A cancellation in the middle of starting would leave a process that nobody knows.
    with anyio.CancelScope(shield=True):
        try:
            process = await anyio.open_process(
                _command(), stderr=subprocess.DEVNULL, cwd="/", env={}, start_new_session=True
            )
        except OSError as error:
            raise ToolError(f"cannot start {order['argv'][0]!r}: {sys.executable}: {error.strerror}") from error
    try:
        await anyio.lowlevel.checkpoint()
        report = b""
        with anyio.move_on_after(order["seconds"] + _PATIENCE):
            report = await _exchange(process, marshal.dumps({**order}))
    finally:
        with anyio.CancelScope(shield=True):
            await _end(process)
    return _ran(order, report)


def supervised_now(order: Order) -> Ran:
    """The same without an event loop. Raises: ToolError, also if it takes longer than a probe may."""
    try:
        done = subprocess.run(
            _command(), input=marshal.dumps({**order}), capture_output=True, cwd="/", env={}, timeout=_PROBE_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolError(f"cannot start {order['argv'][0]!r}: {error}") from error
    return _ran(order, done.stdout)


def probed(make: Callable[[Sequence[str], Rules], Order]) -> str | None:
    """Really start `true` in a folder of its own: None if that works, or why it does not."""
    with tempfile.TemporaryDirectory(prefix="agentmesh-") as folder:
        try:
            ran = supervised_now(make(("true",), Rules(Path(folder).resolve())))
        except ToolError as error:
            return str(error)
        return None if ran.code == 0 else f"`true` ended with status {ran.code}: {ran.output.strip()}"


def _command() -> list[str]:
    # As a module of a package of its own, what runs is compiled once; agentmesh itself would take long to import.
    code = f"import sys; sys.path.append({str(Path(__file__).parent)!r}); from launching.supervisor import main; main()"
    return [sys.executable, "-I", "-S", "-c", code]


async def _exchange(process: Process, order: bytes) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    report = bytearray()
    try:
        await process.stdin.send(order)
        await process.stdin.aclose()
        async for chunk in process.stdout:
            report += chunk
    except (anyio.BrokenResourceError, ConnectionError):
        return b""  # it was killed
    await process.wait()
    return bytes(report)


async def _end(process: Process) -> None:
    """Ask the supervisor to end all and itself; only one that does not answer is killed."""
    if process.returncode is None:
        process.terminate()
        with anyio.move_on_after(_PATIENCE):
            await process.wait()
    if process.returncode is None:
        process.kill()
    await process.aclose()


def _ran(order: Order, answer: bytes) -> Ran:
    if not answer:
        return Ran(137, "", cut=False, ended="killed", seconds=0.0)
    report = cast(Report, marshal.loads(answer))
    if report["error"]:
        raise ToolError(f"cannot start {order['argv'][0]!r}: {report['error']}")
    middle = f"\n[{report['dropped']:,} bytes are left out here]\n".encode() if report["dropped"] else b""
    output = (report["head"] + middle + report["tail"]).decode(errors="replace")
    killed = report["ended"] == "exited" and report["code"] in _SIGNALS
    return Ran(
        report["code"],
        output,
        cut=report["dropped"] > 0,
        ended="killed" if killed else report["ended"],
        seconds=report["seconds"],
    )
