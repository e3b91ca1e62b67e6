"""The order `tasks` as interventions change it: tasks are done again, given to others, or given up."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from agentmesh.events import Event, TaskChanged
from agentmesh.messages import Handoff, Part, TaskStatus
from agentmesh.scheduler.notices import notice
from agentmesh.scheduler.state import RunState
from agentmesh.scheduler.tasks import SETTLED, Entry, Tasks
from agentmesh.topology.phases import Planning

Place = tuple[str, str]
"""A planner and the id of one of its tasks."""


class Retasked(Tasks):
    """Keeps, beside the boards, what interventions have settled about single tasks."""

    def __init__(self, state: RunState, planning: Planning) -> None:
        super().__init__(state, planning)
        self._once_more: dict[str, bool] = {}
        """Workers that do their task again once they have handed it off; whether it is told to them anew."""
        self._kept_on: set[str] = set()
        """Workers that have handed off their task in the turn that they are in, and have it again."""
        self._before: dict[str, TaskStatus] = {}
        """How the tasks stood whose workers wait for an objection before they do them once more."""
        self._barred: dict[Place, set[str]] = {}
        """Who may not do a task, because it was taken from them."""
        self._meant: dict[Place, str] = {}
        """Who alone is to do a task."""
        self._left_off: dict[str, int] = {}
        """By planner: tasks that were given up so that it plans anew."""

    # Doing it again

    def call_on(self, agent: str, *, anew: bool = False) -> list[Event]:
        """A planner or judge acts as soon as it may; a worker's word counts only with its task, which it does again."""
        self.wake(agent)
        if agent not in self.planning.planner_of:
            return []
        if agent not in self._active:
            return self._again(agent, anew=anew)
        if agent in self.state.busy:
            self._once_more[agent] = anew
            return []
        return [self._told(agent)] if anew else []

    def await_word(self, guest: str, agents: Collection[str]) -> list[Event]:
        """Their planner goes on only when they have heard it, and have done their tasks once more."""
        super().await_word(guest, agents)
        idle = [name for name in agents if name in self.planning.planner_of and name not in self._active]
        again = []
        for worker in idle:
            last = self._last_of(worker)
            if last is not None:
                self._before[worker] = last[1].status
                again += self._again(worker, anew=False)
        return again

    def started(self, agent: str) -> None:
        super().started(agent)
        self._before.pop(agent, None)
        self._kept_on.discard(agent)

    def ended(self, agent: str, *, acted: bool) -> list[Event]:
        self._once_more.pop(agent, None)
        out = super().ended(agent, acted=acted or agent in self._kept_on)
        return out if acted or agent not in self.state.guests else [*out, *self.not_awaited()]

    def _hand_off(self, worker: str, handoff: Handoff, parts: tuple[Part, ...] = ()) -> list[Event]:
        entry = self._active.get(worker)
        out = super()._hand_off(worker, handoff, parts)
        anew = self._once_more.pop(worker, None)
        if entry is None or anew is None:
            return out
        return [*out, *self._claimed_again(self.planning.planner_of[worker], worker, entry, anew=anew)]

    def not_awaited(self) -> list[Event]:
        """No word comes: the tasks that wait for it stand as they stood."""
        waiting, self._before = self._before, {}
        back: list[Event] = []
        for worker, status in waiting.items():
            planner, entry = self.planning.planner_of[worker], self._active[worker]
            back.append(TaskChanged(agent=planner, task=entry.task, status=status, worker=worker))
        return back

    def _again(self, worker: str, *, anew: bool) -> list[Event]:
        last = self._last_of(worker)
        if last is None:
            return []
        planner, entry = last
        return self._claimed_again(planner, worker, entry, anew=anew)

    def _claimed_again(self, planner: str, worker: str, entry: Entry, *, anew: bool) -> list[Event]:
        if worker in self.state.busy:
            self._kept_on.add(worker)
        claimed, told = self._claimed(planner, worker, entry)
        return [claimed, told] if anew else [claimed]

    def _told(self, worker: str) -> Event:
        planner = self.planning.planner_of[worker]
        return self._claimed(planner, worker, self._active[worker])[1]

    def _last_of(self, worker: str) -> tuple[str, Entry] | None:
        """The task that the worker has handed off last, unless it is somebody else's by now."""
        planner = self.planning.planner_of[worker]
        entry = self._boards[planner].get(self._handed.get(worker, ""))
        settled = entry is not None and entry.worker == worker and entry.status in SETTLED
        if entry is None or not settled or planner in self.state.retired:
            return None
        return planner, entry

    # Giving it to others

    def movable(self, workers: Collection[str], to: str | None) -> list[tuple[str, str, Entry]]:
        """Planner, worker and task, for each of these workers whose task somebody else could do."""
        found = []
        for worker in workers:
            planner = self.planning.planner_of.get(worker)
            if planner is None:
                continue
            entry = self._active.get(worker) or (self._last_of(worker) or (planner, None))[1]
            if entry is not None and self._others(planner, entry, workers, to):
                found.append((planner, worker, entry))
        return found

    def move(self, workers: Collection[str], to: str | None) -> list[Event]:
        """Take their tasks from these workers; whoever is free and may do them, or `to` alone, gets them."""
        events: list[Event] = []
        for planner, worker, entry in self.movable(workers, to):
            place = (planner, entry.task.id)
            self._barred.setdefault(place, set()).update(workers)
            self._once_more.pop(worker, None)
            if to is not None:
                self._meant[place] = to
            events += [
                TaskChanged(agent=planner, task=entry.task, status="open", summary=f"taken from {worker}"),
                notice(worker, "reassigned", task=entry.task.id),
            ]
        return events

    def replaceable(self, agent: str) -> bool:
        """Whether somebody else can stand in the agent's place: planners and judges hold what was planned."""
        return agent not in self.planning.workers and agent != self.planning.judge

    def give_back(self, worker: str) -> list[Event]:
        """The task of a worker who leaves is open again."""
        entry = self._active.get(worker)
        if entry is None:
            return []
        planner = self.planning.planner_of[worker]
        return [TaskChanged(agent=planner, task=entry.task, status="open", summary=f"taken from {worker}")]

    def _others(self, planner: str, entry: Entry, workers: Collection[str], to: str | None) -> list[str]:
        barred = self._barred.get((planner, entry.task.id), set()).union(workers)
        return [
            name
            for name in self.planning.workers[planner]
            if name not in barred
            and to in (None, name)
            and name not in self.state.retired
            and self.state.may_send(planner, name)
        ]

    def _fit(self, planner: str, entry: Entry, workers: Sequence[str]) -> Sequence[str]:
        place = (planner, entry.task.id)
        barred, meant = self._barred.get(place, ()), self._meant.get(place)
        fit = [name for name in workers if name not in barred]
        return [meant] if meant in fit else fit

    # Planning anew

    def planner_for(self, agents: Collection[str]) -> str:
        """Whose plan the first of these agents makes, or is part of; the root if none is."""
        plans = (name if name in self._boards else self.planning.planner_of.get(name) for name in agents)
        return next((name for name in plans if name is not None), self.planning.root)

    def give_up(self, planner: str) -> list[Event]:
        """Abandon what is not done of a planner's tasks, and of those that its workers have opened for them."""
        events: list[Event] = []
        for entry in self._boards[planner].values():
            if entry.status in SETTLED:
                continue
            if entry.worker is not None:
                self._once_more.pop(entry.worker, None)
                if entry.worker in self._boards:
                    events += self.give_up(entry.worker)
                events.append(notice(entry.worker, "given_up", task=entry.task.id))
            events.append(TaskChanged(agent=planner, task=entry.task, status="failed", summary="given up to plan anew"))
        self._left_off[planner] = len(self._boards[planner])
        return events

    def own_task(self, planner: str) -> list[Event]:
        """The task of a planner below another one, told to it once more."""
        return [self._told(planner)] if planner in self._active else []

    def _given_up(self, planner: str) -> int:
        return self._left_off.get(planner, 0)
