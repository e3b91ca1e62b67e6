"""How a run ended, read off its events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from agentmesh.errors import LimitReached, RunCancelled, RunError, RunFailed, RunHalted, RunStalled
from agentmesh.events import (
    Answered,
    Event,
    FindingRecorded,
    InterventionMade,
    MessageDelivered,
    MessageRefused,
    ModelCallFinished,
    Question,
    RunEnded,
    TurnStarted,
)
from agentmesh.messages import Finding, Outcome, Usage

_ERRORS: dict[Outcome, type[RunError]] = {
    "failed": RunFailed,
    "stalled": RunStalled,
    "limit": LimitReached,
    "halted": RunHalted,
    "cancelled": RunCancelled,
}


@dataclass(frozen=True)
class RunResult:
    """One ended run. Everything in it is computed from `events`."""

    run_id: str
    events: Sequence[Event] = field(repr=False)
    nested: Mapping[str, Sequence[RunResult]] = field(default_factory=dict, repr=False)
    """By node that is a team: the result of each of its turns. Their model calls stand in `events` as well."""
    _read_value: Callable[[str], Any] | None = field(default=None, repr=False)
    _continue: Callable[[str], Awaitable[RunResult]] | None = field(default=None, repr=False)

    @cached_property
    def _end(self) -> RunEnded:
        last = self.events[-1]
        assert isinstance(last, RunEnded), "a log ends with run_ended"
        return last

    @property
    def outcome(self) -> Outcome:
        """`verified`, `completed`, `stalled`, `limit`, `halted`, `cancelled` or `failed`."""
        return self._end.outcome

    @property
    def reason(self) -> str:
        """Why it ended so."""
        return self._end.reason

    @property
    def answer(self) -> str | None:
        """The answer, if the run was completed or verified."""
        return self._end.answer

    @cached_property
    def value(self) -> Any:
        """The answer in the form that the team declares; None without an answer, its text without a form."""
        return self.answer if self.answer is None or self._read_value is None else self._read_value(self.answer)

    @cached_property
    def usage(self) -> Usage:
        """What all model calls used together. `cost_usd` is None as soon as one call has no known price."""
        return sum((e.usage for e in self.events if isinstance(e, ModelCallFinished)), Usage())

    @cached_property
    def turns(self) -> int:
        """How many turns were taken."""
        return sum(isinstance(event, TurnStarted) for event in self.events)

    @cached_property
    def messages(self) -> int:
        """How many messages were delivered."""
        return sum(isinstance(event, MessageDelivered) for event in self.events)

    @cached_property
    def refused(self) -> int:
        """How many messages were refused."""
        return sum(isinstance(event, MessageRefused) for event in self.events)

    @cached_property
    def findings(self) -> list[Finding]:
        """What the monitors found."""
        return [event.finding for event in self.events if isinstance(event, FindingRecorded)]

    @cached_property
    def interventions(self) -> list[InterventionMade]:
        """What was done about it."""
        return [event for event in self.events if isinstance(event, InterventionMade)]

    @cached_property
    def questions(self) -> list[Question]:
        """What was asked of people and is not answered."""
        answered = {event.question_id for event in self.events if isinstance(event, Answered)}
        return [e for e in self.events if isinstance(e, Question) and e.question_id not in answered]

    @property
    def seconds(self) -> float:
        """From the first event to the last, by the wall clock."""
        return self.events[-1].ts - self.events[0].ts

    def raise_for_outcome(self) -> RunResult:
        """The result itself if the run was completed or verified.

        Raises: RunFailed, RunStalled, LimitReached, RunHalted, RunCancelled.
        """
        error = _ERRORS.get(self.outcome)
        if error is not None:
            raise error(self.run_id, self.outcome, self.reason)
        return self

    async def continue_(self, text: str) -> RunResult:
        """A further run with the same agents, who remember this one (`memory: full`), on a new message of the user."""
        assert self._continue is not None, "a result that a team returned can be continued"
        return await self._continue(text)
