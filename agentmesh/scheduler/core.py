"""The pure reducer: an event goes in, the events and commands that follow from it come out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agentmesh.config.models import Limits
from agentmesh.events import (
    Event,
    EventBase,
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
    ToolCallStarted,
    TopologyChanged,
    TurnEnded,
    TurnFailed,
    TurnStarted,
    Verification,
)
from agentmesh.messages import USER, Outcome, Part
from agentmesh.scheduler.commands import CancelTurns, StartTurn, Step, Verify
from agentmesh.scheduler.ladder import Ladder
from agentmesh.scheduler.notices import notice, refusal
from agentmesh.scheduler.orders import Order, Reactive, Rounds
from agentmesh.scheduler.post import Post, finished
from agentmesh.scheduler.state import RunState
from agentmesh.scheduler.tasks import Tasks
from agentmesh.tools.graph import GRAPH_TOOLS, Decide, SendMessage, read_action
from agentmesh.topology.phases import Join, Phase

DRAINING = frozenset({"turns", "model_calls", "tokens"})
"""Limits on what may begin: what has begun, and is paid for, may end. Other limits end the run at once."""


STALLED: tuple[Outcome, str] = ("stalled", "nobody has anything left to act on, and no answer reached the user")


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
        self._agents = frozenset(name for phase in phases for name in phase.participants)
        self._ladder = Ladder(ladders or {}, self._agents)
        self._verify_retries = verify_retries
        self.state = RunState(phases[0], dict(joins or {}))
        self._order: Order = self._make_order()
        self._awaited: set[int] = set()
        """Identities of the events returned and not yet seen back."""
        self._post = Post(self.state, self._limits, self._agent_limits)
        self._turns = 0
        self._answer: MessageDelivered | None = None
        self._attempts = 0
        self._ending: tuple[Outcome, str] | None = None
        self._spent: str | None = None
        """The limit that lets nobody begin a turn any more, while those in flight may still come to an answer."""
        self._cancelling = False
        self.ended = False

    def step(self, event: Event) -> Step:
        """What follows from this event: events to append, in this order, and commands to carry out."""
        self._awaited.discard(id(event))
        return self._settle(self._follow(event))

    def expect(self, event: Event) -> None:
        """Wait with what is next until this event has been passed to `step`, although it comes from outside."""
        self._awaited.add(id(event))

    @property
    def ending(self) -> bool:
        """Whether the end of the run is decided."""
        return self._ending is not None

    def stop(self, outcome: Outcome, reason: str) -> Step:
        """End the run from outside: cancelled, or halted by a failing monitor."""
        self._end(outcome, reason)
        return self._settle([])

    def _settle(self, out: Step) -> Step:
        self._await(out)
        if not self._awaited and not self.ended:
            more = self._advance()
            self._await(more)
            out += more
        return out

    def _await(self, out: Step) -> None:
        for item in out:
            if isinstance(item, EventBase):
                self._awaited.add(id(item))

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
                return self._post.judge(event, self._order)
            case MessageTransformed():
                return [self._post.transformed(event)]
            case MessageDelivered():
                return self._take_in(event)
            case MessageRefused():
                return self._refused(event)
            case Notice(agent=str(agent)):
                self.state.inbox.setdefault(agent, []).append(event)
            case TaskChanged():
                self._order.task_changed(event)
            case LimitWasReached():
                return self._limit(event)
            case FindingRecorded():
                return list(self._ladder.climb(event))
            case InterventionMade():
                return self._intervene(event)
            case TopologyChanged():
                self._change(event)
                self._order.redrawn(event)
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
        if not self._ending and event.kind != "limit":  # a limit stands in the log, and among the obstacles, already
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
            return [finished(event, error=action)]
        if isinstance(action, SendMessage):
            return self._post.send(event, action, self._order)
        done = self._order.called(event, action)
        if isinstance(done, str):
            return [finished(event, error=done)]
        if isinstance(action, Decide) and action.decision == "abort":
            self._end("failed", "aborted")
        return [*done, finished(event, result="accepted", ends_turn=True)]

    # Messages

    def _take_in(self, event: MessageDelivered) -> Step:
        out = self._post.delivered(event)
        if event.recipient == USER:
            return [*out, *self._take_answer(event)]
        self.state.inbox.setdefault(event.recipient, []).append(event)
        self._order.delivered(event)
        return out

    def _refused(self, event: MessageRefused) -> Step:
        why = refusal(event.sender, event.recipient, event.allowed, event.reason)
        awaited = self._post.refused(event, why)
        if awaited is not None:
            return awaited
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
        self.state.answering = False
        self._order.wake(author)
        return [notice(author, "refuted")]

    def _author(self) -> str:
        """Who wrote the answer: a judge only forwards it."""
        planning = self.state.phase.planning
        return planning.root if planning else self._answer.sender if self._answer else ""

    # Limits, findings, changes of the graph

    def _limit(self, event: LimitWasReached) -> Step:
        if event.agent is None:
            reason = f"{event.limit}: {event.allowed:g} allowed"
            if event.limit in DRAINING:
                self._spent = self._spent or reason
            else:
                self._end("limit", reason)
            return []
        self.state.retired.add(event.agent)
        self._ladder.acted(event.agent)
        self.state.obstacles.append(("limit", f"{event.agent}: {event.limit}: {event.allowed:g} allowed"))
        return list(self._order.retired(event.agent))

    def _intervene(self, event: InterventionMade) -> Step:
        match event.kind:
            case "halt":
                self._end("halted", f"{event.monitor}: {self._ladder.why(event.finding)}")
                return []
            case "note":
                label = self._ladder.label(event.finding)
                return [notice(agent, "note", label=label) for agent in event.agents if agent in self._agents]

    def _change(self, event: TopologyChanged) -> None:
        cut = self.state.cut
        (cut.difference_update if event.change == "restore" else cut.update)(event.edges)

    # What next

    def _advance(self) -> Step:
        """Nothing is left to decide: start turns, end the phase, or end the run."""
        state = self.state
        if self._spent and not self._ending and self._at_rest():
            self._end("limit", self._spent)
        if self._ending:
            return self._finish()
        if self._spent:
            return []
        released = self._order.advance()
        if released:
            return list(released)
        # What is being rewritten belongs to what comes next: nobody begins before it has arrived.
        if self._answer is None and not self._post.rewriting:
            turns = self._start_turns(self._order.ready())
            if turns:
                return turns
        if not self._at_rest():
            return []
        if self._phase_index + 1 < len(self._phases):
            return [PhaseEnded(phase=state.phase.name, occurrence=state.occurrence, reason=self._order.over())]
        self._end(*(state.obstacles[-1] if state.obstacles else STALLED))
        return self._finish()

    def _at_rest(self) -> bool:
        """Whether nobody acts, and nothing that was sent is still on its way."""
        return not (self.state.busy or self._post.rewriting or self._answer is not None)

    def _finish(self) -> Step:
        assert self._ending is not None
        if self._post.rewriting:
            return self._post.give_up(self._ending[0])
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
            self.state.closed = outcome
