"""Plays a run on the scheduler alone: agents are functions, and the test decides whose turn ends next."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from agentmesh.events import (
    Event,
    EventBase,
    MessageDelivered,
    MessageProposed,
    MessageRefused,
    MessageTransformed,
    PositionStated,
    RunEnded,
    RunStarted,
    ToolCallFinished,
    ToolCallStarted,
    TurnEnded,
    TurnFailed,
    TurnStarted,
    Verification,
    stamped,
)
from agentmesh.messages import Position
from agentmesh.scheduler import Accept, AskPerson, CancelTurns, Rewrite, Scheduler, StartTurn, Summarise, Verify
from agentmesh.topology.graph import Topology

Call = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Holds:
    """A reply with a position beside it."""

    text: str
    answer: str


Reply = str | Holds | None | Exception
Deed = Reply | Call | list[Call | Event | Reply]
"""A reply, a tool call, nothing, a failure; or tool calls, and what happens meanwhile, and at last a reply."""
Choose = Callable[[Sequence[StartTurn]], int]
E = TypeVar("E", bound=EventBase)


def first(pending: Sequence[StartTurn]) -> int:
    """Turns end in the order in which they began."""
    return 0


@dataclass
class Play:
    """One run. `log` holds its events, `views` each turn's command, `results` what came of each tool call."""

    topology: Topology
    actors: Mapping[str, Any]
    """By agent: its deeds, one a turn, or a function from its turn to the deed."""
    choose: Choose = first
    verify: Callable[[str], bool] = lambda answer: True
    until: Callable[[str], bool | tuple[bool, str, str]] = lambda said: True
    """What checks the `until` of a phase; it may say more than that: a detail, and the state of the files."""
    rewrites: Mapping[str, Callable[[str], str]] = field(default_factory=dict)
    summarise: Callable[[str], str | None] = lambda content: f"in short: {content}"
    """None where no summary can be made."""
    pick: Callable[[int], int] | None = None
    """Which of the messages that are being changed is done next, once nobody is in a turn; each at once if None."""
    options: dict[str, Any] = field(default_factory=dict)
    after: Callable[[Play, Event], Sequence[Event]] | None = None
    """What happens from outside once an event is in the log."""
    before: Callable[[Play, Event], Sequence[Event]] | None = None
    """As `after`, but ahead of what follows from the event."""
    log: list[Event] = field(default_factory=list)
    views: list[StartTurn] = field(default_factory=list)
    results: list[ToolCallFinished] = field(default_factory=list)
    most_at_once: int = 0
    slow_verify: bool = False
    """Checks take until nobody is in a turn."""
    accept: Callable[[Accept], str | None] = lambda command: None
    """What merges the work of a task: why it does not hold, None where it does."""
    slow_accept: bool = False
    """As `slow_verify`, of what is merged."""
    check_now: Callable[[], bool] = lambda: False
    """Whether a check that takes long comes to its end before the next turn does."""
    seed: int = 0

    def __post_init__(self) -> None:
        self.scheduler = Scheduler(self.topology.phases, policy=self.topology.policy, **self.options)
        self.pending: list[StartTurn] = []
        self._queue: deque[Any] = deque()
        self._checks: deque[Any] = deque()
        self.changing: list[Event] = []
        self.cancelled = False
        self.checked: list[Verify] = []
        self.asked: list[AskPerson] = []
        self.accepted: list[Accept] = []
        self._scripts = {name: iter(actor) if not callable(actor) else actor for name, actor in self.actors.items()}

    def run(self, task: str = "the task", steps: int = 20_000, until: Callable[[Play], bool] | None = None) -> Play:
        """Play until the run has ended, or until this holds; on from there if it is called again. Fails if neither."""
        if not self.log:
            self.happen(RunStarted(team="t", task=task, seed=self.seed))
        while not self.scheduler.ended and not (until is not None and until(self)):
            if self.changing and not self.pending:
                self._change_one()
                continue
            if self._checks and (not self.pending or self.check_now()):
                self.happen(self._checks.popleft())
                continue
            assert self.pending, "nobody is in a turn, and the run has not ended"
            assert len(self.log) < steps, "the run goes on for ever"
            self._act(self.pending.pop(self.choose(self.pending)))
        return self

    def happen(self, *events: Event) -> None:
        """Put events into the log, and carry out all that follows."""
        self._queue.extend(events)
        while self._queue:
            item = self._queue.popleft()
            match item:
                case StartTurn():
                    self.views.append(item)
                    self.pending.append(item)
                    self.most_at_once = max(self.most_at_once, len(self.pending))
                case Verify():
                    (self._checks if self.slow_verify else self._queue).append(self._verified(item))
                case Accept():
                    (self._checks if self.slow_accept else self._queue).append(self._merged(item))
                case Rewrite():
                    self._changed(item, self.rewrites[item.function](item.content), item.function)
                case Summarise():
                    self._changed(item, self.summarise(item.content), "summary")
                case AskPerson():
                    self.asked.append(item)
                case CancelTurns():
                    self._cancel()
                case _:
                    self._append(item)

    def _cancel(self) -> None:
        self.cancelled = True
        for turn in self.pending:
            self._queue.append(TurnFailed(agent=turn.agent, turn=turn.turn, error="cancelled", kind="cancelled"))
        self.pending.clear()
        while self._checks:
            check = self._checks.popleft()
            self._queue.append(check.model_copy(update={"passed": False, "detail": "cancelled"}))

    def _verified(self, item: Verify) -> Verification:
        self.checked.append(item)
        found = (self.verify if item.phase is None else self.until)(item.answer)
        passed, detail, state = found if isinstance(found, tuple) else (found, "", "")
        facts = {"attempt": item.attempt, "phase": item.phase, "detail": detail, "state": state}
        return Verification(passed=passed and item.promised, **facts)

    def _merged(self, item: Accept) -> Verification:
        self.accepted.append(item)
        why = self.accept(item)
        ends = {"agent": item.planner, "task": item.task.id, "attempt": item.attempt}
        return Verification(passed=why is None, detail=why or "", **ends)

    def _changed(self, item: Rewrite | Summarise, content: str | None, by: str) -> None:
        ends = {"message_id": item.message_id, "sender": item.sender, "recipient": item.recipient}
        done: Event = (
            MessageRefused(content=item.content, reason="not_summarised", **ends)
            if content is None
            else MessageTransformed(content=content, by=by, **ends)
        )
        (self._queue if self.pick is None else self.changing).append(done)

    def _change_one(self) -> None:
        assert self.pick is not None
        done = self.changing.pop(self.pick(len(self.changing)))
        if isinstance(done, MessageTransformed) or self.scheduler.passes(getattr(done, "message_id", "")):
            self.happen(done)

    def _append(self, event: Event) -> None:
        if self.scheduler.ended:
            return
        self.log.append(stamped(event, len(self.log) + 1, "run", 0.0))
        if isinstance(event, ToolCallFinished):
            self.results.append(event)
        if self.before is not None:
            happen = self.before(self, event)
            if happen:
                self.scheduler.expect(event)
            for one in happen:
                self.scheduler.expect(one)
            self._queue.extend(happen)
        self._queue.extend(self.scheduler.step(event))
        if self.after is not None:
            self._queue.extend(self.after(self, event))

    def _act(self, turn: StartTurn) -> None:
        actor = self._scripts[turn.agent]
        deed: Deed = actor(turn) if callable(actor) else next(actor)
        deeds = deed if isinstance(deed, list) else [deed]
        reply: Reply = None
        for index, one in enumerate(deeds):
            if self.cancelled:
                break
            if isinstance(one, tuple):
                self._call(turn, f"{turn.agent}/{turn.turn}/{index}", one)
            elif isinstance(one, EventBase):
                self.happen(one)
            else:
                reply = one
        if self.cancelled:
            self.happen(TurnFailed(agent=turn.agent, turn=turn.turn, error="cancelled", kind="cancelled"))
        elif not self.scheduler.ended and turn.agent in self.scheduler.state.busy:
            self._end(turn, reply)

    def _call(self, turn: StartTurn, key: str, call: Call) -> None:
        self.happen(ToolCallStarted(agent=turn.agent, key=key, name=call[0], arguments=call[1]))
        while self.changing and not any(result.key == key for result in self.results):
            self._change_one()

    def _end(self, turn: StartTurn, reply: Reply) -> None:
        if isinstance(reply, Exception):
            self.happen(TurnFailed(agent=turn.agent, turn=turn.turn, error=str(reply), kind="error"))
            return
        if isinstance(reply, Holds):
            held = Position(answer=reply.answer)
            self.happen(
                PositionStated(agent=turn.agent, turn=turn.turn, phase=turn.phase, round=turn.round, position=held)
            )
            reply = reply.text
        self.happen(TurnEnded(agent=turn.agent, turn=turn.turn, reply=reply))

    # What happened

    def of(self, kind: type[E]) -> list[E]:
        """The events of one type."""
        return [event for event in self.log if isinstance(event, kind)]

    @property
    def end(self) -> RunEnded:
        """The last event."""
        last = self.log[-1]
        assert isinstance(last, RunEnded)
        return last

    @property
    def said(self) -> list[tuple[str, str, str]]:
        """All deliveries as (sender, recipient, content)."""
        return [(e.sender, e.recipient, e.content) for e in self.of(MessageDelivered)]

    @property
    def refused(self) -> list[tuple[str, str, str]]:
        """All refusals as (sender, recipient, reason)."""
        return [(e.sender, e.recipient, e.reason) for e in self.of(MessageRefused)]

    @property
    def errors(self) -> list[str]:
        """What each tool call was told that was refused."""
        return [result.error for result in self.results if result.error is not None]

    @property
    def order(self) -> list[str]:
        """Who took turns, in order."""
        return [event.agent or "" for event in self.of(TurnStarted)]

    def inboxes(self) -> list[tuple[str, int, tuple[str, ...]]]:
        """What each agent read in each of its turns, by agent and turn."""
        return sorted((view.agent, view.turn, tuple(item.content for item in view.inbox)) for view in self.views)

    def check_form(self) -> None:
        """What every log owes its readers, however the run went."""
        assert [event.id for event in self.log] == list(range(1, len(self.log) + 1))
        assert [type(event) for event in self.log].count(RunEnded) == 1
        assert isinstance(self.log[-1], RunEnded)
        check_closed(self.log)


def check_closed(log: Sequence[Event]) -> None:
    """Each turn that started is closed once, and each proposal is delivered or refused once."""
    started = [(e.agent, e.turn) for e in log if isinstance(e, TurnStarted)]
    closed = [(e.agent, e.turn) for e in log if isinstance(e, TurnEnded | TurnFailed)]
    assert sorted(map(str, started)) == sorted(map(str, closed))
    proposed = [e.message_id for e in log if isinstance(e, MessageProposed)]
    decided = [e.message_id for e in log if isinstance(e, MessageDelivered | MessageRefused)]
    assert sorted(proposed) == sorted(decided)
    assert len(set(proposed)) == len(proposed)


def tasks(*entries: str | tuple[str, ...] | dict[str, Any]) -> Call:
    """`open_tasks` with ids, or (id, dependency, ...), or whole entries."""
    made: list[dict[str, Any]] = []
    for entry in entries:
        if isinstance(entry, dict):
            made.append({"title": f"do {entry['id']}", **entry})
        else:
            id_, *needs = (entry,) if isinstance(entry, str) else entry
            made.append({"id": id_, "title": f"do {id_}", "depends_on": needs})
    return ("open_tasks", {"tasks": made})


def send(*recipients: str, content: str = "hello") -> Call:
    """`send_message`."""
    return ("send_message", {"recipients": list(recipients), "content": content})


def vote(*ranking: str) -> Call:
    """`vote`."""
    return ("vote", {"ranking": list(ranking)})


def write(content: str, version: int, board: str = "board") -> Call:
    """`write_board`."""
    return ("write_board", {"board": board, "content": content, "version": version})


def read(board: str = "board") -> Call:
    """`read_board`."""
    return ("read_board", {"board": board})


def decide(decision: str, reason: str = "") -> Call:
    """`decide`."""
    return ("decide", {"decision": decision, "reason": reason})


def hand_off(summary: str, status: str = "done") -> Call:
    """`hand_off`."""
    return ("hand_off", {"status": status, "summary": summary})
