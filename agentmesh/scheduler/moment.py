"""What forbids an intervention just now, although it could be carried out at another time."""

from __future__ import annotations

from collections.abc import Collection

from agentmesh.config.interventions import ENTERING, FREE
from agentmesh.events import InterventionMade, MessageProposed, MessageTransformed
from agentmesh.messages import USER
from agentmesh.scheduler.course import Course
from agentmesh.scheduler.limits import Reached
from agentmesh.scheduler.state import RunState


class Moment:
    """Whether anybody would act on an intervention, and whether something is left for it to do."""

    def __init__(self, state: RunState, course: Course, agents: Collection[str], reached: Reached) -> None:
        self._state = state
        self._course = course
        self._agents = agents
        self._reached = reached
        self._coming: list[InterventionMade] = []
        """Planned, and not all that follows is in the log."""

    def comes(self, planned: InterventionMade) -> None:
        """Note what is about to be carried out."""
        self._coming.append(planned)

    def settled(self) -> None:
        """All that follows from what was planned is in the log."""
        self._coming.clear()

    def forbids(self, planned: InterventionMade, undecided: object) -> bool:
        """Whether it would do nothing now; `undecided` is the message that blocking monitors are being shown."""
        return self._is_late(planned, answer_in(undecided)) or self._is_done(planned)

    def _is_late(self, planned: InterventionMade, answer: MessageProposed | MessageTransformed | None) -> bool:
        """Whether it gives turns to agents who begin none: the run ends, or will with this answer; the phase is left.

        An answer is kept back only for what has its author go on, or goes through a phase once more.
        """
        if planned.kind in FREE:
            return False
        if self._state.closed is not None or (self._reached.leaving and planned.kind not in ENTERING):
            return True
        if answer is None:
            return False
        asked = answer.sender in self._agents and answer.sender in planned.agents and planned.kind != "ask_human"
        return not asked and planned.kind not in ENTERING

    def _is_done(self, planned: InterventionMade) -> bool:
        """Whether what comes before it leaves it nothing to do, or nobody to do it."""
        if planned.kind in ENTERING:
            return any(one.kind in ENTERING for one in self._coming)
        if planned.edges:
            return {pair for one in self._coming for pair in one.edges}.issuperset(planned.edges)
        alike = [one for one in self._coming if one.kind == planned.kind]
        match planned.kind:
            case "blind_revote":
                return bool(alike)
            case "reassign":
                return any(self._is_taken(planned, one) for one in alike)
            case _:
                return False

    def _is_taken(self, planned: InterventionMade, other: InterventionMade) -> bool:
        """Whether the other one takes the task, or the place, of the same agent, or brings the same one in."""
        comes = planned.parameters.get("agent")
        arrives = comes is not None and all(comes not in phase.participants for phase in self._course.phases)
        same = arrives and other.parameters.get("agent") == comes
        return same or not set(planned.agents).isdisjoint(other.agents)


def answer_in(undecided: object) -> MessageProposed | MessageTransformed | None:
    """The message, if it goes to `user`."""
    shown = isinstance(undecided, MessageProposed | MessageTransformed) and undecided.recipient == USER
    return undecided if shown else None  # type: ignore[return-value]
