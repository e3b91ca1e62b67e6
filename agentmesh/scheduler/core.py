"""The pure reducer: an event goes in, the events and commands that follow from it come out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from agentmesh.config.models import Limits
from agentmesh.events import (
    Answered,
    BoardWritten,
    ContextStarted,
    Event,
    EventBase,
    FindingRecorded,
    InterventionMade,
    LimitWasReached,
    MessageDelivered,
    MessageProposed,
    MessageRefused,
    MessageTransformed,
    MessageWithheld,
    Notice,
    PhaseEnded,
    PhaseStarted,
    PositionStated,
    RunEnded,
    RunStarted,
    StopRequested,
    TaskChanged,
    ToolCallFinished,
    ToolCallStarted,
    TopologyChanged,
    TurnEnded,
    TurnFailed,
    TurnStarted,
    Verification,
)
from agentmesh.messages import USER, Outcome, Policy
from agentmesh.scheduler.answer import Answer
from agentmesh.scheduler.boards import Boards
from agentmesh.scheduler.changes import Changes
from agentmesh.scheduler.commands import CancelTurns, Step
from agentmesh.scheduler.course import Course, order_of
from agentmesh.scheduler.deeds import Deeds
from agentmesh.scheduler.interventions import Interventions
from agentmesh.scheduler.ladder import Ladder
from agentmesh.scheduler.limits import Reached
from agentmesh.scheduler.notices import agreed, notice
from agentmesh.scheduler.orders import Order
from agentmesh.scheduler.polls import Polls
from agentmesh.scheduler.post import Post
from agentmesh.scheduler.state import RunState
from agentmesh.scheduler.trust import Labels
from agentmesh.scheduler.turns import Turns
from agentmesh.scheduler.used import BoundsOf, Used
from agentmesh.scheduler.verdicts import Verdicts
from agentmesh.tools.graph import GRAPH_TOOLS
from agentmesh.topology.phases import Phase


class Scheduler:
    """Decides what follows from each event of one run. No clock, no randomness, no I/O.

    The runner passes every event of the run to `step`, in the order of the log, and passes the returned events in
    turn. What an agent does next is decided only when all consequences of what it did are in the log.
    """

    def __init__(
        self,
        phases: Sequence[Phase],
        *,
        policy: Policy = "return_to_agent",
        limits: Limits | None = None,
        agent_limits: Mapping[str, Limits] | None = None,
        ladders: Mapping[str, Sequence[Any]] | None = None,
        most_interventions: Mapping[str, int] | None = None,
        reserve: Collection[str] = (),
        verify_retries: int | None = None,
        forgetful: Collection[str] = (),
        untrusted: Mapping[str, str] | None = None,
        bounds: BoundsOf | None = None,
        patient: bool = False,
        answerable: bool = False,
    ) -> None:
        agents = {name for phase in phases for name in phase.participants}
        self._used = Used()
        self.state = RunState(phases[0], Labels(forgetful, untrusted), policy)
        self._course = Course(phases, self.state, self._end)
        self._polls = Polls(self.state)
        self._boards = Boards(self.state)
        self._post = Post(self.state, self._polls, limits or Limits(), dict(agent_limits or {}))
        self._changes = Changes(self.state, self._course, self._polls, self._boards, agents, self._used, bounds)
        allowed = (limits or Limits(), dict(agent_limits or {}))
        self.reached = Reached(self.state, self._course, *allowed, self._end)
        self._turns = Turns(self.state, self.reached, *allowed)
        self._order: Order = order_of(self.state)
        self._interventions = Interventions(
            self.state, self._course, self._post, agents, reserve, self._end, self.reached, people=patient or answerable
        )
        self._ladder = Ladder(
            ladders or {}, agents, self._interventions.planned(lambda: self._order), most_interventions
        )
        self._verdicts = Verdicts(self.state, self._post, self._interventions, self._ladder)
        self._awaited: set[int] = set()
        """Identities of the events returned and not yet seen back."""
        self._deeds = Deeds(self.state, self._course, self._post.calls, self._polls, self._boards, self._end)
        self._answer = Answer(self.state, self._course, verify_retries, self._end)
        self._ending: tuple[Outcome, str] | None = None
        self._cancelling = self._stopped = False
        self._patient, self._answerable = patient, answerable
        """Whether people may decide on withheld messages when all else is done: the run waits for them."""
        self.ended = False

    def step(self, event: Event) -> Step:
        """What follows from this event: events to append, in this order, and commands to carry out."""
        self._awaited.discard(id(event))
        self._used.count(event)
        out = self._follow(event)
        if event is self._interventions.undecided:
            out += self._interventions.decided(self._order, self._task)
        return self._settle(out)

    def released(self, waiting: object) -> Step:
        """What a message comes to that waited for a verdict, when all that follows from that has been passed on."""
        self._awaited.discard(id(waiting))
        return self._settle(self._verdicts.released(self._order, self._task))

    def expect(self, event: object) -> None:
        """Wait with what is next until this event from outside has been passed to `step`, or this to `released`."""
        self._awaited.add(id(event))
        self._interventions.show(event)

    @property
    def ending(self) -> bool:
        """Whether the end of the run is decided."""
        return self._ending is not None

    @property
    def phases(self) -> Sequence[Phase]:
        """The phases as they are now."""
        return tuple(self._course.phases)

    def passes(self, message_id: str) -> bool:
        """Whether the edge of this message is still to change it."""
        return self._post.passes(message_id)

    def asks(self, question_id: str) -> bool:
        """Whether this question is the run's own, and open: about a message that is withheld, or of a monitor."""
        return self._interventions.asks(question_id)

    def untrusted(self, agent: str) -> str | None:
        """Where the untrusted part of an agent's context came from, or None if it holds none."""
        return self.state.labels.source(agent)

    def _settle(self, out: Step) -> Step:
        self._awaited.update(id(item) for item in out if isinstance(item, EventBase))
        if not self._awaited and not self.ended:
            self._interventions.moment.settled()
            more = self._advance()
            self._awaited.update(id(item) for item in more if isinstance(item, EventBase))
            out += more
        return out

    def _follow(self, event: Event) -> Step:  # noqa: C901 - one line per kind of event; splitting it would hide the list
        match event:
            case RunStarted():
                self._task = self.state.given = event
                self.state.seed = event.seed or 0
                return [self._course.begin()]
            case PhaseStarted():
                return self._begin_phase()
            case TurnStarted():
                self._ladder.acted(event.agent or "")
                return [self._turns.begin(event, self._order)]
            case TurnEnded(agent=str(agent)):
                return self._end_turn(agent, event)
            case TurnFailed(agent=str(agent)):
                return self._fail_turn(agent, event)
            case PositionStated(agent=str(agent)):
                self.state.stated[agent] = self.state.positions[agent] = event.position
            case ToolCallStarted() if event.name in GRAPH_TOOLS:
                return self._deeds.called(event, self._order)
            case ContextStarted() | ToolCallFinished():
                self.state.labels.heard(event)
            case BoardWritten():
                self._boards.written(event)
            case MessageProposed():
                self._course.proposed(event, self._order.round)
                return self._post.judge(event, self._order)
            case MessageTransformed():
                return self._post.transformed(event)
            case MessageDelivered():
                return self._take_in(event)
            case MessageRefused():
                return [*self._told_of(event), *self._post.next_to(event.recipient)]
            case MessageWithheld():
                return self._post.calls.withheld(event)
            case Answered():
                return self._interventions.answered(event, self._order)
            case Notice(agent=str(agent)):
                self.state.inbox.setdefault(agent, []).append(event)
            case TaskChanged():
                return self._order.task_changed(event)
            case LimitWasReached():
                return self._limit(event)
            case FindingRecorded():
                return self._verdicts.found(event)
            case InterventionMade():
                return self._interventions.carry_out(event, self._ladder.finding(event), self._order, self._task)
            case TopologyChanged():
                return self._changes.apply(event, self._order, self._task)
            case Verification(task=str()):
                return self._order.accepted(event)
            case Verification():
                return self._answer.checked(event, self._order, ending=self.reached.of_run is not None)
            case StopRequested():
                self._end(event.outcome, event.reason)
            case PhaseEnded():
                self._boards.phase_ended(event)
                return self._next_phase()
            case RunEnded():
                self.ended = True
            case _:
                pass
        return []

    # Phases

    def _begin_phase(self) -> Step:
        state = self.state
        state.positions.clear()
        anew = self._interventions.phase_begins()
        if (state.phase.fresh or anew) and not self._course.is_first:
            state.forget(state.phase.participants)
        self._polls.begin()
        told = state.task(self._task.task, self._task.parts)
        self._order.first_told = bool(told)
        return [*told, *agreed(state.phase), *self._course.told(), *self._order.begin()]

    def _next_phase(self) -> Step:
        self._answer.drop()
        started, self._order = self._course.move(), order_of(self.state)
        return [started]

    # Turns

    def _end_turn(self, agent: str, event: TurnEnded) -> Step:
        state = self.state
        self._course.acted(agent)
        position = state.stated.pop(agent, None)
        if agent == state.closing:
            return [] if self._ending else self.reached.last_words(event.reply, event.parts)
        said: list[Event] = []
        # Who has written to chosen recipients in this turn meant its closing text for nobody.
        if event.reply is not None and not state.written.get(agent) and not self._ending:
            self._course.said(agent, event.reply, self._order.round)
            said = self._order.said(agent, event.reply, event.parts, position)
        ended = self._order.ended(agent, acted=bool(said))
        return [*state.after_turn(agent, said), *ended]

    def _fail_turn(self, agent: str, event: TurnFailed) -> Step:
        self._course.acted(agent, event.error)
        self.state.stated.pop(agent, None)
        if not self._ending and event.kind != "limit":  # a limit stands in the log, and among the obstacles, already
            self.state.obstacles.append(("failed", f"turn_failed: {agent}: {event.error}"))
        self.state.after_turn(agent, [])
        return list(self._order.ended(agent, acted=False))

    # Messages

    def _take_in(self, event: MessageDelivered) -> Step:
        out = self._post.calls.delivered(event)
        if event.recipient == USER:
            return [*out, *self._answer.take(event, self.reached.of_run if self.state.closing else None)]
        if event.recipient in self.state.phase.votes:
            return [*out, *self._polls.take(event)]
        if event.sender != USER and event.kind != "ballot":
            self.state.latest[event.sender] = event
        if not self.state.aside.takes(event):
            self._read(event)
        if event.sender in self.state.guests:
            out += self._order.call_on(event.recipient)  # it hears what is held against it before it is done
        return out

    def _read(self, event: MessageDelivered) -> None:
        self.state.inbox.setdefault(event.recipient, []).append(event)
        self._order.delivered(event)

    def _told_of(self, event: MessageRefused) -> Step:
        """What follows for the sender of a message that was refused."""
        awaited = self._post.refused(event)
        if event.policy == "halt":
            self._end("halted", f"policy: {self._post.why(event)}")
        if awaited is not None:
            return awaited
        if event.sender == USER or self._ending or event.sender in self.state.phase.votes:
            return []
        if event.message_id in self.state.forwarded:
            return []  # its author knows nothing of it
        lost = self._order.undelivered(event)
        if event.policy == "drop":
            return list(lost)
        return [notice(event.sender, "refused", recipient=event.recipient, why=self._post.why(event)), *lost]

    # Limits, findings, changes of the graph

    def _limit(self, event: LimitWasReached) -> Step:
        if (retired := self.reached.take(event)) is None:
            return []
        self._ladder.acted(retired)
        return list(self._order.retired(retired))

    # What next

    def _advance(self) -> Step:
        """Nothing is left to decide: start turns, count votes, end the phase, or end the run."""
        if not self._ending and (released := self._released()):
            return released
        if self._answer.waiting and not self._ending:
            return self._leave_phase() if self._at_rest() else []
        if self.reached.of_run and not self._ending:
            more = self.reached.wrap_up(self._turns.last, self._order) if self._at_rest() else []
            if more or not self.ending:
                return more
        if self._ending:
            return self._finish()
        # What is being rewritten belongs to what comes next: nobody begins before it has arrived.
        begins = not self._answer.taken and not self._post.under_way and not self.reached.leaving
        if begins and (turns := self._turns.start(self._order.ready(), self._order)):
            return list(turns)
        return self._leave_phase() if self._at_rest() else []

    def _released(self) -> Step:
        """What was kept until now: the deeds of a round, the results of votes.

        Where nobody begins a turn any more, a round is over when those in flight have come back.
        """
        leaving = self.reached.leaving
        told = self.state.revoted(anyhow=leaving and not self.state.busy)
        if told:
            return [*told]
        kept: Step = []
        if not (self.state.busy if leaving else self._order.gathering):
            kept = self._boards.release() or [*(self._order.flush() if leaving else self._order.advance())]
        return kept or [*self._polls.due()]

    def _stuck(self) -> Step | None:
        """What follows where some wait for others who will not act any more; None if nobody does."""
        state = self.state
        kept = state.aside.left()
        waiting = bool(kept or state.awaited or state.revote)
        state.awaited.clear()
        for event in kept:
            self._read(event)
        told: Step = [*self._order.not_awaited(), *state.revoted(anyhow=True)]
        return (told or self._advance()) if waiting else None

    def _leave_phase(self) -> Step:
        """Nobody acts and nobody will: what was kept goes out, votes close, and the next phase begins."""
        if (stuck := self._stuck()) is not None:
            return stuck
        if not (self._course.entering or self._answer.waiting) and (counted := self._polls.close()):
            return list(counted)
        following = self._course.leave("limit" if self.reached.of_phase else self._order.over(), self._answer.proposed)
        if following is not None:
            return following
        if (self._patient and self._post.withholds) or (self._answerable and self._post.asks):
            return []
        self._end(*self.reached.obstacle)
        return self._finish()

    def _at_rest(self) -> bool:
        """Whether nobody acts, and nothing that was sent is still on its way."""
        waiting = self._post.under_way or self._answer.stands or self._course.checking or self._interventions.waiting
        return not (self.state.busy or self.state.accepting or waiting or self._verdicts.waiting)

    def _finish(self) -> Step:
        assert self._ending is not None
        if self._post.under_way or self._post.withholds:
            return self._post.give_up(self._ending[0])
        outcome, reason = self._ending
        # A judge may still halt a run that is otherwise over; one that is stopped meanwhile does not wait for it.
        in_flight = self.state.busy or self.state.accepting or self._answer.checking
        if in_flight or (self._verdicts.waiting and self._stopped):
            if self._cancelling:
                return []
            self._cancelling = True
            return [CancelTurns()]
        if self._verdicts.waiting:
            return []
        return [RunEnded(outcome=outcome, reason=reason, answer=self._answer.given(outcome))]

    def _end(self, outcome: Outcome, reason: str) -> None:
        """The first reason to end stands; only `halted` takes precedence over what is not yet recorded."""
        self._stopped = self._stopped or outcome in ("cancelled", "limit")
        if self._ending is None or (outcome == "halted" and not self._cancelling):
            self._ending = (outcome, reason)
            self.state.closed = outcome
