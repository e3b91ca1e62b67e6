"""Tasks in words: what `agentmesh tasks` says of them, drawn or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from agentmesh.cli.terminal import count, one_line
from agentmesh.reporting.taskboard import Shared, TaskBoard, TaskState, plain


@dataclass(frozen=True)
class Seen:
    """What a run's log says of tasks at one moment."""

    run_id: str
    state: str
    """How the run ended, or in a word how it is going."""
    outcome: str | None
    events: int
    boards: tuple[TaskBoard, ...]
    shared: tuple[Shared, ...]

    @property
    def plain(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {"run_id": self.run_id, "outcome": self.outcome, **plain(self.boards, self.shared)}


def lines(seen: Seen) -> Iterator[str]:
    """All of it, for logs and for `grep`."""
    if seen.boards:
        yield f"run {seen.run_id}: {seen.state}"
    for board in seen.boards:
        yield f"{board_title(board)}: {counts_text(board)}"
        yield from (f"  {line}" for line in _in_columns([row(state) for state in board.tasks]))
    for one in seen.shared:
        yield shared_line(one)


def board_title(board: TaskBoard) -> str:
    """Whose board it is, and of which time of its phase."""
    again = f" ({one_line(board.phase, 40)}, time {board.occurrence})" if board.occurrence > 1 else ""
    return one_line(board.planner, 80) + again


def counts_text(board: TaskBoard) -> str:
    """`3 tasks: 1 verified, 2 claimed`."""
    return f"{count(len(board.tasks), 'task')}: " + ", ".join(f"{many} {of}" for of, many in board.counts.items())


def row(state: TaskState) -> tuple[str, str, str, str]:
    """A task in columns: its id, its status, who has it, and the rest."""
    return (one_line(state.task.id, 24), state.status, one_line(state.worker or "-", 24), task_text(state))


def _in_columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """All but the last column as wide as their widest cells."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    for cells in rows:
        yield "  ".join([*(cell.ljust(width) for cell, width in zip(cells, widths, strict=False)), cells[-1]])


def task_text(state: TaskState) -> str:
    """What a task is about, and what there is to know of it besides its state."""
    facts = [one_line(state.task.title, 60)]
    facts += [f"priority {state.task.priority}"] if state.task.priority else []
    if state.task.depends_on and state.status in ("open", "blocked"):
        facts.append(f"after {one_line(', '.join(state.task.depends_on), 60)}")
    facts += [f"attempt {state.attempt}"] if state.attempt > 1 else []
    # Of a task that goes back, or has failed, the summary says what was wrong with it.
    if state.check is not None and not state.check.passed:
        facts.append(f"refuted: {one_line(state.summary or state.check.detail, 80)}")
    elif state.summary:
        facts.append(one_line(state.summary, 80))
    if state.branch and state.status == "failed":
        facts.append(f"its work: branch {one_line(state.branch, 120)}")
    return "; ".join(filter(None, facts))


def shared_line(one: Shared) -> str:
    """`notes: claim c1 by ann: src/a.py 1-20`."""
    entry = one.entry
    match entry.kind:
        case "claim":
            what = f"{entry.path} {entry.start}-{entry.end}"
        case "commitment":
            what = f"{entry.state}: {entry.text}"
        case _:
            taken = f"{entry.taken_by} chose {entry.option}" if entry.taken_by else "nobody has chosen"
            what = f"{', '.join(entry.options)}: {taken}"
    return one_line(f"{one.board}: {entry.kind} {entry.id} by {entry.owner}: {what}", 200)
