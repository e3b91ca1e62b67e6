"""Simulated runs: the same for the same seed, in the shape of live ones, and honest about what they show."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import pytest

from agentmesh import Team
from agentmesh.evaluation.calibration import LABELS, SCENARIOS, LabelledRun, Scenario, simulated_runs
from agentmesh.events import Event, MessageDelivered, MessageProposed, RunEnded, RunStarted, event_from_json

TURN = re.compile(
    "turn_started (context_started )?"
    "(model_call_started model_call_finished tool_call_started (task_changed |board_written )*tool_call_finished )*"
    "(model_call_started model_call_finished )?(position )?turn_ended "
)
IN_TURNS = {"turn_started", "context_started", "model_call_started", "model_call_finished", "tool_call_started",
            "tool_call_finished", "turn_ended", "position", "board_written"}  # fmt: skip
NAMES = [scenario.name for scenario in SCENARIOS]


@cache
def first(scenario: Scenario) -> LabelledRun:
    """One run of each is enough for most of what is to be shown."""
    return scenario.run("b", 5, 0)


def turns_of(events: Iterable[Event]) -> list[str]:
    """By turn: the types of the events that the agent's turn is made of, in order."""
    written: dict[str | None, str] = defaultdict(str)
    ended = []
    for event in events:
        if event.type in IN_TURNS:
            written[event.agent] += f"{event.type} "
        if event.type == "turn_ended":
            ended.append(written.pop(event.agent))
    return ended


@pytest.mark.parametrize("scenario", SCENARIOS, ids=NAMES)
def test_a_seed_gives_the_same_events_and_another_seed_others(scenario: Scenario) -> None:
    again, other = scenario.run("b", 5, 0), scenario.run("b", 6, 0)
    assert again == first(scenario)
    assert other.events != first(scenario).events


@pytest.mark.parametrize("scenario", SCENARIOS, ids=NAMES)
def test_a_run_is_well_formed(scenario: Scenario) -> None:
    run = first(scenario)
    events = run.events
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert all(one.ts < other.ts for one, other in itertools.pairwise(events))
    assert isinstance(events[0], RunStarted)
    assert isinstance(events[-1], RunEnded)
    assert {event.run_id for event in events} == {events[0].run_id}
    assert len(run.labels) == len(events)
    proposed = [event.message_id for event in events if isinstance(event, MessageProposed)]
    delivered = [event.message_id for event in events if isinstance(event, MessageDelivered)]
    assert sorted(proposed) == sorted(delivered)
    assert [event_from_json(event.model_dump_json()) for event in events] == list(events)
    assert all(TURN.fullmatch(turn) for turn in turns_of(events))


@pytest.mark.anyio
@pytest.mark.parametrize("file", ["flat", "hierarchy"])
async def test_live_turns_have_the_shape_of_simulated_ones(file: str) -> None:
    result = await Team.from_yaml(f"topologies/{file}.yaml").run("What is 17 * 23 + 4?")
    live = turns_of(result.events)
    assert len(live) > 3
    assert all(TURN.fullmatch(turn) for turn in live), live


@pytest.mark.parametrize("scenario", SCENARIOS, ids=NAMES)
def test_every_event_of_a_run_has_its_truth(scenario: Scenario) -> None:
    run = first(scenario)
    if not scenario.sick:
        assert not any(run.labels)
        assert run.onsets == {}
        return
    onset = run.onsets[scenario.label]
    assert onset is not None
    assert onset > 10, "a run is healthy at first"
    assert not any(run.labels[:onset])
    assert run.labels[onset] == {scenario.label}
    assert run.shows(scenario.label, onset)
    assert run.shows(scenario.label, onset - 1) is False
    assert sum(scenario.label in shown for shown in run.labels[onset:]) > 3


def test_every_label_has_pathologies_and_at_least_as_many_look_alikes() -> None:
    for label in LABELS:
        sick = [scenario for scenario in SCENARIOS if scenario.label == label and scenario.sick]
        healthy = [scenario for scenario in SCENARIOS if scenario.label == label and not scenario.sick]
        assert len(sick) >= 1, label
        assert len(healthy) >= max(2, len(sick) - 1), label
        assert {scenario.family for scenario in sick} <= {scenario.family for scenario in healthy}, label


def test_the_onset_is_drawn_for_each_run() -> None:
    scenario = next(scenario for scenario in SCENARIOS if scenario.name == "sycophants")
    onsets = [scenario.run("a", 1, index).onsets["agreement_loop"] for index in range(20)]
    assert len(set(onsets)) > 12


@pytest.mark.parametrize("half", ["a", "b"])
def test_a_family_shares_topic_agents_and_beginning(half: Any) -> None:
    families: dict[tuple[str, int], list[Sequence[Event]]] = defaultdict(list)
    for scenario in SCENARIOS:
        run = first(scenario) if half == "b" else scenario.run(half, 5, 0)
        families[scenario.family, scenario.agents].append(run.events)
    compared = 0
    for runs in families.values():
        teams = {events[0].team for events in runs if isinstance(events[0], RunStarted)}
        compared += len(runs) > 1
        assert len(teams) == 1
    assert compared >= 10


def test_counting_does_not_tell_the_sick_from_the_healthy() -> None:
    """Neither the number of events and messages nor that of characters gives a pathology away, only ever its lack."""
    counts: dict[tuple[str, bool], list[tuple[int, int, int]]] = defaultdict(list)
    for scenario, run in ((s, s.run("b", 5, index) if index else first(s)) for s in SCENARIOS for index in range(4)):
        said = [event.content for event in run.events if isinstance(event, MessageProposed)]
        counts[scenario.label, scenario.sick].append((len(run.events), len(said), sum(map(len, said))))
    for label in LABELS:
        for kind in range(3):
            sick, healthy = ([each[kind] for each in counts[label, truth]] for truth in (True, False))
            above = sum((s > h) + 0.5 * (s == h) for s in sick for h in healthy) / (len(sick) * len(healthy))
            assert above < 0.8, (label, kind, above)


def test_simulated_runs_are_so_many_of_each_scenario() -> None:
    names = [run.name for run in simulated_runs("a", 1, 2, scenarios=SCENARIOS[:3])]
    assert names == [name for name in NAMES[:3] for _ in range(2)]


def test_a_scenario_that_is_not_what_it_is_called_is_refused() -> None:
    wrong = Scenario("wrong", "stall", True, lambda play: play.begin(), "wrong")
    with pytest.raises(ValueError, match=r"'wrong' is declared sick: it has to call stage.onset\('stall'\)"):
        wrong.run("a", 0, 0)
