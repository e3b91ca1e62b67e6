"""The answer of a run: the first message to `user`, unless whoever checks it from outside refutes it.

In a phase with `until` it is one only once that holds; else the next iteration comes to another.
"""

from __future__ import annotations

from collections.abc import Callable

from agentmesh.events import MessageDelivered, Verification
from agentmesh.messages import Outcome
from agentmesh.scheduler.commands import Step, Verify
from agentmesh.scheduler.course import Course
from agentmesh.scheduler.notices import notice
from agentmesh.scheduler.orders import Order
from agentmesh.scheduler.state import RunState


class Answer:
    """The answer that is taken, or being checked. `retries`: None where nobody checks it."""

    def __init__(
        self, state: RunState, course: Course, retries: int | None, end: Callable[[Outcome, str], None]
    ) -> None:
        self._state = state
        self._course = course
        self._retries = retries
        self._end = end
        self._message: MessageDelivered | None = None
        self._attempts = 0
        self.checking = False
        """Whether somebody outside is checking it."""
        self.waiting = False
        """Whether it waits until its phase has come to what it must come to."""

    @property
    def taken(self) -> bool:
        """Whether there is one that is not refuted."""
        return self._message is not None

    @property
    def stands(self) -> bool:
        """Whether there is one that nothing in the team can change any more."""
        return self.taken and not self.waiting

    @property
    def proposed(self) -> str | None:
        """What waits to be the answer."""
        return self._message.content if self._message and self.waiting else None

    def given(self, outcome: Outcome) -> str | None:
        """The answer word for word of a run that ends so; of one that has come to a limit, its last words."""
        answered = outcome in ("completed", "verified") or (outcome == "limit" and self._state.closing is not None)
        return self._message.content if self._message and answered else None

    def take(self, event: MessageDelivered, limit: str | None = None) -> Step:
        """A message has reached `user`; nobody checks the last words of a run that has come to a limit."""
        if self._message is not None:
            return []
        self._message = event
        if limit is not None:
            self._end("limit", limit)
            return []
        if self._state.phase.until is not None:
            self.waiting = True
            return []
        return self._stands(event, "completed", "answered")

    def _stands(self, event: MessageDelivered, outcome: Outcome, reason: str) -> Step:
        """Nothing is left to be shown but to whoever checks it from outside; without one the run ends like this."""
        if self._retries is None:
            self._end(outcome, reason)
            return []
        self._attempts += 1
        self.checking = True
        place = f"{self._state.phase.name}#{self._state.occurrence}"
        return [Verify(event.content, self._attempts, None, place, event.sender, event.parts)]

    def drop(self) -> None:
        """What waits to be the answer counts for nothing."""
        if self.waiting:
            self._message, self.waiting, self._state.answering = None, False, False

    def checked(self, event: Verification, order: Order, *, ending: bool) -> Step:
        """What was asked for outside has come in: about the answer, or about the `until` of the phase.

        `ending`: the run begins nothing any more.
        """
        if event.phase is None:
            return self._judged(event, order)
        out = self._course.checked(event, answered=self.waiting, ending=ending)
        if not self._course.passed:
            self.drop()
        if not self.waiting or self._message is None or self._state.closed:
            return out
        self.waiting = False
        return [*out, *self._stands(self._message, "verified", "until: satisfied")]

    def _judged(self, event: Verification, order: Order) -> Step:
        """The answer was checked: it stands, goes back to its author, or was the last."""
        self.checking = False
        if self._state.closed:
            return []
        if event.passed:
            self._end("verified", "answered and verified")
            return []
        author = self._author()
        if event.attempt > (self._retries or 0) or author not in self._state.phase.participants:
            self._end("failed", "not_verified")
            return []
        self._message = None
        self._state.answering = False
        self._course.passed = False  # what comes next has to hold too
        order.wake(author)
        return [notice(author, "refuted")]

    def _author(self) -> str:
        """Who wrote the answer: a judge only forwards it. A vote cannot answer again, nor can who was replaced."""
        planning = self._state.phase.planning
        return planning.root if planning else self._message.sender if self._message else ""
