"""The task boards of a run, folded from its events, and their place in the report."""

from __future__ import annotations

from typing import Any

import pytest

from agentmesh import Team
from agentmesh.events import (
    BoardWritten,
    Event,
    PhaseEnded,
    PhaseStarted,
    RunResumed,
    RunStarted,
    TaskChanged,
    TopologyChanged,
    Verification,
)
from agentmesh.messages import BoardEntry, Task, TaskStatus
from agentmesh.reporting import html
from agentmesh.reporting.taskboard import TaskState, boards_of, plain, shared_of
from agentmesh.tools.workspaces.holding import fit
from agentmesh.tools.workspaces.merging import UNCHANGED
from tests.reporting.logs import START, log

T1 = Task(id="t1", title="Write the parser", acceptance="$ python -m pytest -q", priority=2)
T2 = Task(id="t2", title="Document it", depends_on=("t1",))


def changed(task: Task, status: TaskStatus, worker: str | None = None, planner: str = "lead", **more: Any) -> Event:
    return TaskChanged(agent=planner, task=task, status=status, worker=worker, **more)


def checked(passed: bool, attempt: int, detail: str, task: str = "t1", planner: str = "lead") -> Event:
    return Verification(agent=planner, task=task, passed=passed, attempt=attempt, detail=detail)


def phase(occurrence: int = 1) -> Event:
    return PhaseStarted(phase="work", occurrence=occurrence, order="tasks", edges=())


STORY = (
    RunStarted(team="t", task="Do it."),
    phase(),
    changed(T1, "ready"),
    changed(T2, "open"),
    changed(T1, "claimed", "w-1"),
    changed(T1, "done", "w-1", summary="All of it."),
    checked(False, 1, "3 failed"),
    changed(T1, "claimed", "w-1", attempt=2),
    changed(T1, "done", "w-1", attempt=2, summary="Mended."),
    checked(True, 2, "merged into main"),
    changed(T1, "verified", "w-1", attempt=2),
)


def states(*events: Event) -> dict[str, TaskState]:
    [board] = boards_of(log(*events))
    return {state.task.id: state for state in board.tasks}


def test_a_task_is_followed_from_its_opening_to_what_the_last_check_said() -> None:
    first, second = states(*STORY).values()
    assert (first.status, first.worker, first.attempt, first.summary) == ("verified", "w-1", 2, "Mended.")
    assert (first.opened, first.claimed, first.settled) == (START + 0.75, START + 2.0, START + 2.75)
    assert first.check is not None
    assert (first.check.passed, first.check.attempt, first.check.detail, first.check.event) == (
        True,
        2,
        "merged into main",
        10,
    )
    assert (second.status, second.worker, second.claimed, second.settled, second.check) == (
        "open",
        None,
        None,
        None,
        None,
    )


def test_a_task_that_goes_back_to_its_author_has_no_result_and_a_branch_with_what_was_refuted() -> None:
    state = states(*STORY[:8])["t1"]
    assert (state.status, state.attempt, state.summary, state.settled) == ("claimed", 2, "", None)
    assert state.check is not None
    assert (state.check.passed, state.branch) == (False, "agentmesh/run-1/tasks/t1")
    assert states(*STORY)["t1"].branch is None, "what was merged needs none"


def test_where_nothing_was_changed_no_branch_is_told_and_that_of_a_planner_below_has_its_name() -> None:
    idle = checked(False, 1, f"{UNCHANGED} and nothing checks it")
    assert states(*STORY[:6], idle)["t1"].branch is None
    below = (changed(T1, "claimed", "w-1", planner="sub"), checked(False, 1, "3 failed", planner="sub"))
    boards = boards_of(log(*STORY[:4], changed(T1, "claimed", "sub"), *below))
    assert [state.branch for board in boards for state in board.tasks] == [
        None,
        None,
        f"agentmesh/run-1/tasks/{fit('sub/t1')}",
    ]


def test_what_a_run_has_gone_back_from_counts_for_nothing() -> None:
    state = states(*STORY[:6], RunResumed(at=4), changed(T1, "claimed", "w-2"))["t1"]
    assert (state.status, state.worker) == ("claimed", "w-2")


def test_each_planner_and_each_time_of_a_phase_has_a_board_of_its_own() -> None:
    again = (phase(2), changed(T1, "open"))
    boards = boards_of(log(*STORY, changed(T1, "open", planner="sub"), checked(True, 1, "", planner="sub"), *again))
    assert [(board.planner, board.occurrence, board.counts) for board in boards] == [
        ("lead", 1, {"verified": 1, "open": 1}),
        ("sub", 1, {"open": 1}),
        ("lead", 2, {"open": 1}),
    ]
    assert [state.check and state.check.attempt for board in boards for state in board.tasks] == [2, None, 1, None]


def entry(id_: str, kind: str, owner: str, **more: Any) -> Event:
    made = BoardEntry.model_validate({"id": id_, "kind": kind, "owner": owner, **more})
    return BoardWritten(agent=owner, board="notes", version=0, entry=made)


def test_claims_stand_until_their_phase_ends_and_what_was_agreed_on_longer() -> None:
    claim, offer = entry("c1", "claim", "ann", path="f", start=1, end=9), entry("o2", "offer", "ann", options=("a",))
    promise, kept = (entry("k3", "commitment", "ann", text="f(x)", state=state) for state in ("open", "kept"))
    taken = entry("o2", "offer", "ann", options=("a",), option="a", taken_by="bob")

    def standing(*events: Event) -> list[str]:
        return [f"{one.entry.id} {one.entry.state} {one.entry.taken_by}".strip() for one in shared_of(log(*events))]

    assert standing(claim, offer, promise, kept) == ["c1 open", "o2 open", "k3 kept"]
    assert standing(claim, offer, promise, PhaseEnded(phase="p", reason="")) == ["o2 open", "k3 open"]
    out = TopologyChanged(change="replace", agents=("ann", "cem"))
    assert standing(claim, offer, promise, out) == ["k3 open"]
    assert standing(claim, offer, taken, out) == ["o2 open bob"]


async def _events() -> Any:
    return (await Team.from_yaml("topologies/hierarchy.yaml").run("What is 17 * 23 and 4 * 5?")).events


@pytest.mark.anyio
async def test_a_run_of_a_hierarchy_has_its_board() -> None:
    told = plain(boards_of(await _events()), ())
    [board] = told["boards"]
    assert (board["planner"], {task["status"] for task in board["tasks"]}) == ("planner", {"done"})
    assert all(task["opened"] <= task["claimed"] <= task["settled"] for task in board["tasks"])


def test_the_report_shows_the_board_and_what_stands_on_others() -> None:
    page = html(log(*STORY, entry("k3", "commitment", "ann", text="a <b> signature")))
    section = page.partition('<section id="tasks">')[2].partition("</section>")[0]
    assert '<a href="#tasks">Tasks</a>' in page
    for shown in (
        "lead: 1 verified, 1 open",
        "Write the parser",
        "Mended.",
        "Check of attempt 2: passed",
        "merged into",
    ):
        assert shown in section, shown
    assert "a &lt;b&gt; signature" in section
    assert 'id="tasks"' not in html(log(STORY[0], phase())), "a run without tasks has no such chapter"
