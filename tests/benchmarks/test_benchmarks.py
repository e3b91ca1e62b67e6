from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest

from agentmesh.providers.guard import allow_model_requests
from tests.benchmarks import journal
from tests.benchmarks.journal import JournalRow
from tests.benchmarks.report import journal as reported
from tests.benchmarks.server import served

ROOT = Path(__file__).parents[2]


def test_a_quick_benchmark_of_one_row_writes_what_every_contender_took(tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    rows = ["--rows", "planner-0ms,steps-normal"]
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", *rows, "--json", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    row, steps = json.loads(file.read_text())["rows"]
    assert (row["row"], row["calls_per_run"]) == ("planner-0ms", 18)
    contenders = {"agentmesh", "httpx2", "agentmesh[aiohttp]", "aiohttp"}
    for unit in ("cpu_ms_per_call", "wall_ms_per_call"):
        assert row[unit].keys() == contenders
        assert all(0 < value < 1000 for value in row[unit].values())
    assert row["targets"]
    assert "CPU, ms per model call" in done.stdout
    assert steps["figures"]["steps_per_s"] > 0
    [target] = steps["targets"]
    assert (target["what"], target["target"]) == ("steps per second", ">= 10000")
    assert "steps_per_s" in done.stdout


def test_an_unknown_row_is_refused_with_those_that_exist() -> None:
    command = [sys.executable, "-m", "tests.benchmarks", "--rows", "ring"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "no row begins with ring" in done.stderr
    assert "chain-10" in done.stderr


@pytest.mark.anyio
async def test_what_a_journal_adds_to_a_call_is_what_the_same_runs_take_with_it_and_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "WRITERS", 5)
    with served() as port, allow_model_requests():
        found = await journal.cost_of_calls(JournalRow("journal-full", "journal", 1, 1), port, tmp_path)
    assert found["cpu_ms_per_call"] > 0
    assert found["cpu_ms_per_call_unjournalled"] > 0
    [target] = reported(JournalRow("journal-full", "journal", 1, 1), found)["targets"]
    assert target["value"] == round(found["cpu_ms_more"], 3)


@pytest.mark.anyio
async def test_a_run_is_gone_on_with_up_to_a_new_call(tmp_path: Path) -> None:
    found = await journal.resuming(JournalRow("resume", "resume", 100, 1), 0, tmp_path)
    assert 0 < found["resume_s"] < 10


@pytest.mark.anyio
async def test_a_journal_holds_what_was_said(tmp_path: Path) -> None:
    found = await journal.bytes_kept(JournalRow("bytes", "bytes", 64, 1, "normal"), 0, tmp_path)
    assert found["bytes_per_message"] > found["bytes_said_per_message"] > 20


@pytest.mark.anyio
@pytest.mark.parametrize("durability", ["full", None])
async def test_four_of_the_eight_calls_of_a_team_come_one_after_the_other(
    durability: Literal["full"] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "SECONDS", 0.05)
    found = await journal.many_teams(JournalRow("teams", "teams", 3, 1, durability), 0, tmp_path)
    assert found["seconds"] >= 4 * 0.05
