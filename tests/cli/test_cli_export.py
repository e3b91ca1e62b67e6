"""`agentmesh export`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from agentmesh import Team
from agentmesh.providers.scripted import ScriptedProvider

if TYPE_CHECKING:
    from tests.cli.cli_processes import Command

pytest_plugins = ["tests.cli.cli_processes"]

PAIR = """\
version: 1
name: pair
agents:
  writer: {instructions: Write., tools: [calculator]}
  critic: {instructions: Correct.}
topology: {kind: chain, agents: [writer, critic]}
"""
Runs = Callable[..., str]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """Makes a run of the pair on the command line's terms, and gives its id."""
    monkeypatch.setenv("AGENTMESH_JOURNAL", str(tmp_path / "journal.db"))
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "pair.yaml"
    file.write_text(PAIR, encoding="utf-8")

    def make(task: str, writer: Sequence[Any] = ("42.",), critic: Sequence[Any] = ("42",), **options: Any) -> str:
        team = Team.from_yaml(file).with_model(ScriptedProvider({"writer": writer, "critic": critic}))
        made: dict[str, Any] = {"file": str(file), "model": None, "overrides": [], "allow": []}
        more = {"made": made, **options}
        return team.run_sync(task, journal=tmp_path / "journal.db", durability="normal", **more).run_id

    return make


def rows(folder: Path, name: str = "runs.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / name).read_text(encoding="utf-8").splitlines()]


def test_runs_are_written_with_rewards_and_advantages_and_counted(runs: Runs, inside: Command, tmp_path: Path) -> None:
    good, bad = runs("What is 6 * 7?"), runs("What is 6 * 7?", ["41."], ["41"])
    (tmp_path / "scores.json").write_text(json.dumps({good: 1.0, bad: {"reward": 0.25}}))
    done = inside("export", good, bad, "--rewards", "scores.json", "-o", "out", "--json")
    assert done.code == 0
    told = done.json
    assert (told["format"], told["runs"], told["steps"], told["rewards"]) == ("jsonl", 2, 4, {"reward": 1.0})
    assert told["files"] == [{"path": "runs.jsonl", "rows": 4, "split": "", "agent": ""}]
    assert {**json.loads((tmp_path / "out" / "export.json").read_text()), "folder": "out"} == told
    rewards = {(row["run_id"], row["agent"]): row["steps"][0]["reward"] for row in rows(tmp_path / "out")}
    assert rewards == {(good, "writer"): 1, (good, "critic"): 1, (bad, "writer"): 0.25, (bad, "critic"): 0.25}
    signs = {row["run_id"]: row["steps"][0]["advantage"] > 0 for row in rows(tmp_path / "out")}
    assert signs == {good: True, bad: False}


def test_runs_that_teach_nothing_are_left_out_and_said(runs: Runs, inside: Command, tmp_path: Path) -> None:
    kept, failed = runs("What is 6 * 7?"), runs("What is 6 * 7?", [], [])
    done = inside("export", "--all", "--rewards", "completed", "-o", "out")
    assert done.code == 0
    assert "1 run, 2 steps -> out (jsonl)\n" in done.out
    assert "left out: 1 run: failed (--include-halted includes them)" in done.out
    assert {row["run_id"] for row in rows(tmp_path / "out")} == {kept}
    told = inside("export", "--all", "--rewards", "completed", "-o", "more", "--include-halted", "--json").json
    assert (told["runs"], told["excluded"]) == (2, [])
    told = inside("export", "--all", "--rewards", "completed", "-o", "most", "--json").json
    assert told["excluded"] == [{"run_id": failed, "why": "failed"}]


def test_a_run_whose_team_has_changed_is_left_out(runs: Runs, inside: Command, tmp_path: Path) -> None:
    runs("What is 6 * 7?")
    (tmp_path / "pair.yaml").write_text(PAIR.replace("Correct.", "Praise."), encoding="utf-8")
    done = inside("export", "last", "-o", "out")
    assert done.code == 2
    assert "there is nothing to export: 1 run: it does not follow from its team as it is now: 'critic'" in done.err
    assert not (tmp_path / "out").exists()


def test_a_run_that_continues_one_that_is_gone_is_left_out(runs: Runs, inside: Command, tmp_path: Path) -> None:
    kept, team = runs("What is 6 * 7?"), Team.from_yaml("pair.yaml", model="simulated:worker")

    async def conversation() -> tuple[str, str]:
        first = await team.run("What is 6 * 8?", journal="journal.db", durability="normal")
        return first.run_id, (await first.continue_("What is 6 * 9?")).run_id

    gone, later = anyio.run(conversation)
    assert inside("runs", "--delete", gone).code == 0
    told = inside("export", "--all", "--team", "pair.yaml", "-m", "simulated:worker", "-o", "out", "--json").json
    assert {row["run_id"] for row in rows(tmp_path / "out")} == {kept}
    assert [one["run_id"] for one in told["excluded"]] == [later]
    assert told["excluded"][0]["why"].startswith("the run that it continues is gone: ")


@pytest.mark.usefixtures("runs")
def test_a_run_begun_from_python_is_exported_with_its_team(inside: Command, tmp_path: Path) -> None:
    team = Team.from_yaml("pair.yaml", model="simulated:worker")
    run_id = team.run_sync("What is 6 * 7?", journal="journal.db").run_id
    done = inside("export", run_id, "-o", "out")
    assert done.code == 2
    assert "its team stands in no file; --team TEAM.yaml names it" in done.err
    assert inside("export", run_id, "--team", "pair.yaml", "-m", "simulated:worker", "-o", "out").code == 0
    assert {row["run_id"] for row in rows(tmp_path / "out")} == {run_id}


def test_splits_share_no_task_and_agents_have_files(runs: Runs, inside: Command, tmp_path: Path) -> None:
    for number in range(3):
        for _ in range(2):
            runs(f"What is {number} * 7?")
    options = ("--format", "trl", "--by-agent", "--split", "train=.6,test=.4", "--rewards", "completed")
    told = inside("export", "--all", *options, "-o", "out", "--json").json
    assert [(file["path"], file["rows"]) for file in told["files"]] == [
        ("train/writer.jsonl", 4),
        ("train/critic.jsonl", 4),
        ("test/writer.jsonl", 2),
        ("test/critic.jsonl", 2),
    ]
    tasks = {file["split"]: {row["task"] for row in rows(tmp_path / "out", file["path"])} for file in told["files"]}
    assert tasks["train"].isdisjoint(tasks["test"])
    assert len(tasks["train"] | tasks["test"]) == 3


def test_the_runs_of_a_comparison_are_rewarded_with_the_value_of_their_answers(
    inside: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pair.yaml").write_text(PAIR, encoding="utf-8")
    (tmp_path / "tasks.jsonl").write_text('{"id": "sum", "prompt": "What is 2 + 3?", "answer": "5"}\n')
    kept = ("--results", "kept.jsonl", "--journal", "kept.db", "-m", "simulated:worker")
    assert inside("compare", "pair.yaml", "--tasks", "tasks.jsonl", "--seeds", "2", "--no-baselines", *kept).code == 0
    done = inside("export", "kept.jsonl", "--team", "pair.yaml", "-m", "simulated:worker", "-o", "out", "--json")
    assert done.code == 0, done.err
    assert done.json["rewards"] == {"value": 1.0}
    values = {row["run_id"]: row["value"] for row in rows(tmp_path, "kept.jsonl")}
    assert len(values) == 2
    assert {row["task"] for row in rows(tmp_path / "out")} == {"sum"}
    assert {row["run_id"]: row["steps"][0]["reward"] for row in rows(tmp_path / "out")} == values


def test_steps_are_rewarded_by_number_from_lines(runs: Runs, inside: Command, tmp_path: Path) -> None:
    run_id = runs("What is 6 * 7?")
    told = {"run_id": run_id, "rewards": {"right": 1}, "steps": {"1": {"flips": -1}}}
    (tmp_path / "rewards.jsonl").write_text(json.dumps(told) + "\n")
    assert inside("export", "last", "--rewards", "rewards.jsonl", "-o", "out").code == 0
    steps = [row["steps"][0] for row in rows(tmp_path / "out")]
    assert [(step["step"], step["reward"], step["rewards"]) for step in steps] == [
        (0, 1.0, {"right": 1.0, "flips": 0.0}),
        (1, 0.0, {"right": 1.0, "flips": -1.0}),
    ]


def test_rewards_that_a_run_lacks_are_said_and_those_of_every_split_stand_beside_the_files(
    runs: Runs, inside: Command, tmp_path: Path
) -> None:
    one, other = runs("What is 6 * 7?"), runs("What is 6 * 8?")
    (tmp_path / "rewards.json").write_text(json.dumps({one: {"right": 1, "tests": 1}, other: {"right": 1, "brief": 1}}))
    given = ("--rewards", "rewards.json", "--split", "train=.5,test=.5")
    done = inside("export", "--all", *given, "-o", "out")
    assert "no 'tests' in 1 run, where it counts 0\nno 'brief' in 1 run, where it counts 0\n" in done.out
    told = json.loads((tmp_path / "out" / "export.json").read_text())
    assert told["unrewarded"] == {"tests": 1, "brief": 1}
    assert sorted(told["rewards"]) == ["brief", "right", "tests"]


def test_rewards_are_weighted_where_they_are_named(runs: Runs, inside: Command, tmp_path: Path) -> None:
    runs("What is 6 * 7?")
    assert inside("export", "last", "--rewards", "completed,verified=0.5", "-o", "out").code == 0
    assert inside("export", "last", "--rewards", "completed=0.5", "-o", "half").code == 0
    assert [row["steps"][0]["reward"] for row in rows(tmp_path / "half")] == [0.5, 0.5]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-o", "out"), "Say which runs: ids, `last`, a file of results; or --all."),
        (("last", "--all", "-o", "out"), "Say which runs"),
        (("last", "--format", "sft", "-o", "out"), "give --min-reward R"),
        (("nosuch", "-o", "out"), "holds no run 'nosuch'"),
        (("last", "--rewards", "speed", "-o", "out"), "has no metric 'speed'; it has: completed, verified"),
        (("last", "--rewards", "completed=much", "-o", "out"), "--rewards: found 'completed=much'"),
        (("last", "--rewards", "bad.json", "-o", "out"), "a reward is a number; 'reward' of run x is 'good'"),
        (("last", "--rewards", "pair.yaml", "-o", "out"), "pair.yaml: this is no rewards: expected"),
        (("last", "--rewards", "other.json", "-o", "out"), "other.json has no reward for it"),
        (("pair.yaml", "-o", "out"), "pair.yaml: this is no row of a comparison"),
        (("last", "--split", "train", "-o", "out"), "--split: found 'train'"),
        (("last", "--split", "../up=1", "-o", "out"), "--split: found '../up' in '../up=1'"),
        (("last", "--split", "..=1", "--by-agent", "-o", "out"), "--split: found '..' in '..=1'"),
        (("last", "--rewards", "steps.jsonl", "-o", "out"), "steps.jsonl: steps are rewarded by number"),
        (("last", "--rewards", "step.jsonl", "-o", "out"), "a reward is a number; 'flips' of step 0 of run x is '-1'"),
        (("last", "--rewards", "nan.json", "-o", "out"), "a reward is a number; 'reward' of run x is nan"),
        (("last", "--rewards", "twice.jsonl", "-o", "out"), "twice.jsonl: run x is rewarded twice"),
        (("last", "--split", "a=.5,b=.5", "-o", "out"), "2 splits need as many tasks"),
        (("last", "-o", "full"), "full is not empty"),
        (("last", "-o", "pair.yaml"), "pair.yaml is a file; give a folder"),
    ],
)
def test_bad_input_exits_2_says_what_to_do_and_leaves_nothing_behind(
    words: tuple[str, ...], said: str, runs: Runs, inside: Command, tmp_path: Path
) -> None:
    runs("What is 6 * 7?")
    (tmp_path / "bad.json").write_text('{"x": "good"}')
    (tmp_path / "other.json").write_text('{"x": 1}')
    (tmp_path / "nan.json").write_text('{"x": NaN}')
    (tmp_path / "steps.jsonl").write_text('{"run_id": "x", "rewards": 1, "steps": [0.5]}')
    (tmp_path / "step.jsonl").write_text('{"run_id": "x", "rewards": 1, "steps": {"0": {"flips": "-1"}}}')
    (tmp_path / "twice.jsonl").write_text('{"run_id": "x", "rewards": 1}\n{"run_id": "x", "rewards": 0}\n')
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    done = inside("export", *words)
    assert done.code == 2
    assert said in done.err
    assert not (tmp_path / "out").exists()


def test_a_table_needs_its_extra(runs: Runs, inside: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs("What is 6 * 7?")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    done = inside("export", "last", "--format", "verl", "-o", "out")
    assert done.code == 2
    assert "the format verl, which is Parquet, needs the extra 'parquet'" in done.err
    assert not (tmp_path / "out").exists()
