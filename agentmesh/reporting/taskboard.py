"""The task boards of a run, folded from its events: each task, who has it, what became of it, what checks said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from agentmesh.events import BoardWritten, Event, PhaseEnded, PhaseStarted, TaskChanged, TopologyChanged, Verification
from agentmesh.messages import BoardEntry, Task, TaskStatus
from agentmesh.runner.past import effective
from agentmesh.tools.workspaces.holding import fit
from agentmesh.tools.workspaces.merging import UNCHANGED

STATUSES: tuple[TaskStatus, ...] = ("verified", "done", "claimed", "ready", "open", "blocked", "failed")
SETTLED = frozenset[TaskStatus](("verified", "done", "blocked", "failed"))


@dataclass(frozen=True)
class Check:
    """What came of merging a task and checking it. `event`: id of the event that says so."""

    passed: bool
    attempt: int
    detail: str
    event: int


@dataclass(frozen=True)
class TaskState:
    """A task as it stands. Moments are in seconds since the epoch; `event`: id of the latest that changed it."""

    task: Task
    status: TaskStatus
    opened: float
    event: int
    worker: str | None = None
    """Who has it, or had it last."""
    attempt: int = 1
    summary: str = ""
    claimed: float | None = None
    settled: float | None = None
    check: Check | None = None
    """The latest."""
    branch: str | None = None
    """Of git, with work that was checked and not merged."""


@dataclass(frozen=True)
class TaskBoard:
    """The tasks of one planner in one phase, in the order in which they were opened."""

    planner: str
    phase: str
    occurrence: int
    tasks: Sequence[TaskState]

    @property
    def counts(self) -> dict[str, int]:
        """How many tasks have each status, of those that any has."""
        return counted(self.tasks)


@dataclass(frozen=True)
class Shared:
    """A claim, a commitment or an offer, and the board on which it stands."""

    board: str
    entry: BoardEntry


def boards_of(events: Iterable[Event]) -> list[TaskBoard]:
    """The task board of each planner; a phase that is gone through again has boards of its own."""
    boards: dict[tuple[str, int, str], dict[str, TaskState]] = {}
    phase, occurrence = "", 1
    below: set[str | None] = set()
    for event in effective(events):
        match event:
            case PhaseStarted():
                phase, occurrence = event.phase, event.occurrence
            case TaskChanged():
                below.add(event.worker)
                tasks = boards.setdefault((phase, occurrence, event.agent or ""), {})
                tasks[event.task.id] = _changed(tasks.get(event.task.id), event)
            case Verification(task=str(task)):
                tasks = boards.get((phase, occurrence, event.agent or ""), {})
                if task in tasks:
                    # A run puts the name of a planner who works for another before those of its tasks.
                    name = f"{event.agent}/{task}" if event.agent in below else task
                    tasks[task] = _checked(tasks[task], event, name)
            case _:
                pass
    return [TaskBoard(planner, phase, time, (*tasks.values(),)) for (phase, time, planner), tasks in boards.items()]


def _changed(before: TaskState | None, event: TaskChanged) -> TaskState:
    now = before or TaskState(event.task, event.status, event.ts, event.id)
    return replace(
        now,
        task=event.task,
        status=event.status,
        event=event.id,
        worker=event.worker or now.worker,
        attempt=max(event.attempt, now.attempt),
        # What is given out again has no result yet.
        summary=event.summary or (now.summary if event.status == "verified" else ""),
        claimed=event.ts if event.status == "claimed" else now.claimed,
        settled=event.ts if event.status in SETTLED else None,
    )


def _checked(now: TaskState, event: Verification, name: str) -> TaskState:
    check = Check(event.passed, event.attempt, event.detail, event.id)
    is_nowhere = event.passed or event.detail.startswith(UNCHANGED)
    return replace(now, check=check, branch=None if is_nowhere else f"agentmesh/{fit(event.run_id)}/tasks/{fit(name)}")


def shared_of(events: Iterable[Event]) -> list[Shared]:
    """What stands on boards: claims hold until their phase ends or their owner is out."""
    standing: dict[tuple[str, str], BoardEntry] = {}

    def release(gone: Callable[[BoardEntry], bool]) -> None:
        for key in [key for key, entry in standing.items() if gone(entry)]:
            del standing[key]

    for event in effective(events):
        match event:
            case BoardWritten(entry=BoardEntry() as entry):
                standing[event.board, entry.id] = entry
            case PhaseEnded():
                release(lambda entry: entry.kind == "claim")
            case TopologyChanged(change="isolate" | "replace"):
                out = event.agents if event.change == "isolate" else event.agents[:1]
                release(lambda entry, out=out: entry.owner in out and _lapses(entry))  # type: ignore[misc]
            case _:
                pass
    return [Shared(board, entry) for (board, _), entry in standing.items()]


def _lapses(entry: BoardEntry) -> bool:
    """Whether it holds no longer than its owner takes part."""
    return entry.kind == "claim" or (entry.kind == "offer" and not entry.taken_by)


def counted(tasks: Iterable[TaskState]) -> dict[str, int]:
    """How many tasks have each status, of those that any has."""
    have = [state.status for state in tasks]
    return {status: have.count(status) for status in STATUSES if status in have}


def plain(boards: Iterable[TaskBoard], shared: Iterable[Shared]) -> dict[str, Any]:
    """Both, ready for JSON."""
    return {
        "boards": [
            {
                "planner": board.planner,
                "phase": board.phase,
                "occurrence": board.occurrence,
                "tasks": [_plain(state) for state in board.tasks],
            }
            for board in boards
        ],
        "entries": [{"board": one.board, **one.entry.model_dump(mode="json")} for one in shared],
    }


def _plain(state: TaskState) -> dict[str, Any]:
    check = state.check
    return {
        "id": state.task.id,
        "title": state.task.title,
        "status": state.status,
        "priority": state.task.priority,
        "depends_on": list(state.task.depends_on),
        "acceptance": state.task.acceptance,
        "worker": state.worker,
        "attempt": state.attempt,
        "summary": state.summary,
        "opened": _moment(state.opened),
        "claimed": _moment(state.claimed),
        "settled": _moment(state.settled),
        "branch": state.branch,
        "check": check and {"passed": check.passed, "attempt": check.attempt, "detail": check.detail},
    }


def _moment(ts: float | None) -> str | None:
    return None if ts is None else datetime.fromtimestamp(ts, UTC).isoformat(timespec="milliseconds")
