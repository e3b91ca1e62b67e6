"""A hierarchy that really edits files, conflicts, merges and runs the tests; and what becomes of workers who do not."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from agentmesh import Team
from agentmesh.errors import ConfigError
from agentmesh.events import FindingRecorded, TaskChanged, ToolCallFinished, TurnFailed, Verification
from agentmesh.messages import ToolCall
from agentmesh.tools.confinement.container import engine
from tests.teamwork.real_work import (
    BOTH,
    DISCOUNT,
    HALF,
    ROUNDING,
    conflicting,
    done,
    edit,
    git,
    passes,
    played,
    repairing,
    shop,
    task,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def test_a_worker_that_claims_success_without_doing_it_is_not_verified(tmp_path: Path) -> None:
    repository = shop(tmp_path / "shop")
    before = git(repository, "rev-parse", "main")
    lying = played([task("discount")], {"discount": [done("All tests pass now.")]})
    team = repairing(repository, lying, HALF, "verify.retries=0")
    result = team.run_sync("Make the discounts right.")
    refused = [event for event in result.events if isinstance(event, Verification) and event.task]
    assert [event.passed for event in refused] == [False] * 3
    assert (result.outcome, result.reason) == ("failed", "not_verified")
    found = [event.finding for event in result.events if isinstance(event, FindingRecorded)]
    assert any(one.label == "premature_termination" and "worker" in " ".join(one.agents) for one in found)
    statuses = [event.status for event in result.events if isinstance(event, TaskChanged)]
    assert "verified" not in statuses
    assert statuses[-1] == "failed"
    assert git(repository, "rev-parse", "main") == before


def test_a_conflict_goes_back_with_both_versions_and_the_base_never_fails(tmp_path: Path) -> None:
    repository = shop(tmp_path / "shop")
    result = repairing(repository, conflicting(), HALF).run_sync("Go.")
    checks = [event for event in result.events if isinstance(event, Verification) and event.task]
    back = [event.detail for event in checks if not event.passed]
    assert result.outcome == "verified"
    assert len(back) == 1
    assert all(text in back[0] for text in ("shop/pricing.py", DISCOUNT, ROUNDING, "<<<<<<<", ">>>>>>>"))
    assert passes(repository, "discount", "rounding")
    for commit in git(repository, "rev-list", "--first-parent", "main").split()[:-1]:
        git(repository, "checkout", "-q", commit)
        assert passes(repository, "discount") or passes(repository, "rounding")


def test_a_worker_that_hangs_loses_its_turn_and_another_does_the_task(tmp_path: Path) -> None:
    repository = shop(tmp_path / "shop")
    asleep = ToolCall("run", {"argv": ["python", "-c", "import time; time.sleep(60)"]})
    deeds = {"discount": [asleep, edit(DISCOUNT), done()], "discount/2": [edit(DISCOUNT), done()]}
    model = played([task("discount")], deeds)
    result = repairing(repository, model, "agents.worker.limits.seconds=4", HALF).run_sync("Go.")
    failed = [event for event in result.events if isinstance(event, TurnFailed)]
    claimed = [event.worker for event in result.events if isinstance(event, TaskChanged) and event.status == "claimed"]
    assert [event.kind for event in failed] == ["limit"]
    assert claimed == ["worker-1", "worker-2"]
    assert result.outcome == "verified"


def test_what_is_written_outside_of_the_workspace_is_refused_and_logged(tmp_path: Path) -> None:
    repository = shop(tmp_path / "shop")
    outside = tmp_path / "outside.txt"
    tries = [
        ToolCall("write_file", {"path": "../outside.txt", "content": "x"}),
        ToolCall("write_file", {"path": str(outside), "content": "x"}),
        ToolCall("write_file", {"path": ".git/hooks/post-merge", "content": "#!/bin/sh\ntouch outside"}),
        ToolCall("run", {"argv": ["python", "-c", f"open({str(outside)!r}, 'w')"]}),
    ]
    deeds = {"discount": [*tries, edit(DISCOUNT), done()]}
    result = repairing(repository, played([task("discount")], deeds), HALF).run_sync("Go.")
    ended = [event for event in result.events if isinstance(event, ToolCallFinished)]
    written = [event for event in ended if event.name == "write_file"]
    assert all(event.error for event in written)
    assert not outside.exists(), "a program that is confined writes there into a folder of its own, or fails"
    assert result.outcome == "verified"


CLAIMING = """
version: 1
name: claims
agents:
  planner: {}
  worker:
    replicas: 2
    memory: fresh
    workspace: {kind: git_worktree, programs: [python]}
    tools: [edit_file]
  lines: {kind: board}
topology:
  kind: graph
  order: tasks
  planner: planner
  workers: [worker]
  edges: [user -> planner, planner -> user, worker <-> lines]
merge: {retries: 1}
verify: {command: [python, -c, "import shop.pricing"]}
"""


def test_of_two_workers_that_claim_the_same_lines_one_is_refused(tmp_path: Path) -> None:
    repository = shop(tmp_path / "shop")
    (tmp_path / "claims.yaml").write_text(CLAIMING)
    claim = ToolCall("claim", {"board": "lines", "path": "shop/pricing.py", "start": 4, "end": 6})
    late = [edit(BOTH), done()]
    deeds = {name: [claim, edit(BOTH), done()] for name in ("discount", "rounding")}
    model = played([task("discount"), task("rounding")], {**deeds, "discount/2": late, "rounding/2": late})
    team = Team.from_yaml(tmp_path / "claims.yaml", models={"default": model}).with_folder(repository)
    result = team.run_sync("Go.")
    claims = [event for event in result.events if isinstance(event, ToolCallFinished) and event.name == "claim"]
    assert sorted(event.error is None for event in claims) == [False, True]
    assert "claimed by" in next(event.error for event in claims if event.error)
    assert result.outcome == "verified"


CHAIN = """
version: 1
name: chain
topology: {kind: chain, agents: [first, second]}
agents:
  first: {}
"""


@pytest.mark.parametrize(
    ("workspace", "why"),
    [
        ("kind: git_worktree, path: absent", "there is no folder"),
        ("kind: git_worktree, path: plain", "is no git repository"),
        ("kind: git_worktree, path: shop, base: nxt", "has no branch 'nxt'"),
        ("path: absent", "is no folder"),
        ("kind: container, image: none, path: plain", "no container engine answers"),
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_a_place_that_is_not_there_is_said_before_any_model_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workspace: str, why: str, nested: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("agentmesh.tools.confinement.container.ENGINES", ())
    engine.cache_clear()
    (tmp_path / "plain").mkdir()
    if "shop" in workspace:
        shop(tmp_path / "shop")
    (tmp_path / "inner.yaml").write_text(CHAIN + f"  second: {{workspace: {{{workspace}}}, tools: [read_file]}}\n")
    (tmp_path / "outer.yaml").write_text(CHAIN + "  second: {team: inner.yaml}\n")
    asked: list[str] = []

    def note(request: Any) -> str:
        asked.append(request.agent)
        return "yes"

    team = Team.from_yaml(tmp_path / ("outer.yaml" if nested else "inner.yaml"), models={"default": note})
    with pytest.raises(ConfigError, match=why):
        team.run_sync("Go.", journal=str(tmp_path / "journal.db"))
    assert not asked
    assert not (tmp_path / "journal.db").exists()


MORTAL = """
import os, signal, sys
from pathlib import Path
from tests.teamwork.real_work import HALF, conflicting, repairing

folder, journal, at = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])

def watch(event):
    if event.type == "verification" and event.task and event.passed == (at == 1):
        os.kill(os.getpid(), signal.SIGKILL)

repairing(folder, conflicting(), HALF).run_sync("Go.", journal=journal, watch=watch)
"""


@pytest.mark.parametrize("at", [0, 1])
def test_a_run_killed_between_a_merge_and_what_follows_goes_on_to_the_same_end(tmp_path: Path, at: int) -> None:
    """Killed as the first conflict has been found (0), or as the first task was merged into the base (1)."""
    repository, journal = shop(tmp_path / "shop"), str(tmp_path / "journal.db")
    died = subprocess.run([sys.executable, "-c", MORTAL, str(repository), journal, str(at)], check=False, cwd=ROOT)
    assert died.returncode == -9
    team = repairing(repository, conflicting(), HALF)
    (recorded,) = sqlite3.connect(journal).execute("SELECT DISTINCT run_id FROM events").fetchone()
    result = anyio.run(lambda: team.resume(recorded, journal=journal))
    assert result.outcome == "verified"
    assert passes(repository, "discount", "rounding")
    merged = [line for line in git(repository, "log", "--format=%s", "main").splitlines() if line.startswith("Merge")]
    assert sorted(merged) == ["Merge: Make discount right", "Merge: Make rounding right"]
    keys = [event.key for event in result.events if event.type == "model_call_started"]
    assert len(keys) == len(set(keys)), "what was asked before the end of the process is not asked again"
