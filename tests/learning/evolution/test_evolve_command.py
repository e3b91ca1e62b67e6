"""`agentmesh evolve` as people and programs use it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agentmesh.cli.commands import commands as main
from tests.cli.cli_processes import environment
from tests.learning.evolution.worlds import TEAM, laid_out

SLOW = TEAM.replace('"simulated:worker,judgement=0.8"', "{provider: simulated, model: worker, latency_s: 0.01}")


def arguments(folder: Path, *more: str, population: int = 3) -> list[str]:
    return [
        "evolve", str(folder / "team.yaml"), "--tasks", "riddles:n=8", "--budget-tokens", "400000",
        "--population", str(population), "--generations", "1", "--vary",
        f"agents.*.instructions=@{folder / 'ways.yaml'}", "--results", str(folder / "rows.jsonl"), *more,
    ]  # fmt: skip


def run(folder: Path, *more: str, population: int = 3) -> Any:
    return CliRunner().invoke(main, arguments(folder, *more, population=population))


def test_json_has_what_the_table_shows_and_the_best_team_is_written(tmp_path: Path) -> None:
    laid_out(tmp_path)
    best = tmp_path / "best.yaml"
    ended = run(tmp_path, "--json", "-o", str(best))
    assert ended.exit_code == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert {"best", "ledger", "generations", "baselines", "held_out"} <= set(told)
    assert set(told["ledger"]) == {"limit", "spent", "peak_reserved"}
    assert all({"best", "mean", "vendi"} <= set(one) for one in told["generations"])
    assert told["file"] == str(best)
    assert best.read_text() == told["best"]["yaml"]
    checked = CliRunner().invoke(main, ["check", str(best), "--json"])
    assert checked.exit_code == 0
    table = run(tmp_path, "--report", str(tmp_path / "report.html"))
    assert table.exit_code == 0
    assert "report: " in table.stderr
    page = (tmp_path / "report.html").read_text()
    assert f"Lineage of {told['best']['name']}" in page
    assert all(one["name"] in page for generation in told["generations"] for one in generation["individuals"])
    assert f"{told['ledger']['spent']:,} of 400,000 tokens used" in page
    assert f"{told['ledger']['spent']:,} of 400,000 tokens used" in table.stdout
    assert "of one agent" not in table.stderr
    assert told["best"]["yaml"].splitlines()[-1] in table.stdout


def test_a_team_that_is_no_better_is_not_said_to_be_right_more_often(tmp_path: Path) -> None:
    laid_out(tmp_path)
    ended = run(tmp_path, "--no-baselines", "--generations", "0", population=1)
    assert ended.exit_code == 0, ended.stderr
    success = re.findall(r"^(?:g0-00|solvers as written) +(\d\.\d\d)", ended.stdout, re.MULTILINE)
    assert len(success) == 2
    assert success[0] == success[1]
    told = f"{float(success[0]):.0%}"
    assert f"nothing better was found: g0-00 is right on {told}, the team as it is written on {told}" in ended.stdout


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--select", "ruler"], "name one as `judge`"),
        (["-o", "nowhere/best.yaml"], "there is no folder nowhere"),
        (["--report", "nowhere/report.html"], "the report cannot be written there: there is no folder nowhere"),
        (["--held-out-tasks", "riddles:n=4"], "cannot be held out as well"),
        (["--vary", "agents.ann.memory"], "says no values"),
    ],
)
def test_bad_input_exits_2_and_names_what_to_do(tmp_path: Path, more: list[str], said: str) -> None:
    laid_out(tmp_path)
    ended = run(tmp_path, *more)
    assert ended.exit_code == 2
    assert said in ended.stderr
    assert not (tmp_path / "rows.jsonl").exists() or not (tmp_path / "rows.jsonl").read_text()


def test_held_out_tasks_are_not_written_over_the_tasks_that_they_are_taken_from(tmp_path: Path) -> None:
    laid_out(tmp_path)
    tasks = tmp_path / "best.tasks.jsonl"
    tasks.write_text("".join(f'{{"prompt": "What is {n} + 1?", "answer": {n + 1}}}\n' for n in range(4)))
    before = tasks.read_text()
    ended = run(tmp_path, "--tasks", str(tasks), "-o", str(tmp_path / "best.yaml"))
    assert ended.exit_code == 2
    assert "would be written over the tasks of --tasks; name another -o" in ended.stderr
    assert tasks.read_text() == before


def test_killed_and_started_again_it_pays_for_no_finished_run_twice(tmp_path: Path) -> None:
    laid_out(tmp_path, SLOW)
    rows, command = tmp_path / "rows.jsonl", [sys.executable, "-m", "agentmesh", *arguments(tmp_path, "--no-baselines")]
    with subprocess.Popen(command, env=environment(), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not (rows.exists() and rows.read_bytes().count(b"\n") >= 8):
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
    kept = rows.read_bytes()[: rows.read_bytes().rindex(b"\n") + 1]
    again = run(tmp_path, "--no-baselines", "--json")
    assert again.exit_code == 0, again.stderr
    assert rows.read_bytes().startswith(kept)
    keys = [json.loads(line)["key"] for line in rows.read_text().splitlines()]
    assert len(keys) == len(set(keys)) > kept.count(b"\n")
    rows.rename(tmp_path / "first.jsonl")
    whole = json.loads(run(tmp_path, "--no-baselines", "--json").stdout)
    assert json.loads(again.stdout)["ledger"] == whole["ledger"]
    assert json.loads(again.stdout)["best"]["yaml"] == whole["best"]["yaml"]
