"""What signals do to a run."""

from __future__ import annotations

import signal
from collections.abc import Callable

import anyio
from anyio.abc import TaskStatus

from agentmesh.cli import INTERRUPTED
from agentmesh.cli.terminal import complain, leave_at_once


class Interruption:
    """A wish to cancel a run, which may come before the run is there to be cancelled."""

    def __init__(self) -> None:
        self._reason: str | None = None
        self._cancel: Callable[[str], object] | None = None

    def applies_to(self, cancel: Callable[[str], object]) -> None:
        """From now on this is what a wish calls, with its reason; an earlier wish counts too."""
        self._cancel = cancel
        if self._reason is not None:
            cancel(self._reason)

    def wish(self, reason: str) -> None:
        """Cancel the run, now or as soon as there is one."""
        self._reason = reason
        if self._cancel is not None:
            self._cancel(reason)

    async def on_signals(
        self, restore: Callable[[], object], *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Cancel on the first SIGINT or SIGTERM; on the second, put the terminal right and leave at once."""
        before = signal.getsignal(signal.SIGINT)
        try:
            with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                task_status.started()
                asked = False
                async for number in signals:
                    if asked:
                        restore()
                        leave_at_once(INTERRUPTED)
                    asked = True
                    complain("cancelling; once more to leave at once")
                    self.wish(f"interrupted by {signal.Signals(number).name}")
        finally:
            signal.signal(signal.SIGINT, before)
