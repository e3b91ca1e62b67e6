"""The task boards of a run, drawn on a terminal with rich: a tree of planners and their tasks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from agentmesh.cli.tasktext import Seen, board_title, shared_line, task_text
from agentmesh.cli.terminal import one_line
from agentmesh.reporting.taskboard import SETTLED, STATUSES, TaskBoard, TaskState, counted

STYLES = {
    "verified": "bold green",
    "done": "green",
    "claimed": "cyan",
    "ready": "",
    "open": "dim",
    "blocked": "yellow",
    "failed": "bold red",
}
_BAR = 30
"""Characters of the bar of progress."""
_AROUND = 6
"""Lines of a picture that are no tasks, about."""


def picture(seen: Seen, height: int | None = None) -> RenderableType:
    """What there is to see; within `height` lines that of the latest phase, tasks that are over left out first."""
    boards = list(seen.boards)
    if height is not None and boards:
        boards = [each for each in boards if (each.phase, each.occurrence) == (boards[-1].phase, boards[-1].occurrence)]
    tasks = [state for board in boards for state in board.tasks]
    kept = _within(tasks, None if height is None else max(height - _AROUND - 2 * len(boards), 4))
    parts: list[RenderableType] = [_heading(seen, tasks)]
    planners = {(each.phase, each.occurrence, each.planner): each for each in boards}
    below = {
        (each.phase, each.occurrence, state.worker) for each in boards for state in each.tasks if state.worker
    } & planners.keys()
    for place, board in planners.items():
        if place not in below:
            tree = Tree(_planner(board), guide_style="dim")
            _grow(tree, board, {**planners}, kept)
            parts.append(tree)
    if len(kept) < len(tasks):
        parts.append(Text(f"{len(tasks) - len(kept)} more not shown", "dim"))
    room = None if height is None else max(height - len(kept) - _AROUND, 0)
    parts += [Text(shared_line(one), "dim", overflow="ellipsis", no_wrap=True) for one in seen.shared[:room]]
    return Group(*parts)


def _grow(tree: Tree, board: TaskBoard, planners: dict[tuple[str, int, str], TaskBoard], kept: set[int]) -> None:
    """The tasks of a board, each with the board of the planner who has it below it, which stands there once."""
    planners.pop((board.phase, board.occurrence, board.planner), None)
    for state in board.tasks:
        inner = planners.get((board.phase, board.occurrence, state.worker or ""))
        if inner is not None:
            _grow(tree.add(_task(state)).add(_planner(inner)), inner, planners, kept)
        elif state.event in kept:
            tree.add(_task(state))


def _within(tasks: Sequence[TaskState], room: int | None) -> set[int]:
    """The tasks that are shown, by their latest events: those under way, then those that changed last."""
    ranked = sorted(tasks, key=lambda state: (state.status in SETTLED, -state.event))
    return {state.event for state in ranked[:room]}


def _heading(seen: Seen, tasks: Iterable[TaskState]) -> Text:
    counts = counted(tasks)
    total = sum(counts.values())
    text = Text(f"run {seen.run_id} {seen.state}  ", "bold", overflow="ellipsis", no_wrap=True)
    if not total:
        return text.append("no tasks yet", "dim")
    left = _BAR
    for status in STATUSES:
        cells = min(round(_BAR * counts.get(status, 0) / total), left)
        left -= cells
        text.append(("#" if status in SETTLED else "-") * cells, STYLES[status])
    return text.append(f"  {_told(counts)}", "not bold")


def _planner(board: TaskBoard) -> Text:
    text = Text(board_title(board), "bold", overflow="ellipsis", no_wrap=True)
    return text.append(f"  {_told(board.counts)}", "not bold dim")


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{many} {status}" for status, many in counts.items())


def _task(state: TaskState) -> Text:
    text = Text(overflow="ellipsis", no_wrap=True)
    text.append(f"{state.status:<8} ", STYLES[state.status])
    text.append(f"{one_line(state.task.id, 24)} ", "bold")
    if state.worker:
        text.append(f"{one_line(state.worker, 24)} ", "cyan")
    return text.append(task_text(state))
