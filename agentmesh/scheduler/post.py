"""Which messages pass: every proposal is checked against the edges and limits, and delivered or refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from agentmesh.config.models import Limits
from agentmesh.events import (
    LimitWasReached,
    MessageDelivered,
    MessageProposed,
    MessageRefused,
    MessageTransformed,
    ToolCallFinished,
    ToolCallStarted,
)
from agentmesh.messages import USER
from agentmesh.scheduler.commands import Rewrite, Step
from agentmesh.scheduler.orders import Order
from agentmesh.scheduler.state import RunState
from agentmesh.tools.graph import SendMessage


@dataclass
class _Sending:
    """A send_message call whose messages are not all decided yet."""

    event: ToolCallStarted
    undecided: set[str] = field(default_factory=set)
    sent: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


class Post:
    """The one place where the graph permits or refuses a message."""

    def __init__(self, state: RunState, limits: Limits, agent_limits: Mapping[str, Limits]) -> None:
        self._state = state
        self._limits = limits
        self._agent_limits = agent_limits
        self._sending: dict[str, _Sending] = {}
        self._accepted: Counter[str] = Counter()
        self._total = 0
        self.rewriting: dict[str, MessageProposed] = {}
        """Messages that pass through the function of their edge just now."""

    def send(self, event: ToolCallStarted, action: SendMessage, order: Order) -> Step:
        """What a send_message call sets in motion; it is finished when all its messages are decided."""
        sender, state = event.agent or "", self._state
        sending = _Sending(event)
        written = state.written.setdefault(sender, set())
        out: Step = []
        for name in dict.fromkeys(action.recipients):
            proposal = state.proposal(sender, name, action.content)
            passes = state.closed is None and state.may_send(sender, name) and name not in written
            if passes and order.holds([proposal]):
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
        """Let the message pass, send it through the function of its edge, or refuse it."""
        reason = self._why_not(message, order)
        limit = None if reason else self._message_limit(message.sender)
        state = self._state
        if limit is not None:
            state.closed = "limit" if limit.agent is None else None
            return [self._refusal(message, "limit"), limit]
        if reason is not None:
            return [self._refusal(message, reason)]
        self._total += 1
        self._accepted[message.sender] += 1
        state.written.setdefault(message.sender, set()).add(message.recipient)
        state.answering = state.answering or message.recipient == USER
        edge = state.phase.by_pair[(message.sender, message.recipient)]
        if edge.max_messages is not None:
            state.carried[edge.pair] += 1
        if edge.rewrite is None:
            return [_delivery(message, message.content)]
        self.rewriting[message.message_id] = message
        return [Rewrite(message.message_id, message.sender, message.recipient, message.content, edge.rewrite)]

    def transformed(self, event: MessageTransformed) -> MessageDelivered | MessageRefused:
        """The message as the function of its edge returned it, unless the run is ending by now."""
        message, closed = self.rewriting.pop(event.message_id), self._state.closed
        return _delivery(message, event.content) if closed is None else self._refusal(message, closed)

    def give_up(self, reason: str) -> Step:
        """Refuse what no function of an edge will return any more."""
        given_up = [self._refusal(message, reason) for message in self.rewriting.values()]
        self.rewriting.clear()
        return list(given_up)

    def delivered(self, event: MessageDelivered) -> Step:
        """Finish the tool call that awaited this message, if it was the last."""
        sending = self._sending.pop(event.message_id, None)
        if sending is None:
            return []
        sending.sent.append(event.recipient)
        return self._decided(sending, event.message_id)

    def refused(self, event: MessageRefused, why: str) -> Step | None:
        """As `delivered`; None if no tool call awaits the message, so that its sender must be told otherwise."""
        sending = self._sending.pop(event.message_id, None)
        if sending is None:
            return None
        sending.refused.append(why)
        return self._decided(sending, event.message_id)

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
        return "max_messages" if cap is not None and state.carried[pair] >= cap else None

    def _message_limit(self, sender: str) -> LimitWasReached | None:
        """The limit, of the run or of the sender alone, that one more message would break."""
        own = self._agent_limits.get(sender)
        for agent, limits, sent in ((None, self._limits, self._total), (sender, own, self._accepted[sender])):
            if limits and limits.messages and sent >= limits.messages:
                return LimitWasReached(agent=agent, limit="messages", allowed=limits.messages, needed=sent + 1)
        return None


def _delivery(message: MessageProposed, content: str) -> MessageDelivered:
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


def _sent(sending: _Sending) -> ToolCallFinished:
    accepted = [f"sent to: {', '.join(sending.sent)}"] if sending.sent else []
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
