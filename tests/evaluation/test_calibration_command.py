"""`agentmesh calibrate`, and labelled traces."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agentmesh.errors import TraceError
from agentmesh.evaluation import calibration
from agentmesh.evaluation.calibration import LABELS, Calibration, calibrate, labelled_traces

if TYPE_CHECKING:
    from tests.cli.cli_processes import Command

pytest_plugins = ["tests.cli.cli_processes"]
OWN = "tests.evaluation.planted:Reads"


def trace(name: str, said: list[str], **extra: Any) -> str:
    events = [{"i": 10 * at, "sender": "ab"[at % 2], "role": "agent", "content": text} for at, text in enumerate(said)]
    return json.dumps({"id": name, "task": "t", "agents": ["a", "b"], "events": events, **extra})


def test_one_object_of_rows_is_printed_as_json_and_the_same_figures_as_a_table(
    inside: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    played: list[Calibration] = []

    def once(*monitors: Any, **options: Any) -> Calibration:
        played.append(played[0] if played else calibrate(*monitors, **options))
        return played[0]

    monkeypatch.setattr(calibration, "calibrate", once)
    ended = inside("calibrate", "--runs", "1", "--monitor", OWN, "--json")
    assert ended.code == 0, ended.err
    told = ended.json
    assert (told["seed"], told["runs"]) == (0, 1)
    own = next(row for row in told["rows"] if row["monitor"] == OWN)
    assert own["label"] == "stall"
    assert set(own["recall"]) == {"value", "low", "high"}
    assert {"precision", "event_precision", "event_recall", "false_alarms", "delay_median", "delay_p90"} <= own.keys()
    assert {row["monitor"] for row in told["rows"]} == {OWN, "keywords"}
    at_home = {row["label"]: row["recall"]["value"] for row in told["baseline_on_half_a"]}
    away = {row["label"]: row["recall"]["value"] for row in told["rows"] if row["monitor"] == "keywords"}
    assert set(at_home) == set(away) == set(LABELS)
    assert at_home["injection"] > away["injection"], "on its own half the baseline knows the words"
    assert told["messages_to_choose_on"] > 1000
    table = inside("calibrate", "--runs", "1", "--monitor", OWN).out
    assert len(played) == 2
    rows = [re.split(r"  +", line.strip()) for line in table.splitlines()]
    for row in told["rows"]:
        line = next(cells for cells in rows if cells[0] == row["label"])
        assert f"{row['sick_runs']}/{row['healthy_runs']}" in line
    assert sum(cells[0] == "keywords, half a" for cells in rows) == 10
    assert f"thresholds chosen on {told['messages_to_choose_on']:,} healthy messages of half a" in table


def test_labelled_traces_are_measured_at_the_thresholds_that_monitors_declare(inside: Command, tmp_path: Path) -> None:
    lines = [
        trace("sick", ["-", "-", "-"], labels={"stall": 1}, onset=10),
        trace("well", ["-", "-"], labels={"stall": 0, "mine": 1}),
        trace("untold", ["-"], labels={"injection": 0}),
    ]
    file = tmp_path / "labelled.jsonl"
    file.write_text("\n".join(lines))
    ended = inside("calibrate", "--traces", str(file), "--monitor", OWN, "--json")
    assert ended.code == 0, ended.err
    rows = {(row["monitor"], row["label"]): row for row in ended.json["rows"]}
    stall = rows[OWN, "stall"]
    assert ended.json["traces"] == 3
    assert (stall["threshold"], stall["sick_runs"], stall["healthy_runs"], stall["healthy_messages"]) == (0.6, 1, 1, 3)
    assert rows["keywords", "injection"]["healthy_runs"] == 1
    assert ("keywords", "conformity") not in rows, "no trace says anything about it"
    table = inside("calibrate", "--traces", str(file), "--monitor", OWN)
    assert "3 traces, thresholds as the monitors declare them" in table.out


def test_the_truth_of_a_trace_is_read_with_its_onset(tmp_path: Path) -> None:
    file = tmp_path / "labelled.jsonl.gz"
    lines = [
        trace("from", ["x", "y", "z"], labels={"stall": 1, "injection": 0}, onset=10),
        "no json",
        trace("each", ["x", "y", "z"], labels={"stall": 1, "work_stop": 1}, onset={"work_stop": 20}),
    ]
    file.write_bytes(gzip.compress("\n".join(lines).encode()))
    first, second = labelled_traces(file)
    onset = first.onsets["stall"]
    assert onset is not None
    assert getattr(first.events[onset], "content", None) == "y"
    assert [first.shows("stall", at) for at in (onset - 1, onset)] == [False, True]
    assert first.shows("injection", onset) is False
    assert first.shows("work_stop", onset) is None
    assert second.onsets["stall"] is None
    assert second.shows("stall", 0) is True
    assert getattr(second.events[second.onsets["work_stop"] or 0], "content", None) == "z"


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({}, 'has no labels; expected "labels"'),
        ({"labels": {"stall": "yes"}}, "has no labels"),
        ({"labels": {"stall": 1}, "onset": "late"}, "onset is 'late'; expected the `i` of an event"),
        ({"labels": {"stall": 1}, "onset": 99}, "onset is 99, and no event has that number or a later one"),
    ],
)
def test_a_trace_without_its_truth_is_an_error_with_its_line(tmp_path: Path, extra: Any, message: str) -> None:
    file = tmp_path / "labelled.jsonl"
    file.write_text("\n" + trace("t", ["x", "y"], **extra))
    with pytest.raises(TraceError, match=r"labelled\.jsonl:2: ") as error:
        list(labelled_traces(file))
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--monitors", "sycofancy"], "did you mean"),
        (["--monitor", "no.such:Thing"], "cannot be imported"),
        (["--runs", "0"], "--runs"),
        (["--runs", "2", "--traces", "x.jsonl"], "leave one of them out"),
        (["--traces", "no-such-file.jsonl", "--monitor", OWN], "cannot be read"),
    ],
)
def test_bad_input_says_what_is_wrong_and_exits_2(inside: Command, arguments: list[str], message: str) -> None:
    ended = inside("calibrate", *arguments)
    assert ended.code == 2
    assert message in ended.err


def test_an_empty_file_of_traces_is_an_error(inside: Command, tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    ended = inside("calibrate", "--traces", str(tmp_path / "empty.jsonl"), "--monitor", OWN)
    assert ended.code == 2
    assert "there are no traces in it" in ended.err
