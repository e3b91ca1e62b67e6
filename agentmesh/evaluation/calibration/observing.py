"""What monitors find in runs whose truth is known, kept so that thresholds can be chosen afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agentmesh.config.models import MonitorConfig
from agentmesh.evaluation.calibration.runs import LabelledRun
from agentmesh.events import TurnStarted
from agentmesh.messages import Finding
from agentmesh.monitors.base import Monitor, MonitorFunction
from agentmesh.team.watches import make_watches

Monitored = type[Monitor] | Monitor | MonitorFunction
"""A class is made anew for each run, an object copied, a plain function taken as it is."""
Monitors = Mapping[str, Monitored]


@dataclass(frozen=True)
class Alarm:
    """A finding of whatever score: the index of the event at which it was raised, and those that it cites."""

    at: int
    score: float
    cited: frozenset[int]


@dataclass(frozen=True)
class Observed:
    """One run, and what one label's findings in it were."""

    name: str
    onset: int | None
    """Index of the event; None where the run does not show the label, or nobody knows from where on."""
    sick: bool | None
    """Whether the run shows the label; None where nothing is claimed about it."""
    healthy_messages: int
    sick_messages: frozenset[int]
    """Indices of the messages that show the label."""
    truths: Mapping[int, bool | None]
    """By index of an event with an alarm: whether it shows the label."""
    turns: Mapping[int, int]
    """By index of the onset or of an event with an alarm: how many turns had begun."""
    alarms: tuple[Alarm, ...]

    def raised(self, threshold: float) -> list[Alarm]:
        """The alarms of at least this score; several at one event count once."""
        return list({alarm.at: alarm for alarm in self.alarms if alarm.score >= threshold}.values())


@dataclass
class Observations:
    """By monitor and label: every run. `declared` holds the thresholds that the monitors themselves would take."""

    by_label: dict[tuple[str, str], list[Observed]] = field(default_factory=dict)
    declared: dict[tuple[str, str], float] = field(default_factory=dict)


def observe(monitors: Monitors, runs: Iterable[LabelledRun], labels: Iterable[str]) -> Observations:
    """Let every monitor see every run. Monitors that declare labels are measured on those among `labels`."""
    wanted = tuple(labels)
    seen = Observations()
    configured = {name: (monitor, MonitorConfig(threshold=0.0)) for name, monitor in monitors.items()}
    by_name = {name: _labels_of(monitor, wanted) for name, monitor in monitors.items()}
    for name, monitor in monitors.items():
        declared: Mapping[str, float] = getattr(monitor, "thresholds", {})
        seen.declared.update({(name, label): declared.get(label, 0.5) for label in by_name[name]})
    for run in runs:
        watches = make_watches(configured)
        found: dict[str, list[tuple[int, Finding]]] = {name: [] for name in monitors}
        for at, event in enumerate(run.events):
            for watch in watches:
                found[watch.name] += [(at, finding) for finding in watch.findings(event)]
        places = _Places(run)
        for name, measured in by_name.items():
            for label in measured:
                alarms = [(at, finding) for at, finding in found[name] if finding.label == label]
                seen.by_label.setdefault((name, label), []).append(places.observed(label, alarms))
    return seen


def _labels_of(monitor: Any, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """What a monitor is measured on: the labels that it declares, or else all."""
    declared: Iterable[str] = getattr(monitor, "labels", ())
    return tuple(label for label in declared if label in wanted) if declared else wanted


class _Places:
    """Where things are in one run."""

    def __init__(self, run: LabelledRun) -> None:
        self._run = run
        self._messages = tuple(run.messages())
        self._by_id = {event.id: at for at, event in enumerate(run.events)}
        said = frozenset(self._messages)
        turned = any(isinstance(event, TurnStarted) for event in run.events)
        begun, self._begun = 0, []
        for at, event in enumerate(run.events):
            begun += isinstance(event, TurnStarted) if turned else at in said
            self._begun.append(begun)

    def observed(self, label: str, found: list[tuple[int, Finding]]) -> Observed:
        run = self._run
        shown = {at: run.shows(label, at) for at in self._messages}
        sick = label in run.onsets
        onset = run.onsets.get(label)
        alarms = tuple(Alarm(at, finding.score, self._cited(finding)) for at, finding in found)
        places = {alarm.at for alarm in alarms} | ({onset} if onset is not None else set())
        return Observed(
            name=run.name,
            onset=onset,
            sick=True if sick else None if label in run.unclear else False,
            healthy_messages=sum(truth is False for truth in shown.values()),
            sick_messages=frozenset(at for at, truth in shown.items() if truth),
            truths={alarm.at: run.shows(label, alarm.at) for alarm in alarms},
            turns={at: self._begun[at] for at in places},
            alarms=alarms,
        )

    def _cited(self, finding: Finding) -> frozenset[int]:
        return frozenset(self._by_id[id_] for id_ in finding.evidence if id_ in self._by_id)
