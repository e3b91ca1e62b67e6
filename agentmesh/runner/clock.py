"""How long the phases of a run take, where they have a limit of seconds."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Protocol

import anyio
from anyio.abc import TaskGroup

from agentmesh.events import Event, LimitWasReached, PhaseStarted, RunResumed
from agentmesh.runner.ledger import phase_account
from agentmesh.runner.member import RunPlan


class Timed(Protocol):
    """The run whose phases are timed."""

    plan: RunPlan

    def record(self, *events: Event) -> None:
        """Append events to the log, together, and carry out all that follows from them."""
        ...


class PhaseClock:
    """Tells the run when a phase has used up its seconds, counted over all its occurrences."""

    def __init__(self, run: Timed) -> None:
        self._run = run
        self._limits = {phase.name: phase.limits.seconds for phase in run.plan.phases if phase.limits.seconds}
        self._used: dict[str, float] = defaultdict(float)
        self._current = ("", 0.0)
        """The phase that the run is in, and since when."""

    def hear(self, event: PhaseStarted | RunResumed, log: Sequence[Event], tasks: TaskGroup) -> None:
        """A phase begins, or the run goes on in the middle of one."""
        if not self._limits:
            return
        name, since = self._current
        now = time.monotonic()
        if name:
            self._used[name] += now - since
        if isinstance(event, PhaseStarted):
            name = event.phase
        else:
            self._used, name = seconds_in_phases(log)
        self._current = (name, now)
        if name in self._limits:
            tasks.start_soon(self._wait, self._current)

    async def _wait(self, occurrence: tuple[str, float]) -> None:
        name = occurrence[0]
        allowed = self._limits[name] or 0.0
        await anyio.sleep(max(0.0, allowed - self._used[name]))
        if self._current is occurrence:
            scope = phase_account(name)
            self._run.record(LimitWasReached(limit="seconds", allowed=allowed, needed=allowed, scope=scope))


def seconds_in_phases(log: Sequence[Event]) -> tuple[dict[str, float], str]:
    """How long processes were at work on each phase, by the log of a run; and the phase that it is in."""
    used: dict[str, float] = defaultdict(float)
    name, last = "", 0.0
    for event in log:
        if name and not isinstance(event, RunResumed):
            used[name] += event.ts - last
        if isinstance(event, PhaseStarted):
            name = event.phase
        last = event.ts
    return used, name
