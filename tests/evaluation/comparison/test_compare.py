"""`agentmesh compare`: real processes, a plain server, the user's own tasks."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from agentmesh.evaluation.statistics import difference, success
from tests.cli.cli_processes import Command, environment, process
from tests.evaluation.comparison.served import ROOT, calls, served, sums, team

__all__ = ["process"]

pytestmark = pytest.mark.real_models


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served() as address:
        yield address


def rows_of(told: Mapping[str, Any], name: str) -> dict[str, list[bool]]:
    """By task: whether each run was right, recomputed from `runs`."""
    by: dict[str, list[bool]] = {}
    for row in told["runs"]:
        if row["team"] == name:
            by.setdefault(row["task"], []).append(row["correct"])
    return by


@pytest.mark.parametrize(
    ("model", "verdict", "words"),
    [
        ("alone", "solo", "solo is better"),
        ("together", "team", "this team helps"),
        ("always", "unclear", "cannot tell with 8 tasks"),
    ],
)
def test_who_is_right_decides_the_verdict_and_every_interval_recomputes_from_the_runs(
    model: str, verdict: str, words: str, process: Command, tmp_path: Path, url: str
) -> None:
    file, tasks = team(tmp_path, url, model), sums(tmp_path, 8)
    ended = process(
        "compare", str(file), "--tasks", str(tasks), "--budget-tokens", "4000", "--json", cwd=tmp_path,
        OPENAI_API_KEY="none",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    told = ended.json
    assert (told["verdict"], told["equal_budget"], told["budget_tokens"]) == (verdict, True, 4000)
    assert words in told["why"]
    kinds = {one["kind"] for one in told["teams"]}
    assert kinds == {"team", "member", "majority", "best_of", "refine"}
    for one in told["teams"]:
        runs = rows_of(told, one["name"])
        assert len(runs) == 8
        again = success(runs)
        assert [one["success"], *one["ci"]] == pytest.approx([again.value, again.low, again.high], abs=1e-4)
        used = [row["tokens"] for row in told["runs"] if row["team"] == one["name"]]
        assert one["tokens"] == pytest.approx(fmean(used), abs=0.1)
        assert max(used) <= 4000
    for pair in told["pairs"]:
        apart = difference(rows_of(told, pair["a"]), rows_of(told, pair["b"]))
        ends = [apart.estimate.value, apart.estimate.low, apart.estimate.high, apart.p]
        assert [pair["difference"], *pair["ci"], pair["p"]] == pytest.approx(ends, abs=1e-4)


def command(tmp_path: Path, url: str) -> Sequence[str]:
    file, tasks = team(tmp_path, url, "alone"), sums(tmp_path, 6)
    return (
        "compare", str(file), "--tasks", str(tasks), "--budget-tokens", "4000", "--seeds", "2", "--concurrency", "2",
        "--json",
    )  # fmt: skip


def without_clocks(told: dict[str, Any]) -> dict[str, Any]:
    """What is the same in another run of the same comparison."""
    for one in [*told["teams"], *told["runs"]]:
        one.pop("seconds")
        one.pop("run_id", None)
    return told


def killed_after(arguments: Sequence[str], tmp_path: Path, lines: int) -> None:
    """The process is killed as soon as so many rows are on the disk."""
    begun = subprocess.Popen(
        [sys.executable, "-m", "agentmesh", *arguments], cwd=tmp_path, env=environment(OPENAI_API_KEY="none"),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and begun.poll() is None:
        kept = list((tmp_path / ".agentmesh" / "comparisons").glob("*.jsonl"))
        if kept and kept[0].read_bytes().count(b"\n") >= lines:
            break
        time.sleep(0.005)
    begun.send_signal(signal.SIGKILL)
    begun.wait()


def test_a_comparison_that_was_killed_goes_on_to_the_same_report_and_pays_nothing_twice(
    process: Command, tmp_path: Path, url: str
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    before = calls(url)
    expected = process(*command(whole, url), cwd=whole, OPENAI_API_KEY="none").json
    paid = calls(url) - before

    before = calls(url)
    for lines in (5, 20):
        killed_after(command(broken, url), broken, lines)
    kept = len(next((broken / ".agentmesh" / "comparisons").glob("*.jsonl")).read_text().splitlines())
    assert 20 <= kept < len(expected["runs"])
    told = process(*command(broken, url), cwd=broken, OPENAI_API_KEY="none").json
    again = calls(url) - before

    assert without_clocks(told) == without_clocks(expected)
    # What was in flight at a kill may have been answered without anybody hearing it: two runs, three calls each.
    assert again <= paid + 2 * 2 * 3

    before = calls(url)
    assert without_clocks(process(*command(broken, url), cwd=broken, OPENAI_API_KEY="none").json) == told
    assert calls(url) == before, "a comparison that is whole calls nobody"


def test_more_seeds_add_to_what_was_run_before(process: Command, tmp_path: Path, url: str) -> None:
    first = process(*command(tmp_path, url)[:-5], "--json", cwd=tmp_path, OPENAI_API_KEY="none").json
    before = calls(url)
    more = process(*command(tmp_path, url), cwd=tmp_path, OPENAI_API_KEY="none").json
    known = {row["run_id"] for row in first["runs"]}
    assert known < {row["run_id"] for row in more["runs"]}
    assert calls(url) - before == sum(row["model_calls"] for row in more["runs"] if row["run_id"] not in known)


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--tasks", "nothing.jsonl"], "there is no such file"),
        (["--tasks", "arithmetik:n=3"], "arithmetic"),
        (["--tasks", "sums.jsonl", "--judge", "openay:m"], "openai"),
    ],
)
def test_bad_input_is_told_before_anything_is_run(
    arguments: list[str], found: str, process: Command, tmp_path: Path
) -> None:
    sums(tmp_path, 2)
    ended = process("compare", str(ROOT / "topologies" / "flat.yaml"), *arguments, cwd=tmp_path)
    assert ended.code == 2
    assert found in ended.err
    assert not (tmp_path / ".agentmesh").exists()


def test_the_table_names_everybody_and_ends_with_the_verdict(process: Command, tmp_path: Path) -> None:
    sums(tmp_path, 2)
    solo = str(ROOT / "topologies" / "solo.yaml")
    flat = str(ROOT / "topologies" / "flat.yaml")
    ended = process("compare", solo, flat, "--tasks", "sums.jsonl", cwd=tmp_path)
    assert ended.code == 0, ended.err
    assert "assistant alone" in ended.out
    assert "majority of" in ended.out
    assert "cannot tell with 2 tasks" in ended.out
    assert "runs" in ended.err
    assert json.loads(next((tmp_path / ".agentmesh" / "comparisons").glob("*.jsonl")).read_text().splitlines()[0])
