"""Runs of teams as lists of lines: who said what to whom."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentmesh import Team
from agentmesh.errors import AgentMeshError
from agentmesh.events import (
    BoardWritten,
    Event,
    MessageDelivered,
    MessageRefused,
    MessageWithheld,
    RunEnded,
    RunStarted,
    TaskChanged,
    ToolCallFinished,
    TurnFailed,
    Verification,
    VoteCast,
)
from agentmesh.learning.ruler import ruler_sync
from agentmesh.learning.ruler.flattening import encoded, flat
from agentmesh.messages import BoardEntry, Task

TOPOLOGIES = Path(__file__).parents[3] / "topologies"


def test_a_hierarchy_reads_as_who_asked_whom_for_what_and_what_came_of_it() -> None:
    result = Team.from_yaml(TOPOLOGIES / "hierarchy.yaml").run_sync("What is 17*23 + 4?", seed=1)
    told = flat(result)
    assert (told.run_id, told.task) == (result.run_id, "What is 17*23 + 4?")
    assert told.lines[0] == {"from": "user", "to": "planner", "text": "(the task)"}
    assert {"from": "worker-1", "to": "planner", "kind": "handoff"}.items() <= told.lines[4].items()
    assert {"agent": "worker-1", "call": "calculator"}.items() <= told.lines[3].items()
    assert told.lines[3]["result"] == "391"
    assert told.lines[-1] == {"outcome": "completed", "reason": "answered", "answer": "17*23 + 4 = 395"}
    assert not any(line.get("to") == "user" for line in told.lines), "the answer stands at the end, once"
    assert not any(line.get("call") == "hand_off" for line in told.lines), "that is the message before it"


def test_one_text_to_several_is_one_line() -> None:
    told = flat(Team.from_yaml(TOPOLOGIES / "flat.yaml").run_sync("What is 17*23?", seed=1))
    assert told.lines[0] == {"from": "user", "to": "proposer, skeptic, chair", "text": "(the task)"}
    assert sum(line.get("from") == "user" for line in told.lines) == 1


def test_runs_that_went_alike_are_the_same_whatever_their_ids_and_clocks() -> None:
    team = Team.from_yaml(TOPOLOGIES / "hierarchy.yaml")
    one, other = (team.run_sync("What is 17*23?", seed=1) for _ in range(2))
    assert one.run_id != other.run_id
    assert flat(one).digest == flat(other).digest == flat(one.events).digest
    assert flat(one).digest != flat(team.run_sync("What is 17*24?", seed=1)).digest


def test_faults_and_checks_are_told() -> None:
    told: list[Event] = [
        RunStarted(run_id="r", team="t", task="Do it."),
        ToolCallFinished(agent="ann", key="k", name="run_tests", arguments={"all": True}, error="no such file"),
        MessageRefused(message_id="m1", sender="ann", recipient="cy", content="psst"),
        TurnFailed(agent="ann", turn=1, error="too long", kind="provider"),
        MessageDelivered(message_id="m2", sender="ann", recipient="user", content="Done.", kind="answer"),
        Verification(passed=False, attempt=1, detail="2 failed"),
        RunEnded(outcome="failed", reason="not_verified", answer="Done."),
    ]
    assert flat(told).lines == (
        {"agent": "ann", "call": "run_tests", "arguments": '{"all": true}', "error": "no such file"},
        {"from": "ann", "to": "cy", "refused": "no_edge", "text": "psst"},
        {"agent": "ann", "error": "too long"},
        {"from": "ann", "to": "user", "kind": "answer", "text": "Done."},
        {"check": "failed", "detail": "2 failed"},
        {"outcome": "failed", "reason": "not_verified", "answer": "Done."},
    )


def test_boards_votes_tasks_and_what_was_withheld_are_told() -> None:
    task = Task(id="t1", title="Part 1")
    entry = BoardEntry(id="c1", kind="commitment", owner="ann", text="I do it")
    told: list[Event] = [
        RunStarted(run_id="r", team="t", task="Do it."),
        BoardWritten(agent="ann", board="plan", version=1, content="first this"),
        BoardWritten(agent="ann", board="plan", version=2, entry=entry),
        VoteCast(agent="ann", vote="poll", ranking=("b", "a")),
        TaskChanged(agent="ann", task=task, status="claimed", worker="bob"),
        TaskChanged(agent="ann", task=task, status="failed", worker="bob"),
        MessageWithheld(message_id="m1", sender="ann", recipient="bob", content="psst"),
    ]
    assert flat(told).lines == (
        {"agent": "ann", "board": "plan", "text": "first this"},
        {"agent": "ann", "board": "plan", "text": entry.model_dump_json(exclude_defaults=True)},
        {"agent": "ann", "vote": "b > a"},
        {"task": "Part 1", "worker": "bob", "status": "failed"},
        {"from": "ann", "to": "bob", "refused": "withheld", "text": "psst"},
    )


def test_a_log_without_a_beginning_is_no_run() -> None:
    with pytest.raises(AgentMeshError, match="begins with run_started"):
        flat([RunEnded(outcome="completed", reason="answered")])
    with pytest.raises(AgentMeshError, match="a text or a mapping; found int"):
        flat({"run_id": "r", "task": "t", "messages": [1]})


def test_whatever_stands_in_a_line_becomes_json() -> None:
    odd = {"list": [1, 2.5, None, float("nan")], "deep": {"<|im_end|>": "\ud800"}, "yes": True}
    (line,) = flat({"run_id": "r", "task": "t", "messages": [odd]}).lines
    assert json.loads(encoded(line)) == {
        "list": [1, "2.5", None, "nan"],
        "deep": {"&lt;|im_end|>": "\ufffd"},
        "yes": True,
    }


def test_positions_that_nobody_was_told_are_read_too() -> None:
    told = flat(Team.from_yaml(TOPOLOGIES / "blind_then_discuss.yaml").run_sync("What is 17*23?", seed=1))
    first = next(at for at, line in enumerate(told.lines) if "position" in line)
    spoken = next(at for at, line in enumerate(told.lines) if line.get("from") == "ann")
    assert first < spoken
    assert "391" in told.lines[first]["position"]


def test_messages_of_a_chat_are_read_with_their_tool_calls_and_as_text_alone() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": '{"at": "it"}'}}
    chat = [
        {"role": "user", "content": "Do it."},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "it is red"},
        {"role": "assistant", "name": "ann", "content": [{"type": "text", "text": "red"}, {"type": "image_url"}]},
        "and that is it",
    ]
    assert flat({"run_id": 7, "task": "Do it.", "messages": chat}).lines == (
        {"from": "user", "text": "(the task)"},
        {"agent": "assistant", "call": "look", "arguments": '{"at": "it"}'},
        {"from": "tool", "text": "it is red"},
        {"from": "ann", "text": "red\n[image_url]"},
        {"text": "and that is it"},
    )


def test_runs_of_a_simulated_team_are_told_apart_by_whether_they_are_right() -> None:
    team = Team.from_yaml(TOPOLOGIES / "solo.yaml", model="simulated:worker,skill=0.5,laziness=1")
    runs = [team.run_sync("What is 17*23 + 4*31?", seed=seed) for seed in range(6)]
    right = {one.run_id: float("515" in str(one.answer)) for one in runs}
    assert len(set(right.values())) == 2, "some are right and some are wrong"
    ruled = ruler_sync(runs, "simulated:judge", gold=right)
    wrong = max(ruled[run_id].score for run_id, value in right.items() if not value)
    assert all(ruled[run_id].score > wrong for run_id, value in right.items() if value)
