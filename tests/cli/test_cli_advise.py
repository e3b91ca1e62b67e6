"""`agentmesh advise`, with simulated models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agentmesh.cli.commands import commands

FLAT = str(Path(__file__).parents[2] / "topologies" / "flat.yaml")
TASKS = ("--tasks", "arithmetic:n=6,depth=1,width=1,shape=sequence,seed=3")
SMALL = ("--sizes", "2", "--topologies", "chain,star", "-m", "simulated:worker")


def advise(*more: str, budget: int = 400_000) -> Result:
    return CliRunner().invoke(commands, ["advise", FLAT, *TASKS, *SMALL, "--budget-tokens", str(budget), *more])


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_advice_is_told_in_words_and_as_json_and_is_made_only_once(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("brief: Be brief.\n")
    more = ("--as-written", "--prompts", "mine.yaml")
    told = advise(*more)
    assert told.exit_code == 0, told.stderr
    assert "Recommended: no team, one agent alone, as written: nothing shows that a team is worth it" in told.stdout
    assert "the work looks sequential, which one agent does best: 100 % of the tasks" in told.stdout
    assert "topology:\n  kind: solo\n" in told.stdout
    (rows,) = (tmp_path / ".agentmesh" / "comparisons").glob("advice-*.jsonl")
    kept = rows.read_bytes()

    again = json.loads(advise(*more, "--json").stdout)
    assert rows.read_bytes() == kept, "nothing was run again"
    assert again["recommendation"]["topology"] == "solo"
    assert again["rule_of_thumb"]["suggests"] == "solo"
    assert again["ledger"]["spent"] <= again["ledger"]["limit"] == 400_000
    prompts = {one["prompt"] for one in again["rungs"][0]["candidates"]}
    assert prompts == {"as written", "brief"}
    assert again["held_out"]["verdict"] == "unclear"
    assert {*again["gain"]} == {"total", "prompt", "graph"}


@pytest.mark.parametrize(
    ("more", "found"),
    [
        (("--sizes", "two"), "--sizes takes numbers of agents"),
        (("--topologies", "strar"), "there is no topology 'strar' to try"),
        (("--held-out", "0.1"), "of 6 tasks 1 are to be kept aside"),
        (("--budget-tokens", "1000"), "is too small to try"),
    ],
)
def test_bad_input_is_told_before_anything_is_run(more: tuple[str, ...], found: str, tmp_path: Path) -> None:
    told = advise(*more)
    assert told.exit_code == 2
    assert found in told.stderr
    assert not list(tmp_path.glob(".agentmesh/comparisons/*"))
