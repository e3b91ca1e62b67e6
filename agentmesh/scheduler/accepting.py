"""Work that counts only when it is merged and holds: a handoff waits for that, and goes back if it does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from agentmesh.errors import ToolError
from agentmesh.events import Event
from agentmesh.messages import Part, Task
from agentmesh.scheduler.commands import Accept, Step
from agentmesh.scheduler.notices import notice
from agentmesh.scheduler.state import RunState
from agentmesh.scheduler.taskboard import Entry, Place, first_line
from agentmesh.tools.workspaces.acceptance import commands_of


class Acceptance:
    """The handoffs of workers whose work is merged, from when they are made until they count."""

    def __init__(self, state: RunState) -> None:
        self._state = state
        self._handed: dict[Place, tuple[str, tuple[Part, ...]]] = {}
        self._times: Counter[Place] = Counter()
        """How often the work on a task went back."""
        self._back: dict[Place, tuple[str, ...]] = {}
        """To whom it goes back, if they can have it: the first of them."""
        self._why: dict[Place, str] = {}

    def fault(self, planner: str, tasks: Sequence[Task]) -> str | None:
        """Why none of these tasks is opened: a command that must succeed on what was merged, and cannot be one."""
        if self._state.planning.accepts.isdisjoint(self._state.planning.workers.get(planner, ())):
            return None
        for task in tasks:
            try:
                commands_of(task.acceptance)
            except ToolError as error:
                return f"task {task.id}: {error}; none was opened"
        return None

    def keep(self, entry: Entry, text: str, parts: tuple[Part, ...]) -> None:
        """The work is handed off with these words."""
        self._handed[entry.place] = (text, parts)

    def words(self, entry: Entry) -> tuple[str, tuple[Part, ...]]:
        """What was said when it was handed off."""
        return self._handed.pop(entry.place, ("", ()))

    def begin(self, entry: Entry | None) -> Step:
        """Have the work merged, once the turn is over in which it was made."""
        state = self._state
        if entry is None or entry.worker is None or entry.status != "done" or entry.settled:
            return []
        if entry.worker in state.busy or entry.place in state.accepting or state.closed is not None:
            return []
        state.accepting[entry.place] = entry.worker
        return [Accept(entry.planner, entry.task, entry.worker, entry.attempt)]

    def refused(self, entry: Entry, detail: str) -> list[Event]:
        """The work does not hold: it goes back, and if it has too often, its planner is told."""
        planning, worker, why = self._state.planning, entry.worker or "", first_line(detail)
        if self._times[entry.place] >= planning.merge_retries:
            attempts = str(self._times[entry.place] + 1)
            told = notice(entry.planner, "task_refused", task=entry.task.id, worker=worker, attempts=attempts, why=why)
            return [entry.changed("failed", worker, why), told]
        self._times[entry.place] += 1
        self._back[entry.place] = (planning.resolver or worker, worker)
        self._why[entry.place] = detail
        return [entry.changed("open", summary=why, again=True)]

    def claimed(self, entry: Entry) -> None:
        """Somebody has the task."""
        self._back.pop(entry.place, None)

    def is_back(self, entry: Entry) -> bool:
        """Whether the work has gone back, and nobody has it yet: such a task is given out before all others."""
        return entry.place in self._back

    def back_to(self, entry: Entry, fit: Sequence[str]) -> str | None:
        """Who of these should have it, because it goes back."""
        return next((name for name in self._back.get(entry.place, ()) if name in fit), None)

    def why(self, entry: Entry) -> str:
        """What was wrong with the work the last time."""
        return self._why.get(entry.place, "")
