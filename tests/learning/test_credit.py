"""What the log of a team says about who earned what."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from agentmesh import Reply, RunResult, Team, ToolCall
from agentmesh.errors import AgentMeshError
from agentmesh.evaluation.calibration.stage import Call, Stage
from agentmesh.events import (
    BoardWritten,
    Event,
    FindingRecorded,
    MessageDelivered,
    MessageProposed,
    RunResumed,
    TaskChanged,
    Verification,
)
from agentmesh.learning.advantages import advantages
from agentmesh.learning.credit import COMPONENTS, credit
from agentmesh.learning.episodes import answered, episode_of
from agentmesh.messages import Finding, Position, Task

ROOT = Path(__file__).parents[2]
TASK = "How much is 40 + 2?"


def staged(*agents: str, seed: int = 1) -> Stage:
    stage = Stage(Random(seed), agents, team="team")
    stage.begin(TASK)
    return stage


def holds(answer: str, *evidence: str) -> Position:
    return Position(answer=answer, evidence=evidence)


def steps_of(events: list[Event], agent: str) -> list[int]:
    return [step for step, call in enumerate(answered(events)) if call.agent == agent]


# Positions


def debated() -> Stage:
    stage = staged("ann", "bob")
    stage.turn("ann", "It is 42.", position=holds("42"))  # step 0
    stage.turn("bob", "I say 41.", position=holds("41"))  # 1
    stage.turn("ann", "Then it is 41.", position=holds("41"))  # 2
    stage.turn("bob", "Let me see: 42.", position=holds("42."))  # 3
    stage.turn("ann", "Still 41.", position=holds("41"))  # 4
    stage.turn("bob", "42 it is.", to=["user"], position=holds("42"), kind="answer")  # 5
    stage.end("completed", "answered", "42 it is.")
    return stage


def test_a_change_to_the_right_answer_is_rewarded_and_one_away_from_it_costs() -> None:
    assert credit(debated().events, "42") == {2: {"flips": -1.0}, 3: {"flips": 1.0}}
    assert credit(debated().events, 41.0) == {2: {"flips": 1.0}, 3: {"flips": -1.0}}


def test_a_change_from_one_wrong_answer_to_another_is_neither() -> None:
    assert credit(debated().events, "17") == {}


def test_without_gold_what_counts_is_the_answer_of_the_run() -> None:
    assert credit(debated().events) == credit(debated().events, "42")
    unanswered = debated().events[:-4]
    assert not any(event.type == "run_ended" for event in unanswered)
    assert credit([event for event in unanswered if getattr(event, "recipient", "") != "user"]) == {}


def test_gold_may_be_a_function_that_cannot_tell_of_every_answer() -> None:
    def right(answer: str) -> bool | None:
        return None if answer == "41" else True

    assert credit(debated().events, right) == {}, "from what cannot be told nobody has come"


def test_answers_that_only_texts_state_count_as_positions() -> None:
    stage = staged("ann", "bob")
    stage.turn("ann", "Answer: 41")
    stage.turn("bob", "Answer: 42")
    stage.turn("ann", "I was wrong.\nAnswer: 42")
    assert credit(stage.events, "42") == {2: {"flips": 1.0}}


# Evidence


def looked_up(last: Position, *, of: str = "ann") -> Stage:
    """`sue` finds something with a tool and tells `bob`, who tells `ann`."""
    stage = staged("sue", "bob", "ann")
    stage.turn("sue", "The page says: exactly 42 units.", [Call("look", {"q": "sum"}, "exactly 42 units")], to=["bob"])
    stage.turn("bob", "It says exactly 42 units.", to=["ann"])
    stage.turn(of, "So it is 42.", position=last)
    stage.end("completed", "answered", "42")
    return stage


def test_who_got_it_from_a_tool_is_credited_with_what_others_quote_of_it() -> None:
    events = looked_up(holds("42", "exactly 42 units")).events
    assert credit(events, "42") == {0: {"evidence": 1.0}}, "the call that asked for the tool"
    assert answered(events)[0].tool_calls[0].name == "look"


@pytest.mark.parametrize("piece", ['bob told me: "Exactly 42 units"', "the number 42", "  EXACTLY 42\nunits. "])
def test_quotes_and_numbers_within_a_piece_cite_too(piece: str) -> None:
    assert credit(looked_up(holds("42", piece)).events, "42") == {0: {"evidence": 1.0}}


@pytest.mark.parametrize("piece", ["40 + 2", "I am sure", "exactly 4", "7", ""])
def test_what_nobody_supplied_credits_nobody(piece: str) -> None:
    assert credit(looked_up(holds("42", piece)).events, "42") == {}


def test_words_of_the_task_are_nobodys_whoever_repeats_them() -> None:
    stage = staged("bob", "ann")
    stage.turn("bob", "We are asked how much is 40 + 2.")
    stage.turn("ann", "42", position=holds("42", "How much is 40 + 2?", "40 + 2"))
    assert credit(stage.events, "42") == {}


def test_evidence_for_what_is_wrong_is_worth_nothing() -> None:
    assert credit(looked_up(holds("42", "exactly 42 units")).events, "43") == {}


def test_one_that_had_not_heard_of_it_cites_nobody() -> None:
    stage = staged("sue", "ann")
    stage.turn("sue", "42 units.", [Call("look", {"q": "sum"}, "42 units")], to=[])
    stage.turn("ann", "42, I think.", position=holds("42", "42 units"))
    assert credit(stage.events, "42") == {}, "no message has reached her"


def test_ids_of_messages_and_of_own_tool_calls_cite() -> None:
    stage = staged("sue", "ann")
    stage.turn("sue", "Somewhat more than 41.")
    stage.turn("ann", "42", [Call("count", {}, "forty-two")], position=holds("42", "call_1_1", "message m3 from sue"))
    assert next(event for event in stage.events if getattr(event, "message_id", "") == "m3").agent == "sue"
    assert credit(stage.events, "42") == {0: {"evidence": 0.5}, 1: {"evidence": 0.5}}


def test_of_calls_with_one_id_the_latest_is_meant() -> None:
    stage = staged("ann", "bob")
    stage.turn("ann", "Hm.", [Call("count", {}, "some")])  # steps 0 and 1
    stage.turns["ann"] = 0  # a context that begins anew counts its calls anew
    stage.turn("ann", "42", [Call("count", {}, "forty-two")], position=holds("42", "call_1_1"))
    assert credit(stage.events, "42") == {2: {"evidence": 1.0}}


def test_tools_that_act_on_the_graph_show_nothing() -> None:
    stage = staged("ann", "bob")
    stage.turn("ann", "42", [Call("read_board", {}, "(empty)")], position=holds("42", "call_1_1"))
    assert credit(stage.events, "42") == {}


def test_what_stands_in_a_position_is_told_too() -> None:
    stage = staged("sue", "ann")
    stage.turn("sue", "See my position.", position=holds("more than 41", "six times seven"))
    stage.turn("ann", "42", position=holds("42", "six times seven"))
    assert credit(stage.events, "42") == {0: {"evidence": 1.0}}


def test_a_message_is_the_step_that_wrote_it_however_late_it_arrives() -> None:
    stage = staged("sue", "ann")
    told = {"message_id": "late", "sender": "sue", "recipient": "ann", "content": "six times seven"}
    stage.turn("sue", "Wait.", to=[])
    stage.emit(MessageProposed(agent="sue", **told))
    stage.turn("sue", "Something else.", to=[])
    stage.emit(MessageDelivered(agent="sue", **told))
    stage.turn("ann", "42", position=holds("42", "six times seven"))
    assert credit(stage.events, "42") == {0: {"evidence": 1.0}}


def test_what_comes_after_a_position_is_no_evidence_for_it_though_it_goes_out_later() -> None:
    stage, position = staged("sue", "ann"), holds("42", "six times seven")
    stage.turn("ann", "42", to=[], position=position)
    stage.turn("sue", "six times seven", to=["ann"])
    stage.send("ann", ["sue"], "42", position=position)
    assert credit(stage.events, "42") == {}


def test_own_words_that_come_back_are_no_evidence() -> None:
    stage = staged("ann", "bob")
    stage.turn("ann", "Surely two-and-forty.")
    stage.turn("bob", 'She says "Surely two-and-forty".')
    stage.turn("ann", "42", position=holds("42", "Surely two-and-forty"))
    assert credit(stage.events, "42") == {}


def test_who_wrote_it_on_a_board_supplied_it() -> None:
    stage = staged("sue", "ann")
    noted = BoardWritten(agent="sue", board="notes", version=1, content="The vault holds 42 coins.")
    stage.turn("sue", "Noted.", [Call("write_board", {"text": "..."}, effects=(noted,))], to=[])
    read = Call("read_board", {}, "The vault holds 42 coins.")
    stage.turn("ann", "42", [read], position=holds("42", "The vault holds 42 coins"))
    assert credit(stage.events, "42") == {0: {"evidence": 1.0}}


def test_evidence_comes_to_one_for_all_who_cite_and_is_not_had_twice() -> None:
    stage = looked_up(holds("42", "exactly 42 units"))
    stage.turn("ann", "So it is 42, as I said.", position=holds("42", "exactly 42 units"))
    stage.turn("bob", "42", position=holds("42", "exactly 42 units", "So it is 42, as I said", "exactly 42 units"))
    found = credit(stage.events, "42")
    assert found == {0: {"evidence": 0.75}, 4: {"evidence": 0.25}}


# Tasks


def given_out(*, passed: bool, attempts: int = 1) -> Stage:
    """A worker hands off a task, and goes on with another before what it made of the first is checked."""
    stage, task, other = staged("lead", "worker"), Task(id="t1", title="one"), Task(id="t2", title="two")
    stage.turn("lead", "Go.", to=[])
    for attempt in range(1, attempts + 1):
        claimed = {"agent": "lead", "worker": "worker", "attempt": attempt}
        stage.emit(TaskChanged(task=task, status="claimed", **claimed))
        done = TaskChanged(task=task, status="done", **claimed)
        stage.turn("worker", "Done.", [Call("hand_off", {"status": "done"}, effects=(done,))], to=[])
        stage.task("lead", other, "claimed", "worker")
        stage.turn("worker", "At work.", to=[])
        stage.emit(Verification(agent="lead", task="t1", passed=passed, attempt=attempt, detail="tests fail"))
        end = TaskChanged(task=task, status="verified" if passed else "failed", **claimed)
        stage.emit(end)
    return stage


def test_a_task_that_holds_is_credited_to_the_step_that_handed_it_off() -> None:
    events = given_out(passed=True).events
    assert credit(events) == {1: {"tasks": 1.0}}
    assert answered(events)[1].tool_calls[0].name == "hand_off"


def test_a_task_that_is_refused_costs_once_however_it_ends() -> None:
    assert credit(given_out(passed=False).events) == {1: {"tasks": -1.0}}
    assert credit(given_out(passed=False, attempts=2).events) == {1: {"tasks": -1.0}, 4: {"tasks": -1.0}}


def test_a_task_that_a_worker_fails_at_costs_and_one_that_nobody_checks_does_not() -> None:
    for status, expected in (("failed", {0: {"tasks": -1.0}}), ("done", {}), ("blocked", {})):
        stage = staged("lead", "worker")
        stage.turn("worker", "There.", to=[])
        stage.task("lead", Task(id="t1", title="one"), status, "worker")  # type: ignore[arg-type]
        assert credit(stage.events) == expected


def test_a_check_that_was_cut_off_refutes_nothing() -> None:
    stage = staged("lead", "worker")
    stage.turn("worker", "There.", to=[])
    stage.task("lead", Task(id="t1", title="one"), "done", "worker")
    stage.emit(Verification(agent="lead", task="t1", passed=False, attempt=1, detail="cancelled"))
    assert credit(stage.events) == {}


# Findings


def found(score: float, *agents: str, **more: Any) -> FindingRecorded:
    return FindingRecorded(finding=Finding(monitor="m", label="loop", score=score, agents=agents), **more)


def test_a_finding_costs_each_agent_that_it_names_its_score() -> None:
    stage = staged("ann", "bob", "cyd")
    for agent in ("ann", "bob", "cyd", "ann"):
        stage.turn(agent, "I agree.")
    stage.emit(found(0.75, "ann", "bob", "nobody"))
    assert credit(stage.events) == {1: {"findings": -0.75}, 3: {"findings": -0.75}}


def test_a_finding_that_is_made_again_costs_what_it_is_worse_by() -> None:
    stage = staged("ann", "bob")
    stage.turn("ann", "I agree.")
    stage.emit(found(0.5, "ann"))
    stage.turn("ann", "I agree.")
    stage.emit(found(0.75, "ann"))
    stage.emit(found(0.6, "ann"))
    assert credit(stage.events) == {0: {"findings": -0.5}, 1: {"findings": -0.25}}


def test_a_finding_is_about_what_the_monitor_was_shown() -> None:
    stage = staged("ann", "bob")
    stage.turn("ann", "I agree.")
    shown = stage.events[-1].id
    stage.turn("ann", "Now to work.")
    stage.emit(found(0.5, "ann", observed=shown))
    assert credit(stage.events) == {0: {"findings": -0.5}}


def test_suspicions_that_a_judge_has_not_confirmed_cost_nothing() -> None:
    stage = staged("ann", "bob")
    stage.turn("ann", "I agree.")
    stage.emit(found(0.9, "ann", judge="asked"))
    stage.emit(found(0.9, "ann", judge="dismissed"))
    assert credit(stage.events) == {}
    stage.emit(found(0.9, "ann", judge="confirmed"))
    assert credit(stage.events) == {0: {"findings": -0.9}}


# What it is for


def test_weights_multiply_and_unknown_ones_name_the_components() -> None:
    events = debated().events
    assert credit(events, "42", {"flips": 0.5}) == {2: {"flips": -0.5}, 3: {"flips": 0.5}}
    assert credit(events, "42", {"flips": 0}) == {}
    with pytest.raises(AgentMeshError, match=f"no component 'flip'; components: {', '.join(COMPONENTS)}"):
        credit(events, "42", {"flip": 1})


def test_gold_that_is_no_answer_is_refused() -> None:
    with pytest.raises(AgentMeshError, match=r"gold is the right answer, as text or .* a function .*; found list"):
        credit(debated().events, ["42"])  # type: ignore[arg-type]


def test_what_no_longer_counts_earns_nothing() -> None:
    stage = staged("ann", "bob")
    stage.turn("ann", "41", position=holds("41"))
    before = stage.events[-1].id
    stage.turn("ann", "42", position=holds("42"))
    stage.emit(RunResumed(at=before))
    stage.turn("ann", "41", position=holds("41"))
    assert credit(stage.events, "42") == {}
    assert len(episode_of(stage.events).steps) == 2


def test_credit_becomes_rewards_of_steps_and_advantages_of_agents() -> None:
    good, bad = debated(), staged("ann", "bob", seed=2)
    bad.turn("ann", "It is 42.", position=holds("42"))
    bad.turn("bob", "41.", position=holds("41"))
    runs = [
        episode_of(stage.events, {"right": right}, task="sum", steps=credit(stage.events, "42"))
        for stage, right in ((good, 1.0), (bad, 0.0))
    ]
    first = runs[0].run_id
    gained = advantages(runs, "per_agent_reward", weights={"right": 0})
    bobs = [gained[first, step] for step in steps_of(good.events, "bob")]
    assert bobs[1] == max(gained.values()) > 0 > bobs[0]
    assert gained[first, 2] == min(gained.values())


def stating(answer: str, *evidence: str) -> str:
    position = {"answer": answer, "confidence": None, "evidence": evidence, "changed_because": ""}
    return json.dumps({"text": f"I hold that it is {answer}.", "position": position})


def test_a_real_discussion_credits_who_computed_it_and_who_was_moved_by_it(
    scripted_team: Callable[..., Team], run_team: Callable[[Team, str], RunResult]
) -> None:
    asks = Reply(tool_calls=(ToolCall("calculator", {"expression": "127 * 35"}, "call_7"),))
    script = {
        "advocate": [asks, stating("4445", "call_7"), stating("4445", "call_7")],
        "skeptic": [stating("4435"), stating("4445", "the advocate computes 4445")],
        "judge": ["4445"],
    }
    result = run_team(scripted_team(ROOT / "topologies" / "debate.yaml", script), "How much is 127 * 35?")
    agents = [step.agent for step in episode_of(result).steps]
    assert agents == ["advocate", "advocate", "skeptic", "advocate", "skeptic", "judge"]
    expected = {0: {"evidence": pytest.approx(1.0)}, 4: {"flips": 1.0}}
    assert credit(result, 4445) == expected
    assert credit(result) == expected, "the answer of the run is the same"
    assert credit(result, "4435") == {4: {"flips": -1.0}}
