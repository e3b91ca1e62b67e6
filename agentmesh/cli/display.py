"""What is shown of a run while it runs: the live view, plain lines, or events on stdout."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from agentmesh.cli.asking import Ask, terminal_asker
from agentmesh.cli.lines import attempt_line, line
from agentmesh.cli.progress import RunProgress
from agentmesh.cli.terminal import complain, say_json
from agentmesh.events import Event, Question
from agentmesh.runner import Delta, FailedAttempt

if TYPE_CHECKING:
    from agentmesh.cli.live import LiveView


def wants_live_view(stream: TextIO | None, environment: Mapping[str, str]) -> bool:
    """Whether `stream` is a terminal that may be redrawn: neither CI nor NO_COLOR is set, nor is it a dumb one."""
    return (
        stream is not None
        and stream.isatty()
        and not any(environment.get(name) for name in ("CI", "NO_COLOR"))
        and (environment.get("TERM") != "dumb")
    )


class Display:
    """Watches a run: `with` it around the run, it takes the terminal and gives it back."""

    def __init__(self, names: Iterable[str], *, events: bool = False) -> None:
        self._events = events
        self.ask: Ask | None = terminal_asker(self._aside)
        self._progress = RunProgress(names, asked_here=self.ask is not None)
        self._started: float | None = None
        self._run_id = ""
        self._view: LiveView | None = None
        on_screen = events and sys.stdout is not None and sys.stdout.isatty()
        if wants_live_view(sys.stderr, os.environ) and not on_screen:
            self._view = _live_view(self._progress)
        self._lines = self._view is None and not on_screen
        self.deltas = self._view is not None
        """Whether pieces of streamed text are wanted, which makes requests stream."""
        self.attempts = True
        """Whether failed attempts at model calls are wanted."""
        self.nested = events
        """Whether the events of teams that stand on nodes are wanted."""
        self.abandoned: Callable[[str], object] = lambda why: None
        """Called once, with the reason, when events can no longer be printed."""

    def __enter__(self) -> Display:
        if self._view is not None:
            self._view.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
        if self._view is not None:
            complain("")

    def __call__(self, seen: Event | Delta | FailedAttempt) -> None:
        """Take in an event, or a signal: a piece of streamed text, a failed attempt."""
        match seen:
            case Delta():
                self._progress.delta(seen.agent, seen.text)
            case FailedAttempt():
                self._progress.attempt(seen.agent, seen.why)
                if self._lines:
                    complain(attempt_line(seen, time.time() - (self._started or 0.0)))
            case _:
                self._event(seen)

    def _event(self, seen: Event) -> None:
        if self._started is None:
            self._started, self._run_id = seen.ts, seen.run_id
        lost = self._printed(seen) if self._events else None
        if lost is not None:
            self._events = False
            self.abandoned(lost)
        if seen.run_id != self._run_id:
            return  # of a team that stands on a node: who wants all of it reads the events
        self._progress.observe(seen)
        if self._lines:
            if isinstance(seen, Question) and self.ask is not None:
                seen = seen.model_copy(update={"content": ""})  # it is put in full to whoever sits at the terminal
            complain(line(seen, self._started))

    def _printed(self, seen: Event) -> str | None:
        """Print an event on stdout. Why that cannot be done, if it cannot."""
        try:
            read = say_json(seen.model_dump(mode="json"), indent=None)
        except OSError as error:
            return f"the events cannot be written: {error.strerror}"
        return None if read else "whoever read the events has left"

    def close(self) -> None:
        """Leave the last picture on the screen and give the terminal back."""
        if self._view is not None:
            self._view.stop()

    async def keep_drawing(self) -> None:
        """Draw until cancelled, where there is something to draw on."""
        if self._view is not None:
            await self._view.keep_drawing()

    @contextmanager
    def _aside(self) -> Iterator[None]:
        """Nothing is drawn while a question stands on the terminal."""
        if self._view is None:
            yield
            return
        self._view.stop()
        try:
            yield
        finally:
            self._view.start()


def _live_view(progress: RunProgress) -> LiveView:
    # rich is imported only where there is a terminal to draw on.
    from rich.console import Console

    from agentmesh.cli.live import LiveView

    return LiveView(progress, Console(stderr=True))
