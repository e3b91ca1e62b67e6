"""The shapes in which people have the traces of each framework, beyond those that were recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agentmesh.evaluation.readers import Fault, Trace, guess, read_traces
from tests.evaluation.foreign import TRACES, traces_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.jsonl"


def read(path: Path, *lines: Any) -> list[Trace]:
    """The traces of a file with these lines, in the format that is found out."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return traces_of(path)


def said(trace: Trace) -> list[tuple[str, str, str]]:
    return [(event.role, event.sender, event.content) for event in trace.events]


def ask(name: str, arguments: Any, id_: str = "c1") -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


# OpenAI


def test_a_request_of_a_batch_is_read_with_its_answer(path: Path) -> None:
    line = {
        "custom_id": "request-1",
        "body": {"messages": [{"role": "user", "content": "Hi"}]},
        "response": {"body": {"choices": [{"message": {"role": "assistant", "content": "Hello"}}]}},
    }
    (trace,) = read(path, line)
    assert trace.id == "request-1"
    assert said(trace) == [("user", "user", "Hi"), ("assistant", "assistant", "Hello")]


def test_messages_on_lines_of_their_own_are_one_conversation(path: Path) -> None:
    (trace,) = read(path, {"role": "system", "content": "Be kind"}, {"role": "user", "name": "critic", "content": "No"})
    assert said(trace) == [("system", "system", "Be kind"), ("agent", "critic", "No")]
    assert trace.agents == ("critic",)


def test_an_array_of_conversations_is_one_trace_for_each(path: Path) -> None:
    conversation = [{"role": "user", "content": "Hi"}]
    traces = read(path, [{"messages": conversation}, conversation])
    assert [trace.id for trace in traces] == ["log:1.1", "log:1.2"]


@pytest.mark.parametrize(
    "messages",
    [
        [
            {"role": "assistant", "content": None, "tool_calls": [ask("search", '{"q": "x"}')]},
            {"role": "tool", "tool_call_id": "c1", "content": "found"},
        ],
        [
            {"role": "assistant", "content": None, "function_call": {"name": "search", "arguments": '{"q": "x"}'}},
            {"role": "function", "name": "search", "content": "found"},
        ],
        [
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "search", "input": {"q": "x"}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "found"}]},
        ],
        [
            {"type": "function_call", "call_id": "c", "id": "i", "name": "search", "arguments": '{"q": "x"}'},
            {"type": "function_call_output", "call_id": "c", "output": "found"},
            {"role": "user", "content": ""},
        ],
    ],
    ids=["tool_calls", "function_call", "blocks", "items"],
)
def test_tool_calls_and_their_results_are_the_same_however_they_are_spelt(messages: list[Any], path: Path) -> None:
    (trace,) = read(path, {"messages": messages})
    call, result = trace.events[:2]
    assert (call.role, call.sender, call.tool_calls) == ("assistant", "assistant", (("search", {"q": "x"}),))
    assert (result.role, result.sender, result.content) == ("tool", "search", "found")


def test_messages_that_are_none_are_counted_in_a_fault(path: Path) -> None:
    path.write_text(json.dumps({"messages": [{"role": "user", "content": "Hi"}, 3, {"content": "?"}, {"role": "x"}]}))
    fault, trace = read_traces(path)
    assert fault == Fault(1, "3 of 4 messages have no role: left out")
    assert isinstance(trace, Trace)
    assert len(trace.events) == 1


# LangGraph


def ai(id_: str | None, content: str, **fields: Any) -> dict[str, Any]:
    return {"type": "ai", "id": id_, "content": content, **fields}


def test_states_of_different_threads_are_different_traces(path: Path) -> None:
    first, second = [ai("1", "a"), ai("2", "b")], [ai("3", "c")]
    states = [{"messages": first[:1]}, {"messages": first}, {"messages": second}]
    assert [len(trace.events) for trace in read(path, *states)] == [2, 1]


def test_states_whose_messages_have_no_ids_go_on_if_they_begin_alike(path: Path) -> None:
    grown = [ai(None, "a"), ai(None, "a"), ai(None, "b")]
    states = [{"messages": grown[:1]}, {"messages": grown}, {"messages": [ai(None, "c")]}]
    assert [[event.content for event in trace.events] for trace in read(path, *states)] == [["a", "a", "b"], ["c"]]


def test_a_subgraph_that_returns_the_messages_it_was_given_does_not_tell_them_again(path: Path) -> None:
    chunks = [
        {"planner": {"messages": ai("1", "plan")}},
        [["team:1"], {"inner": {"messages": [ai("2", "work")]}}],
        {"team": {"messages": [ai("1", "plan"), ai("2", "work"), ai("3", "done")]}},
    ]
    (trace,) = read(path, *chunks)
    assert said(trace) == [
        ("assistant", "planner", "plan"),
        ("assistant", "inner", "work"),
        ("assistant", "team", "done"),
    ]


def test_chunks_of_nodes_that_write_no_messages_are_no_faults(path: Path) -> None:
    chunks = [{"router": None}, {"planner": {"messages": [ai("1", "plan")]}}, {"grade": {"score": 1}}, {"x": []}]
    assert len(read(path, *chunks)) == 1
    path.write_text('{"planner": {"messages": [{"type": "ai", "content": ""}]}}\n{"planner": 3}\n')
    assert [one.line for one in read_traces(path) if isinstance(one, Fault)] == [2]


def test_a_state_of_a_server_is_read_with_its_name_less_messages(path: Path) -> None:
    state = {"values": {"messages": [{"type": "human", "content": "Hi"}]}, "next": [], "created_at": "1970-01-01"}
    (trace,) = read(path, state)
    assert trace.events[0].ts == 0.0


# AutoGen


def text(source: str, content: str, id_: str, **fields: Any) -> dict[str, Any]:
    return {"type": "TextMessage", "source": source, "content": content, "id": id_, **fields}


def test_two_runs_in_one_stream_are_two_traces(path: Path) -> None:
    first, second = [text("user", "one", "1"), text("a", "A", "2")], [text("user", "two", "3")]
    lines = [*first, {"messages": first, "stop_reason": "x"}, *second, {"messages": second, "stop_reason": None}]
    assert [trace.task for trace in read(path, *lines)] == ["one", "two"]


def test_what_nobody_is_told_is_left_out_and_a_handoff_has_its_recipient(path: Path) -> None:
    lines = [
        {"type": "ModelClientStreamingChunkEvent", "source": "a", "content": "Ov"},
        {"type": "ThoughtEvent", "source": "a", "content": "I am tired."},
        {"type": "HandoffMessage", "source": "a", "target": "b", "content": "Over to you.", "context": []},
        {"type": "CodeExecutionEvent", "source": "b", "result": {"exit_code": 0, "output": "42"}},
    ]
    (trace,) = read(path, *lines)
    assert said(trace) == [("assistant", "a", "Over to you."), ("tool", "code", "42")]
    assert trace.events[0].recipients == ("b",)


def test_the_state_of_one_agent_is_told_by_what_it_remembers(path: Path) -> None:
    state = json.loads((TRACES / "autogen_state.json").read_text(encoding="utf-8"))["agent_states"]["worker"]
    (trace,) = read(path, state["agent_state"])
    assert [event.sender for event in trace.events] == ["user", "planner", "worker", "calculator", "worker"]
    assert trace.events[2].content == "The calculator knows."


# OpenTelemetry


def span(name: str, start: int, end: int, parent: str = "", **attributes: Any) -> dict[str, Any]:
    context = {"trace_id": "0xaa", "span_id": f"0x{name}"}
    named = {f"gen_ai.{key.replace('__', '.')}": value for key, value in attributes.items()}
    return {
        "name": name,
        "context": context,
        "parent_id": f"0x{parent}" if parent else None,
        "start_time": f"2026-01-01T00:00:{start:02}Z",
        "end_time": f"2026-01-01T00:00:{end:02}Z",
        "attributes": named,
    }


def words(role: str, content: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": content}]}])


def test_spans_without_content_still_show_the_tools_that_were_called(path: Path) -> None:
    spans = [
        span("b1", 2, 3, "a1", operation__name="chat"),
        span("c1", 4, 5, "a1", operation__name="execute_tool", tool__name="search", tool__call__id="1"),
        span("a1", 1, 6, operation__name="invoke_agent", agent__name="scout"),
    ]
    (trace,) = read(path, *spans)
    assert [(event.role, event.sender, len(event.tool_calls)) for event in trace.events] == [
        ("assistant", "scout", 1),
        ("tool", "search", 0),
    ]


def test_what_an_agent_says_twice_is_told_twice_and_what_it_hears_again_is_not(path: Path) -> None:
    again = [{"role": "assistant", "parts": [{"type": "text", "content": "Agreed."}]}]
    task = json.loads(words("user", "Go."))
    agreed = words("assistant", "Agreed.")
    spans = [
        span("b1", 1, 2, operation__name="chat", input__messages=words("user", "Go."), output__messages=agreed),
        span("b2", 3, 4, operation__name="chat", input__messages=json.dumps(task + again), output__messages=agreed),
        span("b3", 5, 6, operation__name="chat", input__messages=task + again * 2, output__messages=agreed),
    ]
    (trace,) = read(path, *spans)
    assert [content for _, _, content in said(trace)] == ["Go.", "Agreed.", "Agreed.", "Agreed."]


def test_what_an_agent_is_told_by_the_agent_around_it_is_that_agents(path: Path) -> None:
    spans = [
        span("a1", 1, 9, operation__name="invoke_agent", agent__name="boss"),
        span("a2", 2, 8, "a1", operation__name="invoke_agent", agent__name="scout"),
        span("b1", 3, 4, "a2", operation__name="chat", input__messages=words("user", "Look!")),
    ]
    (trace,) = read(path, *spans)
    assert said(trace) == [("agent", "boss", "Look!")]
    assert trace.events[0].recipients == ("scout",)


def test_spans_that_number_their_messages_are_read(path: Path) -> None:
    old = {
        "gen_ai.prompt.0.role": "user",
        "gen_ai.prompt.0.content": "Hi",
        "gen_ai.completion.0.role": "assistant",
        "gen_ai.completion.0.content": "Hello",
        "gen_ai.completion.0.tool_calls.0.name": "wave",
        "gen_ai.completion.0.tool_calls.0.arguments": '{"hand": "left"}',
    }
    (trace,) = read(path, span("b1", 1, 2) | {"attributes": old})
    assert said(trace) == [("user", "user", "Hi"), ("assistant", "assistant", "Hello")]
    assert trace.events[1].tool_calls == (("wave", {"hand": "left"}),)


def test_a_ring_of_parents_ends(path: Path) -> None:
    spans = [span("a1", 1, 2, "a2"), span("a2", 1, 2, "a1", operation__name="chat", output__messages=words("x", "y"))]
    assert len(read(path, *spans)[0].events) == 1


def test_content_may_be_structured_and_stand_in_an_event_of_its_span(path: Path) -> None:
    part = {
        "kvlistValue": {
            "values": [
                {"key": "type", "value": {"stringValue": "text"}},
                {"key": "content", "value": {"stringValue": "Hello"}},
            ]
        }
    }
    message = {
        "kvlistValue": {
            "values": [
                {"key": "role", "value": {"stringValue": "assistant"}},
                {"key": "parts", "value": {"arrayValue": {"values": [part]}}},
            ]
        }
    }
    output = {"key": "gen_ai.output.messages", "value": {"arrayValue": {"values": [message]}}}
    one = {
        "traceId": "AA",
        "spanId": "01",
        "startTimeUnixNano": "1700000000500000000",
        "attributes": [{"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}}],
        "events": [{"name": "gen_ai.client.inference.operation.details", "attributes": [output]}],
    }
    (trace,) = read(path, {"resourceSpans": [{"scopeSpans": [{"spans": [one]}]}]})
    assert said(trace) == [("assistant", "assistant", "Hello")]
    assert (trace.id, trace.events[0].ts) == ("aa", 1700000000.5)
    assert guess(path) == "otel"
