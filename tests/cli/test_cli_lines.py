"""Each event is one plain line."""

from __future__ import annotations

from typing import get_args

from agentmesh.cli.lines import FACTS, attempt_line, line
from agentmesh.events import (
    BoundsChanged,
    Event,
    FindingRecorded,
    MessageRefused,
    ModelCallFinished,
    RunEnded,
    RunStarted,
    TaskChanged,
    TopologyChanged,
    TurnFailed,
    Verification,
    stamped,
)
from agentmesh.messages import Finding, Task, ToolCall, Usage
from agentmesh.runner import FailedAttempt


def shown(event: Event) -> str:
    return line(stamped(event, 7, "r", 101.25), 100.0)


def test_every_type_of_event_has_a_line_of_facts_that_it_really_holds() -> None:
    types = {kind.model_fields["type"].default: kind for kind in get_args(Event)}
    assert set(FACTS) == set(types)
    for name, facts in FACTS.items():
        assert set(facts) <= set(types[name].model_fields), name


def test_a_message_line_shows_the_edge_and_the_shortened_text() -> None:
    event = MessageRefused(
        message_id="m", sender="critic", recipient="user", content='say "hi"\n\x1b[2Jnow', allowed=("judge", "a b")
    )
    assert shown(event) == (
        '+1.250 message_refused critic->user reason=no_edge allowed="judge,a b" content="say \\"hi\\" now"'
    )


def test_an_unknown_cost_shows_as_a_question_mark() -> None:
    usage = Usage(input_tokens=5, output_tokens=2, model_calls=1, cost_usd=None)
    event = ModelCallFinished(
        agent="a", key="k", model="m:x", usage=usage, seconds=0.5, tool_calls=(ToolCall("calculator", {}),)
    )
    assert shown(event) == (
        "+1.250 model_call_finished a model=m:x input_tokens=5 output_tokens=2 cost_usd=? seconds=0.5 "
        "tool_calls=calculator"
    )


def test_nested_facts_are_spelt_out() -> None:
    task = TaskChanged(agent="planner", task=Task(id="t1", title="Add them"), status="done", worker="w")
    assert shown(task) == '+1.250 task_changed planner task=t1 title="Add them" status=done worker=w'
    finding = FindingRecorded(finding=Finding(monitor="mine", label="stall", score=0.25, agents=("a", "b"), why="so"))
    assert shown(finding) == "+1.250 finding monitor=mine label=stall score=0.25 agents=a,b why=so"
    cut = TopologyChanged(change="cut", edges=(("a", "b"),))
    assert shown(cut) == "+1.250 topology_changed change=cut edges=a->b"
    checked = Verification(agent="planner", task="t1", passed=True, attempt=2)
    assert shown(checked) == "+1.250 verification planner task=t1 passed=true attempt=2"
    assert shown(Verification(passed=False, attempt=1)) == "+1.250 verification passed=false attempt=1"


def test_mappings_and_bounds_are_compact_json() -> None:
    assert shown(BoundsChanged(bounds={"turns": 3})) == '+1.250 bounds_changed bounds={"turns":3}'


def test_the_whole_of_an_error_is_shown() -> None:
    assert shown(TurnFailed(agent="a", turn=1, error="x" * 100, kind="rate")).endswith("error=" + "x" * 100)


def test_an_answer_of_many_lines_stays_one_line() -> None:
    for event in (
        RunStarted(team="t", task="one\ntwo"),
        RunEnded(outcome="failed", reason="a\r\nb\u2028c", answer="x\ny"),
    ):
        assert len(shown(event).splitlines()) == 1


def test_a_failed_attempt_has_a_line_while_the_call_goes_on() -> None:
    failed = FailedAttempt("writer", 2, "rate: too many\nrequests")
    assert attempt_line(failed, 1.5) == '+1.500 attempt_failed writer attempt=2 why="rate: too many requests"'
