"""How well monitors find what is there, and how seldom they find what is not.

Definitions. A run is *sick* in a label if it shows it; it is *found* if a finding of at least the threshold comes at or
after the onset. A *false alarm* is an event that is known not to show the label, at which such a finding is raised.

- `recall`: share of sick runs that are found (Wilson). `precision`: share of the runs with a finding that are found
  sick ones (Wilson); it depends on how many of the runs are sick.
- `event_precision`: share of the events with a finding that show the label. `event_recall`: share of the messages that
  show the label at which a finding is raised or that one cites (both: bootstrap over runs).
- `false_alarms`: per 1,000 healthy messages (exact Poisson); those before the onset in sick runs included.
- `delay_median`, `delay_p90`: turns that have begun between the onset and the first finding (order statistics). A run
  that is not found counts as infinitely late.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Any

from agentmesh.evaluation.calibration.observing import Monitors, Observations, Observed, observe
from agentmesh.evaluation.calibration.runs import LABELS, LabelledRun
from agentmesh.evaluation.intervals import NOTHING, Estimate, quantile, rate, ratio, share

ALLOWED = 1.0
"""False alarms per 1,000 healthy messages that a threshold may let through."""
Thresholds = Mapping[tuple[str, str], float]
"""By monitor and label."""


@dataclass(frozen=True)
class Row:
    """What one monitor reaches for one label."""

    monitor: str
    label: str
    threshold: float
    sick_runs: int
    healthy_runs: int
    healthy_messages: int
    found: int
    recall: Estimate
    precision: Estimate
    event_recall: Estimate
    event_precision: Estimate
    false_alarms: Estimate
    delay_median: Estimate
    delay_p90: Estimate
    missed: Mapping[str, int]
    """By scenario or trace: how many sick runs were not found."""
    alarmed: Mapping[str, int]
    """By scenario or trace: how many false alarms it gave."""

    def to_json(self) -> dict[str, Any]:
        """One row of `agentmesh calibrate --json`."""
        values = dict(vars(self))
        made = {name: value.to_json() if isinstance(value, Estimate) else value for name, value in values.items()}
        return {
            **made,
            "threshold": round(self.threshold, 4),
            "missed": dict(self.missed),
            "alarmed": dict(self.alarmed),
        }


def measure(
    monitors: Monitors,
    runs: Iterable[LabelledRun],
    thresholds: Thresholds | None = None,
    *,
    labels: Sequence[str] = LABELS,
) -> list[Row]:
    """A row for each monitor and label. Thresholds that are not given are those that the monitors declare, or 0.5."""
    return rows(observe(monitors, runs, labels), thresholds)


def rows(observed: Observations, thresholds: Thresholds | None = None) -> list[Row]:
    """As `measure`, of what was observed before."""
    taken = {**observed.declared, **(thresholds or {})}
    return [_row(*key, taken[key], runs) for key, runs in observed.by_label.items()]


def choose(observed: Observations, allowed: float = ALLOWED) -> dict[tuple[str, str], float]:
    """By monitor and label: a threshold with surely no more than so many false alarms per 1,000 healthy messages.

    Surely: so few that the upper end of their interval is within what is allowed. Of all such thresholds it is the
    highest with the recall and the median delay of the lowest: what is given up below it is false alarms alone. Just
    above 1, where findings of the highest score give too many.
    """
    return {key: _highest(runs, _lowest(runs, allowed)) for key, runs in observed.by_label.items()}


def _lowest(runs: Sequence[Observed], allowed: float) -> float:
    room = _room(sum(run.healthy_messages for run in runs) / 1000, allowed)
    highest = sorted((score for run in runs for score in _false(run).values()), reverse=True)
    scores = sorted({alarm.score for run in runs for alarm in run.alarms})
    least = highest[room] if room < len(highest) else -1.0
    return next((score for score in scores if score > least), math.nextafter(1.0, 2.0) if scores else 0.5)


def _room(thousands: float, allowed: float) -> int:
    """The most false alarms of which more than allowed need not be feared."""
    room = 0
    while (most := rate(room + 1, thousands).high) is not None and most <= allowed:
        room += 1
    return room


def _highest(runs: Sequence[Observed], lowest: float) -> float:
    """The highest threshold that finds as many sick runs as the lowest does, and half of them as soon."""
    sick = [run for run in runs if run.sick]
    scores = sorted({lowest, *(alarm.score for run in runs for alarm in run.alarms if alarm.score > lowest)})
    found, delay = _reached(sick, lowest)

    def loses(score: float) -> bool:
        still, later = _reached(sick, score)
        return still < found or later > delay

    return scores[bisect_left(scores, True, key=loses) - 1]  # the higher the score, the fewer are found, and the later


def _reached(sick: Sequence[Observed], threshold: float) -> tuple[int, float]:
    """How many runs are found, and the median delay."""
    counts = [_counted(run, threshold) for run in sick]
    delays = [count.delay for count in counts if count.run.onset is not None]
    return sum(count.found for count in counts), median_low(delays) if delays else 0.0


def _false(run: Observed) -> dict[int, float]:
    """By event that is known not to show the label: the highest score of a finding there."""
    scores: dict[int, float] = {}
    for alarm in run.alarms:
        if run.truths[alarm.at] is False:
            scores[alarm.at] = max(alarm.score, scores.get(alarm.at, 0.0))
    return scores


@dataclass(frozen=True)
class _Count:
    """One run at one threshold."""

    run: Observed
    true: int
    false: int
    found: bool
    covered: int
    delay: float


def _counted(run: Observed, threshold: float) -> _Count:
    raised = run.raised(threshold)
    truths = [run.truths[alarm.at] for alarm in raised]
    since = [alarm for alarm in raised if run.sick and (run.onset is None or alarm.at >= run.onset)]
    touched = frozenset(place for alarm in since for place in (alarm.at, *alarm.cited))
    covered = len(run.sick_messages & touched)
    delay = math.inf
    if since and run.onset is not None:
        delay = run.turns[since[0].at] - run.turns[run.onset]
    return _Count(run, truths.count(True), truths.count(False), bool(since), covered, delay)


def _row(monitor: str, label: str, threshold: float, runs: Sequence[Observed]) -> Row:
    counts = [_counted(run, threshold) for run in runs if run.sick is not None]
    # Runs that may show the label as well are healthy up to where the other pathology begins.
    partly = [_counted(run, threshold) for run in runs if run.sick is None]
    sick = [count for count in counts if count.run.sick]
    found = sum(count.found for count in sick)
    flagged = sum(count.found or count.false > 0 for count in counts)
    messages = sum(count.run.healthy_messages for count in [*counts, *partly])
    false = sum(count.false for count in [*counts, *partly])
    delays = [count.delay for count in sick if count.run.onset is not None]
    return Row(
        monitor=monitor,
        label=label,
        threshold=threshold,
        sick_runs=len(sick),
        healthy_runs=len(counts) - len(sick),
        healthy_messages=messages,
        found=found,
        recall=share(found, len(sick)),
        precision=share(found, flagged),
        event_recall=ratio([(count.covered, len(count.run.sick_messages)) for count in sick]),
        event_precision=ratio([(count.true, count.true + count.false) for count in [*counts, *partly]]),
        false_alarms=rate(false, messages / 1000) if messages else NOTHING,
        delay_median=quantile(delays, 0.5),
        delay_p90=quantile(delays, 0.9),
        missed=_tally((count.run.name, not count.found) for count in sick),
        alarmed=_tally((count.run.name, count.false) for count in [*counts, *partly]),
    )


def _tally(counted: Iterable[tuple[str, int]]) -> dict[str, int]:
    tally: dict[str, int] = {}
    for name, number in counted:
        if number:
            tally[name] = tally.get(name, 0) + int(number)
    return tally
