"""Who acts next in the order `tasks`: planners open tasks, free workers take them, a judge decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from agentmesh.events import (
    Event,
    Inbound,
    LimitWasReached,
    MessageDelivered,
    MessageRefused,
    TaskChanged,
    ToolCallStarted,
    TopologyChanged,
)
from agentmesh.messages import Handoff, MessageKind, Part, Position, Task, TaskStatus
from agentmesh.scheduler.notices import notice
from agentmesh.scheduler.orders import Talk
from agentmesh.scheduler.state import RunState
from agentmesh.tools.graph import Action, Decide, HandOff, OpenTasks
from agentmesh.topology.activity import JUDGE_ATTEMPTS
from agentmesh.topology.phases import Planning

SETTLED: frozenset[TaskStatus] = frozenset({"done", "blocked", "failed"})
UNSUCCESSFUL: frozenset[TaskStatus] = frozenset({"blocked", "failed"})


@dataclass(frozen=True, slots=True)
class Entry:
    """A task on the board of one planner."""

    task: Task
    number: int
    status: TaskStatus = "open"
    worker: str | None = None


class Tasks(Talk):
    """A planner acts when it has something to read and none of its tasks is still under way.

    A planner thus reads all handoffs of a batch together, in the order in which it opened the tasks: what it sees does
    not depend on who was faster.
    """

    free_talk = False

    def __init__(self, state: RunState, planning: Planning) -> None:
        super().__init__(state)
        self.planning = planning
        self._boards: dict[str, dict[str, Entry]] = {planner: {} for planner in planning.workers}
        self._under_way = dict.fromkeys(planning.workers, 0)
        self._active: dict[str, Entry] = {}
        self._handed: dict[str, str] = {}
        """Each worker's last task that it handed off."""
        self._candidates: dict[str, None] = {}
        self._to_assign: dict[str, None] = {}
        self._opened: set[str] = set()
        """Planners that have opened tasks in their current turn."""
        self._proposal = ""
        """The proposed answer that the judge has read; `_unread` is one that it has not."""
        self._unread: str | None = None
        self._cycles = 1
        self._undecided = 0

    # What happened

    def delivered(self, event: MessageDelivered) -> None:
        self._candidates[event.recipient] = None
        if event.kind == "proposal":
            self._unread = event.content

    def started(self, agent: str) -> None:
        self._opened.discard(agent)
        if agent == self.planning.judge and self._unread is not None:
            self._proposal, self._unread = self._unread, None

    def redrawn(self, event: TopologyChanged) -> None:
        self._to_assign.update(dict.fromkeys(self._boards))

    def wake(self, agent: str) -> None:
        self._candidates[agent] = None

    def opening(self, agent: str) -> Event:
        self._candidates[agent] = None
        return notice(agent, "plan_now", phase=self.state.phase.name)

    def said(self, agent: str, text: str, parts: tuple[Part, ...], position: Position | None = None) -> list[Event]:
        if agent in self.state.guests:
            return list(self.state.to_all(agent, text, parts, position))
        if agent == self.planning.judge:
            return self._undecided_judge(agent)
        if not text.strip() or self._busy_planning(agent):
            return []
        if agent == self.planning.root:
            if agent in self._opened:
                return []  # what it says beside its tasks is no answer
            kind: MessageKind = "proposal" if self.planning.judge else "answer"
            return [self.state.proposal(agent, name, text, kind, parts=parts) for name in self._above_root()]
        return self._hand_off(agent, Handoff(summary=text), parts)

    def called(self, event: ToolCallStarted, action: Action) -> list[Event] | str:
        agent = event.agent or ""
        if event.name not in self.tools(agent):
            offered = ", ".join(self.tools(agent)) or "none"
            return f"'{agent}' has no tool '{event.name}'; its tools on the graph: {offered}"
        match action:
            case OpenTasks():
                return self._open(agent, action)
            case HandOff():
                if agent not in self._active:
                    return f"'{agent}' has no task to hand off"
                if self._busy_planning(agent):
                    return f"tasks of '{agent}' are still under way; hand off when they have come back"
                return self._hand_off(agent, action)
            case Decide():
                return self._decide(agent, action)
            case _:
                return f"'{event.name}' is not a tool of this phase"

    def ended(self, agent: str, *, acted: bool) -> list[Event]:
        """A worker that returns without a handoff has failed its task; the planner is told so, in the run's words."""
        self._candidates[agent] = None
        if agent in self.planning.planner_of:
            self._to_assign[self.planning.planner_of[agent]] = None
        return [] if acted or self._busy_planning(agent) else self._failed(agent)

    def replaced(self, old: str, new: str) -> list[Event]:
        """The task that the other was doing has failed; the one who comes takes the next."""
        failed = self._failed(old)
        assert self.state.phase.planning is not None
        self.planning = self.state.phase.planning
        self._to_assign.update(dict.fromkeys(self._boards))
        return failed

    def retired(self, agent: str) -> list[Event]:
        """A task whose worker cannot begin any more has failed; what nobody is left to do fails when it is due."""
        self._to_assign.update(dict.fromkeys(self._boards))
        return [] if agent in self.state.busy or self._busy_planning(agent) else self._failed(agent)

    def _failed(self, worker: str) -> list[Event]:
        entry = self._active.get(worker)
        if entry is None:
            return []
        planner = self.planning.planner_of[worker]
        # The planner is told and can go on: whatever failed here is no longer what stands in the way.
        self.state.obstacles.clear()
        told = notice(planner, "task_failed", task=entry.task.id, worker=worker)
        return [TaskChanged(agent=planner, task=entry.task, status="failed", worker=worker), told]

    def task_changed(self, event: TaskChanged) -> None:
        planner = event.agent or ""
        board = self._boards[planner]
        before = board.get(event.task.id)
        entry = Entry(event.task, before.number if before else len(board), event.status, event.worker)
        board[event.task.id] = entry
        if before is None or (before.status in SETTLED and event.status not in SETTLED):
            self._under_way[planner] += 1
        if before is not None and before.worker and before.status == "claimed":
            self._active.pop(before.worker, None)
        if event.status == "claimed" and event.worker:
            self._active[event.worker] = entry
        if event.status in SETTLED:
            self._under_way[planner] -= 1
            self._candidates[planner] = None
        self._to_assign[planner] = None

    # What follows

    def advance(self) -> list[Event]:
        """Block what can no longer start, then give ready tasks to free workers."""
        planners = list(self._to_assign)
        self._to_assign.clear()
        return [
            event
            for planner in planners
            for event in self._blocked(planner) or self._assign(planner) or self._outlived(planner)
        ]

    def ready(self) -> list[str]:
        state = self.state
        waiting = [name for name in self._candidates if name not in state.busy and not state.rests(name)]
        self._candidates = {name: None for name in self._candidates if state.rests(name)}
        return [name for name in waiting if state.has_to_act(name) and not self._busy_planning(name)]

    def reads(self, agent: str, inbox: list[Inbound]) -> list[Inbound]:
        """Handoffs in the order in which their tasks were opened."""
        board = self._boards.get(agent, {})

        def place(item: Inbound) -> int:
            # A planner's own task may bear the same id as one that it opened.
            if not isinstance(item, MessageDelivered) or item.kind != "handoff" or item.task_id not in board:
                return -1
            return board[item.task_id].number

        return sorted(inbox, key=place) if board else inbox

    def tools(self, agent: str) -> tuple[str, ...]:
        if agent == self.planning.judge:
            return ("decide",)
        plans = ("open_tasks",) if agent in self.planning.workers else ()
        works = ("hand_off",) if agent in self.planning.planner_of else ()
        return plans + works

    def answers(self, agent: str) -> bool:
        return agent == self.planning.root

    def _busy_planning(self, agent: str) -> bool:
        return self._under_way.get(agent, 0) > 0

    def _above_root(self) -> tuple[str, ...]:
        workers = self.planning.workers[self.planning.root]
        return tuple(name for name in self.state.recipients(self.planning.root) if name not in workers)

    def _open(self, planner: str, action: OpenTasks) -> list[Event] | str:
        board = self._boards[planner]
        left = self.planning.max_tasks[planner] - len(board) + self._given_up(planner)
        if len(action.tasks) > left:
            return f"'{planner}' may open {left} more tasks (max_tasks {self.planning.max_tasks[planner]})"
        ids = [task.id for task in action.tasks]
        known = {*board, *ids}
        twice = sorted({id_ for id_ in ids if ids.count(id_) > 1 or id_ in board})
        if twice:
            return f"task ids used before: {', '.join(twice)}; each task needs an id of its own"
        for task in action.tasks:
            strange = [id_ for id_ in task.depends_on if id_ not in known]
            if strange:
                return f"task {task.id} depends on {', '.join(strange)}, which is no task; tasks: {', '.join(known)}"
        try:
            TopologicalSorter({task.id: task.depends_on for task in action.tasks}).prepare()
        except CycleError as error:
            return f"the tasks depend on each other in a circle: {' -> '.join(error.args[1])}; none was opened"
        self._opened.add(planner)
        return [TaskChanged(agent=planner, task=task, status="open") for task in action.tasks]

    def _blocked(self, planner: str) -> list[Event]:
        board = self._boards[planner]
        events: list[Event] = []
        for entry in board.values():
            if entry.status != "open":
                continue
            lost = [id_ for id_ in entry.task.depends_on if board[id_].status in UNSUCCESSFUL]
            if lost:
                facts = {"task": entry.task.id, "depends_on": ", ".join(lost)}
                events += [
                    TaskChanged(agent=planner, task=entry.task, status="blocked", summary=f"depends on {lost[0]}"),
                    notice(planner, "task_blocked", **facts),
                ]
        return events

    def _assign(self, planner: str) -> list[Event]:
        board = self._boards[planner]
        able = [
            entry
            for entry in board.values()
            if entry.status == "open" and all(board[id_].status == "done" for id_ in entry.task.depends_on)
        ]
        left = [
            name
            for name in self.planning.workers[planner]
            if name not in self.state.retired and self.state.may_send(planner, name)
        ]
        able.sort(key=lambda entry: (-entry.task.priority, entry.number))
        free = [name for name in left if name not in self._active and self._is_free(name)]
        events: list[Event] = []
        for entry in able:
            fit = self._fit(planner, entry, left)
            worker = next((name for name in free if name in fit), None)
            if worker is not None:
                free.remove(worker)
                events += self._claimed(planner, worker, entry)
            elif not fit:
                events += self._abandoned(planner, entry)
        return events

    def _claimed(self, planner: str, worker: str, entry: Entry) -> list[Event]:
        return [
            TaskChanged(agent=planner, task=entry.task, status="claimed", worker=worker),
            self.state.proposal(planner, worker, _task_text(entry.task), "task", entry.task.id),
        ]

    def _is_free(self, worker: str) -> bool:
        return worker not in self.state.busy and not self.state.rests(worker)

    def _fit(self, planner: str, entry: Entry, workers: Sequence[str]) -> Sequence[str]:
        """Who of these workers may do the task."""
        return workers

    def _given_up(self, planner: str) -> int:
        """Tasks that do not count towards those that the planner may open."""
        return 0

    def _outlived(self, planner: str) -> list[Event]:
        """A planner that may not act any more fails its own task once all tasks below it have come back."""
        over = planner in self.state.retired and planner not in self.state.busy and not self._busy_planning(planner)
        return self._failed(planner) if over else []

    def _abandoned(self, planner: str, entry: Entry) -> list[Event]:
        told = notice(planner, "task_abandoned", task=entry.task.id)
        return [TaskChanged(agent=planner, task=entry.task, status="failed", summary="no worker is left"), told]

    def undelivered(self, message: MessageRefused) -> list[Event]:
        """A task that could not be sent to its worker has failed; of a handoff that got lost the planner is told."""
        planner_of = self.planning.planner_of
        if planner_of.get(message.recipient) == message.sender:
            return self._failed(message.recipient)
        if planner_of.get(message.sender) == message.recipient and message.sender in self._handed:
            self._candidates[message.recipient] = None
            return [notice(message.recipient, "handoff_lost", task=self._handed[message.sender], worker=message.sender)]
        return []

    def _hand_off(self, worker: str, handoff: Handoff, parts: tuple[Part, ...] = ()) -> list[Event]:
        entry = self._active.get(worker)
        if entry is None:
            return []
        planner = self.planning.planner_of[worker]
        self._handed[worker] = entry.task.id
        changed = TaskChanged(
            agent=planner, task=entry.task, status=handoff.status, worker=worker, summary=handoff.summary
        )
        text = _handoff_text(handoff)
        return [changed, self.state.proposal(worker, planner, text, "handoff", entry.task.id, parts)]

    def _decide(self, judge: str, action: Decide) -> list[Event] | str:
        self._undecided = 0
        match action.decision:
            case "done":
                names = [name for name in self.state.recipients(judge) if name != self.planning.root]
                return [self.state.proposal(judge, name, self._proposal, "answer") for name in names]
            case "abort":
                return []
            case "continue" | "replan":
                limit = self.planning.max_cycles
                if self._cycles >= limit:
                    return [LimitWasReached(limit="max_cycles", allowed=limit, needed=self._cycles + 1)]
                self._cycles += 1
                text = f"Decision: {action.decision}\nReason: {action.reason}"
                return [self.state.proposal(judge, self.planning.root, text, "decision")]

    def _undecided_judge(self, judge: str) -> list[Event]:
        self._undecided += 1
        if self._undecided >= JUDGE_ATTEMPTS:
            self.state.obstacles.append(("failed", f"'{judge}' did not decide in {JUDGE_ATTEMPTS} turns"))
            return []
        self._candidates[judge] = None
        return [notice(judge, "decide_only")]


def _task_text(task: Task) -> str:
    parts = [f"Task {task.id}: {task.title}", task.instructions]
    if task.acceptance:
        parts.append(f"Acceptance: {task.acceptance}")
    return "\n\n".join(part for part in parts if part)


def _handoff_text(handoff: Handoff) -> str:
    fields = ((name, getattr(handoff, name)) for name in Handoff.model_fields)
    return "\n".join(f"{name.capitalize()}: {value}" for name, value in fields if value)
