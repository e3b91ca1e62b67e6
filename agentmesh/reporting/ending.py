"""How a run ended, why, and what to do next: in words, from the events."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar, assert_never

from agentmesh.events import (
    Event,
    EventBase,
    FindingRecorded,
    InterventionMade,
    LimitWasReached,
    MessageDelivered,
    MessageRefused,
    ModelCallFinished,
    ModelCallStarted,
    Question,
    RunEnded,
    StopRequested,
    TurnFailed,
    TurnStarted,
    Verification,
)
from agentmesh.messages import USER, Outcome
from agentmesh.reporting.words import count, shortened
from agentmesh.runner.past import effective, resume_point
from agentmesh.team.result import RunResult

State = Outcome | Literal["waiting", "unfinished"]
E = TypeVar("E", bound=EventBase)
_WORD_OF_ACCESS = re.compile(r"://.*@")
"""Name and password in the address of a journal, which a report is not to pass on."""
_VARIABLE = re.compile(r"environment variable ([A-Z][A-Z0-9_]*)")


@dataclass(frozen=True)
class Step:
    """One thing to do: a sentence, the command for it, and the events that show why."""

    text: str
    command: str = ""
    events: tuple[int, ...] = ()


def _open_address(journal: str) -> str:
    """The address of a journal without anything that could be a password."""
    if "://" not in journal:
        return journal
    return _WORD_OF_ACCESS.sub("://...@", journal.partition("?")[0])


@dataclass(frozen=True)
class Ending:
    """`state` is the outcome, or `waiting` or `unfinished` where the log has none."""

    state: State
    why: str
    steps: tuple[Step, ...]


def ending_of(events: Sequence[Event], journal: str | None = None) -> Ending:
    """How the run of these events ended. `journal`: for the commands, where it is not the default one."""
    counting = effective(events)
    reader = _Reader(counting, journal)
    end = _last(counting, RunEnded)
    questions = RunResult("", counting).questions
    if end is not None:
        return Ending(end.outcome, end.reason, tuple(reader.steps(end)))
    if questions:
        why = f"{count(len(questions), 'question')} to a person {'is' if len(questions) == 1 else 'are'} open"
        return Ending("waiting", why, tuple(reader.to_answer(questions)))
    return Ending("unfinished", "the log has no end: its process was stopped, or is still at work",
                  tuple(reader.to_go_on()))  # fmt: skip


def _last(events: Sequence[Event], kind: type[E]) -> E | None:
    return next((event for event in reversed(events) if isinstance(event, kind)), None)


@dataclass(frozen=True)
class _Reader:
    events: Sequence[Event]
    journal: str | None

    def steps(self, end: RunEnded) -> Iterator[Step]:
        """What to do after each outcome."""
        match end.outcome:
            case "verified":
                yield Step("Nothing is left to do: the answer was checked from outside the team.", "", self._checks())
            case "completed":
                yield Step("Read the answer with care: nobody outside the team checked it. `verify:` in the team file "
                           "has it checked.", "", self._answer())  # fmt: skip
            case "limit":
                yield from self._after_limit()
            case "stalled":
                yield from self._after_stall()
            case "halted":
                yield from self._after_halt(end)
            case "cancelled":
                yield self._after_cancelling()
            case "failed":
                yield from self._after_failure(end)
            case _:
                assert_never(end.outcome)

    def to_answer(self, questions: Sequence[Question]) -> Iterator[Step]:
        """What a run needs that waits for people."""
        for asked in questions:
            answer = self._command("answer", asked.question_id, "TEXT")
            words = shortened(asked.content, 200)
            yield Step(f"Answer the question of {asked.agent or 'the run'}: {words}", answer, (asked.id,))
        yield Step("Then let the run go on.", self._command("resume"))

    def to_go_on(self) -> Iterator[Step]:
        """What a run needs whose log has no end."""
        started = {event.key: event for event in self.events if isinstance(event, ModelCallStarted)}
        for event in self.events:
            if isinstance(event, ModelCallFinished):
                started.pop(event.key, None)
        if started:
            reserved = sum(event.reserved for event in started.values())
            which = tuple(event.id for event in started.values())[:5]
            yield Step(f"{count(len(started), 'model call')} was under way at the end of the log and may have been "
                       f"paid for: {reserved:,} tokens were set aside." if len(started) == 1 else
                       f"{count(len(started), 'model call')} were under way at the end of the log and may have been "
                       f"paid for: {reserved:,} tokens were set aside.", "", which)  # fmt: skip
        yield Step("If no process is at work on it any more, go on: no finished call is paid again.",
                   self._command("resume"))  # fmt: skip

    def _after_cancelling(self) -> Step:
        if resume_point(self.events) is not None:
            return Step("Go on where it was interrupted.", self._command("resume"))
        stopped = _last(self.events, StopRequested)
        before = stopped.id - 1 if stopped else max(self.events[-1].id - 1, 1)
        return Step("It was ended for good. To go on all the same, begin a new run from before that.",
                    self._command("fork", "--at", str(before)), (stopped.id,) if stopped else ())  # fmt: skip

    def _after_limit(self) -> Iterator[Step]:
        reached = [event for event in self.events if isinstance(event, LimitWasReached)]
        if not reached:
            yield Step("Raise the limit in the team file, and go on.", self._command("resume"))
            return
        limit = next((event for event in reversed(reached) if event.scope == "run"), reached[-1])
        more = max(limit.needed - limit.allowed, limit.allowed / 2)
        whose = limit.scope.replace(":", " ", 1)
        text = f"`{limit.limit}` of {whose}: {limit.allowed:g} allowed, {limit.needed:g} needed. "
        if limit.scope == "run" and limit.limit == "tokens":
            added = self._command("resume", "--add-tokens", f"{round(more) or 1}")
            yield Step(f"{text}Go on with more.", added, (limit.id,))
        elif limit.scope == "run" and limit.limit == "usd":
            money = f"{more:.2g}" if more < 1 else f"{more:.2f}"
            yield Step(f"{text}Go on with more.", self._command("resume", "--add-usd", money), (limit.id,))
        else:
            kind, _, name = limit.scope.partition(":")
            path = {"run": f"limits.{limit.limit}", "agent": f"agents.{name}.limits.{limit.limit}"}.get(kind)
            path = None if limit.limit == "max_iterations" else path  # it is a key of its phase
            raised = ("-O", f"{path}={limit.allowed + more:.0f}") if path else ()
            command = self._command("fork", "--at", str(max(limit.id - 1, 1)), *raised)
            yield Step(f"{text}Go on from before it was reached, with more.", command if path else "", (limit.id,))

    def _after_stall(self) -> Iterator[Step]:
        checked, begun = _last(self.events, Verification), _last(self.events, TurnStarted)
        if checked is not None and checked.phase is not None and begun is not None and begun.id < checked.id:
            yield Step(f"Read what the check of {checked.phase} says again and again, and mend what stands in the way "
                       "of the agents; `loop.stop_after` lets them try more often.", "", (checked.id,))  # fmt: skip
            return
        acted = {event.agent for event in self.events if isinstance(event, TurnStarted)}
        named = dict.fromkeys(end for event in self.events if event.type == "phase_started"
                              for pair in event.edges for end in pair if end != USER)  # fmt: skip
        idle = [name for name in named if name not in acted]
        said = f"Without any turn: {', '.join(idle[:12])}{' …' * (len(idle) > 12)}. " if idle else ""
        last = _last(self.events, MessageDelivered)
        heard = f"The last message went from {last.sender} to {last.recipient}. " if last else ""
        yield Step(f"{said}{heard}Nobody had anything left to act on, so look for who should have passed the work on.",
                   "", (last.id,) if last else ())  # fmt: skip
        refused = [event for event in self.events if isinstance(event, MessageRefused)]
        if refused:
            yield Step(f"{count(len(refused), 'message')} had been refused: does the graph lack an edge?", "",
                       tuple(event.id for event in refused[-3:]))  # fmt: skip
        yield from self._after_last_failure()

    def _after_halt(self, end: RunEnded) -> Iterator[Step]:
        made = _last(self.events, InterventionMade)
        found = next((event for event in self.events if isinstance(event, FindingRecorded)
                      and made is not None and event.id == made.finding), None)  # fmt: skip
        if made is not None and made.kind == "halt":
            evidence = (made.finding, *(found.finding.evidence[:5] if found else ()))
            yield Step(f"Look at what the monitor {made.monitor} found, and at its evidence.", "", evidence)
            path = f"monitors.{made.monitor}.threshold=0.9"
            yield Step("If it was a false alarm, raise its threshold and go on from before it.",
                       self._command("fork", "--at", str(max(made.finding - 1, 1)), "-O", path))  # fmt: skip
            return
        refused = _last(self.events, MessageRefused)
        if refused is not None:
            yield Step(f"{refused.sender} wrote to {refused.recipient}, which the topology does not permit, and its "
                       "policy is to halt. Add the edge, or let the sender be told: `policy: return_to_agent`.",
                       "", (refused.id,))  # fmt: skip

    def _after_failure(self, end: RunEnded) -> Iterator[Step]:
        if end.reason == "not_verified":
            yield Step("Read why the check refuted the answer. `verify: {retries: 2}` gives its author another try.",
                       "", self._checks())  # fmt: skip
        elif end.reason == "aborted":
            yield Step("The judge broke off the work: its reason stands in its last turn.", "", self._last_turn())
        else:
            yield from self._after_last_failure()

    def _after_last_failure(self) -> Iterator[Step]:
        failed = next((event for event in reversed(self.events)
                       if isinstance(event, TurnFailed) and event.kind != "cancelled"), None)  # fmt: skip
        if failed is None:
            return
        yield Step(f"{failed.agent} failed. {_remedy(failed)}", "", (failed.id,))
        begun = next((event.id for event in reversed(self.events) if isinstance(event, TurnStarted)
                      and event.agent == failed.agent and event.id < failed.id), failed.id)  # fmt: skip
        yield Step("Go on from before that turn.", self._command("fork", "--at", str(max(begun - 1, 1))))

    def _command(self, name: str, *arguments: str) -> str:
        run_id = self.events[0].run_id if self.events else "RUN_ID"
        journal = ("--journal", _open_address(self.journal)) if self.journal else ()
        return shlex.join(["agentmesh", name, run_id, *arguments, *journal])

    def _answer(self) -> tuple[int, ...]:
        return tuple(e.id for e in self.events if isinstance(e, MessageDelivered) and e.recipient == USER)[-1:]

    def _checks(self) -> tuple[int, ...]:
        checks = [event for event in self.events if isinstance(event, Verification) and event.task is None]
        of_answers = tuple(event.id for event in checks if event.phase is None)[-3:]
        return of_answers or tuple(event.id for event in checks)[-1:]

    def _last_turn(self) -> tuple[int, ...]:
        started = _last(self.events, TurnStarted)
        return (started.id,) if started else ()


def _remedy(failed: TurnFailed) -> str:
    """What helps against each kind of failure."""
    match failed.kind:
        case "authentication":
            named = _VARIABLE.search(failed.error)
            return f"Set its key: export {named[1] if named else 'the variable of `api_key_env`'}=..."
        case "quota":
            return "The account has no credit left: add some, or use another model with -m."
        case "rate":
            return "The server allowed no more requests: set `pace:` for the model, or wait."
        case "context_too_long":
            return "Its conversation is longer than the model takes: `memory: fresh`, or a model with a longer context."
        case "content_refused":
            return "The model's provider refused the content: read what it was shown."
        case "timeout" | "connection" | "server":
            return "The server could not be reached or broke off: is it up, and is its address right?"
        case "limit":
            return "A limit stood in the way: raise it."
        case "price":
            return "A price is missing: give the model a `price:`."
        case _:
            return "Read the error."
