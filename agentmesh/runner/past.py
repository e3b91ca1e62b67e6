"""What a recorded log has already paid for and done: replies of models, results of tools, answers of people."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from agentmesh.errors import RunChanged
from agentmesh.events import (
    Answered,
    ContextStarted,
    Event,
    LimitWasReached,
    ModelCallFinished,
    ModelCallStarted,
    Question,
    RunEnded,
    RunResumed,
    RunStarted,
    StopRequested,
    ToolCallFinished,
    ToolCallStarted,
)
from agentmesh.messages import Reply

INTERRUPTED = "interrupted"
"""Begins the reason of a stop that nobody meant for good: by Ctrl-C, or a process that had to end."""


def effective(events: Iterable[Event]) -> list[Event]:
    """The events that count: without those from which a later `run_resumed` has gone back."""
    kept: list[Event] = []
    for event in events:
        if isinstance(event, RunResumed):
            while kept and kept[-1].id > event.at:
                kept.pop()
        kept.append(event)
    return kept


def inherited(events: Sequence[Event]) -> int:
    """Of a fork: how many events at the beginning of its log another run has paid for."""
    return next((event.at for event in reversed(events) if isinstance(event, RunResumed) and event.parent), 0)


def seconds_of(events: Sequence[Event]) -> float:
    """How long processes were at work on a run, by its log."""
    total, begun, last = 0.0, None, 0.0
    for event in events:
        if begun is None or isinstance(event, RunResumed):
            total += last - begun if begun is not None else 0.0
            begun = event.ts
        last = event.ts
    return total + (last - begun if begun is not None else 0.0)


def resume_point(events: Sequence[Event], raised: Iterable[str] = ()) -> int | None:
    """The last event that counts if the run goes on, `raised` being the limits that now allow more; None if it cannot.

    A run that was cut off goes on from its last event, one that was interrupted from before the interruption, and one
    that came to a limit, which is raised, from before that.
    """
    counting = effective(events)
    end = counting[-1]
    more = set(raised)
    for event in counting:
        if isinstance(event, LimitWasReached) and event.agent is None and event.scope == "run" and event.limit in more:
            return event.id - 1
    if not isinstance(end, RunEnded):
        return end.id
    stop = next((event for event in counting if isinstance(event, StopRequested)), None)
    if end.outcome == "cancelled" and stop is not None and stop.reason.startswith(INTERRUPTED):
        return stop.id - 1  # what was asked for first counts: turns that are cancelled by it say that they are, too
    return None


def relative(key: str) -> str:
    """The key of a call without its run: a fork finds what the run before it has paid for."""
    return key.partition("/")[2]


@dataclass
class Past:
    """By the key of each call, without its run."""

    replies: dict[str, ModelCallFinished] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    ended: dict[str, ToolCallFinished] = field(default_factory=dict)
    """Tool calls that are over."""
    undone: dict[str, ToolCallFinished] = field(default_factory=dict)
    """Those whose end does not count any more, since the run has gone back behind it."""
    begun: set[str] = field(default_factory=set)
    """Those whose beginning counts, so that it need not be noted again."""
    asked: set[str] = field(default_factory=set)
    answers: dict[str, str] = field(default_factory=dict)
    version: str = ""
    """Of agentmesh, when the run began."""

    @classmethod
    def of(cls, events: Sequence[Event], counting: Sequence[Event], inherited: int = 0) -> Past:
        """From a whole log, and those of its events that count: what was paid for is not lost by going back."""
        past = cls()
        for event in events:
            match event:
                case ModelCallStarted():
                    # What another team has asked, of which this run is a fork, need not be what this one asks.
                    past.hashes[relative(event.key)] = event.request_hash if event.id > inherited else ""
                case ModelCallFinished(error=None):
                    past.replies[relative(event.key)] = event
                case ModelCallFinished():
                    past.failures[relative(event.key)] = event.error or ""
                case ToolCallFinished() if event.error != "cancelled":
                    past.undone[relative(event.key)] = event
                case RunStarted():
                    past.version = event.version
                case _:
                    pass
        past._count(counting)
        return past

    def _count(self, counting: Iterable[Event]) -> None:
        for event in counting:
            match event:
                case ToolCallStarted():
                    self.begun.add(relative(event.key))
                case ToolCallFinished():
                    self.ended[relative(event.key)] = event
                case Question():
                    self.asked.add(relative(event.question_id))
                case Answered():
                    self.answers[relative(event.question_id)] = event.content
                case _:
                    pass

    def reply(self, key: str, request_hash: str) -> Reply | None:
        """What the model answered to this call, if it did. Raises: RunChanged if it was asked something else."""
        finished = self.replies.get(relative(key))
        if finished is None:
            return None
        if self.hashes.get(relative(key)) not in (request_hash, ""):
            raise RunChanged(
                f"call {key} asks something else now than when it was paid for, although the team is the same: the "
                f"run began with agentmesh {self.version or 'of an unknown version'}, whose prompts may be others",
                finished.id,
                finished.type,
            )
        return reply_of(finished)


def reply_of(finished: ModelCallFinished) -> Reply:
    """The reply as the agent got it."""
    return Reply(
        text=finished.content,
        tool_calls=finished.tool_calls,
        usage=finished.usage,
        finish_reason=finished.finish_reason,
        structured=finished.structured,
        position=finished.position,
        model=finished.model,
        extra=finished.extra,
    )


@dataclass
class Deeds:
    """What an agent has noted in a turn that is gone through once more: it is not noted a second time.

    `inherited`: up to this event another team may have begun it.
    """

    contexts: list[ContextStarted] = field(default_factory=list)
    reminders: int = 0
    stated: bool = False
    """Whether it has stated its position."""
    inherited: int = 0

    def context_started(self, agent: str, system: str) -> bool:
        """Whether this context had begun. Raises: RunChanged if it was begun with other words."""
        if not self.contexts:
            return False
        before = self.contexts.pop(0)
        if before.id > self.inherited and before.system != system:
            lines = difflib.unified_diff(
                before.system.splitlines(), system.splitlines(), "as the run began", "now", lineterm="", n=1
            )
            why = "\n".join([f"'{agent}' is told something else now than when the run began:", *lines])
            raise RunChanged(why, before.id, before.type)
        return True

    def reminded(self) -> bool:
        """Whether this had been noted."""
        self.reminders -= 1
        return self.reminders >= 0


class EndOfRecord(BaseException):
    """A turn that is over comes to the point at which it was cut off: nothing may be done there a second time."""
