"""Claims of success that a check refutes: a task handed in as done that is not accepted, a promise that is not kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agentmesh.events import TaskChanged, Verification
from agentmesh.monitors.signals import Said
from agentmesh.monitors.termination.asked import KEPT, Shown

TASKS, AGENTS = 512, 1_000
REFUTED, IDLE = 1.1, 1.1
"""What a refuted claim weighs, and how much more where nothing was done for it."""
CONFLICT, MOVED = " conflicts with ", " moved whenever "
"""In the first line of what is said of a task that cannot be merged: that says nothing of whether it was done."""
PROMISE = "<promise>"
Task = tuple[str, str]
"""A planner, and the id of a task of its board."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Who says so, in which events, and whether it did nothing for it."""

    agent: str
    events: tuple[int, ...]
    idle: bool = False


class Refutations:
    """What agents say is done, until somebody outside has checked it."""

    def __init__(self) -> None:
        self._handed: dict[Task, Claim] = {}
        self._promise: Claim | None = None
        self._standing: dict[Task, list[Shown]] = {}
        """Claims that were refuted, and not mended since; a phase has an empty planner."""
        self._accepted: dict[str, None] = {}
        """Workers whose latest task was accepted."""
        self._asked: set[str] = set()
        self._worked: set[str] = set()
        """Agents that asked their model, and that called a tool, in their latest turn."""

    def started(self, agent: str) -> None:
        """An agent begins a turn."""
        self._asked.discard(agent)
        self._worked.discard(agent)

    def asked(self, agent: str) -> None:
        """A model answered it: what an agent without one does shows in no call."""
        if len(self._asked) < AGENTS:
            self._asked.add(agent)

    def worked(self, agent: str) -> None:
        """It called a tool."""
        if len(self._worked) < AGENTS:
            self._worked.add(agent)

    def handed(self, event: TaskChanged) -> None:
        """A task came into a new state."""
        worker, task = event.worker or "", (event.agent or "", event.task.id)
        if event.status == "claimed":
            self._accepted.pop(worker, None)
        if event.status == "done":
            idle = worker in self._asked and worker not in self._worked
            self._handed[task] = Claim(worker, (event.id,), idle)
            if len(self._handed) > TASKS:
                del self._handed[next(iter(self._handed))]

    def begun(self) -> None:
        """A phase begins: what was promised before was promised of another."""
        self._promise = None

    def said(self, said: Said) -> None:
        """A contribution may hold a promise."""
        if PROMISE in said.text:
            self._promise = Claim(said.agent, (said.event,))

    def accepts(self, worker: str) -> bool:
        """Whether the task that this worker hands in was checked, and is done."""
        return worker in self._accepted

    def checked(self, event: Verification) -> tuple[Claim, list[Shown]] | None:
        """The claim that a check refutes, with all that speaks against it, the latest last; None without one."""
        if event.task is not None:
            task, claim = (event.agent or "", event.task), self._handed.pop((event.agent or "", event.task), None)
        else:
            task, claim, self._promise = ("", event.phase or ""), self._promise, None
        if event.passed:
            self._standing.pop(task, None)
            if claim is not None and event.task is not None and len(self._accepted) < AGENTS:
                self._accepted[claim.agent] = None
            return None
        found = event.detail.partition("\n")[0]
        if claim is None or CONFLICT in found or MOVED in found:
            return None
        against = self._standing.setdefault(task, [])
        against.append(_shown(claim, event, len(against)))
        del against[1:-KEPT]
        if len(self._standing) > TASKS:
            del self._standing[next(iter(self._standing))]
        return claim, against

    def shown(self) -> Iterator[Shown]:
        """What was refuted and not mended."""
        for against in self._standing.values():
            yield from against

    def forget(self) -> None:
        """All of it has been verified."""
        self._standing.clear()
        self._handed.clear()


def _shown(claim: Claim, event: Verification, before: int) -> Shown:
    """Each further time of the same weighs half as much."""
    what = f"that task {event.task} is done" if event.task else f"that phase {event.phase} has come to its end"
    how = ", did nothing for it," if claim.idle else ""
    weight = (REFUTED + IDLE * claim.idle) * 0.5 ** min(before, 60)
    return Shown(weight, (*claim.events, event.id), f"{claim.agent} said {what}{how} and the check refutes it")
