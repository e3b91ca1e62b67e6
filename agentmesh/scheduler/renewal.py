"""Agents that begin anew: with their instructions and the task, and nothing of what was said before."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from agentmesh.events import Event, Inbound, MessageDelivered, RunStarted
from agentmesh.messages import USER
from agentmesh.scheduler.notices import notice
from agentmesh.scheduler.orders import Order
from agentmesh.scheduler.retasking import Retasked
from agentmesh.scheduler.revote import Revote
from agentmesh.scheduler.state import RunState


class Renewal:
    """Gives agents a fresh context, and the task in it if they have, or had, an edge from `user`."""

    def __init__(self, state: RunState) -> None:
        self._state = state
        self.of_phase = False
        """Whether everybody begins anew when the next phase begins."""

    def addressed(self, agents: Iterable[str]) -> tuple[str, ...]:
        """Those of the agents whom `user` addresses, in this phase or an earlier one."""
        state = self._state
        return tuple(name for name in agents if name in state.ever_told or state.may_send(USER, name))

    def reset(self, agents: Collection[str], forgotten: Collection[str], order: Order, task: RunStarted) -> list[Event]:
        """These agents begin anew; what the `forgotten` have written to them, and they have not read, goes too.

        What these write from now on they are shown once they have begun.
        """
        state = self._state
        for agent in agents:
            state.inbox[agent] = [item for item in state.inbox.get(agent, ()) if not _is_from(item, forgotten)]
            state.aside.shut(agent, forgotten)
        told = self._begin_anew(agents, task)
        notices = [notice(agent, "reset") for agent in agents]
        return [*told, *notices, *(event for agent in agents for event in order.call_on(agent, anew=True))]

    def revote(self, agents: tuple[str, ...], order: Order, task: RunStarted) -> list[Event]:
        """These agents answer anew and alone."""
        state = self._state
        state.revote = Revote(agents)
        for agent in agents:
            state.aside.shut(agent)
            state.inbox[agent] = state.aside.open(state.inbox.get(agent, ()))
        told = self._begin_anew(agents, task)
        notices = [notice(agent, "vote_again") for agent in agents]
        return [*told, *notices, *(event for agent in agents for event in order.call_on(agent, anew=True))]

    def plan_anew(self, planner: str, order: Retasked, task: RunStarted) -> list[Event]:
        """A planner begins anew: with the user's task, or with its own of the planner above it."""
        state = self._state
        state.inbox[planner] = [item for item in state.inbox.get(planner, ()) if _is_from(item, [USER])]
        told = self._begin_anew([planner], task)
        order.wake(planner)
        return [*told, *order.own_task(planner), notice(planner, "replan")]

    def _begin_anew(self, agents: Collection[str], task: RunStarted) -> list[Event]:
        """The task once more, for all who are to have it and have it not before them."""
        state = self._state
        unread = {name for name in agents if any(_is_task(item, task) for item in state.inbox.get(name, ()))}
        again: list[Event] = []
        for agent in agents:
            state.restart[agent] = "reset"
            if agent in unread:
                continue
            if state.may_send(USER, agent):
                state.told.discard(agent)
            elif agent in state.ever_told:
                again.append(notice(agent, "task_again", task=task.task))
        return [*state.task(task.task, task.parts), *again]


def _is_from(item: Inbound, senders: Collection[str]) -> bool:
    return isinstance(item, MessageDelivered) and item.sender in senders


def _is_task(item: Inbound, task: RunStarted) -> bool:
    return _is_from(item, [USER]) and item.content == task.task
