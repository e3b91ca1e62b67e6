"""Whatever is in a file, readers yield traces that can be written and faults with lines, or raise TraceError."""

from __future__ import annotations

import gzip
import io
import json
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from agentmesh.errors import TraceError
from agentmesh.evaluation.readers import FORMATS, Fault, Trace, guess, read_traces
from tests.evaluation.foreign import TRACES, as_written
from tests.sizes import examples

SOME = examples(20, nightly=500, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
CHANCES = st.integers(0, 1 << 32).map(random.Random)
"""Seeds do not shrink, but draw many times faster than chances that Hypothesis draws one by one."""
TEXTS = {path.name: path.read_bytes() for path in TRACES.iterdir() if path.suffix in (".json", ".jsonl")}
ARCHIVES = {path.name: path.read_bytes() for path in TRACES.glob("*.eval")}
JUNK: list[Any] = [
    None,
    True,
    -1,
    10**30,
    0.5,
    float("nan"),
    "",
    "\ud800",
    "attachment://0",
    [],
    {},
    [[]],
    {"": None},
    "user",
]


def check(path: Path, data: bytes, format: str | None) -> None:
    path.write_bytes(data)
    found: list[Trace | Fault] = []
    refused = ""
    try:
        found += read_traces(path, format)
    except TraceError as error:
        refused = str(error)
    if refused:
        assert format in (None, "inspect")
        assert refused.startswith(str(path))
    for one in found:
        if isinstance(one, Fault):
            assert one.line >= 1
            assert one.message
            one.message.encode()
        else:
            json.loads(as_written([one]).encode())


@SOME
@given(st.binary(max_size=200) | st.text().map(str.encode), st.sampled_from([None, *FORMATS]))
def test_any_bytes(tmp_path: Path, data: bytes, format: str | None) -> None:
    check(tmp_path / "any", data, format)
    check(tmp_path / "any.gz", gzip.compress(data), format)


@SOME
@given(st.sampled_from(sorted(TEXTS)), CHANCES, st.booleans())
def test_recordings_with_damaged_bytes(tmp_path: Path, name: str, chance: random.Random, packed: bool) -> None:
    data = gzip.compress(TEXTS[name], 1) if packed else TEXTS[name]
    check(tmp_path / name, damaged(data, chance), chance.choice([None, None, *FORMATS]))


@SOME
@given(st.sampled_from(sorted(ARCHIVES)), CHANCES)
def test_archives_with_damaged_bytes(tmp_path: Path, name: str, chance: random.Random) -> None:
    check(tmp_path / name, damaged(ARCHIVES[name], chance), chance.choice([None, "inspect"]))


@SOME
@given(st.sampled_from(sorted(TEXTS)), CHANCES)
def test_recordings_in_which_values_are_of_other_types(tmp_path: Path, name: str, chance: random.Random) -> None:
    values = [changed(value, chance, 0.02) for value in json_values(TEXTS[name].decode())]
    text = "\n".join(json.dumps(value, indent=chance.choice([None, 2])) for value in values)
    check(tmp_path / name, text.encode(), chance.choice([None, None, *FORMATS]))


@SOME
@given(CHANCES)
def test_samples_in_which_values_are_of_other_types(tmp_path: Path, chance: random.Random) -> None:
    written = io.BytesIO()
    name = "inspect_deflated.eval"
    with zipfile.ZipFile(io.BytesIO(ARCHIVES[name])) as read, zipfile.ZipFile(written, "w") as archive:
        for member in read.namelist():
            if member.startswith("samples/first"):
                archive.writestr(member, json.dumps(changed(json.loads(read.read(member)), chance, 0.01)))
    check(tmp_path / name, written.getvalue(), None)


@SOME
@given(st.lists(st.sampled_from(["good", "{", "[1,", '{"a": "', "}", "nul", '{"events": 0}', "\x00", "[]]"])))
def test_every_good_line_comes_out_and_every_bad_one_is_told(tmp_path: Path, kinds: list[str]) -> None:
    path = tmp_path / "mixed.jsonl"
    lines = [json.dumps({"id": f"{at}", "events": []}) if kind == "good" else kind for at, kind in enumerate(kinds)]
    path.write_text("".join(f"{line}\n" for line in lines))
    found = list(read_traces(path, "native"))
    good = [f"{at}" for at, kind in enumerate(kinds) if kind == "good"]
    assert [one.id for one in found if isinstance(one, Trace)] == good
    told = {one.line for one in found if isinstance(one, Fault)}
    assert told <= {at for at, kind in enumerate(kinds, start=1) if kind != "good"}
    assert bool(told) == (len(good) < len(kinds))


DEEP = ['{"events": [' * 30_000, "[" * 100_000 + "]" * 100_000, '{"a":' * 400 + "1" + "}" * 400]


@pytest.mark.parametrize("deep", DEEP, ids=["open", "closed", "not as deep"])
def test_what_is_nested_without_end_is_a_fault_in_every_format(tmp_path: Path, deep: str) -> None:
    for format in FORMATS:
        path = tmp_path / "deep.jsonl"
        path.write_text(f"{deep}\n" + json.dumps({"messages": [], "events": [], "eval": {}, "samples": []}))
        found = list(read_traces(path, format))
        assert isinstance(found[0], Fault)
        assert found[0].line == 1
        assert guess(path) == "native"


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Bytes changed, left out, put in and cut off, in a few places."""
    kept = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(max(1, len(kept)))
        match chance.randrange(5):
            case 0:
                kept[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del kept[at : at + chance.randint(1, 40)]
            case 2:
                kept[at:at] = chance.choice([b"\n", b"\x00", b'"', b"{", b"[", b"\xff", b"\\ud800", b"}\n{"])
            case 3:
                kept[at:at] = kept[chance.randrange(at + 1) : at]
            case _:
                del kept[max(at, len(kept) // 2) :]
    return bytes(kept)


def changed(value: Any, chance: random.Random, often: float) -> Any:
    """The same with something else in some of its places."""
    if chance.random() < often:
        return chance.choice([*JUNK, [value], {"messages": value}, value])
    if isinstance(value, list):
        return [changed(one, chance, often) for one in value]
    if isinstance(value, dict):
        return {key: changed(one, chance, often) for key, one in value.items() if chance.random() >= often}
    return value


def json_values(text: str) -> Iterator[Any]:
    decoder, at = json.JSONDecoder(), 0
    while at < len(text.rstrip()):
        value, end = decoder.raw_decode(text, at + len(text[at:]) - len(text[at:].lstrip()))
        yield value
        at = end
