"""The pure reducer: an event goes in, the events and commands that follow from it come out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agentmesh.config.models import Limits
from agentmesh.events import (
    Event,
    FindingRecorded,
    InterventionMade,
    LimitWasReached,
    MessageDelivered,
    MessageProposed,
    MessageRefused,
    MessageTransformed,
    Notice,
    PhaseEnded,
    PhaseStarted,
    RunEnded,
    RunStarted,
    TaskChanged,
    ToolCallFinished,
    ToolCallStarted,
    TopologyChanged,
    TurnEnded,
    TurnFailed,
    TurnStarted,
    Verification,
)
from agentmesh.messages import USER, Outcome, Part
from agentmesh.scheduler.commands import CancelTurns, Command, Rewrite, StartTurn, Verify
from agentmesh.scheduler.ladder import Ladder
from agentmesh.scheduler.notices import notice, refusal
from agentmesh.scheduler.orders import Order, Reactive, Rounds
from agentmesh.scheduler.state import RunState
from agentmesh.scheduler.tasks import Tasks
from agentmesh.tools.graph import GRAPH_TOOLS, Decide, SendMessage, read_action
from agentmesh.topology.phases import Join, Phase

Step = list[Event | Command]


@dataclass
class _Sending:
    """A send_message call whose messages are not all decided yet."""

    event: ToolCallStarted
    undecided: set[str]
    sent: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


class Scheduler:
    """Decides what follows from each event of one run. No clock, no randomness, no I/O.

    The runner passes every event of the run to `step`, in the order of the log, and passes the returned events in
    turn. What an agent does next is decided only when all consequences of what it did are in the log.
    """

    def __init__(
        self,
        phases: Sequence[Phase],
        *,
        joins: Mapping[str, Join] | None = None,
        limits: Limits | None = None,
        agent_limits: Mapping[str, Limits] | None = None,
        ladders: Mapping[str, Sequence[str]] | None = None,
        verify_retries: int | None = None,
    ) -> None:
        self._phases = phases
        self._phase_index = 0
        self._limits = limits or Limits()
        self._agent_limits = dict(agent_limits or {})
        self._ladder = Ladder(ladders or {})
        self._verify_retries = verify_retries
        self.state = RunState(phases[0], dict(joins or {}))
        self._order: Order = self._make_order()
        self._awaited: set[int] = set()
        """Identities of the events returned and not yet seen back."""
        self._sending: dict[str, _Sending] = {}
        self._rewriting: dict[str, MessageProposed] = {}
        self._turns = 0
        self._delivered = 0
        self._by_sender: Counter[str] = Counter()
        self._answer: MessageDelivered | None = None
        self._attempts = 0
        self._ending: tuple[Outcome, str] | None = None
        self._cancelling = False
        self.ended = False

    def step(self, event: Event) -> Step:
        """What follows from this event: events to append, in this order, and commands to carry out."""
        self._awaited.discard(id(event))
        return self._settle(self._follow(event))

    @property
    def ending(self) -> bool:
        """Whether the end of the run is decided."""
        return self._ending is not None

    def stop(self, outcome: Outcome, reason: str) -> Step:
        """End the run from outside: cancelled, or halted by a failing monitor."""
        self._end(outcome, reason)
        return self._settle([])

    def _settle(self, out: Step) -> Step:
        self._awaited.update(id(item) for item in out if not isinstance(item, Command))
        if not self._awaited and not self.ended:
            more = self._advance()
            self._awaited.update(id(item) for item in more if not isinstance(item, Command))
            out += more
        return out

    def _follow(self, event: Event) -> Step:  # noqa: C901 - one line per kind of event; splitting it would hide the list
        match event:
            case RunStarted():
                self._task = event
                return [self._phase_started()]
            case PhaseStarted():
                return self._begin_phase()
            case TurnStarted():
                return self._begin_turn(event)
            case TurnEnded(agent=str(agent)):
                return self._end_turn(agent, event.reply, event.parts)
            case TurnFailed(agent=str(agent)):
                return self._fail_turn(agent, event)
            case ToolCallStarted() if event.name in GRAPH_TOOLS:
                return self._graph_tool(event)
            case MessageProposed():
                return self._judge(event)
            case MessageTransformed():
                return [self._deliver(self._rewriting.pop(event.message_id), event.content)]
            case MessageDelivered():
                return self._take_in(event)
            case MessageRefused():
                return self._refused(event)
            case Notice(agent=str(agent)):
                self.state.inbox.setdefault(agent, []).append(event)
            case TaskChanged():
                self._order.task_changed(event)
            case LimitWasReached():
                self._limit(event)
            case FindingRecorded():
                return list(self._ladder.climb(event))
            case InterventionMade():
                return self._intervene(event)
            case TopologyChanged():
                self._change(event)
            case Verification():
                return self._verified(event)
            case PhaseEnded():
                return self._next_phase()
            case RunEnded():
                self.ended = True
            case _:
                pass
        return []

    # Phases

    def _make_order(self) -> Order:
        phase = self.state.phase
        match phase.order:
            case "reactive":
                return Reactive(self.state)
            case "round_robin":
                return Rounds(self.state, at_once=False)
            case "simultaneous":
                return Rounds(self.state, at_once=True)
            case "tasks":
                assert phase.planning is not None, "a phase of order 'tasks' says who plans"
                return Tasks(self.state, phase.planning)

    def _phase_started(self) -> PhaseStarted:
        phase = self.state.phase
        edges = tuple(edge.pair for edge in phase.edges)
        return PhaseStarted(phase=phase.name, occurrence=self.state.occurrence, order=phase.order, edges=edges)

    def _begin_phase(self) -> Step:
        events: Step = []
        if self._phase_index == 0:
            events += self.state.to_all(USER, self._task.task, self._task.parts)
        return [*events, *self._order.begin()]

    def _next_phase(self) -> Step:
        self._phase_index += 1
        self.state.phase = self._phases[self._phase_index]
        self._order = self._make_order()
        return [self._phase_started()]

    # Turns

    def _begin_turn(self, event: TurnStarted) -> Step:
        agent = event.agent or ""
        state, order = self.state, self._order
        inbox = order.reads(agent, state.inbox.pop(agent, []))
        state.busy[agent] = event.turn
        state.turns[agent] = event.turn
        state.written[agent] = set()
        order.started(agent)
        self._ladder.acted(agent)
        command = StartTurn(
            agent=agent,
            turn=event.turn,
            phase=event.phase,
            occurrence=state.occurrence,
            round=event.round,
            inbox=tuple(inbox),
            recipients=state.recipients(agent),
            tools=order.tools(agent),
            answers=order.answers(agent),
        )
        return [command]

    def _end_turn(self, agent: str, reply: str | None, parts: tuple[Part, ...]) -> Step:
        self.state.busy.pop(agent, None)
        said: list[Event] = []
        # Who has written to chosen recipients in this turn meant its closing text for nobody.
        if reply is not None and not self.state.written.get(agent) and not self._ending:
            said = self._order.said(agent, reply, parts)
        return [*said, *self._order.ended(agent, acted=bool(said))]

    def _fail_turn(self, agent: str, event: TurnFailed) -> Step:
        self.state.busy.pop(agent, None)
        if not self._ending:
            self.state.obstacles.append(("failed", f"turn_failed: {agent}: {event.error}"))
        return list(self._order.ended(agent, acted=False))

    def _start_turns(self, agents: Sequence[str]) -> Step:
        events: Step = []
        state = self.state
        for agent in agents:
            if agent in state.retired:
                continue
            number = state.turns[agent] + 1
            own = self._agent_limits.get(agent)
            if own and own.turns and number > own.turns:
                events.append(LimitWasReached(agent=agent, limit="turns", allowed=own.turns, needed=number))
                continue
            if self._limits.turns and self._turns >= self._limits.turns:
                needed = self._turns + 1
                return [*events, LimitWasReached(limit="turns", allowed=self._limits.turns, needed=needed)]
            self._turns += 1
            ids = tuple(
                item.message_id if isinstance(item, MessageDelivered) else f"notice:{item.id}"
                for item in self._order.reads(agent, state.inbox.get(agent, []))
            )
            events.append(
                TurnStarted(agent=agent, turn=number, phase=state.phase.name, round=self._order.round, inbox=ids)
            )
        return events

    # Acting on the graph

    def _graph_tool(self, event: ToolCallStarted) -> Step:
        action = read_action(event.name, event.arguments)
        if isinstance(action, str):
            return [_finished(event, error=action)]
        if isinstance(action, SendMessage):
            return self._send(event, action)
        done = self._order.called(event, action)
        if isinstance(done, str):
            return [_finished(event, error=done)]
        if isinstance(action, Decide) and action.decision == "abort":
            self._end("failed", f"aborted: {action.reason}")
        return [*done, _finished(event, result="accepted", ends_turn=True)]

    def _send(self, event: ToolCallStarted, action: SendMessage) -> Step:
        sender = event.agent or ""
        proposals = [self.state.proposal(sender, name, action.content) for name in dict.fromkeys(action.recipients)]
        sending = _Sending(event, set())
        written = self.state.written.setdefault(sender, set())
        out: Step = []
        for proposal in proposals:
            name = proposal.recipient
            fine = self.state.may_send(sender, name) and name not in written
            if fine and self._order.holds([proposal]):
                written.add(name)
                sending.sent.append(name)
                continue
            sending.undecided.add(proposal.message_id)
            self._sending[proposal.message_id] = sending
            out.append(proposal)
        if not sending.undecided:
            out.append(self._sent(sending, "accepted; delivered when the round ends: "))
        return out

    def _sent(self, sending: _Sending, words: str = "delivered to: ") -> ToolCallFinished:
        accepted = words + ", ".join(sending.sent) if sending.sent else ""
        if sending.refused:
            error = "; ".join([*([accepted] if accepted else []), *sending.refused])
            return _finished(sending.event, error=error)
        return _finished(sending.event, result=accepted, ends_turn=True)

    def _decided(self, message_id: str, recipient: str, refusal: str | None) -> Step | None:
        """Note the fate of a message that a tool call awaits. None: no tool call awaits it."""
        sending = self._sending.pop(message_id, None)
        if sending is None:
            return None
        sending.undecided.discard(message_id)
        if refusal is None:
            sending.sent.append(recipient)
        else:
            sending.refused.append(refusal)
        return [] if sending.undecided else [self._sent(sending)]

    # Messages

    def _judge(self, message: MessageProposed) -> Step:
        reason = self._why_not(message)
        limit = None if reason else self._message_limit(message.sender)
        if reason is not None or limit is not None:
            refused = MessageRefused(
                agent=message.sender,
                message_id=message.message_id,
                sender=message.sender,
                recipient=message.recipient,
                content=message.content,
                allowed=self.state.recipients(message.sender),
                reason=reason or "limit",
            )
            return [refused, limit] if limit else [refused]
        self.state.written.setdefault(message.sender, set()).add(message.recipient)
        edge = self.state.phase.by_pair[(message.sender, message.recipient)]
        if edge.max_messages is not None:
            self.state.carried[edge.pair] += 1
        if edge.rewrite is not None:
            self._rewriting[message.message_id] = message
            return [
                Rewrite(message.message_id, message.sender, message.recipient, message.content, edge.rewrite),
            ]
        return [self._deliver(message, message.content)]

    def _why_not(self, message: MessageProposed) -> str | None:
        state = self.state
        if self._ending:
            return self._ending[0]
        if not state.may_send(message.sender, message.recipient):
            return "no_edge"
        if message.kind == "text" and message.sender != USER:
            if not self._order.free_talk:
                return "tools_only"
            if message.recipient in state.written.get(message.sender, ()):
                return "already_sent"
        if message.recipient == USER and self._answer is not None:
            return "answer_pending"
        edge = state.phase.by_pair[(message.sender, message.recipient)]
        if edge.max_messages is not None and state.carried[edge.pair] >= edge.max_messages:
            return "max_messages"
        return None

    def _message_limit(self, sender: str) -> LimitWasReached | None:
        """The limit, of the run or of the sender alone, that one more message would break."""
        own = self._agent_limits.get(sender)
        for agent, limits, sent in (
            (None, self._limits, self._delivered + len(self._rewriting)),
            (sender, own, self._by_sender[sender]),
        ):
            if limits and limits.messages and sent >= limits.messages:
                return LimitWasReached(agent=agent, limit="messages", allowed=limits.messages, needed=sent + 1)
        self._by_sender[sender] += 1
        return None

    def _deliver(self, message: MessageProposed, content: str) -> MessageDelivered:
        return MessageDelivered(
            agent=message.sender,
            message_id=message.message_id,
            sender=message.sender,
            recipient=message.recipient,
            content=content,
            kind=message.kind,
            task_id=message.task_id,
            parts=message.parts,
        )

    def _take_in(self, event: MessageDelivered) -> Step:
        self._delivered += 1
        out = self._decided(event.message_id, event.recipient, None) or []
        if event.recipient == USER:
            return [*out, *self._take_answer(event)]
        self.state.inbox.setdefault(event.recipient, []).append(event)
        self._order.delivered(event)
        return out

    def _refused(self, event: MessageRefused) -> Step:
        why = refusal(event.sender, event.recipient, event.allowed, event.reason)
        answered = self._decided(event.message_id, event.recipient, why)
        if answered is not None:
            return answered
        if event.sender == USER or self._ending:
            return []
        told = notice(event.sender, "refused", recipient=event.recipient, why=why)
        return [told, *self._order.undelivered(event)]

    # The answer

    def _take_answer(self, event: MessageDelivered) -> Step:
        if self._answer is not None:
            return []
        self._answer = event
        if self._verify_retries is None:
            self._end("completed", "answered")
            return []
        self._attempts += 1
        return [Verify(event.content, self._attempts)]

    def _verified(self, event: Verification) -> Step:
        if event.passed:
            self._end("verified", "answered and verified")
            return []
        author = self._author()
        self._answer = None if event.attempt <= (self._verify_retries or 0) else self._answer
        if self._answer is not None:
            self._end("failed", "not_verified")
            return []
        self._order.wake(author)
        return [notice(author, "refuted")]

    def _author(self) -> str:
        """Who wrote the answer: a judge only forwards it."""
        planning = self.state.phase.planning
        return planning.root if planning else self._answer.sender if self._answer else ""

    # Limits, findings, changes of the graph

    def _limit(self, event: LimitWasReached) -> None:
        if event.agent is None:
            self._end("limit", f"{event.limit}: {event.allowed:g} allowed")
            return
        self.state.retired.add(event.agent)
        self.state.obstacles.append(("limit", f"{event.agent}: {event.limit}: {event.allowed:g} allowed"))

    def _intervene(self, event: InterventionMade) -> Step:
        match event.kind:
            case "halt":
                self._end("halted", f"{event.monitor}: {self._ladder.why(event.finding)}")
                return []
            case "note":
                label = self._ladder.label(event.finding)
                return [notice(agent, "note", label=label) for agent in event.agents if agent in self._known()]
            case _:
                return []

    def _known(self) -> set[str]:
        return {name for phase in self._phases for name in phase.participants}

    def _change(self, event: TopologyChanged) -> None:
        match event.change:
            case "cut" | "isolate":
                self.state.cut.update(event.edges)
            case "restore":
                self.state.cut.difference_update(event.edges)
            case _:
                pass

    # What next

    def _advance(self) -> Step:
        """Nothing is left to decide: start turns, end the phase, or end the run."""
        state = self.state
        if self._ending:
            return self._finish()
        released = self._order.advance()
        if released:
            return list(released)
        if self._answer is None:
            turns = self._start_turns(self._order.ready())
            if turns:
                return turns
        if state.busy or self._rewriting or self._answer is not None:
            return []
        if self._phase_index + 1 < len(self._phases):
            return [PhaseEnded(phase=state.phase.name, occurrence=state.occurrence, reason=self._order.over())]
        self._end(*(state.obstacles[-1] if state.obstacles else self._stalled()))
        return self._finish()

    def _stalled(self) -> tuple[Outcome, str]:
        return ("stalled", "nobody has anything left to act on, and no answer reached the user")

    def _finish(self) -> Step:
        assert self._ending is not None
        if self.state.busy:
            if self._cancelling:
                return []
            self._cancelling = True
            return [CancelTurns()]
        outcome, reason = self._ending
        answer = self._answer.content if self._answer and outcome in {"completed", "verified"} else None
        return [RunEnded(outcome=outcome, reason=reason, answer=answer)]

    def _end(self, outcome: Outcome, reason: str) -> None:
        """The first reason to end stands; only `halted` takes precedence over what is not yet recorded."""
        if self._ending is None or (outcome == "halted" and not self._cancelling):
            self._ending = (outcome, reason)


def _finished(
    event: ToolCallStarted, *, result: str | None = None, error: str | None = None, ends_turn: bool = False
) -> ToolCallFinished:
    return ToolCallFinished(
        agent=event.agent,
        key=event.key,
        name=event.name,
        arguments=event.arguments,
        result=result,
        error=error,
        ends_turn=ends_turn,
    )
