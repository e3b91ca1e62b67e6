"""Traces that were recorded by running LangGraph, AutoGen, Inspect and OpenTelemetry tell the story that was played.

`tests/cases/traces/record.py` plays it: a planner asks a worker for a sum, the worker asks a calculator.
"""

from __future__ import annotations

import gzip
import json
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from agentmesh.errors import MissingExtra
from agentmesh.evaluation.readers import FORMATS, Fault, Trace, TraceEvent, guess, read_traces
from tests.evaluation.foreign import TRACES, as_written, traces_of

TASK = "What is 6 * 7, and is it even?"
ASKED = "worker, please compute 6 * 7. \u2713"
COMPUTED = "The calculator says 42."
ANSWER = "6 * 7 is 42, and it is even."
CALL = ("calculator", {"expression": "6 * 7"})
RECORDED = sorted(path.name for path in TRACES.iterdir() if path.suffix in (".json", ".jsonl", ".eval"))
RECORDED.remove("versions.json")

Told = tuple[str, str, str, list[Any]]


def told(events: Sequence[TraceEvent]) -> list[Told]:
    """Who says and does what; instructions are another matter."""
    return [
        (event.role, event.sender, event.content, [tuple(call) for call in event.tool_calls])
        for event in events
        if event.role != "system"
    ]


def story(planner: str = "planner", worker: str = "worker", thought: str = "") -> list[Told]:
    """What was played. Nobody is named in some files: then whoever has no name is called otherwise."""
    return [
        ("user", "user", TASK, []),
        ("assistant", "planner", ASKED, []),
        ("assistant", worker, thought, [CALL]),
        ("tool", "calculator", "42", []),
        ("assistant", worker, COMPUTED, []),
        ("assistant", planner, ANSWER, []),
    ]


def test_there_are_recordings_of_every_foreign_format() -> None:
    assert {name.split("_")[0].split(".")[0] for name in RECORDED} == set(FORMATS) - {"native"}
    versions = json.loads((TRACES / "versions.json").read_text(encoding="utf-8"))
    assert set(versions) == set(FORMATS) - {"native"}


@pytest.mark.parametrize("name", RECORDED)
def test_the_format_of_a_recording_is_found_out(name: str) -> None:
    assert guess(TRACES / name) == name.split("_")[0].split(".")[0]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("langgraph_updates.jsonl", story()[1:]),
        ("langgraph_parts.jsonl", story()[1:]),
        ("langgraph_history.json", story()),
        ("langgraph_values.jsonl", story("assistant", "assistant")),
        ("langgraph_state.json", story("assistant", "assistant")),
        ("langgraph_messages.json", story("assistant", "assistant")),
        ("autogen_result.json", story(thought="The calculator knows.")),
        ("autogen_stream.jsonl", story(thought="The calculator knows.")),
        ("autogen_state.json", story(thought="The calculator knows.")),
        ("openai_messages.json", story("assistant", "assistant")),
    ],
)
def test_a_recording_tells_the_story_once(name: str, expected: list[Told]) -> None:
    (trace,) = traces_of(TRACES / name)
    assert told(trace.events) == expected
    assert trace.agents == tuple(dict.fromkeys(sender for role, sender, *_ in expected if role == "assistant"))
    assert trace.task == (TASK if expected[0][0] == "user" else "")
    assert [event.i for event in trace.events] == list(range(len(trace.events)))


@pytest.mark.parametrize("name", ["otel_otlp.jsonl", "otel_console.json"])
def test_spans_tell_each_message_once_although_every_call_repeats_what_came_before_it(name: str) -> None:
    assert (TRACES / name).read_text(encoding="utf-8").count("What is 6 * 7") > 2
    traces = traces_of(TRACES / name)
    assert [trace.id for trace in traces] == ["conversation-1", "conversation-2"]
    for trace in traces:
        assert told(trace.events) == story()
        assert [(event.content, event.recipients) for event in trace.events if event.role == "system"] == [
            ("Plan.", ("planner",)),
            ("Compute.", ("worker",)),
        ]
        times = [event.ts or 0.0 for event in trace.events]
        assert times == sorted(times)
        assert times[0] > 1.7e9


def test_the_order_in_which_spans_were_exported_does_not_matter(tmp_path: Path) -> None:
    exported = json.loads((TRACES / "otel_otlp.jsonl").read_text(encoding="utf-8"))
    spans = exported["resourceSpans"][0]["scopeSpans"][0]["spans"]
    expected = traces_of(TRACES / "otel_otlp.jsonl")
    shuffled = sorted(spans, key=lambda span: str(span["spanId"]))
    assert shuffled != spans
    exported["resourceSpans"][0]["scopeSpans"][0]["spans"] = shuffled
    (tmp_path / "spans.json").write_text(json.dumps(exported))
    found = sorted(traces_of(tmp_path / "spans.json"), key=lambda trace: trace.id)
    assert found == expected


@pytest.mark.parametrize("name", ["inspect.eval", "inspect_deflated.eval", "inspect_chunked.eval", "inspect.json"])
def test_a_log_of_inspect_tells_what_each_agent_said_in_every_shape_it_is_written(name: str) -> None:
    traces = traces_of(TRACES / name)
    assert [trace.id for trace in traces] == ["first_epoch_1", "second_epoch_1"]
    for trace in traces:
        assert (trace.task, trace.agents) == (TASK, ("planner", "worker"))
        assert [one for one in told(trace.events) if one[0] == "assistant"] == [
            ("assistant", "planner", ASKED, [("transfer_to_worker", {})]),
            ("assistant", "worker", "", [CALL]),
            ("assistant", "worker", COMPUTED, []),
            ("assistant", "planner", ANSWER, [("submit", {"answer": "42"})]),
        ]
        assert [(event.sender, event.content, event.recipients) for event in trace.events if event.role == "tool"] == [
            ("transfer_to_worker", "Successfully transferred to worker.", ("planner",)),
            ("calculator", "42", ("worker",)),
            ("submit", "42", ("planner",)),
        ]
        assert not any("attachment://" in event.content for event in trace.events)


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="this Python reads Zstandard by itself")
def test_a_log_that_nothing_here_can_decompress_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for library in ("zstandard", "backports.zstd", "compression.zstd"):
        monkeypatch.setitem(sys.modules, library, None)
    assert guess(TRACES / "inspect.eval") == "inspect"
    with pytest.raises(MissingExtra, match=r"Zstandard.*pip install 'agentmesh-topology\[inspect\]'"):
        list(read_traces(TRACES / "inspect.eval"))
    assert len(traces_of(TRACES / "inspect_deflated.eval")) == 2


def test_a_damaged_sample_is_a_fault_with_its_number_and_the_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "damaged.eval"
    with zipfile.ZipFile(TRACES / "inspect_deflated.eval") as read, zipfile.ZipFile(path, "w") as written:
        for member in read.namelist():
            written.writestr(member, b"{" if member.startswith("samples/first") else read.read(member))
    first, second = read_traces(path)
    assert isinstance(first, Fault)
    assert (first.line, "samples/first_epoch_1.json" in first.message) == (1, True)
    assert isinstance(second, Trace)
    assert second.id == "second_epoch_1"


def test_what_scorers_ask_a_model_is_no_part_of_the_trace(tmp_path: Path) -> None:
    log = json.loads((TRACES / "inspect.json").read_text(encoding="utf-8"))
    events = log["samples"][0]["events"]
    scorer = next(event for event in events if event["event"] == "span_begin" and event["type"] == "scorer")
    asked = next(event for event in events if event["event"] == "model")
    graded = {"choices": [{"message": {"role": "assistant", "content": "GRADE: C"}}]}
    events.append(asked | {"span_id": scorer["id"], "output": graded})
    (tmp_path / "graded.json").write_text(json.dumps(log))
    assert traces_of(tmp_path / "graded.json") == traces_of(TRACES / "inspect.json")


def test_a_log_of_inspect_without_model_events_is_told_by_its_messages(tmp_path: Path) -> None:
    log = json.loads((TRACES / "inspect.json").read_text(encoding="utf-8"))
    for sample in log["samples"]:
        sample["events"] = []
    (tmp_path / "messages.json").write_text(json.dumps(log))
    for trace in traces_of(tmp_path / "messages.json"):
        assert trace.events[2].tool_calls == (("transfer_to_worker", {}),)
        assert trace.events[3].sender == "transfer_to_worker"


@pytest.mark.parametrize("name", RECORDED)
def test_what_is_read_can_be_written_and_is_then_read_the_same(name: str, tmp_path: Path) -> None:
    traces = traces_of(TRACES / name)
    written = tmp_path / "native.jsonl"
    written.write_text(as_written(traces), encoding="utf-8")
    assert guess(written) == "native"
    assert traces_of(written) == traces


@pytest.mark.parametrize("name", [name for name in RECORDED if not name.endswith(".eval")])
@pytest.mark.parametrize("dress", ["gz", "bom", "crlf", "utf-16"])
def test_neither_compression_nor_encoding_nor_line_ends_change_what_is_read(
    name: str, dress: str, tmp_path: Path
) -> None:
    data = (TRACES / name).read_bytes()
    text = data.decode()
    dressed = {
        "gz": gzip.compress(data),
        "bom": b"\xef\xbb\xbf" + data,
        "crlf": text.replace("\n", "\r\n").encode(),
        "utf-16": text.encode("utf-16"),
    }
    path = tmp_path / (f"{name}.gz" if dress == "gz" else name)
    path.write_bytes(dressed[dress])
    assert guess(path) == guess(TRACES / name)
    assert traces_of(path) == traces_of(TRACES / name)
