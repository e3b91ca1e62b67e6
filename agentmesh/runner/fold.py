"""Bringing a scheduler to where a recorded log leaves it: what it decides is matched with what was recorded."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from agentmesh.errors import RunChanged
from agentmesh.events import (
    Answered,
    BoundsChanged,
    ContextStarted,
    Event,
    EventBase,
    FindingRecorded,
    InterventionMade,
    MessageProposed,
    MessageRefused,
    MessageTransformed,
    Notice,
    PositionStated,
    RunResumed,
    TopologyChanged,
    TurnEnded,
    TurnFailed,
    Verification,
    stamped,
)
from agentmesh.runner.observers import acted_on, heard, heard_after
from agentmesh.runner.past import Deeds, effective
from agentmesh.scheduler import (
    Accept,
    AskPerson,
    Command,
    Judge,
    Rewrite,
    Scheduler,
    StartTurn,
    Step,
    Summarise,
    Verify,
)

_STAMPS = frozenset({"id", "run_id", "ts"})
_DECIDED = frozenset(
    {
        "phase_started",
        "phase_ended",
        "turn_started",
        "message_delivered",
        "message_withheld",
        "task_changed",
        "vote_cast",
        "board_written",
        "intervention",
        "bounds_changed",
        "run_ended",
    }
)
"""Types of events that come from nobody but the scheduler."""
_BY_LIMITS = frozenset({"bounds_changed"})
"""Types of events that tell what limits and prices allow: they may have changed since, and are taken as recorded."""


def same(one: Event, other: Event) -> bool:
    """Whether two events say the same, wherever in a log they stand."""
    if one.type != other.type:
        return False
    theirs = other.__dict__
    return one.type in _BY_LIMITS or all(
        value == theirs[name] for name, value in one.__dict__.items() if name not in _STAMPS
    )


@dataclass
class GoneThrough:
    """A turn of the log: what the agent was given, and what it noted."""

    command: StartTurn
    deeds: Deeds = field(default_factory=Deeds)
    ended: TurnEnded | TurnFailed | None = None

    @property
    def over(self) -> bool:
        """Whether the turn has come to its end."""
        return self.ended is not None


Observe = Callable[[Event], Iterable[FindingRecorded]]
"""Shows an event to the monitors; what they find now is compared, where that is wanted, with what they found."""


@dataclass
class Fold:
    """Goes through a log once. Raises: RunChanged where the scheduler decides otherwise than it did."""

    scheduler: Scheduler
    observe: Observe
    recorded: Sequence[Event]
    """The events that count, in order; beyond `at` those from which the run goes back now."""
    at: int
    """Id of the last event to go through."""
    strict: bool = False
    """Whether the monitors have to find what they found; else what was recorded counts."""
    heard_later: Sequence[FindingRecorded] = ()
    """Of a fork: see `RunPlan`; they count where the monitors of its own team find the same."""
    pending: deque[Event | Command] = field(default_factory=deque)
    """What follows from the log and is not in it."""
    turns: list[GoneThrough] = field(default_factory=list)
    summarised: list[Summarise] = field(default_factory=list)
    _open: dict[object, Command] = field(default_factory=dict)
    _current: dict[str, GoneThrough] = field(default_factory=dict)
    _found: dict[int, list[FindingRecorded]] = field(default_factory=dict)
    _place: int = 0

    def run(self) -> None:
        """Go through the log."""
        for event in self.recorded:
            if isinstance(event, FindingRecorded) and not event.suspicion:
                self._found.setdefault(event.observed, []).append(event)
        while (upcoming := self._next()) is not None:
            self._append(self._matched(upcoming))
        self._commands()

    @property
    def open(self) -> list[Command]:
        """What was begun, or was about to begin, and has not come back."""
        return list(self._open.values())

    def _next(self) -> Event | None:
        if self._place >= len(self.recorded) or self.recorded[self._place].id > self.at:
            return None
        self._place += 1
        return self.recorded[self._place - 1]

    def _matched(self, event: Event) -> Event:
        """The event of the scheduler's that the recorded one is, with its stamps; the recorded one if it is no such."""
        self._commands()
        head = self.pending[0] if self.pending else None
        if isinstance(head, EventBase) and same(head, event):
            self.pending.popleft()
            return stamped(head, event.id, event.run_id, event.ts)
        if event.type in _DECIDED:
            raise RunChanged(_unlike(event, head), event.id, event.type)
        self._note(event)
        return event

    def _append(self, event: Event) -> None:
        """What the runner does with an event, but for writing it down."""
        self._close(event)
        found = heard(event, self._found_in(event), self.scheduler, self._at_once)
        self.pending.extend(acted_on(event, self.scheduler, self._pass_on))
        self.pending.extend(found)

    def _found_in(self, event: Event) -> list[FindingRecorded]:
        """What the monitors found in an event, with what is written down of it only after the log's end."""
        found, now = self._found.get(event.id, []), list(self.observe(event))
        if isinstance(event, MessageProposed | MessageTransformed):
            now.sort(key=lambda finding: not finding.blocking)  # as they are heard
        self._compare(event, now, found)
        later = [one for one in self.heard_later if one.observed == event.id and any(same(one, other) for other in now)]
        return [*found, *later]

    def _compare(self, event: Event, now: list[FindingRecorded], then: list[FindingRecorded]) -> None:
        """Raises: RunChanged if the monitors do not find in an event what they found."""
        if self.strict and (len(now) != len(then) or not all(map(same, now, then))):
            about = f"event {event.id} ({event.type})"
            found, finds = (", ".join(one.finding.label for one in several) or "nothing" for several in (then, now))
            place = then[0] if then else event
            raise RunChanged(f"{about}: the monitors found {found}, and now find {finds}", place.id, place.type)

    def _at_once(self, expected: Event) -> None:
        event = self._next()
        if event is None or not same(expected, event):
            unlike = event or self.recorded[-1]
            raise RunChanged(_unlike(unlike, expected), unlike.id, unlike.type)
        expected = stamped(expected, event.id, event.run_id, event.ts)
        self.pending.extend(heard_after(self._found_in(expected), self.scheduler))
        items: Step = self.scheduler.step(expected)
        for item in items:
            self._pass_on(item)

    def _pass_on(self, item: Event | Command) -> None:
        if isinstance(item, EventBase):
            self._at_once(item)
        else:
            self._begin(item)

    def _commands(self) -> None:
        """The commands that stand before the next event were carried out before it was recorded."""
        while self.pending and not isinstance(self.pending[0], EventBase):
            command = self.pending.popleft()
            assert not isinstance(command, EventBase)
            self._begin(command)

    def _begin(self, command: Command) -> None:
        self._open[_name(command)] = command
        if isinstance(command, StartTurn):
            turn = self._current[command.agent] = GoneThrough(command)
            self.turns.append(turn)
        elif isinstance(command, Summarise):
            self.summarised.append(command)

    def _close(self, event: Event) -> None:
        """Whatever the event is the end of is open no longer."""
        match event:
            case TurnEnded() | TurnFailed():
                self._open.pop(("turn", event.agent), None)
                turn = self._current.pop(event.agent or "", None)
                if turn is not None:
                    turn.ended = event
            case MessageTransformed() | MessageRefused():
                self._open.pop(("message", event.message_id), None)
            case Answered():
                self._open.pop(("ask", event.question_id), None)
            case FindingRecorded():
                self._open.pop(("judge", event.suspicion), None)
            case Verification(task=str(task)):
                self._open.pop(("accept", event.agent, task, event.attempt), None)
            case Verification():
                self._open.pop(("verify", event.phase, event.attempt), None)
            case _:
                pass

    def _note(self, event: Event) -> None:
        """What an agent itself noted in its turn."""
        turn = self._current.get(event.agent or "")
        if turn is None:
            return
        if isinstance(event, ContextStarted):
            turn.deeds.contexts.append(event)
        elif isinstance(event, Notice):
            turn.deeds.reminders += 1
        elif isinstance(event, PositionStated):
            turn.deeds.stated = True


def _name(command: Command) -> object:
    match command:
        case StartTurn():
            return ("turn", command.agent)
        case Rewrite() | Summarise():
            return ("message", command.message_id)
        case AskPerson():
            return ("ask", command.question_id)
        case Judge():
            return ("judge", command.suspicion.id)
        case Accept():
            return ("accept", command.planner, command.task.id, command.attempt)
        case Verify():
            return ("verify", command.phase, command.attempt)
        case _:
            return "cancel"


def whole_bursts(recorded: Sequence[Event], at: int) -> int:
    """The last event up to `at` at which a log may be cut: not between a message and what follows from it at once."""
    return next((first - 1 for first, last in bursts(recorded) if first <= at < last), at)


def bursts(recorded: Iterable[Event]) -> Iterator[tuple[int, int]]:
    """Ids of each message, or verdict on one, and of the last event that follows at once, before it is decided on."""
    message, last, findings, noting = 0, 0, set[int](), False
    for event in recorded:
        match event:
            case FindingRecorded(blocking=True) if event.observed == message and not event.suspicion:
                last = event.id
                findings.add(event.id)
                continue
            case InterventionMade() if event.finding in findings:
                last, noting = event.id, True
                continue
            case Notice(template="note") | TopologyChanged() | BoundsChanged() if noting:
                last = event.id
                continue
            case _:
                pass
        if message < last:
            yield message, last
        message = last = 0
        findings, noting = set(), False
        if isinstance(event, MessageProposed | MessageTransformed):
            message = last = event.id
        elif isinstance(event, FindingRecorded) and event.blocking and event.suspicion:
            message = last = event.id
            findings = {event.id}
    if message < last:
        yield message, last


def heard_later(recorded: Sequence[Event], at: int) -> list[FindingRecorded]:
    """What the monitors found in the events up to `at`, and what the log has only after that one."""
    rest = itertools.takewhile(lambda event: not (isinstance(event, RunResumed) and event.at < at), recorded)
    return [
        event
        for event in effective(rest)
        if isinstance(event, FindingRecorded) and event.observed <= at < event.id and not event.suspicion
    ]


def _unlike(event: Event, expected: object) -> str:
    about = f"event {event.id} ({event.type}" + (f" of '{event.agent}')" if event.agent else ")")
    if not isinstance(expected, EventBase):
        return f"{about} does not follow from the team as it is now: nothing of the kind was due"
    if expected.type != event.type:
        due = expected.type + (f" of '{expected.agent}'" if expected.agent else "")
        return f"{about} does not follow from the team as it is now: {due} was due"
    now, then = expected.__dict__, event.__dict__
    name = next(name for name in now if name not in _STAMPS and now[name] != then[name])
    return f"{about}: {name} was {then[name]!r}, and is {now[name]!r} by the team as it is now"
