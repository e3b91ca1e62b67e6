"""What holds for every monitor: a score rests on its evidence and on nothing else, and can be had again."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import count, cycle, islice
from pathlib import Path
from types import FunctionType, ModuleType

import pytest

from agentmesh.config.models import MonitorConfig
from agentmesh.evaluation.audit import audit_trace, built_in_monitors
from agentmesh.evaluation.calibration import SCENARIOS, Scenario
from agentmesh.evaluation.calibration.runs import LABELS, Half
from agentmesh.evaluation.readers import Trace
from agentmesh.events import Event, RunEnded, RunStarted, event_from_json
from agentmesh.messages import USER, Finding
from agentmesh.monitors import registry
from agentmesh.monitors.signals.memory import Memory
from agentmesh.team.watches import make_watches
from tests.monitors import retold as telling
from tests.sizes import NIGHTLY

SEEDS = range(20) if NIGHTLY else range(1)
HALVES: tuple[Half, ...] = ("a", "b")
SICK = [scenario for scenario in SCENARIOS if scenario.sick]
HAIR = 5e-4
"""Scores that are as near as this are told apart by nobody: `agentmesh audit` prints four digits."""
HEARD = {"repetition": 0.05, "stall": 0.05}
"""Words that were said before are not new: of these, one act more may count after other work, and no second one."""
EVER_NEW = 200_000
"""Events of a run that is long enough to fill whatever is bounded."""

Shown = tuple[list[Finding], float]
"""The findings of one label, and its score."""


class Told:
    """A run as it was lived, or as a foreign trace, for the monitors of one label."""

    def __init__(self, events: Sequence[Event], label: str, *, foreign: bool) -> None:
        self.label, self.foreign, self.events = label, foreign, events
        self.trace = telling.retold(events)
        self.shown = self._foreign(self.trace) if foreign else self._lived(events)

    def without(self, evidence: Collection[int]) -> float:
        """The score had the evidence not been there."""
        if self.foreign:
            return self._foreign(telling.trace_without(self.trace, evidence))[1]
        return self._lived(telling.without(self.events, evidence))[1]

    def after(self, work: Sequence[Event]) -> float:
        """The score after some healthy work."""
        if self.foreign:
            return self._foreign(telling.trace_after(telling.retold(work), self.trace))[1]
        return self._lived(telling.after(work, self.events))[1]

    def _foreign(self, trace: Trace) -> Shown:
        audit = audit_trace(trace, of_label(self.label))
        return [each for each in audit.findings if each.label == self.label], audit.scores[self.label]

    def _lived(self, events: Iterable[Event]) -> Shown:
        watches = make_watches(of_label(self.label))
        found = [finding for event in events for watch in watches for finding in watch.findings(event)]
        score = max(watch.shown()[self.label] for watch in watches)
        return [each for each in found if each.label == self.label], score


def of_label(label: str) -> dict[str, tuple[object, MonitorConfig]]:
    """The monitors that may find it."""
    return {name: (one, MonitorConfig()) for name, one in registry.built_in().items() if label in one.labels}


def tellings(scenario: Scenario) -> Iterable[tuple[str, Told]]:
    """The runs of a scenario, of both halves, lived and foreign; by default each half in one of the two ways."""
    for seed in SEEDS:
        for half in HALVES:
            run = scenario.run(half, seed, 0)
            for foreign in (False, True) if NIGHTLY else (half == "b",):
                told = Told(run.events, scenario.label, foreign=foreign)
                yield f"{half} {seed}{' foreign' if foreign else ''}", told


@pytest.mark.parametrize("scenario", SICK, ids=lambda scenario: scenario.name)
def test_what_is_found_rests_on_its_evidence_and_on_no_work_before_it(scenario: Scenario) -> None:
    """Without its evidence a label shows less, after 30 healthy events no more."""
    for name, told in tellings(scenario):
        found, score = told.shown
        if not found:
            continue
        best = max(reversed(found), key=lambda finding: finding.score)
        every = {id_ for finding in found for id_ in finding.evidence}
        assert best.evidence, (name, best.why)
        assert told.without(best.evidence) < score, (name, best.why)
        assert told.without(every) < score, (name, best.why)
        for seed, half in enumerate(HALVES):
            work = telling.healthy_work(half, seed, telling.task_of(told.events))
            assert told.after(work) < score + HEARD.get(scenario.label, HAIR), (name, half, seed)


def test_each_label_is_found_in_some_run_that_was_tried() -> None:
    """Otherwise the test above would show nothing of it."""
    found = {scenario.label for scenario in SICK if any(told.shown[0] for _, told in tellings(scenario))}
    assert found == set(LABELS)


def digest(runs: int) -> str:
    """Of all that all monitors find in some runs, and of the scores that they show at the end of each."""
    told = hashlib.sha256()
    for scenario in SCENARIOS[:: max(1, len(SCENARIOS) // runs)]:
        watches = make_watches(built_in_monitors())
        for event in scenario.run("a", 3, 0).events:
            for watch in watches:
                for finding in watch.findings(event):
                    told.update(finding.model_dump_json().encode())
        told.update(json.dumps([sorted(watch.shown().items()) for watch in watches]).encode())
    return told.hexdigest()


def test_a_replay_gives_the_same_findings_and_scores_in_a_process_that_hashes_otherwise() -> None:
    runs = len(SCENARIOS) if NIGHTLY else 2
    here = digest(runs)
    assert digest(runs) == here
    for seed in ("1", "2", "3") if NIGHTLY else ("1",):
        program = f"from tests.monitors.test_invariances import digest; print(digest({runs}))"
        other = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        )
        assert other.stdout.strip() == here


@pytest.mark.parametrize("scenario", SICK[:: 1 if NIGHTLY else 7], ids=lambda scenario: scenario.name)
def test_events_read_back_from_json_give_the_same(scenario: Scenario) -> None:
    events = scenario.run("b", 4, 0).events
    read = [event_from_json(event.model_dump_json()) for event in events]
    assert Told(read, scenario.label, foreign=False).shown == Told(events, scenario.label, foreign=False).shown


def long_run(events: int, of: int) -> Iterator[Event]:
    """One run of three agents made of many, sick and healthy, that begins anew after so many events."""
    names: dict[str, str] = {}
    runs = (scenario.run(half, seed, 0).events for seed in count() for half in HALVES for scenario in SCENARIOS[::3])
    all_of_them = (event for run in runs for event in run if not isinstance(event, RunStarted | RunEnded))
    for at, event in enumerate(islice(cycle(islice(all_of_them, of)), events), start=1):
        if event.agent not in (None, USER):
            names.setdefault(str(event.agent), "abc"[len(names) % 3])
        yield telling.moved(event, at, names)


def held(roots: Iterable[object]) -> int:
    """How many objects can be reached from these; what a `Memory` remembers counts only as far as it may not."""
    seen: set[int] = set()
    waiting = list(roots)
    kept = 0
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, type | FunctionType | ModuleType):
            continue
        seen.add(id(one))
        if isinstance(one, Memory):
            kept += sum(max(0, len(part) - 2 * one._size) for part in (one._young, one._old))
        elif not isinstance(one, str | bytes | int | float):
            kept += 1
            waiting += gc.get_referents(one)
    return kept


@pytest.mark.parametrize("of", [2_500, EVER_NEW] if NIGHTLY else [1_500])
def test_what_monitors_keep_does_not_grow_with_the_run(of: int) -> None:
    """Ever new words and numbers fill what is bounded by them before long; the same again must not add to anything."""
    watches = make_watches(built_in_monitors())
    sizes = []
    events = EVER_NEW if of == EVER_NEW else 4 * of
    for event in long_run(events, of):
        for watch in watches:
            watch.findings(event)
        if event.id % (events // 4) == 0:
            sizes.append(held(watches))
    assert len(sizes) == 4
    assert sizes[-1] < 1.1 * sizes[1], sizes
