"""What a monitor is: it observes events and returns findings. A plain function will do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import GeneratorType
from typing import ClassVar, Protocol, runtime_checkable

from agentmesh.config.models import MonitorConfig
from agentmesh.events import Event, MessageProposed
from agentmesh.messages import Finding
from agentmesh.monitors.signals import Done, Said, Signals

Observed = Finding | Iterable[Finding] | None
MonitorFunction = Callable[[Event], Observed]
THRESHOLD = 0.5
"""Of monitors that say nothing of their own."""
_SEVERAL = (GeneratorType, tuple, list)
"""As what findings mostly come."""


@runtime_checkable
class Monitor(Protocol):
    """Made fresh for each run. Keeps its own state, does no I/O, and costs the same at every event.

    It may have an attribute `scores`: by label, how strongly the run so far shows it, from 0 to 1, whether or not
    anything was found; and class attributes `labels`, `thresholds` (by label) and `cost` (of one event, in words).
    """

    def observe(self, event: Event, /) -> Iterable[Finding]:
        """What this event, after all before it, shows."""
        ...


class Reader:
    """A monitor of what agents say and do. All readers of a run share its signals, so that each event is read once.

    Subclasses say what they find in `said`, `done` and `other`, and keep `scores` up to date.
    """

    labels: ClassVar[tuple[str, ...]] = ()
    thresholds: ClassVar[Mapping[str, float]] = {}
    cost: ClassVar[str] = "reads each event once"
    others: ClassVar[frozenset[type[Event]] | None] = None
    """The kinds of events that `other` is to see; all of them where it is None."""

    def __init__(self) -> None:
        self.signals = Signals()
        self.scores: dict[str, float] = dict.fromkeys(self.labels, 0.0)

    def attach(self, signals: Signals) -> None:
        """Read with these signals from now on: those that the other monitors of the run share."""
        self.signals = signals

    def observe(self, event: Event, /) -> Iterable[Finding]:
        act = self.signals.read(event)
        if act is None:
            return self.other(event) if self.others is None or type(event) in self.others else ()
        return self.said(act) if isinstance(act, Said) else self.done(act)

    def said(self, said: Said) -> Iterable[Finding]:
        """What a contribution shows."""
        return ()

    def done(self, done: Done) -> Iterable[Finding]:
        """What a tool call that came back shows."""
        return ()

    def other(self, event: Event) -> Iterable[Finding]:
        """What any other event shows; copies of a contribution to further recipients are among these."""
        return ()


@dataclass
class Watch:
    """A monitor at work in one run, under the name that the team gives it."""

    name: str
    monitor: Monitor | MonitorFunction
    config: MonitorConfig
    scores: dict[str, float] = field(default_factory=dict)
    """By label: the highest score of a finding so far, recorded or not."""

    def __post_init__(self) -> None:
        self._observe: Callable[[Event], Observed] = getattr(self.monitor, "observe", None) or self.monitor  # type: ignore[assignment]
        self._thresholds: Mapping[str, float] = getattr(self.monitor, "thresholds", {})
        self._last: tuple[str, str, list[Finding]] | None = None

    def findings(self, event: Event) -> list[Finding]:
        """The monitor's findings that reach its threshold, named after it; what scores lower feeds `scores` alone."""
        observed = self._observe(event)
        if not (observed or self.config.blocking):
            return []
        found: list[Finding] = []
        if isinstance(observed, _SEVERAL):  # looked at first, because to ask for a model's type takes long
            found = list(observed)
        elif observed:
            found = [observed] if isinstance(observed, Finding) else list(observed)
        if self.config.blocking and isinstance(event, MessageProposed):
            found = self._of_copy(event, found)
        return found and [named for finding in found if (named := self._judged(finding)) is not None]

    def threshold(self, label: str) -> float:
        """What a finding of this label has to score."""
        given = self.config.threshold
        return self._thresholds.get(label, THRESHOLD) if given is None else given

    def shown(self) -> dict[str, float]:
        """By label: how strongly the run so far shows it."""
        kept: Mapping[str, float] = getattr(self.monitor, "scores", {})
        return {label: max(self.scores.get(label, 0.0), kept.get(label, 0.0)) for label in {*self.scores, *kept}}

    def _judged(self, finding: Finding) -> Finding | None:
        label = finding.label
        self.scores[label] = max(self.scores.get(label, 0.0), finding.score)
        if finding.score < self.threshold(label):
            return None
        return finding.model_copy(update={"monitor": self.name})

    def _of_copy(self, event: MessageProposed, found: list[Finding]) -> list[Finding]:
        """What holds back one message holds back its copies to others."""
        last = self._last
        if not found and last is not None and last[:2] == (event.sender, event.content):
            return last[2]
        self._last = (event.sender, event.content, found)
        return found
