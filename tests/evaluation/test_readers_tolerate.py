"""What is wrong in a trace file is a fault with its line, and the rest goes on; what is only odd is read."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest

from agentmesh.errors import TraceError
from agentmesh.evaluation.readers import FORMATS, Fault, Trace, guess, read_traces
from agentmesh.evaluation.readers.source import LONGEST
from tests.evaluation.foreign import TRACES, as_written, traces_of

GOOD: dict[str, dict[str, Any]] = {
    "native": {"id": "t", "task": "", "events": [{"sender": "a", "role": "assistant", "content": "hello"}]},
    "openai": {"messages": [{"role": "assistant", "name": "a", "content": "hello"}]},
    "autogen": {"messages": [{"source": "a", "type": "TextMessage", "content": "hello"}], "stop_reason": None},
    "langgraph": {"messages": [{"type": "ai", "name": "a", "content": "hello", "id": None}]},
}
"""A line of each format that can be told line by line."""
BAD = ["{broken", "17", '{"events": 3, "messages": 4}', '{"id": "cut", "events": [', "\x00", "[" * 5000, '{"a": tru}']


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "traces.jsonl"


def event(path: Path, **fields: Any) -> Any:
    """The only event of a native trace that has these fields."""
    path.write_text(json.dumps({"id": "t", "events": [fields]}), encoding="utf-8")
    (trace,) = traces_of(path, "native")
    (found,) = trace.events
    return found


@pytest.mark.parametrize("format", GOOD)
@pytest.mark.parametrize("bad", BAD)
def test_a_bad_line_is_a_fault_with_its_number_and_the_rest_goes_on(format: str, bad: str, path: Path) -> None:
    good = json.dumps(GOOD[format])
    other = good.replace("hello", "good day")
    path.write_text(f"{good}\n{bad}\n\n{other}\n{bad}\n{good}\n", encoding="utf-8")
    assert guess(path) == format
    found = list(read_traces(path))
    assert [one.line for one in found if isinstance(one, Fault)] == [2, 5]
    said = [one.events[0].content for one in found if isinstance(one, Trace)]
    assert said == ["hello", "good day", "hello"]


def test_a_fault_says_what_is_wrong(path: Path) -> None:
    path.write_text('{"events": []}\n{"id": 1 2}\n{"id": "x", "task": "y"}\n[3]\n{"events": [1, {}, null]}\n')
    found = [one for one in read_traces(path) if isinstance(one, Fault)]
    assert [(one.line, one.message) for one in found] == [
        (2, "not JSON: Expecting ',' delimiter at column 10"),
        (3, 'no trace: an object with a list `events` is needed, found one with "id", "task"'),
        (4, "no trace: an object with a list `events` is needed, found a number"),
        (5, "2 of 3 events are no objects: left out"),
    ]


def test_an_event_of_a_native_trace_may_lack_everything(path: Path) -> None:
    found = event(path)
    assert (found.i, found.sender, found.recipients, found.role) == (0, "agent", None, "agent")
    assert (found.content, found.tool_calls, found.ts) == ("", (), None)


@pytest.mark.parametrize(
    ("field", "given", "read"),
    [
        ("sender", 7, "7"),
        ("sender", None, "agent"),
        ("sender", ["a"], "agent"),
        ("recipients", "b", ("b",)),
        ("recipients", ["b", 2, None, "b"], ("b", "2")),
        ("recipients", [], ()),
        ("recipients", {"b": 1}, None),
        ("role", "human", "user"),
        ("role", "developer", "system"),
        ("role", 3, "agent"),
        ("content", None, ""),
        ("content", 12, "12"),
        ("content", ["one", {"type": "text", "text": "two"}, None, {"type": "image_url"}], "one\ntwo\n[image_url]"),
        ("content", {"verdict": "\u00fc", "score": float("inf")}, '{"verdict": "\u00fc", "score": null}'),
        ("content", "half \ud83d of a pair", "half \ufffd of a pair"),
        ("content", "\ud83d\ude00 \u2028 \u202e", "\U0001f600 \u2028 \u202e"),
        ("ts", 12, 12.0),
        ("ts", "1700000000.5", 1700000000.5),
        ("ts", "1970-01-01T00:01:00Z", 60.0),
        ("ts", "1970-01-01 00:01:00", 60.0),
        ("ts", "yesterday", None),
        ("ts", True, None),
        ("ts", float("nan"), None),
        ("ts", 10**400, None),
        ("tool_calls", "search", ()),
        ("tool_calls", [{"name": "f"}, {"arguments": {}}, 3], (("f", {}),)),
        ("tool_calls", [{"name": "f", "arguments": '{"x": 1}'}], (("f", {"x": 1}),)),
        ("tool_calls", [{"name": "f", "arguments": "x = 1"}], (("f", "x = 1"),)),
        ("tool_calls", [{"name": "f", "arguments": '{"x": '}], (("f", '{"x": '),)),
        ("tool_calls", [{"function": {"name": "f", "arguments": [1]}}], (("f", "[1]"),)),
    ],
)
def test_a_field_of_an_unexpected_type_is_read_as_well_as_it_can_be(
    field: str, given: Any, read: Any, path: Path
) -> None:
    assert getattr(event(path, **{field: given}), field) == read


@pytest.mark.parametrize(
    ("given", "read"),
    [([4, 7, 9], [4, 7, 9]), ([0, 0, 1], [0, 1, 2]), ([5, None, 6], [0, 1, 2]), ([1, "2", 3], [0, 1, 2])],
)
def test_events_keep_their_numbers_if_each_has_one_of_its_own(given: list[Any], read: list[int], path: Path) -> None:
    path.write_text(json.dumps({"events": [{"i": i, "content": "x"} for i in given]}))
    (trace,) = traces_of(path)
    assert [event.i for event in trace.events] == read
    assert trace.id == "traces:1"


@pytest.mark.parametrize("indent", [0, 1, 4])
def test_values_that_are_spread_over_lines_are_read_one_after_the_other(indent: int, path: Path) -> None:
    trace = GOOD["native"]
    texts = [json.dumps(trace | {"id": id_}, indent=indent) for id_ in ("first", "second")]
    path.write_text("\n".join(texts))
    assert [trace.id for trace in traces_of(path)] == ["first", "second"]
    path.write_text(json.dumps([trace | {"id": "first"}, trace | {"id": None}], indent=indent))
    assert [trace.id for trace in traces_of(path)] == ["first", "traces:1.2"]


def test_an_array_with_one_trace_on_each_line_is_read(path: Path) -> None:
    line = json.dumps(GOOD["native"])
    path.write_text(f"[\n{line},\n{line},\n{line}\n]\n")
    assert len(traces_of(path)) == 3


@pytest.mark.parametrize("text", ["", "\n \r\n\n", "\ufeff"])
def test_an_empty_file_has_no_traces(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8")
    assert guess(path) == "native"
    for format in (None, *FORMATS):
        assert list(read_traces(path, format)) == []


def test_a_first_line_that_is_longer_than_what_is_looked_at_is_recognised_by_its_beginning(path: Path) -> None:
    for format, good in GOOD.items():
        text = json.dumps(good).replace("hello", "hello " * 20_000)
        path.write_text(f"{text}\n" * 2)
        assert guess(path) == format
        (path.parent / "pretty.json").write_text(json.dumps(json.loads(text), indent=2))
        assert guess(path.parent / "pretty.json") == format
    path.write_text(json.dumps({"task": "long " * 50_000} | GOOD["native"]))
    assert guess(path) == "native"


def test_a_damaged_archive_gives_what_stands_before_the_damage(tmp_path: Path) -> None:
    traces = [trace | {"id": f"{at}"} for at, trace in enumerate([GOOD["native"]] * 4000)]
    data = gzip.compress("".join(json.dumps(trace) + "\n" for trace in traces).encode(), mtime=0)
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(data[: len(data) // 2])
    *read, last = read_traces(path)
    assert len(read) > 1000
    assert [trace.id for trace in read if isinstance(trace, Trace)] == [f"{at}" for at in range(len(read))]
    assert isinstance(last, Fault)
    assert (last.line, last.message.split(":")[0]) == (len(read) + 1, "the file is damaged from here on")


def test_a_line_without_end_is_left_out_and_the_rest_goes_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert LONGEST > 10_000_000
    monkeypatch.setattr("agentmesh.evaluation.readers.source.LONGEST", 1000)
    good = json.dumps(GOOD["native"])
    path.write_text(f'{good}\n{{"task": "{"x" * 3500}"}}\n{good}\n')
    first, fault, last = read_traces(path)
    assert isinstance(fault, Fault)
    assert (fault.line, fault.message) == (2, "longer than 1,000 characters: left out")
    assert isinstance(first, Trace)
    assert isinstance(last, Trace)


@pytest.mark.parametrize("format", ["native", "openai"])
def test_a_long_file_is_never_in_memory_as_a_whole(format: str, path: Path) -> None:
    line = json.dumps(GOOD[format]).replace("hello", "hello " * 1500)
    path.write_text(f"{line}\n" * 1200)
    assert path.stat().st_size > 10_000_000
    tracemalloc.start()
    try:
        assert sum(len(one.events) for one in read_traces(path) if isinstance(one, Trace)) == 1200
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b'{"name": "agentmesh", "version": 3}', "JSON objects with 'name', 'version'"),
        (b"agents, tasks\na, b\n", "no JSON"),
        (b"\x89PNG\r\n\x1a\n\x00\xff", "no JSON"),
        (b"[1, 2]", "a JSON list"),
        (b"{}\n{}", "empty JSON objects"),
    ],
)
def test_a_file_of_no_known_format_says_what_was_found_and_what_is_allowed(
    content: bytes, found: str, path: Path
) -> None:
    path.write_bytes(content)
    with pytest.raises(TraceError) as raised:
        read_traces(path)
    message = str(raised.value)
    assert message.startswith(f"{path}: {found}: no known format of traces; allowed: ")
    assert all(format in message for format in FORMATS)


def test_what_cannot_be_opened_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"missing\.jsonl: it cannot be read: No such file"):
        read_traces(tmp_path / "missing.jsonl")
    with pytest.raises(TraceError, match="it cannot be read: Is a directory"):
        read_traces(tmp_path, "native")
    with pytest.raises(TraceError, match="'csv' is no format of traces; allowed: native, langgraph, autogen"):
        read_traces(TRACES / "openai_chats.jsonl", "csv")


def test_an_archive_that_is_no_log_of_inspect_is_of_no_known_format(tmp_path: Path) -> None:
    path = tmp_path / "other.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(TraceError, match="a zip archive without samples of Inspect: no known format"):
        guess(path)
    path.write_bytes(b"PK\x03\x04 and nothing more")
    with pytest.raises(TraceError, match="a zip archive that cannot be opened"):
        guess(path)


def test_a_read_trace_can_always_be_written(path: Path) -> None:
    arguments = '{"x": 1e999, "y": "\\ud800", "z": NaN, "\\udfff": [Infinity]}'
    calls = f'[{{"name": "f", "arguments": {arguments}}}]'
    path.write_text(f'{{"events": [{{"content": "\\ud800", "tool_calls": {calls}}}]}}')
    (trace,) = traces_of(path)
    assert '"arguments": {"x": null, "y": "\ufffd", "z": null, "\ufffd": [null]}' in as_written([trace])
    as_written([trace]).encode()


def test_one_broken_value_is_recognised_by_what_stands_before_the_fault(tmp_path: Path) -> None:
    text = (TRACES / "autogen_result.json").read_text(encoding="utf-8")
    broken = text.replace('"is_error": false', '"is_error": fals')
    assert broken != text
    (tmp_path / "broken.json").write_text(broken, encoding="utf-8")
    (fault,) = read_traces(tmp_path / "broken.json")
    line = broken[: broken.index("fals\n")].count("\n") + 1
    assert isinstance(fault, Fault)
    assert (fault.line, fault.message.split(" at ")[0]) == (line, "not JSON: Expecting value")
