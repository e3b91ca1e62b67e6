"""What a monitor is: it observes events and returns findings. A plain function will do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from agentmesh.config.models import MonitorConfig
from agentmesh.events import Event
from agentmesh.messages import Finding

Observed = Finding | Iterable[Finding] | None
MonitorFunction = Callable[[Event], Observed]


@runtime_checkable
class Monitor(Protocol):
    """Made fresh for each run. Keeps its own state, does no I/O, and costs the same at every event."""

    def observe(self, event: Event, /) -> Iterable[Finding]:
        """What this event, after all before it, shows."""
        ...


@dataclass
class Watch:
    """A monitor at work in one run, under the name that the team gives it."""

    name: str
    monitor: Monitor | MonitorFunction
    config: MonitorConfig

    def findings(self, event: Event) -> list[Finding]:
        """The monitor's findings, named after it."""
        observe = self.monitor.observe if isinstance(self.monitor, Monitor) else self.monitor
        observed = observe(event)
        if observed is None:
            return []
        found = [observed] if isinstance(observed, Finding) else list(observed)
        return [finding.model_copy(update={"monitor": self.name}) for finding in found]
