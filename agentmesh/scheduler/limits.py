"""Limits that have been reached: who may still begin a turn, and who gives the last answer of a run that must end."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agentmesh.config.limits import Limits
from agentmesh.events import Event, LimitWasReached, MessageDelivered
from agentmesh.messages import USER, Outcome, Part
from agentmesh.scheduler.commands import Step
from agentmesh.scheduler.course import Course
from agentmesh.scheduler.notices import notice
from agentmesh.scheduler.orders import Order
from agentmesh.scheduler.state import RunState
from agentmesh.topology.phases import Phase

DRAINING = frozenset({"turns", "model_calls", "tokens", "usd"})
"""Limits on what may begin: what has begun, and is paid for, may end. Other limits end the run at once."""
STALLED = "nobody has anything left to act on, and no answer reached the user"
SHOWN = 8
"""Of the edges that were cut so many are named where a run has stalled."""


class Reached:
    """What follows from limits: of the run, of a phase, of one agent.

    Before a run ends at a draining limit of its own, one agent with an edge to `user` that knows anything at all takes
    a last turn: the planner where it has such an edge, else one that has acted already; in this phase, or else in the
    first later one that has such an agent, which is then entered.
    """

    def __init__(
        self,
        state: RunState,
        course: Course,
        limits: Limits,
        agent_limits: Mapping[str, Limits],
        end: Callable[[Outcome, str], None],
    ) -> None:
        self._state = state
        self._course = course
        self._limits = limits
        self._agent_limits = agent_limits
        self._end = end
        self.of_run: str | None = None
        """The limit that lets nobody begin a turn any more, while those in flight may still come to an answer."""
        self._kept = True
        """Whether something is left for a last answer, as far as is known."""
        self._entered = self._begun = False

    @property
    def leaving(self) -> bool:
        """Whether nobody begins a turn in this phase any more."""
        return self.of_run is not None or self.of_phase is not None or self._course.entering

    @property
    def of_phase(self) -> str | None:
        """The limit of its own that the current phase has used up."""
        return self._state.spent.get(self._state.phase.name)

    def take(self, event: LimitWasReached) -> str | None:
        """Note a limit. The agent that it retires, if it is an agent's own."""
        state, (kind, _, name) = self._state, event.scope.partition(":")
        reason = f"{event.limit}: {event.allowed:g} allowed"
        if kind == "phase":
            state.spent.setdefault(name, f"{name}: {reason}")
            state.obstacles.append(("limit", f"{name}: {reason}"))
        elif kind == "agent" or (kind == "run" and event.agent is not None):
            agent = event.agent or name
            state.retired.add(agent)
            state.obstacles.append(("limit", f"{agent}: {reason}"))
            return agent
        elif kind == "run" and event.limit in DRAINING:
            self.of_run = self.of_run or reason
            self._kept = self._kept and event.kept
        elif kind == "run":
            self._end("limit", reason)
        return None

    def closer(self) -> str | None:
        """Who would give the last answer if the run came to a limit now."""
        found = self._closer()
        return found[0] if found else None

    def keeps_turn(self, agent: str) -> bool:
        """Whether a turn is kept back from this agent: there is somebody to answer, and it can do something else."""
        most = self._limits.turns
        if most is None or most < 2 or self._state.recipients(agent) == (USER,):
            return False
        return self._closer() is not None

    @property
    def obstacle(self) -> tuple[Outcome, str]:
        """Why nothing more can happen: what stood in the way, and if nothing did, which edges are gone."""
        if self.of_phase is not None:
            return ("limit", self.of_phase)
        if self._state.obstacles:
            return self._state.obstacles[-1]
        cut = [f"{sender} -> {recipient}" for sender, recipient in sorted(self._state.cut)]
        more = f" and {len(cut) - SHOWN} more" if len(cut) > SHOWN else ""
        return ("stalled", f"{STALLED}; edges that were cut: {', '.join(cut[:SHOWN])}{more}" if cut else STALLED)

    def wrap_up(self, last: Callable[[str, Order], list[Event]], order: Order) -> Step:
        """The next step to the last answer, whose turn `last` begins. If there can be none, or was one, the run ends.

        To be asked when nobody acts.
        """
        step = self._next(last, order) if self._kept and not self._begun else []
        if not step:
            self._end("limit", self.of_run or "")
        return step

    def _next(self, last: Callable[[str, Order], list[Event]], order: Order) -> Step:
        state = self._state
        if state.closing is not None:
            self._begun = True
            return [*last(state.closing, order)]
        found = self._closer()
        if found is None:
            return []
        agent, phase = found
        if phase is not state.phase:
            if self._entered or not self._course.enter(phase.name):
                return []
            self._entered = True
            return self._course.leave("limit") or []
        state.closing = agent
        return [notice(agent, "wrap_up")]

    def last_words(self, text: str | None, parts: tuple[Part, ...]) -> Step:
        """The answer in which the last turn ended: it goes to `user` alone."""
        agent = self._state.closing or ""
        if text is None or not text.strip() or (USER, "text") in self._state.written.get(agent, ()):
            return []
        return [self._state.proposal(agent, USER, text, "answer", parts=parts)]

    def _closer(self) -> tuple[str, Phase] | None:
        for phase in self._course.remaining:
            if phase.name in self._state.spent:
                continue
            agent = self._closer_in(phase)
            if agent is not None:
                return agent, phase
        return None

    def _closer_in(self, phase: Phase) -> str | None:
        heard, root = phase.predecessors.get(USER, ()), phase.planning.root if phase.planning else ""
        if root in heard and self._may_close(root, phase):
            return root
        first: str | None = None
        for name in heard:  # asked before every call of a run with limits: the first that has acted ends the search
            if self._may_close(name, phase):
                if self._state.turns[name]:
                    return name
                first = first or name
        return first

    def _may_close(self, name: str, phase: Phase) -> bool:
        state = self._state
        own = self._agent_limits.get(name, Limits()).turns
        of_phase = phase.limits.turns
        return (
            name in phase.participants
            and (name, USER) not in state.cut
            and name not in state.retired
            and (own is None or state.turns[name] < own)
            and (of_phase is None or state.phase_turns[phase.name] < of_phase)
            and self._knows(name, phase)
        )

    def _knows(self, name: str, phase: Phase) -> bool:
        """Whether the agent has, or will be given, anything to answer from."""
        state = self._state
        if phase is not state.phase:
            told = (USER, name) in phase.by_pair and (USER, name) not in state.cut
            if phase.fresh or (told and name not in state.told):
                return told
        remembers = state.turns[name] > 0 and name not in state.restart
        return remembers or any(isinstance(item, MessageDelivered) for item in state.inbox.get(name, ()))
