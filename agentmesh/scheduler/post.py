"""Which messages pass: every proposal is checked against the edges and limits, and delivered, withheld or refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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
    ToolCallFinished,
    ToolCallStarted,
)
from agentmesh.messages import USER
from agentmesh.scheduler.commands import Rewrite, Step, Summarise
from agentmesh.scheduler.notices import refusal
from agentmesh.scheduler.orders import Order
from agentmesh.scheduler.polls import Polls
from agentmesh.scheduler.state import RunState
from agentmesh.topology.phases import Edge

VIOLATIONS = frozenset({"no_edge", "max_messages"})
"""Reasons of refusals that the topology's policy is about."""
RELEASE = "release"
"""The answer by which a person lets a message pass that was withheld."""


@dataclass
class _Sending:
    """A call whose messages are not all decided yet."""

    event: ToolCallStarted
    undecided: set[str] = field(default_factory=set)
    sent: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    unsaid: list[str] = field(default_factory=list)
    """Whose fate the sender is not told, by policy."""


@dataclass
class _Passing:
    """A message on its way over an edge that changes it: what it says by now, and what is still to be done."""

    message: MessageProposed
    content: str
    stages: list[str]


class Post:
    """The one place where the graph permits or refuses a message."""

    def __init__(
        self, state: RunState, polls: Polls, limits: Limits, agent_limits: Mapping[str, Limits]
    ) -> None:
        self._state = state
        self._polls = polls
        self._limits = limits
        self._agent_limits = agent_limits
        self._sending: dict[str, _Sending] = {}
        self._accepted: Counter[str] = Counter()
        self._total = 0
        self._passing: dict[str, _Passing] = {}
        self._withheld: dict[str, MessageProposed] = {}

    @property
    def under_way(self) -> bool:
        """Whether a message passes through the function, or the summary, of its edge just now."""
        return bool(self._passing)

    def send(self, event: ToolCallStarted, proposals: Sequence[MessageProposed], order: Order) -> Step:
        """What a call that writes sets in motion; it is finished when all its messages are decided."""
        sender, state = event.agent or "", self._state
        sending = _Sending(event)
        written = state.written.setdefault(sender, set())
        out: Step = []
        for proposal in proposals:
            name = proposal.recipient
            passes = state.closed is None and state.may_send(sender, name) and name not in written
            if passes and self._polls.why_not(proposal) is None and order.holds([proposal]):
                written.add(name)
                sending.sent.append(name)
                continue
            sending.undecided.add(proposal.message_id)
            self._sending[proposal.message_id] = sending
            out.append(proposal)
        if not sending.undecided:
            out.append(_sent(sending))
        return out

    def judge(self, message: MessageProposed, order: Order) -> Step:
        """Let the message pass, change it as its edge demands, or refuse it."""
        reason = self._why_not(message, order)
        if reason in VIOLATIONS and self._state.policy != "return_to_agent" and message.sender != USER:
            return self._violated(message, reason or "")
        limit = None if reason else self._message_limit(message.sender)
        state = self._state
        if limit is not None:
            state.closed = "limit" if limit.agent is None else None
            return [self._refusal(message, "limit"), limit]
        if reason is not None:
            return [self._refusal(message, reason)]
        return self._accept(message)

    def transformed(self, event: MessageTransformed) -> Step:
        """The message as its edge made it; it goes on, unless the run is ending or the edge was cut by now."""
        passing = self._passing.get(event.message_id)
        if passing is None:
            return []  # it was refused while it was under way
        passing.content = event.content
        passing.stages.pop(0)
        return self._go_on(passing)

    def give_up(self, reason: str) -> Step:
        """Refuse what is still under way, or withheld, when the run ends."""
        waiting = [*(passing.message for passing in self._passing.values()), *self._withheld.values()]
        self._passing.clear()
        self._withheld.clear()
        return [self._refusal(message, reason) for message in waiting]

    @property
    def withholds(self) -> bool:
        """Whether a message waits for a person."""
        return bool(self._withheld)

    def decided(self, message_id: str, answer: str) -> Step:
        """A person has decided on a message that was withheld. It passes only where an edge permits it by now."""
        message = self._withheld.pop(message_id, None)
        if message is None:
            return []
        if answer.strip().lower() != RELEASE:
            return [self._refusal(message, "not_released")]
        state = self._state
        permitted = state.may_send(message.sender, message.recipient)
        reason: str | None = state.closed or (self._polls.why_not(message) if permitted else "no_edge")
        return [self._refusal(message, reason)] if reason else self._accept(message)

    def delivered(self, event: MessageDelivered) -> Step:
        """Finish the tool call that awaited this message, if it was the last."""
        sending = self._sending.pop(event.message_id, None)
        if sending is None:
            return []
        sending.sent.append(event.recipient)
        return self._decided(sending, event.message_id)

    def withheld(self, event: MessageWithheld) -> Step:
        """As `delivered`, for a message that waits for a person."""
        sending = self._sending.pop(event.message_id, None)
        if sending is None:
            return []
        sending.refused.append(f"the message to '{event.recipient}' is withheld until a person has decided on it")
        return self._decided(sending, event.message_id)

    def refused(self, event: MessageRefused) -> Step | None:
        """As `delivered`; None if no tool call awaits the message, so that its sender must be told otherwise."""
        self._passing.pop(event.message_id, None)
        sending = self._sending.pop(event.message_id, None)
        if sending is None:
            return None
        if event.policy == "drop":
            sending.unsaid.append(event.recipient)
        else:
            sending.refused.append(self.why(event))
        return self._decided(sending, event.message_id)

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
        self._accepted[message.sender] += 1
        state.written.setdefault(message.sender, set()).add(message.recipient)
        state.answering = state.answering or message.recipient == USER
        edge = state.phase.by_pair[message.sender, message.recipient]
        if edge.max_messages is not None:
            state.carried[edge.pair] += 1
        stages = ["rewrite"] * (edge.rewrite is not None) + [edge.carries] * (edge.carries != "full")
        # A ballot and an answer that a vote passes on are what they are: nobody shortens them.
        if message.kind == "ballot" or not stages:
            return [_delivery(message, message.content, edge)]
        passing = self._passing[message.message_id] = _Passing(message, message.content, stages)
        return self._go_on(passing)

    def _go_on(self, passing: _Passing) -> Step:
        message, state = passing.message, self._state
        if state.closed is not None or not state.may_send(message.sender, message.recipient):
            self._passing.pop(message.message_id, None)
            return [self._refusal(message, state.closed or "no_edge")]
        edge = state.phase.by_pair[message.sender, message.recipient]
        ends = (message.message_id, message.sender, message.recipient)
        match passing.stages[:1]:
            case ["rewrite"]:
                return [Rewrite(*ends, passing.content, edge.rewrite or "")]
            case ["summary"]:
                return [Summarise(*ends, passing.content, edge.model, state.phase.name, state.occurrence)]
            case ["position"]:
                return [self._as_position(message)]
            case _:
                del self._passing[message.message_id]
                return [_delivery(message, passing.content, edge)]

    def _as_position(self, message: MessageProposed) -> Event:
        if message.position is None:
            del self._passing[message.message_id]
            return self._refusal(message, "no_position")
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

    def _decided(self, sending: _Sending, message_id: str) -> Step:
        sending.undecided.discard(message_id)
        return [] if sending.undecided else [_sent(sending)]

    def _why_not(self, message: MessageProposed, order: Order) -> str | None:
        state = self._state
        pair = (message.sender, message.recipient)
        if state.closed is not None:
            return state.closed
        if not state.may_send(*pair):
            return "no_edge"
        if message.kind == "text" and message.sender != USER:
            if not order.free_talk:
                return "tools_only"
            if message.recipient in state.written.get(message.sender, ()):
                return "already_sent"
        if message.recipient == USER and state.answering:
            return "answer_pending"
        cap = state.phase.by_pair[pair].max_messages
        if cap is not None and state.carried[pair] >= cap:
            return "max_messages"
        return self._polls.why_not(message)

    def _message_limit(self, sender: str) -> LimitWasReached | None:
        """The limit, of the run or of the sender alone, that one more message would break."""
        own = self._agent_limits.get(sender)
        for agent, limits, sent in ((None, self._limits, self._total), (sender, own, self._accepted[sender])):
            if limits and limits.messages and sent >= limits.messages:
                return LimitWasReached(agent=agent, limit="messages", allowed=limits.messages, needed=sent + 1)
        return None


def _delivery(message: MessageProposed, content: str, edge: Edge) -> MessageDelivered:
    return MessageDelivered(
        agent=message.sender,
        message_id=message.message_id,
        sender=message.sender,
        recipient=message.recipient,
        content=content,
        kind=message.kind,
        task_id=message.task_id,
        parts=message.parts if edge.carries == "full" else (),
        position=None if edge.carries == "summary" else message.position,
        trust="untrusted" if edge.trust == "untrusted" else message.trust,
    )


def _sent(sending: _Sending) -> ToolCallFinished:
    accepted = [f"sent to: {', '.join(sending.sent)}"] if sending.sent else []
    if sending.unsaid:
        # By policy nobody is told what was dropped: the same words for all.
        accepted = ["handed over"]
    if sending.refused:
        return finished(sending.event, error="; ".join([*accepted, *sending.refused]))
    return finished(sending.event, result="".join(accepted), ends_turn=True)


def finished(
    event: ToolCallStarted, *, result: str | None = None, error: str | None = None, ends_turn: bool = False
) -> ToolCallFinished:
    """The end of a tool call on the graph."""
    return ToolCallFinished(
        agent=event.agent,
        key=event.key,
        name=event.name,
        arguments=event.arguments,
        result=result,
        error=error,
        ends_turn=ends_turn,
    )
