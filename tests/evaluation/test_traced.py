"""A foreign trace becomes the events of a run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from agentmesh.evaluation.traced import WAITING, events_of
from agentmesh.events import Event, MessageDelivered, RunEnded, RunStarted, ToolCallFinished, ToolCallStarted


def trace(*events: dict[str, Any], agents: tuple[str, ...] = ("a", "b", "c")) -> SimpleNamespace:
    filled = [
        SimpleNamespace(
            **{"i": i, "recipients": None, "role": "agent", "content": "", "tool_calls": (), "ts": None, **event}
        )
        for i, event in enumerate(events)
    ]
    return SimpleNamespace(id="t", task="do it", agents=agents, events=filled)


def read(*events: dict[str, Any], **others: Any) -> list[tuple[Event, int | None]]:
    return list(events_of(trace(*events, **others)))


def messages(events: list[tuple[Event, int | None]]) -> list[tuple[str, str]]:
    return [(event.sender, event.recipient) for event, _ in events if isinstance(event, MessageDelivered)]


def test_a_trace_begins_and_ends_as_a_run_and_each_event_knows_where_it_came_from() -> None:
    events = read({"i": 7, "sender": "a", "recipients": ["b"], "content": "hi"})
    assert [type(event) for event, _ in events] == [RunStarted, MessageDelivered, RunEnded]
    assert [place for _, place in events] == [None, 7, None]
    assert [event.id for event, _ in events] == [1, 2, 3]


def test_a_message_to_everybody_goes_to_each_other_agent_and_alone_to_the_user() -> None:
    assert messages(read({"sender": "a", "content": "hi"})) == [("a", "b"), ("a", "c")]
    assert messages(read({"sender": "a", "content": "hi"}, agents=("a",))) == [("a", "user")]
    assert messages(read({"sender": "a", "recipients": ["c", "c"], "content": "hi"})) == [("a", "c")]


def test_who_is_no_agent_speaks_as_the_user() -> None:
    assert messages(read({"sender": "harness", "role": "user", "content": "go"}, agents=("a",))) == [("user", "a")]
    # An agent that plays a user is an agent.
    assert messages(read({"sender": "a", "role": "user", "content": "go"}, agents=("a", "b"))) == [("a", "b")]


def test_a_result_goes_to_the_call_of_its_name_with_its_arguments() -> None:
    calls = [("read", {"path": "x"}), ("test", '{"all": true}'), ("say", "no json")]
    events = read(
        {"sender": "a", "tool_calls": calls},
        {"sender": "tool:test", "role": "tool", "content": "2 failed"},
        {"sender": "read", "role": "tool", "content": "text"},
        {"sender": "a", "content": "so it is"},
    )
    done = [event for event, _ in events if isinstance(event, ToolCallFinished)]
    assert [(d.agent, d.name, d.arguments, d.result) for d in done] == [
        ("a", "test", {"all": True}, "2 failed"),
        ("a", "read", {"path": "x"}, "text"),
        ("a", "say", {"": "no json"}, None),  # it goes on: no result will come
    ]
    assert sum(isinstance(event, ToolCallStarted) for event, _ in events) == 3


def test_a_call_and_what_comes_of_it_have_one_key_and_what_never_comes_back_is_where_it_was_called() -> None:
    calls = [("read", {"path": "x"}), ("test", {})]
    events = read(
        {"sender": "a", "tool_calls": calls},
        {"sender": "tool:test", "role": "tool", "content": "ok"},
        {"sender": "a", "content": "so it is"},
    )
    started = {event.key: (event.name, place) for event, place in events if isinstance(event, ToolCallStarted)}
    done = [(event.key, event.name, place) for event, place in events if isinstance(event, ToolCallFinished)]
    assert sorted(started.values()) == [("read", 0), ("test", 0)]
    assert [(started[key][0], name, place) for key, name, place in done] == [("test", "test", 1), ("read", "read", 0)]


def test_of_very_many_calls_the_oldest_wait_no_longer() -> None:
    at_once = read({"sender": "a", "tool_calls": [(f"f{at}", {}) for at in range(WAITING + 5)]})
    gone = [event.name for event, _ in at_once if isinstance(event, ToolCallFinished)]
    assert gone == [f"f{at}" for at in range(5)]


def test_a_result_that_nobody_asked_for_belongs_to_whoever_spoke_last() -> None:
    events = read({"sender": "b", "content": "wait"}, {"sender": "bash", "role": "tool", "content": "ok"})
    [done] = [event for event, _ in events if isinstance(event, ToolCallFinished)]
    assert (done.agent, done.name, done.result) == ("b", "bash", "ok")


def test_an_empty_trace_is_a_run_without_a_word() -> None:
    assert [event.type for event, _ in read(agents=())] == ["run_started", "run_ended"]
