"""Measuring monitors: what counts as found, as a false alarm, as late; thresholds; intervals."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.evaluation.calibration import LabelledRun, Row, choose, measure, observe
from agentmesh.evaluation.intervals import quantile, rate, ratio, share
from agentmesh.events import Event, MessageProposed
from agentmesh.messages import Finding
from tests.evaluation.planted import Reads, planted
from tests.sizes import NIGHTLY


def row(*runs: LabelledRun, threshold: float = 0.5) -> Row:
    (only,) = measure({"reads": Reads}, runs, {("reads", "stall"): threshold})
    return only


def test_a_finding_at_or_after_the_onset_finds_the_run() -> None:
    found = row(planted("sick", ["-", "-", "-", "-", "alarm 0.5"], onset=2))
    assert (found.sick_runs, found.healthy_runs, found.found) == (1, 0, 1)
    assert found.recall.value == found.precision.value == found.event_precision.value == 1
    assert (found.delay_median.value, found.false_alarms.value) == (2, 0)
    assert found.healthy_messages == 2


def test_a_finding_before_the_onset_is_a_false_alarm_and_finds_nothing() -> None:
    early = row(planted("sick", ["-", "alarm 0.9", "-", "-"], onset=2))
    assert (early.recall.value, early.precision.value, early.event_precision.value) == (0, 0, 0)
    assert early.false_alarms.value == 1000 / 2
    assert early.missed == {"sick": 1}
    assert early.alarmed == {"sick": 1}
    assert early.delay_median.value == math.inf


def test_a_score_below_the_threshold_is_no_finding() -> None:
    runs = [planted("sick", ["-", "alarm 0.4"], onset=1), planted("well", ["alarm 0.49", "-"])]
    below = row(*runs)
    assert (below.found, below.false_alarms.value, below.precision.value) == (0, 0, None)
    assert row(*runs, threshold=0.4).found == 1


def test_what_is_found_after_recovery_is_late_but_not_false() -> None:
    late = row(planted("sick", ["-", "-", "-", "alarm 1", "-"], onset=1, until=3))
    assert (late.found, late.false_alarms.value, late.event_precision.value) == (1, 0, None)
    assert late.delay_median.value == 2


def test_nothing_is_claimed_where_the_truth_is_unclear() -> None:
    run = planted("other", ["alarm 1", "-", "alarm 1", "alarm 1"])
    unclear = row(LabelledRun(run.name, run.events, run.labels, {}, {"stall": 3}))
    assert (unclear.sick_runs, unclear.healthy_runs) == (0, 0)
    assert unclear.healthy_messages == 1
    assert unclear.alarmed == {"other": 1}


def test_event_recall_counts_messages_at_which_a_finding_is_raised_or_that_it_cites() -> None:
    # Messages 1 to 4 show it; the finding is raised at message 3 and cites event 4, which is message 1.
    found = row(planted("sick", ["-", "-", "-", "alarm 1 cites 4", "-"], onset=1))
    assert found.event_recall.value == 2 / 4


def test_a_run_that_is_not_found_is_infinitely_late_and_null_in_json() -> None:
    runs = [planted(f"r{n}", ["-", "alarm 1" if n else "-"], onset=1) for n in range(3)]
    measured = row(*runs)
    assert (measured.delay_median.value, measured.delay_p90.value) == (0, math.inf)
    told = json.loads(json.dumps(measured.to_json(), allow_nan=False))
    assert told["delay_p90"]["value"] is None
    assert told["missed"] == {"r0": 1}


def test_several_findings_at_one_event_are_one_alarm() -> None:
    def twice(event: Event) -> list[Finding]:
        return [Finding(label="stall", score=1.0)] * 2 if isinstance(event, MessageProposed) else []

    (counted,) = measure({"twice": twice}, [planted("well", ["-"] * 4)], labels=["stall"])
    assert counted.false_alarms.value == 1000


def test_a_monitor_without_thresholds_of_its_own_is_measured_at_one_half() -> None:
    def half(event: Event) -> Finding | None:
        return Finding(label="stall", score=0.5) if isinstance(event, MessageProposed) else None

    rows = measure({"half": half, "reads": Reads}, [planted("sick", ["-", "alarm 0.55"], onset=1)], labels=["stall"])
    assert [(each.monitor, each.threshold, each.found) for each in rows] == [("half", 0.5, 1), ("reads", 0.6, 0)]


@pytest.mark.parametrize(
    ("false", "healthy", "expected"),
    [
        # The upper ends of the intervals of 0, 1, 2 and 3 alarms are 3.69, 5.57, 7.22 and 8.77: so many thousands.
        ([0.9, 0.8, 0.7], 5600, 0.85),  # one is allowed
        ([0.9, 0.8, 0.7], 7300, 0.75),  # two are
        ([0.9, 0.8, 0.7], 8800, 0.65),  # all are
        ([0.9, 0.8, 0.7], 5500, 0.95),  # none is
        ([1.0, 1.0], 5600, math.nextafter(1, 2)),
    ],
)
def test_the_threshold_is_the_lowest_with_surely_one_false_alarm_in_a_thousand(
    false: list[float], healthy: int, expected: float
) -> None:
    well = planted("well", [*(f"alarm {score}" for score in false), *["-"] * (healthy - len(false))])
    sick = planted("sick", [f"alarm {score}" for score in (0.65, 0.75, 0.85, 0.95)], onset=0)
    seen = observe({"reads": Reads}, [well, sick], ["stall"])
    assert choose(seen) == {("reads", "stall"): expected}


def test_a_threshold_is_raised_as_long_as_no_run_is_lost_and_half_of_them_are_found_as_soon() -> None:
    well = planted("well", ["alarm 0.3", "alarm 0.5", *["-"] * 7300])

    def chosen(*sick: LabelledRun) -> float:
        return choose(observe({"reads": Reads}, [well, *sick], ["stall"]))["reads", "stall"]

    at_once, slower = planted("at once", ["alarm 0.8"], onset=0), planted("slower", ["alarm 0.4", "alarm 0.9"], onset=0)
    assert chosen(at_once) == 0.8
    assert chosen(at_once, planted("weak", ["-", "alarm 0.6"], onset=0)) == 0.6, "0.8 does not find the weak one"
    assert chosen(slower) == 0.4, "0.9 finds it a turn later"
    assert chosen(at_once, at_once, slower) == 0.8, "most are found as soon as ever"
    assert chosen() == 0.5, "nothing is lost where there is nothing to find"


def test_wilson_and_poisson_intervals_are_those_of_the_tables() -> None:
    assert vars(share(8, 10)) == pytest.approx({"value": 0.8, "low": 0.4902, "high": 0.9433}, abs=1e-4)
    assert vars(share(0, 10)) == pytest.approx({"value": 0.0, "low": 0.0, "high": 0.2775}, abs=1e-4)
    assert vars(rate(0, 2)) == pytest.approx({"value": 0.0, "low": 0.0, "high": 3.6889 / 2}, abs=1e-4)
    assert vars(rate(10, 1)) == pytest.approx({"value": 10.0, "low": 4.7954, "high": 18.3904}, abs=1e-3)
    assert vars(rate(1000, 10)) == pytest.approx({"value": 100.0, "low": 93.90, "high": 106.39}, abs=1e-2)
    assert share(0, 0).value is rate(3, 0).value is quantile([], 0.5).value is ratio([(0, 0)]).value is None


@given(st.lists(st.one_of(st.integers(0, 30), st.just(math.inf)), min_size=1, max_size=60), st.sampled_from([0.5, 0.9]))
def test_a_quantile_lies_within_its_interval_and_both_are_values(values: list[float], q: float) -> None:
    told = quantile(values, q)
    assert told.low is not None
    assert told.value is not None
    assert told.high is not None
    assert told.low <= told.value <= told.high
    assert {told.low, told.value, told.high} <= set(values)


def test_intervals_cover_what_they_estimate_in_about_95_of_100_cases() -> None:
    rng, cases = Random(7), 400 if NIGHTLY else 40
    covered = {"median": 0, "ratio": 0}
    for _ in range(cases):
        drawn = [rng.gauss(0, 1) for _ in range(30)]
        told = quantile(drawn, 0.5)
        covered["median"] += (told.low or 0) <= 0 <= (told.high or 0)
        parts = [(sum(rng.random() < 0.4 for _ in range(8)), 8) for _ in range(40)]
        told = ratio(parts, seed=rng.randrange(1000))
        covered["ratio"] += (told.low or 0) <= 0.4 <= (told.high or 0)
    assert all(0.88 <= hits / cases <= 1 for hits in covered.values()), covered


def test_shares_grow_surer_with_more_cases() -> None:
    widths = [(told.high or 0) - (told.low or 0) for told in (share(n // 2, n) for n in (4, 16, 64, 256))]
    assert all(one > other for one, other in pairwise(widths))
