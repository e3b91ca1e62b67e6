"""The order `tasks` as interventions change it: tasks are done again, given to others, or given up."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from agentmesh.events import Event, Verification
from agentmesh.messages import Handoff, Part, TaskStatus
from agentmesh.scheduler.commands import Command, Step
from agentmesh.scheduler.notices import notice
from agentmesh.scheduler.state import RunState
from agentmesh.scheduler.taskboard import Entry, Place
from agentmesh.scheduler.tasks import Tasks


class Retasked(Tasks):
    """Keeps, beside the boards, what interventions have settled about single tasks."""

    def __init__(self, state: RunState) -> None:
        super().__init__(state)
        self._once_more: dict[str, bool] = {}
        """Workers that do their task again once they have handed it off; whether it is told to them anew.

        Of those whose work is being merged, once that is done.
        """
        self._kept_on: set[str] = set()
        """Workers that have handed off their task in the turn that they are in, and have it again."""
        self._before: dict[str, TaskStatus] = {}
        """How the tasks stood whose workers wait for an objection before they do them once more."""
        self._barred: dict[Place, set[str]] = {}
        """Who may not do a task, because it was taken from them."""
        self._meant: dict[Place, str] = {}
        """Who alone is to do a task."""

    # Doing it again

    def call_on(self, agent: str, *, anew: bool = False) -> list[Event]:
        """A planner or judge acts as soon as it may; a worker's word counts only with its task, which it does again."""
        self.wake(agent)
        if agent not in self.planning.planner_of:
            return []
        entry = self.boards.active.get(agent)
        if entry is None:
            return self._again(agent, anew=anew)
        being_merged = entry.place in self.state.accepting
        if being_merged or (agent in self.state.busy and entry.status == "claimed"):
            self._once_more[agent] = anew
            return []
        if entry.status == "claimed":
            return [self._told(agent)] if anew else []
        return self._claimed_again(agent, entry, anew=anew)

    def await_word(self, guest: str, agents: Collection[str]) -> list[Event]:
        """Their planner goes on only when they have heard it, and have done their tasks once more."""
        super().await_word(guest, agents)
        idle = [name for name in agents if name in self.planning.planner_of and name not in self.boards.active]
        again = []
        for worker in idle:
            last = self._last_of(worker)
            if last is not None:
                self._before[worker] = last.status
                again += self._again(worker, anew=False)
        return again

    def started(self, agent: str) -> None:
        super().started(agent)
        self._before.pop(agent, None)
        self._kept_on.discard(agent)

    def ended(self, agent: str, *, acted: bool) -> Sequence[Event | Command]:
        self._once_more.pop(agent, None)
        out = super().ended(agent, acted=acted or agent in self._kept_on)
        return out if acted or agent not in self.state.guests else [*out, *self.not_awaited()]

    def _hand_off(self, worker: str, handoff: Handoff, parts: tuple[Part, ...] = ()) -> list[Event]:
        entry = self._claimed_by(worker)
        out = super()._hand_off(worker, handoff, parts)
        anew = self._once_more.pop(worker, None)
        if entry is None or anew is None:
            return out
        return [*out, *self._claimed_again(worker, entry, anew=anew)]

    def accepted(self, event: Verification) -> Step:
        worker = self.state.accepting.get((event.agent or "", event.task or ""), "")
        entry = self.boards.active.get(worker)
        out = super().accepted(event)
        anew = self._once_more.pop(worker, None)
        if entry is None or anew is None or not (out and event.passed) or self.state.closed is not None:
            return out
        return [*out, *self._claimed_again(worker, entry, anew=anew)]

    def not_awaited(self) -> list[Event]:
        """No word comes: the tasks that wait for it stand as they stood."""
        waiting, self._before = self._before, {}
        back: list[Event] = []
        for worker, status in waiting.items():
            back.append(self.boards.active[worker].changed(status, worker))
        return back

    def _again(self, worker: str, *, anew: bool) -> list[Event]:
        last = self._last_of(worker)
        return [] if last is None else self._claimed_again(worker, last, anew=anew)

    def _claimed_again(self, worker: str, entry: Entry, *, anew: bool) -> list[Event]:
        if worker in self.state.busy:
            self._kept_on.add(worker)
        claimed = entry.changed("claimed", worker, again=True)
        return [claimed, self._task_for(worker, entry, claimed.attempt)] if anew else [claimed]

    def _told(self, worker: str) -> Event:
        entry = self.boards.active[worker]
        return self._task_for(worker, entry, entry.attempt)

    def _last_of(self, worker: str) -> Entry | None:
        """The task that the worker has handed off last, unless it is somebody else's by now."""
        planner = self.planning.planner_of[worker]
        entry = self.boards.of(planner).get(self._handed.get(worker, ""))
        last = entry is not None and entry.worker == worker and entry.settled
        return entry if last and planner not in self.state.retired else None

    # Giving it to others

    def movable(self, workers: Collection[str], to: str | None) -> list[tuple[str, Entry]]:
        """Worker and task, for each of these workers whose task somebody else could do."""
        found = []
        for worker in workers:
            if worker not in self.planning.planner_of:
                continue
            entry = self.boards.active.get(worker) or self._last_of(worker)
            if entry is not None and self._others(entry, workers, to):
                found.append((worker, entry))
        return found

    def move(self, workers: Collection[str], to: str | None) -> list[Event]:
        """Take their tasks from these workers; whoever is free and may do them, or `to` alone, gets them."""
        events: list[Event] = []
        for worker, entry in self.movable(workers, to):
            self._barred.setdefault(entry.place, set()).update(workers)
            self._once_more.pop(worker, None)
            if to is not None:
                self._meant[entry.place] = to
            events += [_taken(worker, entry), notice(worker, "reassigned", task=entry.task.id)]
        return events

    def replaceable(self, agent: str) -> bool:
        """Whether somebody else can stand in the agent's place: planners and judges hold what was planned."""
        return agent not in self.planning.workers and agent != self.planning.judge

    def give_back(self, worker: str) -> list[Event]:
        """The task of a worker who leaves is open again."""
        entry = self.boards.active.get(worker)
        return [] if entry is None else [_taken(worker, entry)]

    def _others(self, entry: Entry, workers: Collection[str], to: str | None) -> list[str]:
        barred = self._barred.get(entry.place, set()).union(workers)
        return [
            name
            for name in super()._fit(entry, self.planning.workers[entry.planner])
            if name not in barred
            and to in (None, name)
            and name not in self.state.retired
            and self.state.may_send(entry.planner, name)
        ]

    def _fit(self, entry: Entry, workers: Sequence[str]) -> Sequence[str]:
        barred, meant = self._barred.get(entry.place, ()), self._meant.get(entry.place)
        fit = [name for name in super()._fit(entry, workers) if name not in barred]
        return [meant] if meant in fit else fit

    # Planning anew

    def planner_for(self, agents: Collection[str]) -> str:
        """Whose plan the first of these agents makes, or is part of; the root if none is."""
        plans = (name if name in self.boards else self.planning.planner_of.get(name) for name in agents)
        return next((name for name in plans if name is not None), self.planning.root)

    def give_up(self, planner: str) -> list[Event]:
        """Abandon what is not done of a planner's tasks, and of those that its workers have opened for them."""
        events: list[Event] = []
        for entry in self.boards.of(planner).values():
            self.boards.uncounted.add(entry.place)
            if entry.settled:
                continue
            if entry.worker is not None:
                self._once_more.pop(entry.worker, None)
                if entry.worker in self.boards:
                    events += self.give_up(entry.worker)
                events.append(notice(entry.worker, "given_up", task=entry.task.id))
            events.append(entry.changed("failed", summary="given up to plan anew"))
        return events

    def own_task(self, planner: str) -> list[Event]:
        """The task of a planner below another one, told to it once more."""
        return [self._told(planner)] if planner in self.boards.active else []


def _taken(worker: str, entry: Entry) -> Event:
    return entry.changed("open", summary=f"taken from {worker}", again=True)
