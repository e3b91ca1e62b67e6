"""Change while the run lives: edges are cut and given back, agents replaced, a phase is left for another."""

from __future__ import annotations

from agentmesh.events import RunStarted, TopologyChanged
from agentmesh.scheduler.boards import Boards
from agentmesh.scheduler.commands import Step
from agentmesh.scheduler.course import Course
from agentmesh.scheduler.orders import Order
from agentmesh.scheduler.polls import Polls
from agentmesh.scheduler.state import RunState
from agentmesh.scheduler.used import BoundsOf, Used


class Changes:
    """Carries out `topology_changed` events. `agents`: all that may take part; who is replaced does no more."""

    def __init__(
        self,
        state: RunState,
        course: Course,
        polls: Polls,
        boards: Boards,
        agents: set[str],
        used: Used,
        bounds: BoundsOf | None,
    ) -> None:
        self._state = state
        self._course = course
        self._polls = polls
        self._boards = boards
        self._agents = agents
        self._used = used
        self._bounds = bounds

    def apply(self, event: TopologyChanged, order: Order, task: RunStarted) -> Step:
        """What follows from a change of the graph."""
        state = self._state
        out: Step = []
        match event.change:
            case "cut" | "isolate":
                state.cut.update(event.edges)
                for agent in event.agents:
                    # The event may have been written down before another agent took the place of one of its ends.
                    drawn = (edge.pair for phase in self._course.phases for edge in phase.edges)
                    state.cut.update(pair for pair in drawn if agent in pair)
                    self._boards.left(agent)
            case "restore":
                state.cut.difference_update(event.edges)
                for agent in event.agents:
                    self._join(agent, event, order)
            case "replace":
                out = self._replace(*event.agents, order=order, task=task)
            case "enter_phase":
                self._course.enter(event.phase or "")
        order.redrawn(event)
        return [*out, *self._bounds_changed()]

    def _join(self, agent: str, event: TopologyChanged, order: Order) -> None:
        """An agent of the reserve takes part as a guest, on these edges."""
        state = self._state
        self._course.join(agent, event.edges)
        self._agents.add(agent)
        state.guests.add(agent)
        for pair in event.edges:
            state.carried.pop(pair, None)  # they are new in this phase
        order.joined(agent)

    def _replace(self, old: str, new: str, *, order: Order, task: RunStarted) -> Step:
        """One agent takes the place of another: its edges, and nothing of what it knew, said or voted for."""
        state = self._state

        def renamed(pair: tuple[str, str]) -> tuple[str, str]:
            return (new if pair[0] == old else pair[0], new if pair[1] == old else pair[1])

        self._course.rename(old, new)
        self._agents.discard(old)
        self._agents.add(new)
        state.cut = set(map(renamed, state.cut))
        for pair in [pair for pair in state.carried if old in pair]:
            state.carried[renamed(pair)] = state.carried.pop(pair)
        state.inbox.pop(old, None)
        state.positions.pop(old, None)
        state.restart[new] = "replace"
        self._boards.left(old)
        self._polls.left(old)
        return [*state.task(task.task, task.parts), *order.replaced(old, new)]

    def _bounds_changed(self) -> Step:
        if self._bounds is None:
            return []
        state = self._state
        phases = [phase.only(lambda pair: pair not in state.cut) for phase in self._course.remaining]
        widest = max((len(others) for phase in self._course.phases for others in phase.successors.values()), default=0)
        kept = (len(state.busy) + len(state.phase.participants)) * widest
        return [self._used.changed(self._bounds, phases, kept)]
