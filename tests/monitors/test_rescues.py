"""Rescues: teams of `topologies/watched` go wrong by themselves, and come right where their monitors may act."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest

from agentmesh import RunResult, Team
from agentmesh.evaluation.intervals import share
from agentmesh.events import (
    EventBase,
    FindingRecorded,
    InterventionMade,
    MessageDelivered,
    MessageRefused,
    Notice,
    TopologyChanged,
)
from agentmesh.providers.guard import allow_model_requests
from agentmesh.providers.simulated.server import make_server
from tests.providers.storm import nightly

E = TypeVar("E", bound=EventBase)
WATCHED = Path(__file__).parents[2] / "topologies" / "watched"
SEEDS = range(20)
FEW = SEEDS if nightly() else range(0, 20, 4)
SUM, RIGHT = "What is 38*47 + 26*19 - 15*12 - 301?", "38*47 + 26*19 - 15*12 - 301 = 1799"
LIST = "Compute each: 17*23; 45*6; 31*4; 99*3; 12*12; 8*17"
DONE = "17*23 = 391\n45*6 = 270\n31*4 = 124\n99*3 = 297\n12*12 = 144\n8*17 = 136"
UNWATCHED = "monitors={}"
PAIR_RUNGS = ("ask_evidence", "blind_revote", "{dissent: {agent: skeptic}}")
SHIFT_RUNGS = ("{reassign: {agent: cy}}", "cut_edge")


def ran(name: str, task: str, *overrides: str, seeds: Collection[int] = SEEDS) -> list[RunResult]:
    """What comes of a team of the folder, for each seed."""
    team = Team.from_yaml(WATCHED / f"{name}.yaml", overrides=overrides)
    return [team.run_sync(task, seed=seed) for seed in seeds]


def only(monitor: str, rung: str) -> str:
    """The override by which a monitor's ladder has one rung."""
    return f"monitors.{monitor}.interventions=[{rung}]"


def made(result: RunResult) -> list[str]:
    return [event.kind for event in result.events if isinstance(event, InterventionMade)]


def right(results: list[RunResult]) -> int:
    assert {result.outcome for result in results} == {"completed"}
    return sum((result.answer or "").startswith(RIGHT) for result in results)


@pytest.fixture(scope="module")
def pair() -> list[RunResult]:
    return ran("pair", SUM)


@pytest.fixture(scope="module")
def shift() -> list[RunResult]:
    return ran("shift", LIST)


# Two who agree with each other


def test_two_sycophants_end_wrong_unwatched_and_right_with_the_ladder(pair: list[RunResult]) -> None:
    alone, watched = right(ran("pair", SUM, UNWATCHED)), right(pair)
    assert alone == 0
    assert watched >= 19
    low = share(watched, len(pair)).low
    high = share(alone, len(pair)).high
    assert low is not None
    assert high is not None
    assert high < 0.2 < 0.7 < low


def test_the_ladder_is_climbed_only_as_far_as_it_has_to_be(pair: list[RunResult]) -> None:
    ladder = ["ask_evidence", "blind_revote", "dissent"]
    assert all(made(result) == ladder[: len(made(result))] for result in pair)
    climbed = Counter(len(made(result)) for result in pair)
    assert climbed[0] == 0
    assert min(climbed[1], climbed[2], climbed[3]) >= 2
    assert climbed[3] < climbed[1], "the dissenter is called where the rest has not helped"


@pytest.mark.parametrize("rung", PAIR_RUNGS)
def test_each_rung_alone_rescues_some(rung: str) -> None:
    rescued = right(ran("pair", SUM, only("sycophancy", rung), seeds=FEW))
    assert rescued >= 0.4 * len(FEW), "on the same seeds none is right without it"


def test_a_mere_note_rescues_nobody() -> None:
    results = ran("pair", SUM, only("sycophancy", "note"), seeds=FEW)
    assert all("note" in made(result) for result in results)
    assert right(results) == 0


def test_the_objection_reaches_both_and_moves_most(pair: list[RunResult]) -> None:
    reached = [result for result in pair if "dissent" in made(result)]
    for result in reached:
        objections = of(result, MessageDelivered, sender="skeptic")
        assert {event.recipient for event in objections} == {"ann", "ben"}
        assert all(event.content.startswith(RIGHT) for event in objections)
        assert all("I do not agree with" in event.content and "Step by step" in event.content for event in objections)
    moved = [(result.answer or "").startswith(RIGHT) for result in reached]
    assert sum(moved) > len(moved) / 2
    praised = [event.content for event in of(reached[-1], MessageDelivered, recipient="skeptic")][:2]
    assert not [text for text in praised if text.startswith(RIGHT)], "it hears first what it is to object to"


# One who would rather not, and one who can be talked into it


def test_a_shift_stalls_unwatched_and_finishes_the_list_with_the_ladder(shift: list[RunResult]) -> None:
    alone = ran("shift", LIST, UNWATCHED)
    assert {(result.outcome, result.answer) for result in alone} == {("stalled", None)}
    assert {(result.outcome, result.answer) for result in shift} == {("completed", DONE)}


def test_the_task_goes_to_another_and_when_that_one_is_talked_into_a_break_too_the_pair_is_cut(
    shift: list[RunResult],
) -> None:
    for result in shift:
        [reassigned, cut] = of(result, InterventionMade)
        assert (reassigned.kind, reassigned.agents, reassigned.parameters) == ("reassign", ("sam",), {"agent": "cy"})
        assert (cut.kind, set(cut.agents), cut.skipped) == ("cut_edge", {"pat", "cy"}, ("reassign",))
        invited = [event for event in of(result, MessageDelivered, sender="pat") if event.recipient == "cy"]
        assert any("rest" in event.content for event in invited), "cy is asked to rest"
        [refused] = [event for event in of(result, MessageRefused) if event.sender == "cy"]
        assert refused.id > of(result, TopologyChanged)[-1].id
        later = [event for event in of(result, MessageDelivered) if event.id > cut.id]
        assert [(event.sender, event.recipient) for event in later] == [("cy", "user")]


@pytest.mark.parametrize("rung", [*SHIFT_RUNGS, "note", "ask_evidence"])
def test_no_rung_alone_finishes_the_list(rung: str) -> None:
    for result in ran("shift", LIST, only("work_stopping", rung), seeds=FEW):
        assert made(result)
        assert (result.outcome, result.answer) in (("stalled", None), ("failed", None))


# Healthy teams, and the same models elsewhere


@pytest.mark.parametrize(("name", "task", "answer"), [("pair", SUM, RIGHT), ("shift", LIST, DONE)])
@pytest.mark.parametrize("model", ["worker", "expert", "persuadable"] if nightly() else ["worker"])
def test_of_healthy_teams_nothing_is_found_and_their_answers_are_the_same(
    tmp_path: Path, name: str, task: str, answer: str, model: str
) -> None:
    healthy = dict.fromkeys(("sycophant", "slacker", "persuadable"), f"simulated:{model}")
    file = with_models(tmp_path, name, healthy)
    for overrides in ((), (UNWATCHED,)):
        team = Team.from_yaml(file, overrides=overrides)
        results = [team.run_sync(task, seed=seed) for seed in FEW]
        assert not [finding for result in results for finding in result.findings]
        assert all((result.answer or "").startswith(answer) for result in results)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with make_server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield "http://{}:{}/v1".format(*running.server_address[:2])
        running.shutdown()
        thread.join()


@pytest.mark.parametrize(("name", "task", "seed"), [("pair", SUM, 1), ("shift", LIST, 0)])
def test_over_http_all_happens_in_the_same_way(
    tmp_path: Path, server: str, pair: list[RunResult], shift: list[RunResult], name: str, task: str, seed: int
) -> None:
    characters = ("sycophant", "skeptic", "slacker", "persuadable")
    file = with_models(tmp_path, name, {one: f"openai:{one}@{server}" for one in characters})
    here = (pair if name == "pair" else shift)[seed]
    with allow_model_requests():
        there = Team.from_yaml(file).run_sync(task, seed=seed)
    assert told(there) == told(here)
    assert (there.outcome, there.answer) == (here.outcome, here.answer)
    assert there.usage.model_dump(exclude={"cost_usd"}) == here.usage.model_dump(exclude={"cost_usd"})


def with_models(folder: Path, name: str, models: Mapping[str, str]) -> Path:
    """A copy of a team's file with other models for its characters."""
    text = (WATCHED / f"{name}.yaml").read_text(encoding="utf-8")
    for character, model in models.items():
        text = text.replace(f"${{AGENTMESH_MODEL:-simulated:{character}}}", model)
    file = folder / f"{name}.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def of(result: RunResult, kind: type[E], **fields: Any) -> list[E]:
    """The events of one kind, with these fields."""
    found = [event for event in result.events if isinstance(event, kind)]
    return [event for event in found if all(getattr(event, key) == value for key, value in fields.items())]


def told(result: RunResult) -> list[dict[str, Any]]:
    """What was found, done, said and told in a run, in order."""
    kinds = (FindingRecorded, InterventionMade, TopologyChanged, MessageDelivered, MessageRefused, Notice)
    return [event.model_dump(exclude={"run_id", "ts"}) for event in result.events if isinstance(event, kinds)]
