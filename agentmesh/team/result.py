"""How a run ended, read off its events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from agentmesh.errors import LimitReached, RunCancelled, RunError, RunFailed, RunHalted, RunStalled, RunWaits
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
from agentmesh.runner.past import effective, inherited, seconds_of

_ERRORS: dict[Outcome, type[RunError]] = {
    "failed": RunFailed,
    "stalled": RunStalled,
    "limit": LimitReached,
    "halted": RunHalted,
    "cancelled": RunCancelled,
}


@dataclass(frozen=True)
class RunResult:
    """One ended run. All but `kept` is computed from `events`."""

    run_id: str
    events: Sequence[Event] = field(repr=False)
    nested: Mapping[str, Sequence[RunResult]] = field(default_factory=dict, repr=False)
    """By node that is a team: the result of each of its turns. Their model calls stand in `events` as well."""
    kept: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)
    """By agent: git branches with work that was not merged, and folders with what could not be committed."""
    _read_value: Callable[[str], Any] | None = field(default=None, repr=False)
    _continue: Callable[[str], Awaitable[RunResult]] | None = field(default=None, repr=False)

    @cached_property
    def _end(self) -> RunEnded | None:
        last = self.events[-1]
        return last if isinstance(last, RunEnded) else None

    @cached_property
    def _counting(self) -> Sequence[Event]:
        return effective(self.events)

    @property
    def outcome(self) -> Outcome | None:
        """`verified`, `completed`, `stalled`, `limit`, `halted`, `cancelled` or `failed`; None of a run that waits."""
        return self._end.outcome if self._end else None

    @property
    def reason(self) -> str:
        """Why it ended so."""
        return self._end.reason if self._end else ""

    @property
    def answer(self) -> str | None:
        """The answer, if the run was completed or verified; the last words, if any, of one that came to a limit."""
        return self._end.answer if self._end else None

    @cached_property
    def value(self) -> Any:
        """The answer in the form that the team declares; None without an answer, its text without a form."""
        return self.answer if self.answer is None or self._read_value is None else self._read_value(self.answer)

    @cached_property
    def usage(self) -> Usage:
        """What all model calls used together. `cost_usd` is None as soon as one call has no known price."""
        return sum((e.usage for e in self.own if isinstance(e, ModelCallFinished)), Usage())

    @cached_property
    def own(self) -> Sequence[Event]:
        """The events that this run has paid for: of a fork without those that it inherited."""
        return self.events[inherited(self.events) :]

    @cached_property
    def inherited(self) -> Usage:
        """What the calls used that a fork inherited, paid for by the run before it."""
        before = self.events[: inherited(self.events)]
        return sum((e.usage for e in before if isinstance(e, ModelCallFinished)), Usage())

    @cached_property
    def turns(self) -> int:
        """How many turns were taken."""
        return sum(isinstance(event, TurnStarted) for event in self._counting)

    @cached_property
    def messages(self) -> int:
        """How many messages were delivered."""
        return sum(isinstance(event, MessageDelivered) for event in self._counting)

    @cached_property
    def refused(self) -> int:
        """How many messages were refused."""
        return sum(isinstance(event, MessageRefused) for event in self._counting)

    @cached_property
    def findings(self) -> list[Finding]:
        """What the monitors found."""
        found = (event for event in self._counting if isinstance(event, FindingRecorded))
        return [event.finding for event in found if event.counts]

    @cached_property
    def interventions(self) -> list[InterventionMade]:
        """What was done about it."""
        return [event for event in self._counting if isinstance(event, InterventionMade)]

    @cached_property
    def questions(self) -> list[Question]:
        """What was asked of people and is not answered."""
        log = self._counting
        answered = {event.question_id for event in log if isinstance(event, Answered)}
        return [e for e in log if isinstance(e, Question) and e.question_id not in answered]

    @property
    def seconds(self) -> float:
        """How long processes were at work on it, by the wall clock."""
        return seconds_of(self.own)

    def raise_for_outcome(self) -> RunResult:
        """The result itself if the run was completed or verified.

        Raises: RunFailed, RunStalled, LimitReached, RunHalted, RunCancelled, RunWaits.
        """
        if self.outcome is None:
            asked = ", ".join(question.question_id for question in self.questions)
            raise RunWaits(self.run_id, "waiting", f"people are asked: {asked}")
        error = _ERRORS.get(self.outcome)
        if error is not None:
            raise error(self.run_id, self.outcome, self.reason)
        return self

    async def continue_(self, text: str) -> RunResult:
        """A further run with the same agents, who remember this one (`memory: full`), on a new message of the user."""
        assert self._continue is not None, "a result that a team returned can be continued"
        return await self._continue(text)
