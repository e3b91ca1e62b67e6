"""What a process tells the disk comes before what it tells the server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.journal.killing import MakeCase
from tests.journal.traced import deeds, missing, traced

WRITERS, STEPS = 50, 20


@pytest.fixture(scope="module", autouse=True)
def strace() -> None:
    """A program that is not everywhere, and not allowed everywhere."""
    if (why := missing()) is not None:
        pytest.skip(why)


@pytest.mark.real_models
def test_a_call_is_safe_before_its_request_leaves_and_its_answer_before_the_next_does(
    case: MakeCase, tmp_path: Path
) -> None:
    run = case("chain")
    order = run.order("run")
    lines = traced(order, "fsync,fdatasync,pwrite64,write,sendto,sendmsg", tmp_path)
    notes = [json.loads(line) for line in Path(order["box"]).read_text().splitlines()]
    keys = {digest: key for what, (key, digest) in (note for note in notes if note[0] == "sends")}
    written: set[tuple[str, str]] = set()
    safe: set[tuple[str, str]] = set()
    sent: list[str] = []
    for deed in deeds(lines):
        match deed.what:
            case "safe":
                safe |= written
            case "sent":
                key = keys[deed.name]
                assert ("started", key) in safe, f"{key} left before the journal held it"
                assert {("finished", before) for before in sent} <= safe, (
                    f"{key} left before what it depends on was safe"
                )
                sent.append(key)
            case what:
                written.add((what, deed.name))
    assert sent == [key for _, (key, _) in (note for note in notes if note[0] == "sends")]
    assert len(sent) == len(run.asked()) == 6


def test_many_writers_share_what_it_takes_to_make_their_steps_safe(case: MakeCase, tmp_path: Path) -> None:
    run = case("chain")
    lines = traced(run.order("write", writers=WRITERS, steps=STEPS), "fsync,fdatasync", tmp_path)
    assert len(run.runs) == WRITERS
    assert len(run.events("w0")) == 2 * STEPS
    syncs = sum("sync(" in line for line in lines)
    assert 0 < syncs <= WRITERS * STEPS / 5
