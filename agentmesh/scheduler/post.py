"""Which messages pass: every proposal is checked against the edges and limits, and delivered, withheld or refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from agentmesh.config.models import Limits
from agentmesh.events import (
    Event,
    LimitWasReached,
    MessageDelivered,
    MessageProposed,
    MessageRefused,
    MessageTransformed,
    MessageWithheld,
    Question,
)
from agentmesh.messages import USER
from agentmesh.scheduler.commands import AskPerson, Rewrite, Step, Summarise
from agentmesh.scheduler.notices import refusal
from agentmesh.scheduler.orders import Order
from agentmesh.scheduler.polls import Polls
from agentmesh.scheduler.sending import Sendings
from agentmesh.scheduler.state import RunState
from agentmesh.topology.phases import Carries, Edge

VIOLATIONS = frozenset({"no_edge", "max_messages"})
"""Reasons of refusals that the topology's policy is about."""
RELEASE = "release"
"""The answer by which a person lets a message pass that was withheld."""


@dataclass
class _Passing:
    """A message on its way: what it says by now, and what its edge has still to do with it.

    One with nothing left to be done waits for those ahead of it: a recipient reads in the order in which messages were
    accepted, however long each takes to be rewritten.
    """

    message: MessageProposed
    content: str
    stages: list[str]


class Post:
    """The one place where the graph permits or refuses a message."""

    def __init__(self, state: RunState, polls: Polls, limits: Limits, agent_limits: Mapping[str, Limits]) -> None:
        self._state = state
        self._polls = polls
        self._limits = limits
        self._agent_limits = agent_limits
        self.calls = Sendings(state, polls)
        self._accepted: Counter[str] = Counter()
        self._total = 0
        self._in_phase: Counter[str] = Counter()
        self._reached: set[str] = set()
        """Whose limits on messages were told to be reached."""
        self._passing: dict[str, _Passing] = {}
        self._withheld: dict[str, MessageProposed] = {}
        self._suspect: Counter[str] = Counter()
        """Messages that have still to pass so many judges."""
        self._to_hold: dict[str, str] = {}
        """Messages that a monitor wants a person to see first, and why."""
        self._kept_back: set[str] = set()
        """Answers whose authors are to go on first, as a monitor wants it."""
        self._asked: set[str] = set()
        """Withheld messages on which whoever is there was asked to decide."""
        self._held: dict[str, _Passing] = {}
        """Those of them that had been on their way already."""

    @property
    def under_way(self) -> bool:
        """Whether a message passes through the function, or the summary, of its edge just now."""
        return bool(self._passing)

    def passes(self, message_id: str) -> bool:
        """Whether this message is under way, so that its edge is still to change it."""
        return message_id in self._passing

    def hold(self, message_id: str, why: str) -> None:
        """Let a person decide on a message that is just being decided on."""
        self._to_hold[message_id] = why

    def keep_back(self, message_id: str) -> None:
        """Refuse an answer that is just being decided on."""
        self._kept_back.add(message_id)

    def suspect(self, message_id: str) -> None:
        """Let a message wait for a verdict that is asked for now."""
        self._suspect[message_id] += 1

    def cleared(self, message_id: str) -> Step:
        """A verdict on the message is in, and what follows from it is done: the message goes on if it still may."""
        self._suspect[message_id] -= 1
        passing = self._passing.get(message_id)
        if passing is None or passing.stages[:1] != ["verdict"]:
            return []
        passing.stages.pop(0)
        return self._on(passing)

    def judge(self, message: MessageProposed, order: Order) -> Step:
        """Let the message pass, change it as its edge demands, or refuse it."""
        state = self._state
        kept_back = "kept_back" if message.message_id in self._kept_back else None
        reason = self._why_not(message, order) or kept_back
        # A plain reply goes where edges lead: nobody breaks a rule if one is cut before it has left.
        named = reason == "max_messages" or self.calls.awaits(message.message_id)
        violates = reason in VIOLATIONS and message.sender != USER and named
        if violates and state.policy != "return_to_agent":
            return self._violated(message, reason or "")
        limit = None if reason else self._message_limit(message.sender)
        if limit is not None:
            state.closed = "limit" if limit.scope == "run" else None
            told = limit.scope in self._reached
            self._reached.add(limit.scope)
            return [self._refusal(message, "limit"), *([] if told else [limit])]
        if reason is not None:
            return [self._refusal(message, reason)]
        if message.message_id in self._to_hold:
            self._withheld[message.message_id] = message
            return self._before_a_person(message, message.content)
        return self._accept(message)

    def transformed(self, event: MessageTransformed) -> Step:
        """The message as its edge made it; it goes on, unless the run is ending or the edge was cut by now."""
        passing = self._passing.get(event.message_id)
        if passing is None:
            return []  # it was refused while it was under way
        passing.content = event.content
        passing.stages.pop(0)
        passing.stages[:0] = ["verdict"] * self._suspect[event.message_id]
        return self._on(passing)

    def _on(self, passing: _Passing) -> Step:
        """The message goes on, unless a person is to see it first."""
        id_ = passing.message.message_id
        if id_ in self._kept_back:
            del self._passing[id_]
            return [self._taken_back(passing.message, "kept_back")]
        if id_ in self._to_hold:
            self._held[id_] = self._passing.pop(id_)
            return self._before_a_person(passing.message, passing.content)
        return self._go_on(passing)

    def give_up(self, reason: str) -> Step:
        """Refuse what is still under way, or withheld, when the run ends."""
        passing = [*self._passing.values(), *self._held.values()]
        waiting = [*(one.message for one in passing), *self._withheld.values()]
        for kept in (self._passing, self._held, self._withheld):
            kept.clear()
        return [self._refusal(message, reason) for message in waiting]

    def next_to(self, recipient: str) -> Step:
        """Deliver what has waited for nothing but a message ahead of it."""
        out: Step = []
        for passing in [passing for passing in self._passing.values() if passing.message.recipient == recipient]:
            if passing.stages:
                break
            message = passing.message
            del self._passing[message.message_id]
            reason = self._shut(message)
            if reason is not None:
                out.append(self._taken_back(message, reason))
            else:
                out.append(self._delivery(message, passing.content))
        return out

    @property
    def asks(self) -> bool:
        """Whether somebody was asked to decide on a message, and has not."""
        return bool(self._asked)

    @property
    def withholds(self) -> bool:
        """Whether a message waits for a person."""
        return bool(self._withheld or self._held)

    def is_withheld(self, message_id: str) -> bool:
        """Whether this message waits for a person."""
        return message_id in self._withheld or message_id in self._held

    def decided(self, message_id: str, answer: str, order: Order) -> Step:
        """A person has decided on a message that was withheld. It passes only where an edge permits it by now."""
        self._asked.discard(message_id)
        released = answer.strip().lower() == RELEASE
        held = self._held.pop(message_id, None)
        if held is not None:
            if not released:
                return [self._taken_back(held.message, "not_released")]
            held.stages = ["verdict"] * self._suspect[message_id] + [at for at in held.stages if at != "verdict"]
            self._passing[message_id] = held
            return self._go_on(held)
        message = self._withheld.pop(message_id, None)
        if message is None:
            return []
        if not released:
            return [self._refusal(message, "not_released")]
        reason = self._why_not(message, order, released=True)
        return [self._refusal(message, reason)] if reason else self._accept(message)

    def refused(self, event: MessageRefused) -> Step | None:
        """Take it back; None if no tool call awaits the message, so that its sender must be told otherwise."""
        passing = self._passing.pop(event.message_id, None)
        if passing is not None:
            self._take_back(passing.message)
        return self.calls.refused(event, self.why(event))

    def why(self, event: MessageRefused) -> str:
        """Why a message was refused, in a sentence for its sender."""
        why = refusal(event.sender, event.recipient, event.allowed, event.reason)
        vote = self._state.phase.votes.get(event.recipient)
        if event.reason == "no_option" and vote is not None and vote.choices:
            why += f"; allowed: {', '.join(vote.choices)}"
        return why

    def _accept(self, message: MessageProposed) -> Step:
        state = self._state
        self._total += 1
        self._in_phase[state.phase.name] += 1
        self._accepted[message.sender] += 1
        if message.message_id in state.forwarded:
            state.forwarded.discard(message.message_id)
        else:
            state.written.setdefault(message.sender, set()).add((message.recipient, message.kind))
        state.answering = state.answering or message.recipient == USER
        edge = state.phase.by_pair[message.sender, message.recipient]
        if edge.max_messages is not None:
            state.carried[edge.pair] += 1
        stages = ["verdict"] * self._suspect[message.message_id] + self._stages(message, edge)
        behind = any(passing.message.recipient == message.recipient for passing in self._passing.values())
        if not stages and not behind:
            return [self._delivery(message, message.content)]
        passing = self._passing[message.message_id] = _Passing(message, message.content, stages)
        return self._go_on(passing)

    def _stages(self, message: MessageProposed, edge: Edge) -> list[str]:
        """What an edge does with a message. Nobody changes a ballot, and nobody shortens a task or what won a vote."""
        if message.kind == "ballot":
            return []
        stages = ["rewrite"] if edge.rewrite is not None else []
        carries = self._carries(message, edge)
        return stages if carries == "full" else [*stages, carries]

    def _carries(self, message: MessageProposed, edge: Edge) -> Carries:
        by_agent = message.sender != USER and message.sender not in self._state.phase.votes
        return edge.carries if by_agent and message.kind != "ballot" else "full"

    def _delivery(self, message: MessageProposed, content: str) -> MessageDelivered:
        edge = self._state.phase.by_pair[message.sender, message.recipient]
        carries = self._carries(message, edge)
        return MessageDelivered(
            agent=message.sender,
            message_id=message.message_id,
            sender=message.sender,
            recipient=message.recipient,
            content=content,
            kind=message.kind,
            task_id=message.task_id,
            parts=message.parts if carries == "full" else (),
            position=None if carries == "summary" else message.position,
            trust="untrusted" if edge.trust == "untrusted" else message.trust,
        )

    def _shut(self, message: MessageProposed) -> str | None:
        """Why a message that was accepted does not arrive after all: the run ends, or its edge was cut."""
        open_ = self._state.may_send(message.sender, message.recipient)
        return self._state.closed or (None if open_ else "no_edge")

    def _go_on(self, passing: _Passing) -> Step:
        message, state = passing.message, self._state
        reason = self._shut(message)
        if reason is not None:
            del self._passing[message.message_id]
            return [self._taken_back(message, reason)]
        edge = state.phase.by_pair[message.sender, message.recipient]
        ends = (message.message_id, message.sender, message.recipient)
        match passing.stages[:1]:
            case ["verdict"]:
                return []
            case ["rewrite"]:
                return [Rewrite(*ends, passing.content, edge.rewrite or "")]
            case ["summary"]:
                return [Summarise(*ends, passing.content, edge.model, state.phase.name, state.occurrence)]
            case ["position"]:
                return [self._as_position(message)]
            case _:
                return self.next_to(message.recipient)

    def _as_position(self, message: MessageProposed) -> Event:
        if message.position is None:
            del self._passing[message.message_id]
            return self._taken_back(message, "no_position")
        return MessageTransformed(
            agent=message.sender,
            message_id=message.message_id,
            sender=message.sender,
            recipient=message.recipient,
            content=message.position.text(),
            by="position",
        )

    def _violated(self, message: MessageProposed, reason: str) -> Step:
        """A message that no edge permits, in a topology that does not simply tell its sender."""
        refused = self._refusal(message, reason).model_copy(update={"policy": self._state.policy})
        if self._state.policy != "quarantine":
            return [refused]
        self._withheld[message.message_id] = message
        fields = {name: getattr(refused, name) for name in ("message_id", "sender", "recipient", "content", "allowed")}
        asked = f"'{message.sender}' wrote to '{message.recipient}', which no edge permits; {RELEASE} it, or refuse it?"
        return [
            MessageWithheld(agent=message.sender, policy="quarantine", **fields),
            Question(agent=message.sender, question_id=message.message_id, content=asked),
        ]

    def _before_a_person(self, message: MessageProposed, content: str) -> Step:
        """A message that a monitor withholds until a person has decided on it."""
        sender, id_, state = message.sender, message.message_id, self._state
        asked = f"{self._to_hold.pop(id_)}. '{sender}' wrote to '{message.recipient}'; {RELEASE} it, or refuse it?"
        self._asked.add(id_)
        ends = {"message_id": id_, "sender": sender, "recipient": message.recipient, "content": content}
        return [
            MessageWithheld(agent=sender, policy="monitor", allowed=state.recipients(sender), **ends),
            Question(agent=sender, question_id=id_, content=asked),
            AskPerson(sender, id_, asked),
        ]

    def _taken_back(self, message: MessageProposed, reason: str) -> MessageRefused:
        """Refuse a message that had been accepted."""
        self._take_back(message)
        return self._refusal(message, reason)

    def _take_back(self, message: MessageProposed) -> None:
        """It does not count as sent: its sender may write again, somebody else may answer."""
        state, pair = self._state, (message.sender, message.recipient)
        self._total -= 1
        self._in_phase[state.phase.name] -= 1
        self._accepted[message.sender] -= 1
        edge = state.phase.by_pair.get(pair)
        if edge is not None and edge.max_messages is not None:
            state.carried[pair] -= 1
        state.written.get(message.sender, set()).discard((message.recipient, message.kind))
        state.answering = state.answering and message.recipient != USER

    def _refusal(self, message: MessageProposed, reason: str) -> MessageRefused:
        return MessageRefused(
            agent=message.sender,
            message_id=message.message_id,
            sender=message.sender,
            recipient=message.recipient,
            content=message.content,
            allowed=self._state.recipients(message.sender),
            reason=reason,
        )

    def _why_not(self, message: MessageProposed, order: Order, *, released: bool = False) -> str | None:
        state = self._state
        pair = (message.sender, message.recipient)
        if state.closed is not None:
            return state.closed
        if not state.may_send(*pair):
            return "no_edge"
        guests = state.guests and not state.guests.isdisjoint(pair)
        if message.kind == "text" and message.sender != USER and not order.free_talk and not guests:
            return "tools_only"
        if not released and (message.recipient, message.kind) in state.written.get(message.sender, ()):
            if message.kind == "ballot":
                return "already_voted"
            if message.kind == "text" and message.sender != USER:
                return "already_sent"
        if message.recipient == USER and state.answering:
            return "answer_pending"
        cap = state.phase.by_pair[pair].max_messages
        if cap is not None and state.carried[pair] >= cap:
            return "max_messages"
        return self._polls.why_not(message)

    def _message_limit(self, sender: str) -> LimitWasReached | None:
        """The limit, of the run, of the phase or of the sender alone, that one more message would break."""
        phase, own = self._state.phase, self._agent_limits.get(sender, Limits())
        for scope, limits, sent in (
            ("run", self._limits, self._total),
            (f"phase:{phase.name}", phase.limits, self._in_phase[phase.name]),
            (f"agent:{sender}", own, self._accepted[sender]),
        ):
            if limits.messages and sent >= limits.messages:
                agent = sender if limits is own else None
                return LimitWasReached(
                    agent=agent, limit="messages", allowed=limits.messages, needed=sent + 1, scope=scope
                )
        return None
