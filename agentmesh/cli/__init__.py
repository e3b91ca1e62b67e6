"""The command line: the only place that prints, asks or exits.

This module imports next to nothing, so that an interruption is taken in from the first moment on.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

INTERRUPTED = 130
"""Exit code of a command that was cancelled or interrupted."""


def main() -> None:
    """The process `agentmesh`. Interrupted at any time, while it still imports too, it exits 130 without a traceback.

    A run takes signals over while it lasts, and gives them back.
    """
    try:
        import signal

        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _leave)

        from agentmesh.cli.commands import commands

        commands()
    except KeyboardInterrupt:
        _leave()


def _leave(*_signal: object) -> NoReturn:
    # All output was flushed as it was printed; files and sockets are the system's to close.
    if sys.stderr is not None:
        os.write(sys.stderr.fileno(), b"interrupted\n")
    os._exit(INTERRUPTED)
