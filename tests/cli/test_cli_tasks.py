"""`agentmesh tasks`: the board of a run, and of one that goes on in another process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from agentmesh.cli.tasktext import Seen, lines
from agentmesh.cli.taskview import picture
from agentmesh.events import BoardWritten, Event, PhaseStarted, TaskChanged, Verification, stamped
from agentmesh.messages import BoardEntry, Task
from agentmesh.reporting.taskboard import boards_of, shared_of
from tests.cli.cli_processes import environment

if TYPE_CHECKING:
    from tests.cli.cli_processes import Command

pytest_plugins = ["tests.cli.cli_processes"]

TEAM = "topologies/hierarchy.yaml"
TASK = ("--task", "What is 17 * 23 and 4 * 5?")
WAITING = """\
version: 1
models: {default: simulated:worker}
agents:
  planner: {}
  worker: {kind: command, command: {argv: [sh, -c, "until [ -e GO ]; do sleep 0.02; done; echo There"], format: text}}
topology: {kind: hierarchy, planner: planner, workers: [worker]}
"""
"""A team whose worker goes on as soon as there is a file."""


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A journal of this test's own, which every command finds by the environment."""
    place = str(tmp_path / "journal.db")
    monkeypatch.setenv("AGENTMESH_JOURNAL", place)
    return place


def begun(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "agentmesh", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True, env=environment())


@pytest.fixture
def waiting(tmp_path: Path, journal: str) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A run in a process of its own whose worker has claimed its task, and the file for which that waits."""
    team, go = tmp_path / "team.yaml", tmp_path / "go"
    team.write_text(WAITING.replace("GO", str(go)))
    with begun("run", str(team), *TASK) as driving:
        assert driving.stderr is not None
        assert any("status=claimed" in line for line in driving.stderr)
        try:
            yield driving, go
        finally:
            driving.kill()


def test_the_board_of_a_run_is_shown_as_lines_and_as_json(inside: Command, journal: str) -> None:
    run_id = inside("run", TEAM, *TASK, "--json").json["run_id"]
    told = inside("tasks", run_id[:8], "--json").json
    [board] = told["boards"]
    assert (told["run_id"], told["outcome"], told["entries"]) == (run_id, "completed", [])
    assert board["planner"] == "planner"
    assert [(task["id"], task["status"], task["attempt"]) for task in board["tasks"]] == [
        ("t1", "done", 1),
        ("t2", "done", 1),
    ]
    shown = inside("tasks", "last").out.splitlines()
    assert shown[:2] == [f"run {run_id}: completed", "planner: 2 tasks: 2 done"]
    assert shown[2].split() == ["t1", "done", "worker-1", "Part", "1;", "391"]
    assert inside("tasks", "last", "--watch", "--json").out.count("\n") == 1, "a run that has ended is shown once"


def test_a_run_without_tasks_says_so_and_an_unknown_one_is_refused(
    inside: Command, team_file: Path, journal: str
) -> None:
    absent = inside("tasks", "last")
    assert (absent.code, "there is no journal" in absent.err) == (2, True)
    run_id = inside("run", str(team_file), *TASK, "--json").json["run_id"]
    none = inside("tasks", run_id)
    assert (none.code, none.out, none.err) == (0, "", f"run {run_id} has no tasks (completed)\n")
    assert inside("tasks", run_id, "--json").json["boards"] == []
    for watch in ((), ("--watch",)):
        unknown = inside("tasks", "zzz", *watch)
        assert (unknown.code, "holds no run 'zzz'" in unknown.err) == (2, True)


def test_a_run_that_another_process_drives_is_followed_to_its_end_or_until_an_interruption(
    waiting: tuple[subprocess.Popen[str], Path],
) -> None:
    driving, go = waiting
    with begun("tasks", "last", "--watch") as watching:
        assert watching.stdout is not None
        first = watching.stdout.readline()
        watching.send_signal(signal.SIGINT)
        watching.communicate(timeout=20)
    assert (watching.returncode, first.split()[:3]) == (130, ["planner", "t1", "claimed"])
    assert driving.poll() is None, "the run goes on"
    with begun("tasks", "last", "--watch", "--json") as watching:
        assert watching.stdout is not None
        first = watching.stdout.readline()
        go.touch()
        driving.communicate(timeout=20)
        out, err = watching.communicate(timeout=20)
    assert (driving.returncode, watching.returncode, err) == (0, 0, "")
    told: list[dict[str, Any]] = [json.loads(line) for line in (first, *out.splitlines())]
    seen = [[task["status"] for board in each["boards"] for task in board["tasks"]] for each in told]
    assert "claimed" in seen[0], "it was seen under way"
    assert (set(seen[-1]), told[-1]["outcome"], told[0]["outcome"]) == ({"done"}, "completed", None)
    assert all(one != other for one, other in pairwise(told))


def test_a_run_that_nobody_drives_is_not_waited_for(inside: Command, journal: str, tmp_path: Path) -> None:
    team = tmp_path / "asking.yaml"
    team.write_text("version: 1\nagents: {boss: {kind: human}}\ntopology: {kind: chain, agents: [boss]}\n")
    assert inside("run", str(team), *TASK).code == 5
    ended = inside("tasks", "last", "--watch")
    assert ended.code == 0
    assert "is waiting, and no process is at work on it: agentmesh resume" in ended.err


def changed(id_: str, status: Any, worker: str | None = None, planner: str = "lead", **more: Any) -> Event:
    depends = more.pop("depends_on", ())
    task = Task(id=id_, title=f"Part \x1b[31m{id_}", depends_on=depends)
    return TaskChanged(agent=planner, task=task, status=status, worker=worker, **more)


def seen(*events: Event) -> Seen:
    begun = PhaseStarted(phase="work", order="tasks", edges=())
    log = [stamped(event, at, "r", float(at)) for at, event in enumerate((begun, *events), 1)]
    return Seen("r1", "running", None, len(log), tuple(boards_of(log)), tuple(shared_of(log)))


STORY = (
    changed("a", "claimed", "sub", attempt=2),
    Verification(agent="lead", task="a", passed=False, attempt=1, detail="2 failed\nat the end"),
    changed("b", "open", depends_on=("a",)),
    changed("s1", "verified", "w-1", "sub", summary="There."),
    changed("s2", "failed", "w-2", "sub"),
    BoardWritten(agent="w-1", board="notes", version=0,
                 entry=BoardEntry(id="c1", kind="claim", owner="w-1", path="f.py", start=1, end=9)),
)  # fmt: skip


def drawn(shown: Seen, height: int | None = None) -> list[str]:
    console = Console(width=90, height=height or 50, force_terminal=True, color_system=None, legacy_windows=False)
    with console.capture() as captured:
        console.print(picture(shown, height))
    return captured.get().splitlines()


def test_planners_stand_below_the_task_that_they_have_and_text_moves_no_cursor() -> None:
    told = drawn(seen(*STORY))
    assert told[0].startswith("run r1 running  ###")
    assert [line.rstrip() for line in told[1:]] == [
        "lead  1 claimed, 1 open",
        "├── claimed  a sub Part a; attempt 2; refuted: 2 failed at the end",
        "│   └── sub  1 verified, 1 failed",
        "│       ├── verified s1 w-1 Part s1; There.",
        "│       └── failed   s2 w-2 Part s2",
        "└── open     b Part b; after a",
        "notes: claim c1 by w-1: f.py 1-9",
    ]
    assert list(lines(seen(*STORY)))[1:4] == [
        "lead: 2 tasks: 1 claimed, 1 open",
        "  a  claimed  sub  Part a; attempt 2; refuted: 2 failed at the end",
        "  b  open     -    Part b; after a",
    ]


def test_a_picture_keeps_within_the_terminal_and_shows_what_is_under_way() -> None:
    over = [changed(f"t{at}", "done", "w") for at in range(100)]
    told = drawn(seen(*over, changed("now", "claimed", "w"), *STORY[2:]), height=20)
    assert len(told) <= 20
    assert any("claimed  now" in line for line in told)
    assert any("more not shown" in line for line in told)
