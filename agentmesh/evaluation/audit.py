"""What monitors find in what has already happened: in foreign traces, and in the log of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from agentmesh.config.models import MonitorConfig
from agentmesh.evaluation.traced import ForeignTrace, events_of
from agentmesh.events import Event, FindingRecorded, InterventionMade, RunEnded
from agentmesh.messages import Finding
from agentmesh.monitors import registry
from agentmesh.monitors.base import Watch
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
    watches = make_watches(monitors)
    places: dict[int, int] = {}
    found: list[Finding] = []
    for event, place in events_of(trace):
        if place is not None:
            places[event.id] = place
        for watch in watches:
            found += watch.findings(event)
    findings = (
        finding.model_copy(
            update={"evidence": tuple(dict.fromkeys(places[id_] for id_ in finding.evidence if id_ in places))}
        )
        for finding in found
    )
    return Audit(trace.id, tuple(findings), _scores(watches))


def audit_run(run_id: str, events: Iterable[Event], monitors: Monitors) -> Audit:
    """What the monitors find in the log of a run: what they found while it lived, if they watched it.

    Events that no longer count, since the run was resumed before them, are left out. What they find in `run_ended`
    feeds the scores alone: a run that has ended records nothing more.
    """
    watches = make_watches(monitors)
    found: list[Finding] = []
    for event in effective(list(events)):
        if isinstance(event, FindingRecorded | InterventionMade):
            continue
        for watch in watches:
            new = watch.findings(event)
            if not isinstance(event, RunEnded):
                found += new
    return Audit(run_id, tuple(found), _scores(watches))


def _scores(watches: Iterable[Watch]) -> dict[str, float]:
    scores: dict[str, float] = {}
    for watch in watches:
        for label, score in watch.shown().items():
            scores[label] = max(score, scores.get(label, 0.0))
    return scores
