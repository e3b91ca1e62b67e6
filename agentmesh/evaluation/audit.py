"""What monitors find in what has already happened: in foreign traces, and in the log of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from agentmesh.config.models import MonitorConfig
from agentmesh.config.secrets import told
from agentmesh.evaluation.traced import ForeignTrace, events_of
from agentmesh.events import Event, FindingRecorded, InterventionMade, RunEnded, ToolCallFinished, ToolCallStarted
from agentmesh.messages import Finding
from agentmesh.monitors import registry
from agentmesh.runner.past import effective
from agentmesh.team.watches import make_watches

Monitors = Mapping[str, tuple[Any, MonitorConfig]]
"""By name: a monitor, and how it is configured."""


@dataclass(frozen=True)
class Audit:
    """What the monitors say of one trace. `events` of a finding: where the trace has them."""

    id: str
    findings: tuple[Finding, ...]
    scores: Mapping[str, float]
    """By label: how strongly the trace shows it, whether or not a finding was raised."""
    faults: tuple[str, ...] = ()
    """Of monitors that raised, each once."""

    def to_json(self) -> dict[str, Any]:
        """As `agentmesh audit` prints it."""
        return {
            "id": self.id,
            "findings": [
                {
                    "monitor": finding.monitor,
                    "label": finding.label,
                    "score": round(finding.score, 4),
                    "agents": list(finding.agents),
                    "events": list(finding.evidence),
                    "why": finding.why,
                }
                for finding in self.findings
            ],
            "scores": {label: round(score, 4) for label, score in sorted(self.scores.items())},
        }


def built_in_monitors(names: Iterable[str] | None = None) -> dict[str, tuple[Any, MonitorConfig]]:
    """Monitors of this project, all or those named, as they are without any configuration."""
    return {name: (registry.load(name), MonitorConfig()) for name in names or registry.BUILT_IN}


def audit_trace(trace: ForeignTrace, monitors: Monitors) -> Audit:
    """What the monitors find in a foreign trace. Its end counts: what is found there is found."""
    panel = _Panel(monitors)
    places, found = _Places(), list[Finding]()
    for event, place in events_of(trace):
        places.note(event, place)
        found += panel.findings(event)
    findings = (finding.model_copy(update={"evidence": places.of(finding.evidence)}) for finding in found)
    return Audit(trace.id, tuple(findings), panel.scores(), tuple(panel.faults))


def audit_run(run_id: str, events: Iterable[Event], monitors: Monitors) -> Audit:
    """What the monitors find in the log of a run: what they found while it lived, if they watched it.

    Events that no longer count, since the run was resumed before them, are left out. What they find in `run_ended`
    feeds the scores alone, for a run that has ended records nothing more. Of a monitor with a judge the verdicts of
    the log count: nobody is asked again.
    """
    panel, found = _Panel(monitors), list[Finding]()
    judged = {name for name, (_, config) in monitors.items() if config.judge is not None}
    for event in effective(list(events)):
        if isinstance(event, FindingRecorded) and event.suspicion and event.counts:
            found += [event.finding] if event.finding.monitor in judged else []
        if isinstance(event, FindingRecorded | InterventionMade):
            continue
        new = [finding for finding in panel.findings(event) if finding.monitor not in judged]
        if not isinstance(event, RunEnded):
            found += new
    return Audit(run_id, tuple(found), panel.scores(), tuple(panel.faults))


class _Panel:
    """Monitors that see the same events. One that raises sees no more of them, and has no score."""

    def __init__(self, monitors: Monitors) -> None:
        self._watches = make_watches(monitors)
        self.faults: list[str] = []

    def findings(self, event: Event) -> list[Finding]:
        """What all of them find in an event."""
        found: list[Finding] = []
        for watch in self._watches:
            try:
                found += watch.findings(event)
            except Exception as error:  # a monitor is somebody else's code
                if watch.config.on_error == "halt":
                    self._watches = [other for other in self._watches if other is not watch]
                    why = f"raised {told(error)} at event {event.id}, {event.type}"
                    self.faults.append(f"the monitor {watch.name!r} {why}: it is asked nothing more about this one")
        return found

    def scores(self) -> dict[str, float]:
        """By label: the highest of any monitor."""
        scores: dict[str, float] = {}
        for watch in self._watches:
            for label, score in watch.shown().items():
                scores[label] = max(score, scores.get(label, 0.0))
        return scores


class _Places:
    """Where in a foreign trace its events come from. A call that came back comes from the call and from its result."""

    def __init__(self) -> None:
        self._places: dict[int, tuple[int, ...]] = {}
        self._calls: dict[str, int] = {}

    def note(self, event: Event, place: int | None) -> None:
        """An event, and the `i` of what it comes from."""
        if place is None:
            return
        called: tuple[int, ...] = ()
        match event:
            case ToolCallStarted():
                self._calls[event.key] = place
            case ToolCallFinished() if event.key in self._calls:
                called = (self._calls.pop(event.key),)
            case _:
                pass
        self._places[event.id] = (*called, place)

    def of(self, evidence: Iterable[int]) -> tuple[int, ...]:
        """The `i` of all that these events come from, each once."""
        found = (place for id_ in evidence for place in self._places.get(id_, ()))
        return tuple(dict.fromkeys(found))
