"""The task boards of a run in its report: each task with its state, who had it, its attempts, what checks said."""

from __future__ import annotations

from collections.abc import Sequence

from agentmesh.reporting.markup import Content, Markup, element, join, table
from agentmesh.reporting.taskboard import Shared, TaskBoard, TaskState
from agentmesh.reporting.texts import Texts
from agentmesh.reporting.words import count, offset, span

MOST = 500
"""So many tasks of a board are told of, and so many entries: the latest."""
_HEAD = ("event", "task", "status", "worker", "attempts", "opened", "took", "what it is, and what came of it")


def tasks(boards: Sequence[TaskBoard], shared: Sequence[Shared], texts: Texts, start: float) -> Markup | None:
    """A table for each planner, and what else stands on boards; nothing where there is neither."""
    if not (boards or shared):
        return None
    parts: list[Content] = [element("h2", "Tasks")]
    for board in boards:
        times = f", phase {board.phase}, time {board.occurrence}" if board.occurrence > 1 else ""
        counts = ", ".join(f"{many} {status}" for status, many in board.counts.items())
        rows = [_row(state, texts, start) for state in board.tasks[-MOST:]]
        parts.append(table(f"{board.planner}{times}: {counts}", _HEAD, rows, (4, 5, 6)))
        left = len(board.tasks) - len(rows)
        parts.append(element("p", f"{count(left, 'earlier task')} left out here.", class_="note") if left else None)
    if shared:
        rows = [(one.board, one.entry.kind, one.entry.owner, *_entry(one)) for one in shared[-MOST:]]
        head = ("board", "entry", "owner", "what", "state")
        parts.append(table("Claims, commitments and offers at the end", head, rows))
    return element("section", *parts, id="tasks")


def _row(state: TaskState, texts: Texts, start: float) -> tuple[Content, ...]:
    status = element("span", state.status, class_=f"status {state.status}")
    took = span(state.settled - state.claimed) if state.settled and state.claimed else ""
    name = join((element("b", state.task.id), f" after {', '.join(state.task.depends_on)}"
                 if state.task.depends_on else None))  # fmt: skip
    return (
        texts.ref(state.event), name, status, state.worker or "", str(state.attempt),
        offset(state.opened, start), took, join(_told(state, texts)),
    )  # fmt: skip


def _told(state: TaskState, texts: Texts) -> list[Content]:
    parts: list[Content] = [element("div", state.task.title)]
    if state.task.acceptance:
        parts += [element("p", "To be accepted", class_="label"), texts.body(state.task.acceptance, state.event)]
    if state.summary:
        parts += [element("p", "Handed in", class_="label"), texts.body(state.summary, state.event)]
    if state.check is not None:
        check = state.check
        verdict = f"Check of attempt {check.attempt}: {'passed' if check.passed else 'refuted'} "
        parts.append(element("p", verdict, texts.ref(check.event), class_="label"))
        parts.append(texts.body(check.detail, check.event) if check.detail else None)
    if state.branch:
        parts.append(element("p", "Its work stands on ", element("code", state.branch), class_="label"))
    return parts


def _entry(one: Shared) -> tuple[str, str]:
    entry = one.entry
    if entry.kind == "claim":
        return f"{entry.path}, {entry.start} to {entry.end}", ""
    if entry.kind == "commitment":
        return entry.text, entry.state
    taken = f"{entry.taken_by} chose {entry.option}" if entry.taken_by else "nobody has chosen"
    return "; ".join(entry.options), taken
