"""The boards of planners: what has become of each task, as the log says it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from agentmesh.events import TaskChanged
from agentmesh.messages import Handoff, Task, TaskStatus

Place = tuple[str, str]
"""A planner and the id of one of its tasks."""
UNSUCCESSFUL: frozenset[TaskStatus] = frozenset({"blocked", "failed"})
SHOWN, TITLE = 50, 120
"""Of a board so many tasks are listed, the latest, and of a title so many characters."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A task on the board of one planner."""

    planner: str
    task: Task
    number: int
    status: TaskStatus = "open"
    worker: str | None = None
    attempt: int = 1
    checked: bool = False
    """Whether it is done only when its work is merged and holds."""

    @property
    def place(self) -> Place:
        """Where it stands."""
        return (self.planner, self.task.id)

    @property
    def waits(self) -> bool:
        """Whether nobody has it: it waits for other tasks, or for a worker."""
        return self.status in ("open", "ready")

    @property
    def succeeded(self) -> bool:
        """Whether what depends on it may begin."""
        return self.status == "verified" or (self.status == "done" and not self.checked)

    @property
    def settled(self) -> bool:
        """Whether it has come back to its planner."""
        return self.succeeded or self.status in UNSUCCESSFUL

    def changed(
        self, status: TaskStatus, worker: str | None = None, summary: str = "", *, again: bool = False
    ) -> TaskChanged:
        """The event by which it comes into another state. `again`: it is given out once more."""
        attempt = self.attempt + again
        return TaskChanged(
            agent=self.planner, task=self.task, status=status, worker=worker, summary=summary, attempt=attempt
        )


class TaskBoards:
    """The tasks of each planner, and who is at which. `checked`: the workers whose work is merged before it counts."""

    def __init__(self, planners: Iterable[str], checked: Collection[str]) -> None:
        self._boards: dict[str, dict[str, Entry]] = {planner: {} for planner in planners}
        self._checked = checked
        self._under_way: Counter[str] = Counter()
        self.active: dict[str, Entry] = {}
        """By worker: the task that it does, or that is being accepted from it."""
        self.uncounted: set[Place] = set()
        """Tasks that do not count towards those that their planner may open."""

    def __contains__(self, planner: str) -> bool:
        return planner in self._boards

    def of(self, planner: str) -> Mapping[str, Entry]:
        """The tasks of a planner, by id, in the order in which they were opened."""
        return self._boards.get(planner, {})

    def under_way(self, planner: str) -> bool:
        """Whether a task of the planner has not come back yet."""
        return self._under_way[planner] > 0

    def counted(self, planner: str) -> int:
        """How many of the tasks that it may open a planner has opened."""
        return sum(entry.place not in self.uncounted for entry in self.of(planner).values())

    def change(self, event: TaskChanged) -> Entry:
        """A task has come into a new state."""
        planner = event.agent or ""
        board = self._boards[planner]
        before = board.get(event.task.id)
        number = len(board) if before is None else before.number
        checked = event.worker in self._checked
        entry = Entry(planner, event.task, number, event.status, event.worker, event.attempt, checked)
        board[event.task.id] = entry
        self._under_way[planner] += (not entry.settled) - (before is not None and not before.settled)
        if before is not None and before.worker and self.active.get(before.worker) is before:
            del self.active[before.worker]
        if entry.worker and not entry.settled and not entry.waits:
            self.active[entry.worker] = entry
        return entry


def task_text(task: Task, attempt: int = 1, why: str = "") -> str:
    """The task as its worker reads it. `why`: what was wrong with the attempt before."""
    parts = [f"Task {task.id}: {task.title}", task.instructions]
    if task.acceptance:
        parts.append(f"Acceptance: {task.acceptance}")
    if attempt > 1:
        parts.append(f"Attempt {attempt}")
    return "\n\n".join(part for part in (*parts, why) if part)


def handoff_text(handoff: Handoff) -> str:
    """A handoff as its planner reads it."""
    fields = ((name, getattr(handoff, name)) for name in Handoff.model_fields)
    return "\n".join(f"{name.capitalize()}: {value}" for name, value in fields if value)


def board_text(board: Mapping[str, Entry]) -> str:
    """The tasks of one board, a line each; of many the latest."""
    entries = list(board.values())
    lines = [f"- {entry.task.id} ({entry.status}): {_shortened(entry.task.title)}" for entry in entries[-SHOWN:]]
    return "\n".join([f"({len(entries) - SHOWN} before these)"] * (len(entries) > SHOWN) + lines)


def first_line(text: str) -> str:
    """The first line that says anything, shortened."""
    return _shortened(next(filter(str.strip, text.splitlines()), ""))


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= TITLE else f"{line[: TITLE - 1]}…"
