"""`agentmesh compare`: a plain server, the user's own tasks, and a process that is killed in the middle."""

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

import anyio
import pytest

from agentmesh import Team
from agentmesh.errors import ConfigError
from agentmesh.evaluation.comparison import compare
from agentmesh.evaluation.statistics import difference, success
from agentmesh.evaluation.tasks import load_tasks
from tests.cli.cli_processes import Command, environment, inside, process
from tests.evaluation.comparison.served import ROOT, sums, team
from tests.servers.started import calls, started

__all__ = ["inside", "process"]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with started("deciding_models") as address:
        yield address


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")


def compared(file: Path, tasks: Path, **options: Any) -> dict[str, Any]:
    """What `agentmesh compare --json` prints of one team."""

    async def go() -> dict[str, Any]:
        made = await compare([Team.from_yaml(file)], load_tasks(tasks), budget_tokens=4000, **options)
        told: dict[str, Any] = json.loads(json.dumps(made.to_json()))
        return told

    return anyio.run(go)


def rows_of(told: Mapping[str, Any], name: str) -> dict[str, list[bool]]:
    """By task: whether each run was right, recomputed from `runs`."""
    by: dict[str, list[bool]] = {}
    for row in told["runs"]:
        if row["team"] == name:
            by.setdefault(row["task"], []).append(row["correct"])
    return by


@pytest.mark.real_models
@pytest.mark.parametrize(
    ("model", "verdict", "words"),
    [
        ("alone", "solo", "solo is better"),
        ("together", "team", "this team helps"),
        ("always", "unclear", "cannot tell with 8 tasks"),
    ],
)
def test_who_is_right_decides_the_verdict_and_every_interval_recomputes_from_the_runs(
    model: str, verdict: str, words: str, tmp_path: Path, url: str
) -> None:
    told = compared(team(tmp_path, url, model), sums(tmp_path, 8))
    assert (told["verdict"], told["equal_budget"], told["budget_tokens"]) == (verdict, True, 4000)
    assert words in told["why"]
    assert {one["kind"] for one in told["teams"]} == {"team", "member", "majority", "best_of", "refine"}
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
        "--results", "kept.jsonl", "--json",
    )  # fmt: skip


def without_clocks(told: dict[str, Any]) -> dict[str, Any]:
    """What is the same in another run of the same comparison."""
    for one in [*told["teams"], *told["runs"]]:
        one.pop("seconds", None)
        one.pop("run_id", None)
    return told


def killed_after(arguments: Sequence[str], tmp_path: Path, lines: int) -> None:
    """The process is killed as soon as so many rows are on the disk."""
    begun = subprocess.Popen(
        [sys.executable, "-m", "agentmesh", *arguments], cwd=tmp_path, env=environment(OPENAI_API_KEY="none"),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    kept, deadline = tmp_path / "kept.jsonl", time.monotonic() + 60
    while time.monotonic() < deadline and begun.poll() is None:
        if kept.exists() and kept.read_bytes().count(b"\n") >= lines:
            break
        time.sleep(0.005)
    begun.send_signal(signal.SIGKILL)
    begun.wait()


@pytest.mark.real_models
def test_a_comparison_that_was_killed_goes_on_to_the_same_report_and_pays_nothing_twice(
    process: Command, tmp_path: Path, url: str
) -> None:
    before = calls(url)
    expected = compared(team(tmp_path, url, "alone"), sums(tmp_path, 6), seeds=2)
    paid = calls(url) - before

    before = calls(url)
    killed_after(command(tmp_path, url), tmp_path, 11)
    kept = len((tmp_path / "kept.jsonl").read_text().splitlines())
    assert 11 <= kept < len(expected["runs"])
    ended = process(*command(tmp_path, url), cwd=tmp_path, OPENAI_API_KEY="none")
    assert ended.code == 0, ended.err
    told = without_clocks(ended.json)
    again = calls(url) - before

    assert told == without_clocks(expected)
    # What was in flight at the kill may have been answered without anybody hearing it: two runs, three calls each.
    assert again <= paid + 2 * 3

    before = calls(url)
    whole = compared(team(tmp_path, url, "alone"), sums(tmp_path, 6), seeds=2, results=tmp_path / "kept.jsonl")
    assert without_clocks(whole) == told
    assert calls(url) == before, "a comparison that is whole calls nobody"


@pytest.mark.real_models
def test_more_seeds_add_to_what_was_run_before(tmp_path: Path, url: str) -> None:
    file, tasks, kept = team(tmp_path, url, "alone"), sums(tmp_path, 3), tmp_path / "rows.jsonl"
    first = compared(file, tasks, results=kept)
    before = calls(url)
    more = compared(file, tasks, results=kept, seeds=2)
    known = {row["run_id"] for row in first["runs"]}
    assert known < {row["run_id"] for row in more["runs"]}
    assert calls(url) - before == sum(row["model_calls"] for row in more["runs"] if row["run_id"] not in known)


def test_a_row_that_was_cut_off_is_run_again_and_anything_else_in_its_place_is_refused(tmp_path: Path) -> None:
    file, tasks, kept = ROOT / "topologies" / "flat.yaml", sums(tmp_path, 1), tmp_path / "rows.jsonl"
    whole = compared(file, tasks, results=kept, baselines=False)
    kept.write_bytes(kept.read_bytes()[:-20])
    assert without_clocks(compared(file, tasks, results=kept, baselines=False)) == without_clocks(whole)
    kept.write_text('{"notes": "mine"}\n')
    with pytest.raises(Exception, match=r"rows\.jsonl:1: this is no row of a comparison"):
        compared(file, tasks, results=kept, baselines=False)
    assert kept.read_text() == '{"notes": "mine"}\n'


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--tasks", "nothing.jsonl"], "there is no such file"),
        (["--tasks", "arithmetik:n=3"], "arithmetic"),
        (["--tasks", "sums.jsonl", "--judge", "openay:m"], "openai"),
    ],
)
def test_bad_input_is_told_before_anything_is_run(
    arguments: list[str], found: str, inside: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sums(tmp_path, 2)
    ended = inside("compare", str(ROOT / "topologies" / "flat.yaml"), *arguments)
    assert ended.code == 2
    assert found in ended.err
    assert not (tmp_path / ".agentmesh").exists()


def test_the_table_names_everybody_and_ends_with_the_verdict(
    inside: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sums(tmp_path, 2)
    files = [str(ROOT / "topologies" / name) for name in ("solo.yaml", "flat.yaml")]
    ended = inside("compare", *files, "--tasks", "sums.jsonl", "-o", "report.html")
    assert ended.code == 0, ended.err
    assert "assistant alone" in ended.out
    assert "majority of" in ended.out
    assert "cannot tell with 2 tasks" in ended.out
    assert "10 of" in ended.err
    rows = next((tmp_path / ".agentmesh" / "comparisons").glob("*.jsonl")).read_text().splitlines()
    assert {json.loads(row)["task"] for row in rows} == {"s1", "s2"}
    page = (tmp_path / "report.html").read_text()
    assert "It cannot be told" in page
    assert "http" not in page.replace("http-equiv", "")


def test_a_task_that_tells_something_to_an_agent_that_no_team_has_is_refused(tmp_path: Path) -> None:
    tasks = tmp_path / "t.jsonl"
    tasks.write_text(json.dumps({"id": "a", "prompt": "Which?", "answer": "x", "private": {"zoe": "It is x."}}) + "\n")
    with pytest.raises(ConfigError, match="zoe alone, and no team has such an agent; agents: chair, proposer, skeptic"):
        compared(ROOT / "topologies" / "flat.yaml", tasks)
