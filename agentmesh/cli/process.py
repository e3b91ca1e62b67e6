"""Signals, and the end of the process."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable

import anyio
import click
from anyio.abc import TaskStatus

from agentmesh.cli.terminal import complain

_INTERRUPTED = 130


async def stop_on_signals(
    cancel: Callable[[], object],
    restore: Callable[[], object],
    *,
    task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """Cancel on the first SIGINT or SIGTERM; on the second, put the terminal right and leave at once."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        asked = False
        async for _ in signals:
            if asked:
                restore()
                _leave_at_once(_INTERRUPTED)
            asked = True
            complain("cancelling; once more to leave at once")
            cancel()


def leave(code: int) -> None:
    """End the command with this exit code, not waiting for a function that was abandoned in its thread."""
    if any(thread is not threading.main_thread() and not thread.daemon for thread in threading.enumerate()):
        _leave_at_once(code)
    raise click.exceptions.Exit(code)


def _leave_at_once(code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
