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
from agentmesh.scheduler import CancelTurns, Rewrite, Scheduler, StartTurn, Verify
from agentmesh.topology.graph import Topology

Call = tuple[str, dict[str, Any]]
Deed = str | Call | None | Exception | list[Call | str | None]
"""A reply, a tool call, nothing, a failure; or tool calls and at last a reply."""
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
    rewrites: Mapping[str, Callable[[str], str]] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    after: Callable[[Play, Event], Sequence[Event]] | None = None
    """What happens from outside once an event is in the log."""
    log: list[Event] = field(default_factory=list)
    views: list[StartTurn] = field(default_factory=list)
    results: list[ToolCallFinished] = field(default_factory=list)
    most_at_once: int = 0
    slow_verify: bool = False
    """Checks take until nobody is in a turn."""

    def __post_init__(self) -> None:
        self.scheduler = Scheduler(self.topology.phases, policy=self.topology.policy, **self.options)
        self.pending: list[StartTurn] = []
        self._queue: deque[Any] = deque()
        self._checks: deque[Any] = deque()
        self._scripts = {name: iter(actor) if not callable(actor) else actor for name, actor in self.actors.items()}

    def run(self, task: str = "the task", steps: int = 20_000) -> Play:
        """Play until the run has ended. Fails if it never does."""
        self.happen(RunStarted(team="t", task=task))
        while not self.scheduler.ended:
            if not self.pending and self._checks:
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
                    checked = Verification(passed=self.verify(item.answer), attempt=item.attempt)
                    (self._checks if self.slow_verify else self._queue).append(checked)
                case Rewrite():
                    self._queue.append(
                        MessageTransformed(
                            message_id=item.message_id,
                            sender=item.sender,
                            recipient=item.recipient,
                            content=self.rewrites[item.function](item.content),
                            by=item.function,
                        )
                    )
                case CancelTurns():
                    for turn in self.pending:
                        self._queue.append(
                            TurnFailed(agent=turn.agent, turn=turn.turn, error="cancelled", kind="cancelled")
                        )
                    self.pending.clear()
                case _:
                    self._append(item)

    def _append(self, event: Event) -> None:
        if self.scheduler.ended:
            return
        self.log.append(stamped(event, len(self.log) + 1, "run", 0.0))
        if isinstance(event, ToolCallFinished):
            self.results.append(event)
        self._queue.extend(self.scheduler.step(event))
        if self.after is not None:
            self._queue.extend(self.after(self, event))

    def _act(self, turn: StartTurn) -> None:
        actor = self._scripts[turn.agent]
        deed: Deed = actor(turn) if callable(actor) else next(actor)
        if isinstance(deed, Exception):
            self.happen(TurnFailed(agent=turn.agent, turn=turn.turn, error=str(deed), kind="error"))
            return
        deeds = deed if isinstance(deed, list) else [deed]
        reply: str | None = None
        for index, one in enumerate(deeds):
            if isinstance(one, tuple):
                key = f"{turn.agent}/{turn.turn}/{index}"
                self.happen(ToolCallStarted(agent=turn.agent, key=key, name=one[0], arguments=one[1]))
            else:
                reply = one
        if not self.scheduler.ended and (turn.agent in self.scheduler.state.busy):
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


def decide(decision: str, reason: str = "") -> Call:
    """`decide`."""
    return ("decide", {"decision": decision, "reason": reason})


def hand_off(summary: str, status: str = "done") -> Call:
    """`hand_off`."""
    return ("hand_off", {"status": status, "summary": summary})
