"""Writes the events of a simulated run in the order and shape in which a live run yields them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random

from agentmesh.events import (
    BoardWritten,
    ContextStarted,
    Edges,
    Event,
    MessageDelivered,
    MessageProposed,
    Metric,
    ModelCallFinished,
    ModelCallStarted,
    Notice,
    PhaseStarted,
    PositionStated,
    RunEnded,
    RunStarted,
    TaskChanged,
    ToolCallFinished,
    ToolCallStarted,
    TurnEnded,
    TurnStarted,
    Verification,
    stamped,
)
from agentmesh.messages import (
    USER,
    BoardEntry,
    MessageKind,
    Outcome,
    Position,
    Task,
    TaskStatus,
    ToolCall,
    Trust,
    Usage,
)

_EPOCH = 1_767_225_600.0
"""When simulated runs take place: their clock is drawn too."""
_BUSY_S = (0.4, 6.0)
"""Seconds that a model call takes."""


@dataclass(frozen=True)
class Call:
    """A tool call with what comes back; `effects` are the events that it brings about."""

    name: str
    arguments: dict[str, object]
    result: str | None = "accepted"
    error: str | None = None
    effects: tuple[Event, ...] = ()
    trust: Trust = "trusted"
    onset: tuple[str, ...] = ()
    """Labels that are shown from this call on."""
    onset_of_result: tuple[str, ...] = ()
    """Labels that are shown from what comes back on."""


class Stage:
    """One run being written. What is written between `onset` and `recover` shows the labels given there."""

    def __init__(self, rng: Random, agents: Sequence[str], *, team: str, order: str = "round_robin") -> None:
        self.rng = rng
        self.agents = tuple(agents)
        self.events: list[Event] = []
        self.labels: list[frozenset[str]] = []
        self.onsets: dict[str, int | None] = {}
        self.unclear: dict[str, int] = {}
        self.turns = dict.fromkeys(agents, 0)
        self._order = order
        self._team = team
        self._run_id = f"{rng.getrandbits(48):012x}"
        self._ts = _EPOCH + rng.randrange(300 * 86_400)
        self._showing: frozenset[str] = frozenset()
        self._messages = 0
        self._inbox: dict[str, list[str]] = {name: [] for name in agents}
        self._round = 0

    # Truth

    def onset(self, *labels: str) -> None:
        """From the next event on, the run shows these labels too."""
        for label in labels:
            self.onsets.setdefault(label, len(self.events))
        self._showing |= frozenset(labels)

    def recover(self) -> None:
        """From the next event on, the run is healthy again."""
        self._showing = frozenset()

    def doubtful(self, *labels: str) -> None:
        """From the next event on, nothing is claimed about these labels."""
        for label in labels:
            self.unclear.setdefault(label, len(self.events))

    # Facts

    def emit(self, event: Event) -> None:
        """Append an event."""
        self._ts += self.rng.uniform(0.0005, 0.003)
        stamped(event, len(self.events) + 1, self._run_id, round(self._ts, 6))
        self.events.append(event)
        self.labels.append(self._showing)

    def begin(self, task: str, edges: Edges | None = None, *, to: Sequence[str] | None = None) -> None:
        """The run starts, and the user's task reaches its first agents."""
        heard = self.agents if to is None else to
        between = edges or tuple((a, b) for a in self.agents for b in self.agents if a != b)
        ends = (*((USER, name) for name in heard), *between, (self.agents[-1], USER))
        self.emit(RunStarted(team=self._team, task=task, topology_hash="0" * 16, version="0"))
        self.emit(PhaseStarted(phase="work", order=self._order, edges=ends))
        self.send(USER, heard, task)

    def send(
        self,
        sender: str,
        recipients: Iterable[str],
        content: str,
        *,
        kind: MessageKind = "text",
        task_id: str | None = None,
        position: Position | None = None,
        trust: Trust = "trusted",
    ) -> None:
        """One message to each recipient: first all are proposed, then all delivered."""
        sent = []
        for recipient in recipients:
            self._messages += 1
            sent.append((f"m{self._messages}", recipient))
        for message_id, recipient in sent:
            self.emit(
                MessageProposed(
                    agent=sender, message_id=message_id, sender=sender, recipient=recipient, content=content,
                    kind=kind, task_id=task_id, position=position, trust=trust,
                )
            )  # fmt: skip
        for message_id, recipient in sent:
            self._inbox.setdefault(recipient, []).append(message_id)
            self.emit(
                MessageDelivered(
                    agent=sender, message_id=message_id, sender=sender, recipient=recipient, content=content,
                    kind=kind, task_id=task_id, position=position, trust=trust,
                )
            )  # fmt: skip

    def turn(
        self,
        agent: str,
        reply: str | None = None,
        calls: Sequence[Call] = (),
        *,
        to: Sequence[str] | None = None,
        position: Position | None = None,
        kind: MessageKind = "text",
        trust: Trust = "trusted",
        onset_at_reply: Sequence[str] = (),
    ) -> None:
        """One turn: the calls, each after a model call, then the reply, which goes to all others or to `to`.

        `onset_at_reply`: labels that are shown from the model's reply on, not by the calls before it.
        """
        turn = self._open(agent)
        index = 0
        for call in calls:
            index = self._called(agent, turn, index, call)
        if onset_at_reply:
            self.onset(*onset_at_reply)
        if reply is not None:
            self._model(agent, turn, index + 1, content=reply)
        if position is not None:
            self.emit(PositionStated(agent=agent, turn=turn, phase="work", round=self._round, position=position))
        self.emit(TurnEnded(agent=agent, turn=turn, reply=reply))
        if reply is not None:
            others = [name for name in self.agents if name != agent] if to is None else to
            self.send(agent, others, reply, position=position, kind=kind, trust=trust)

    def task(self, owner: str, task: Task, status: TaskStatus, worker: str | None = None, summary: str = "") -> None:
        """A task of the planner's board comes into a new state."""
        self.emit(TaskChanged(agent=owner, task=task, status=status, worker=worker, summary=summary))

    def board(self, agent: str, entry: BoardEntry, version: int) -> BoardWritten:
        """The event of an entry on the shared board, to be an effect of a call."""
        return BoardWritten(agent=agent, board="notes", version=version, entry=entry)

    def notice(self, agent: str, template: str, content: str) -> None:
        """The run speaks to an agent."""
        self.emit(Notice(agent=agent, template=template, content=content))

    def metric(self, name: str, value: float, *, kind: str = "proxy") -> None:
        """A number is recorded."""
        self.emit(Metric(name=name, value=round(value, 4), kind=kind))

    def verified(self, *, passed: bool, detail: str = "") -> None:
        """The answer is checked from outside the team."""
        self.emit(Verification(passed=passed, attempt=1, detail=detail))

    def end(self, outcome: Outcome, reason: str, answer: str | None = None) -> None:
        """The run is over."""
        self.emit(RunEnded(outcome=outcome, reason=reason, answer=answer))

    # Inside a turn

    def _open(self, agent: str) -> int:
        self.turns[agent] = turn = self.turns.get(agent, 0) + 1
        self._round = max(self._round, turn)
        inbox, self._inbox[agent] = tuple(self._inbox.get(agent, ())), []
        self.emit(TurnStarted(agent=agent, turn=turn, phase="work", round=turn, inbox=inbox))
        if turn == 1:
            others = tuple(name for name in self.agents if name != agent)
            system = f'You are "{agent}", one agent of a team.'
            self.emit(ContextStarted(agent=agent, reason="fresh", recipients=others, system=system))
        return turn

    def _key(self, agent: str, turn: int, index: int) -> str:
        return f"{self._run_id}/work#1/{agent}/{turn}/{index}"

    def _model(self, agent: str, turn: int, index: int, content: str = "", calls: tuple[ToolCall, ...] = ()) -> None:
        key, model = self._key(agent, turn, index), "simulated:worker"
        digest = f"{self.rng.getrandbits(64):016x}"
        self.emit(ModelCallStarted(agent=agent, key=key, model=model, request_hash=digest, reserved=4_500))
        seconds = round(self.rng.uniform(*_BUSY_S), 3)
        self._ts += seconds
        used = Usage(input_tokens=300 + 90 * turn, output_tokens=max(1, len(content) // 4), model_calls=1)
        finish = "tool_calls" if calls else "stop"
        self.emit(
            ModelCallFinished(
                agent=agent, key=key, model=model, usage=used, content=content, tool_calls=calls,
                finish_reason=finish, seconds=seconds, settled=used.tokens,
            )
        )  # fmt: skip

    def _called(self, agent: str, turn: int, index: int, call: Call) -> int:
        self.onset(*call.onset)
        asked = ToolCall(call.name, json.loads(json.dumps(call.arguments)), f"call_{turn}_{index + 1}")
        self._model(agent, turn, index + 1, calls=(asked,))
        key = self._key(agent, turn, index + 2)
        self.emit(ToolCallStarted(agent=agent, key=key, name=call.name, arguments=call.arguments))
        for effect in call.effects:
            self.emit(effect)
        self.onset(*call.onset_of_result)
        self.emit(
            ToolCallFinished(
                agent=agent, key=key, name=call.name, arguments=call.arguments, result=call.result, error=call.error,
                trust=call.trust,
            )
        )  # fmt: skip
        return index + 2
