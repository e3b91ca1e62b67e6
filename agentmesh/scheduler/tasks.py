"""Who acts next in the order `tasks`: planners open tasks, free workers take them, a judge decides."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter

from agentmesh.events import (
    Event,
    Inbound,
    MessageDelivered,
    MessageRefused,
    TaskChanged,
    ToolCallStarted,
    TopologyChanged,
    Verification,
)
from agentmesh.messages import Handoff, Part, Position, Task
from agentmesh.scheduler.accepting import Acceptance
from agentmesh.scheduler.commands import Command, Step
from agentmesh.scheduler.cycles import Cycles
from agentmesh.scheduler.notices import notice
from agentmesh.scheduler.orders import Talk
from agentmesh.scheduler.state import RunState
from agentmesh.scheduler.taskboard import UNSUCCESSFUL, Entry, Place, TaskBoards, handoff_text, task_text
from agentmesh.tools.graph import Action, Decide, HandOff, OpenTasks
from agentmesh.topology.phases import Planning


class Tasks(Talk):
    """A planner acts when it has something to read and none of its tasks is still under way.

    A planner thus reads all handoffs of a batch together, in the order in which it opened the tasks: what it sees does
    not depend on who was faster. A worker has nothing else to do while its work is merged.
    """

    free_talk = False

    def __init__(self, state: RunState) -> None:
        super().__init__(state)
        planners = self.planning.workers
        self.boards = TaskBoards(planners, self.planning.accepts.difference(planners))
        self.acceptance = Acceptance(state)
        self.cycles = Cycles(state, self.boards)
        self._handed: dict[str, str] = {}
        """Each worker's last task that it handed off."""
        self._retried: Counter[Place] = Counter()
        self._tried: defaultdict[Place, set[str]] = defaultdict(set)
        """Who has had a task."""
        self._candidates: dict[str, None] = {}
        self._to_assign: dict[str, None] = {}
        self._opened: set[str] = set()
        """Planners that have opened tasks in their current turn."""

    @property
    def planning(self) -> Planning:
        """Who plans and who works now."""
        return self.state.planning

    # What happened

    def delivered(self, event: MessageDelivered) -> None:
        self._candidates[event.recipient] = None
        self.cycles.delivered(event)

    def started(self, agent: str) -> None:
        self._opened.discard(agent)
        self.cycles.started(agent)

    def redrawn(self, event: TopologyChanged) -> None:
        self._to_assign.update(dict.fromkeys(self.planning.workers))

    def wake(self, agent: str) -> None:
        self._candidates[agent] = None

    def opening(self, agent: str) -> Event:
        self._candidates[agent] = None
        return notice(agent, "plan_now", phase=self.state.phase.name)

    def said(self, agent: str, text: str, parts: tuple[Part, ...], position: Position | None = None) -> list[Event]:
        if agent in self.state.guests:
            return list(self.state.to_all(agent, text, parts, position))
        if agent == self.planning.judge:
            self._candidates[agent] = None
            return self.cycles.talked(agent)
        if not text.strip() or self._busy_planning(agent):
            return []
        if agent == self.planning.root:
            # What it says beside its tasks is no answer.
            return [] if agent in self._opened else self.cycles.propose(text, parts)
        return self._hand_off(agent, Handoff(summary=text), parts)

    def called(self, event: ToolCallStarted, action: Action) -> list[Event] | str:
        agent = event.agent or ""
        if event.name not in self.tools(agent):
            offered = ", ".join(self.tools(agent)) or "none"
            return f"'{agent}' has no tool '{event.name}'; its tools on the graph: {offered}"
        match action:
            case OpenTasks():
                return self.acceptance.fault(agent, action.tasks) or self._open(agent, action)
            case HandOff():
                if self._claimed_by(agent) is None:
                    return f"'{agent}' has no task to hand off"
                if self._busy_planning(agent):
                    return f"tasks of '{agent}' are still under way; hand off when they have come back"
                return self._hand_off(agent, action)
            case Decide():
                return self.cycles.decide(agent, action)
            case _:
                return f"'{event.name}' is not a tool of this phase"

    def ended(self, agent: str, *, acted: bool) -> Sequence[Event | Command]:
        """A worker that returns without a handoff has failed its task; the planner is told so, in the run's words."""
        self._candidates[agent] = None
        if agent in self.planning.planner_of:
            self._to_assign[self.planning.planner_of[agent]] = None
        if acted or self._busy_planning(agent):
            return []
        return self.acceptance.begin(self.boards.active.get(agent)) or self._failed(agent)

    def replaced(self, old: str, new: str) -> list[Event]:
        """The task that the other was doing has failed; the one who comes takes the next."""
        self._to_assign.update(dict.fromkeys(self.planning.workers))
        return self._failed(old)

    def retired(self, agent: str) -> list[Event]:
        """A task whose worker cannot begin any more has failed; what nobody is left to do fails when it is due."""
        self._to_assign.update(dict.fromkeys(self.planning.workers))
        return [] if agent in self.state.busy or self._busy_planning(agent) else self._failed(agent)

    def task_changed(self, event: TaskChanged) -> Step:
        entry = self.boards.change(event)
        self._to_assign[entry.planner] = None
        if entry.settled:
            self._candidates[entry.planner] = None
        if entry.status == "claimed" and entry.worker:
            self._tried[entry.place].add(entry.worker)
            self.acceptance.claimed(entry)
        return self.acceptance.begin(entry)

    def accepted(self, event: Verification) -> Step:
        """What was merged counts, and what was not goes back; unless the task was taken from its worker meanwhile."""
        place = planner, id_ = (event.agent or "", event.task or "")
        self.state.accepting.pop(place, None)
        self._candidates[planner] = self._to_assign[planner] = None
        entry = self.boards.of(planner).get(id_)
        if entry is None or entry.status != "done" or entry.attempt != event.attempt:
            return []
        if self.state.closed is not None:
            return [entry.changed("verified", entry.worker)] if event.passed else []
        if not event.passed:
            return [*self.acceptance.refused(entry, event.detail)]
        return [entry.changed("verified", entry.worker), *self._counts(entry, *self.acceptance.words(entry))]

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
        waiting = [name for name in self._candidates if name not in state.busy and not self._rests(name)]
        self._candidates = {name: None for name in self._candidates if self._rests(name)}
        return [name for name in waiting if state.has_to_act(name) and not self._busy_planning(name)]

    def reads(self, agent: str, inbox: list[Inbound]) -> list[Inbound]:
        """Handoffs in the order in which their tasks were opened."""
        board = self.boards.of(agent)

        def place(item: Inbound) -> int:
            # A planner's own task may bear the same id as one that it opened.
            handed = isinstance(item, MessageDelivered) and item.kind == "handoff"
            entry = board.get(item.task_id or "") if handed else None  # type: ignore[union-attr]
            return -1 if entry is None else entry.number

        return sorted(inbox, key=place) if board else inbox

    def tools(self, agent: str) -> tuple[str, ...]:
        if agent == self.planning.judge:
            return ("decide",)
        plans = ("open_tasks",) if agent in self.planning.workers else ()
        works = ("hand_off",) if agent in self.planning.planner_of else ()
        return plans + works

    def answers(self, agent: str) -> bool:
        return agent == self.planning.root

    def task_of(self, agent: str) -> tuple[str, Task] | None:
        entry = self.boards.active.get(agent)
        plans = agent in self.planning.workers  # and has it done by others
        return None if entry is None or plans else (entry.planner, entry.task)

    def _busy_planning(self, agent: str) -> bool:
        """Whether a task of the agent's is under way, or what was made of one that was taken back is still merged."""
        return self.boards.under_way(agent) or any(planner == agent for planner, _ in self.state.accepting)

    def _rests(self, agent: str) -> bool:
        return self.state.rests(agent) or agent in self.state.accepting.values()

    def _claimed_by(self, worker: str) -> Entry | None:
        """The task that the worker has not handed off yet."""
        entry = self.boards.active.get(worker)
        return entry if entry is not None and entry.status == "claimed" else None

    # Giving tasks out

    def _open(self, planner: str, action: OpenTasks) -> list[Event] | str:
        board, most = self.boards.of(planner), self.planning.max_tasks[planner]
        left = most - self.boards.counted(planner)
        if len(action.tasks) > left:
            return f"'{planner}' may open {left} more tasks (max_tasks {most})"
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
        board = self.boards.of(planner)
        events: list[Event] = []
        for entry in board.values():
            lost = [id_ for id_ in entry.task.depends_on if entry.waits and board[id_].status in UNSUCCESSFUL]
            if lost:
                told = notice(planner, "task_blocked", task=entry.task.id, depends_on=", ".join(lost))
                events += [entry.changed("blocked", summary=f"depends on {lost[0]}"), told]
        return events

    def _assign(self, planner: str) -> list[Event]:
        state, board = self.state, self.boards.of(planner)
        waiting = [entry for entry in board.values() if entry.waits and entry.place not in state.accepting]
        able: list[Entry] = []
        events: list[Event] = []
        for entry in waiting:
            if all(board[id_].succeeded for id_ in entry.task.depends_on):
                able.append(entry)
            elif entry.status == "ready":  # what it depends on is done once more
                events.append(entry.changed("open"))
        able.sort(key=lambda entry: (not self.acceptance.is_back(entry), -entry.task.priority, entry.number))
        workers = self.planning.workers[planner]
        left = [name for name in workers if name not in state.retired and state.may_send(planner, name)]
        free = [name for name in left if name not in self.boards.active and self._is_free(name)]
        for entry in able:
            fit = self._fit(entry, left)
            preferred = self._preferred(entry, fit)
            worker = next((name for name in free if name in preferred), None)
            if worker is not None:
                free.remove(worker)
                events += self._claimed(worker, entry)
            elif not fit:
                told = notice(planner, "task_abandoned", task=entry.task.id)
                events += [entry.changed("failed", summary="no worker is left"), told]
            elif entry.status == "open" and not any(self._is_ending(name) for name in fit):
                events.append(entry.changed("ready"))
        return events

    def _claimed(self, worker: str, entry: Entry) -> list[Event]:
        claimed = entry.changed("claimed", worker, again=not entry.waits)
        return [claimed, self._task_for(worker, entry, claimed.attempt)]

    def _task_for(self, worker: str, entry: Entry, attempt: int) -> Event:
        text = task_text(entry.task, attempt, self.acceptance.why(entry))
        return self.state.proposal(entry.planner, worker, text, "task", entry.task.id)

    def _is_free(self, worker: str) -> bool:
        return worker not in self.state.busy and not self._rests(worker)

    def _is_ending(self, worker: str) -> bool:
        """Whether the worker has handed off in the turn that it is in, and is free in a moment."""
        return worker in self.state.busy and worker not in self.boards.active

    def _fit(self, entry: Entry, workers: Sequence[str]) -> Sequence[str]:
        """Who of these workers may do the task."""
        planning = self.planning
        if planning.reconcile is None or entry.planner != planning.root:
            return workers
        own = entry.task.id in self.cycles.own
        return [name for name in workers if (name == planning.reconcile) == own]

    def _preferred(self, entry: Entry, fit: Sequence[str]) -> Sequence[str]:
        """Who of those that may do the task should."""
        back = self.acceptance.back_to(entry, fit)
        if back is not None:
            return [back]
        untried = [name for name in fit if name not in self._tried[entry.place]] if self._retried[entry.place] else []
        return untried or fit

    # What comes back

    def _hand_off(self, worker: str, handoff: Handoff, parts: tuple[Part, ...] = ()) -> list[Event]:
        entry = self._claimed_by(worker)
        if entry is None:
            return []
        self._handed[worker] = entry.task.id
        changed = entry.changed(handoff.status, worker, handoff.summary)
        text = handoff_text(handoff)
        if handoff.status == "failed" and self._is_retried(entry):
            return [changed, self._given_out_again(entry)]
        if handoff.status != "done":
            return [changed, self._handoff(worker, entry, text, parts)]
        if entry.checked:
            self.acceptance.keep(entry, text, parts)
            return [changed]
        return [changed, *self._counts(entry, text, parts)]

    def _counts(self, entry: Entry, text: str, parts: tuple[Part, ...]) -> list[Event]:
        """Work is done: what waited for it alone goes on, else its planner reads of it."""
        return self.cycles.reconciled(entry) or [self._handoff(entry.worker or "", entry, text, parts)]

    def _handoff(self, worker: str, entry: Entry, text: str, parts: tuple[Part, ...]) -> Event:
        if worker not in self.planning.workers.get(entry.planner, ()):
            return notice(entry.planner, "handoff_lost", task=entry.task.id, worker=worker)
        return self.state.proposal(worker, entry.planner, text, "handoff", entry.task.id, parts)

    def _failed(self, worker: str) -> list[Event]:
        entry = self._claimed_by(worker)
        if entry is None:
            return []
        # The planner is told and can go on: whatever failed here is no longer what stands in the way.
        self.state.obstacles.clear()
        failed = entry.changed("failed", worker)
        if self._is_retried(entry):
            return [failed, self._given_out_again(entry)]
        return [failed, notice(entry.planner, "task_failed", task=entry.task.id, worker=worker)]

    def _is_retried(self, entry: Entry) -> bool:
        """Whether a task that has failed is given out again."""
        return self._retried[entry.place] < self.planning.retries and self.state.closed is None

    def _given_out_again(self, entry: Entry) -> Event:
        self._retried[entry.place] += 1
        return entry.changed("open", summary="given out again", again=True)

    def _outlived(self, planner: str) -> list[Event]:
        """A planner that may not act any more fails its own task once all tasks below it have come back."""
        over = planner in self.state.retired and planner not in self.state.busy and not self._busy_planning(planner)
        return self._failed(planner) if over else []

    def undelivered(self, message: MessageRefused) -> list[Event]:
        """A task that could not be sent to its worker has failed; of a handoff that got lost the planner is told."""
        planner_of = self.planning.planner_of
        if planner_of.get(message.recipient) == message.sender:
            return self._failed(message.recipient)
        if planner_of.get(message.sender) == message.recipient and message.sender in self._handed:
            self._candidates[message.recipient] = None
            return [notice(message.recipient, "handoff_lost", task=self._handed[message.sender], worker=message.sender)]
        return []
