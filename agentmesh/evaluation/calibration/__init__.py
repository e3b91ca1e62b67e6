"""Monitors measured on simulated runs whose truth is known: pathologies, and healthy runs that look like them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agentmesh.evaluation.calibration.baseline import Keywords
from agentmesh.evaluation.calibration.measuring import ALLOWED, Row, choose, measure, rows
from agentmesh.evaluation.calibration.observing import Monitors, observe
from agentmesh.evaluation.calibration.runs import LABELS, Half, LabelledRun
from agentmesh.evaluation.calibration.scenarios import SCENARIOS, Scenario, look_alike, pathology
from agentmesh.evaluation.calibration.traces import labelled_traces
from agentmesh.evaluation.intervals import Estimate

RUNS = 8
"""Of each scenario and half, where nobody says how many."""
BASELINE = "keywords"


def simulated_runs(
    half: Half, seed: int = 0, runs: int = RUNS, *, scenarios: Iterable[Scenario] = SCENARIOS
) -> Iterator[LabelledRun]:
    """So many runs of each scenario, one after the other; the same for the same seed."""
    for scenario in scenarios:
        for index in range(runs):
            yield scenario.run(half, seed, index)


@dataclass(frozen=True)
class Calibration:
    """Figures on half `b`, at thresholds that were chosen on half `a`."""

    seed: int
    runs: int
    chosen_on: int
    """Healthy messages of half `a`."""
    rows: tuple[Row, ...]
    at_home: tuple[Row, ...]
    """What the baseline reaches on half `a`, whose words it knows, at the thresholds that it declares."""


def calibrate(monitors: Monitors, *, seed: int = 0, runs: int = RUNS, allowed: float = ALLOWED) -> Calibration:
    """Choose each monitor's thresholds on half `a` and measure it on half `b`, beside a baseline of keywords."""
    measured = {**monitors, BASELINE: Keywords}
    chosen_on = observe(measured, simulated_runs("a", seed, runs), LABELS)
    reported = observe(measured, simulated_runs("b", seed, runs), LABELS)
    messages = max((sum(run.healthy_messages for run in seen) for seen in chosen_on.by_label.values()), default=0)
    thresholds = choose(chosen_on, allowed)
    at_home = tuple(row for row in rows(chosen_on) if row.monitor == BASELINE)
    return Calibration(seed, runs, messages, tuple(rows(reported, thresholds)), at_home)


__all__ = [
    "BASELINE",
    "LABELS",
    "SCENARIOS",
    "Calibration",
    "Estimate",
    "Half",
    "Keywords",
    "LabelledRun",
    "Row",
    "Scenario",
    "calibrate",
    "choose",
    "labelled_traces",
    "look_alike",
    "measure",
    "observe",
    "pathology",
    "simulated_runs",
]
