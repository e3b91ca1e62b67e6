from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from random import Random

import pytest

from agentmesh import RunResult, Team
from agentmesh.errors import AgentMeshError
from agentmesh.evaluation.calibration.stage import Stage
from agentmesh.events import ModelCallFinished, RunResumed
from agentmesh.learning.episodes import Episode, Step, answered, components, episode_of, episodes, grouped
from agentmesh.messages import Usage

PAIR = """
version: 1
name: pair
agents: {writer: {instructions: Write.}, critic: {instructions: Correct.}}
topology: {kind: chain, agents: [writer, critic]}
"""


def staged() -> Stage:
    stage = Stage(Random(1), ["ann", "bob"], team="two")
    stage.begin("Say something.")
    stage.turn("ann", "One.")
    stage.turn("bob", "Two.")
    stage.metric("tests", 0.25)
    stage.metric("tests", 0.5)
    stage.end("completed", "answered", "Two.")
    return stage


def test_a_run_of_a_team_is_its_answered_calls(
    scripted_team: Callable[..., Team], run_team: Callable[[Team, str], RunResult]
) -> None:
    result = run_team(scripted_team(PAIR, {"writer": ["A draft."], "critic": ["Better."]}), "Write it.")
    found = episode_of(result, {"right": 1.0}, steps={1: {"brief": 0.5}})
    assert [step.agent for step in found.steps] == ["writer", "critic"]
    assert [step.key for step in found.steps] == [call.key for call in answered(result.events)]
    assert (found.run_id, found.task, found.outcome, found.team) == (result.run_id, "Write it.", "completed", "pair")
    assert [found.reward(at, "brief") for at in (0, 1)] == [0, 0.5]
    assert episodes([result]) == [episode_of(result)]


def test_without_rewards_the_latest_metrics_of_the_log_count() -> None:
    assert episode_of(staged().events).rewards == {"tests": 0.5}
    assert episode_of(staged().events, lambda events: {"events": float(len(events))}).rewards["events"] > 10


def test_what_failed_and_what_no_agent_asked_in_a_turn_are_no_steps() -> None:
    stage = staged()
    more = {"model": "m", "usage": Usage()}
    stage.emit(ModelCallFinished(agent="ann", key="r/work#1/ann/9/1", error="refused", **more))
    stage.emit(ModelCallFinished(agent="monitor:loop", key="r/work#1/monitor:loop/7/0", **more))
    stage.emit(ModelCallFinished(agent="ann", key="r/work#1/edge:ann->bob/m2", **more))
    stage.emit(ModelCallFinished(agent="checker", key="r/work#1/verify/1/1", **more))
    assert [step.agent for step in episode_of(stage.events).steps] == ["ann", "bob"]


def test_what_no_longer_counts_is_no_step() -> None:
    stage = staged()
    stage.emit(RunResumed(at=next(event.id for event in stage.events if event.type == "turn_ended")))
    stage.turn("bob", "Three.")
    found = episode_of(stage.events)
    assert [step.agent for step in found.steps] == ["ann", "bob"]
    assert (found.outcome, found.rewards) == ("", {})


def test_mappings_are_runs_with_steps_as_names_or_mappings() -> None:
    given = {
        "run_id": 7,
        "task": "t",
        "steps": ["v", {"agent": "s", "rewards": {"own": None}, "key": "k"}, Step("a")],
        "reward": 1,
    }
    assert episodes([given])[0].steps[0] == Step("v")
    (found,) = episodes([given])
    assert (found.run_id, found.rewards) == ("7", {"reward": 1.0})
    assert math.isnan(found.steps[1].rewards["own"])
    assert found.reward(1, "own") == 0
    assert components([found]) == ["reward", "own"]


def test_a_step_has_its_rewards_in_the_same_forms_as_a_run() -> None:
    steps = [{"agent": "v", "reward": 1}, {"agent": "v", "rewards": 2}, {"agent": "v", "rewards": {"own": 3}}]
    (found,) = episodes([{"run_id": "1", "task": "t", "steps": steps}])
    assert [step.rewards for step in found.steps] == [{"reward": 1.0}, {"reward": 2.0}, {"own": 3.0}]


def test_rewards_may_be_numbers_of_numpy() -> None:
    numpy = import_module("numpy")
    (found,) = episodes([{"run_id": "1", "task": "t", "steps": ["v"], "rewards": {"a": numpy.float32(0.5)}}])
    assert (found.rewards, type(found.rewards["a"])) == ({"a": 0.5}, float)
    assert episode_of(staged().events, {"a": numpy.int64(2)}).rewards == {"a": 2.0}


def test_groups_are_the_runs_of_a_task() -> None:
    runs = [Episode(str(number), f"t{number % 2}", ()) for number in range(3)]
    assert {task: [run.run_id for run in group] for task, group in grouped(runs).items()} == {
        "t0": ["0", "2"],
        "t1": ["1"],
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (7, "a run is an Episode, a RunResult or a mapping; found int; `episode_of` makes one of events"),
        ({"run_id": "1"}, "a run has run_id, task, steps and rewards; this one lacks task, steps"),
        ({"run_id": "1", "task": "t", "steps": [7]}, "a step is a Step, the name of its agent, or a mapping"),
        ({"run_id": "1", "task": "t", "steps": [{"who": "v"}]}, r"mapping with `agent`; found {'who': 'v'}"),
        ({"run_id": "1", "task": "t", "steps": "ann"}, "steps of a run are a list; found 'ann'"),
        ({"run_id": "1", "task": "t", "steps": None}, "steps of a run are a list; found None"),
        ({"run_id": "1", "task": "t", "steps": [], "reward": "good"}, "a reward is a number, .*'reward' is 'good'"),
        (
            {"run_id": "1", "task": "t", "steps": [], "reward": 1, "rewards": {"brief": 1}},
            "either `reward` or `rewards`; found both",
        ),
    ],
)
def test_what_is_no_run_is_told_what_one_is(given: object, said: str) -> None:
    with pytest.raises(AgentMeshError, match=said):
        episodes([given])


def test_a_run_that_is_given_twice_is_named() -> None:
    one = Episode("1", "t", ())
    with pytest.raises(AgentMeshError, match="runs given more than once: 1; each counts once"):
        episodes([one, Episode("2", "t", ()), one])


def test_a_log_without_its_beginning_is_refused() -> None:
    with pytest.raises(AgentMeshError, match="a run begins with run_started"):
        episode_of(staged().events[1:])


def test_rewards_of_steps_that_there_are_not_are_refused() -> None:
    with pytest.raises(AgentMeshError, match="the run has no step 2; it has 2, counted from 0"):
        episode_of(staged().events, steps={2: {"right": 1.0}})
