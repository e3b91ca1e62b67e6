"""Calls of tools that write: each is finished when the graph has decided on all its messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from agentmesh.events import (
    MessageDelivered,
    MessageProposed,
    MessageRefused,
    MessageWithheld,
    ToolCallFinished,
    ToolCallStarted,
)
from agentmesh.scheduler.commands import Step
from agentmesh.scheduler.orders import Order
from agentmesh.scheduler.polls import Polls
from agentmesh.scheduler.state import RunState


@dataclass
class _Sending:
    """A call whose messages are not all decided yet."""

    event: ToolCallStarted
    undecided: set[str] = field(default_factory=set)
    sent: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    dropped: bool = False
    """Whether something was dropped, of which the sender is not told, by policy."""


class Sendings:
    """The calls whose messages are under way."""

    def __init__(self, state: RunState, polls: Polls) -> None:
        self._state = state
        self._polls = polls
        self._sending: dict[str, _Sending] = {}

    def awaits(self, message_id: str) -> bool:
        """Whether a call waits for what becomes of this message."""
        return message_id in self._sending

    def send(self, event: ToolCallStarted, proposals: Sequence[MessageProposed], order: Order) -> Step:
        """What a call that writes sets in motion; it is finished when all its messages are decided."""
        sender, state = event.agent or "", self._state
        sending = _Sending(event)
        written = state.written.setdefault(sender, set())
        out: Step = []
        for proposal in proposals:
            name, place = proposal.recipient, (proposal.recipient, proposal.kind)
            passes = state.closed is None and state.may_send(sender, name) and place not in written
            passes = passes and self._polls.why_not(proposal) is None
            if passes and (self._alone(proposal) or order.holds([proposal])):
                written.add(place)
                sending.sent.append(name)
                continue
            sending.undecided.add(proposal.message_id)
            self._sending[proposal.message_id] = sending
            out.append(proposal)
        if not sending.undecided:
            out.append(self._sent(sending))
        return out

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

    def refused(self, event: MessageRefused, why: str) -> Step | None:
        """As `delivered`; None if no call awaits the message."""
        sending = self._sending.pop(event.message_id, None)
        if sending is None:
            return None
        if event.policy == "drop":
            sending.dropped = True
        else:
            sending.refused.append(why)
        return self._decided(sending, event.message_id)

    def _alone(self, proposal: MessageProposed) -> bool:
        """Whether the message waits for the end of a blind vote."""
        revote = self._state.revote
        return revote is not None and revote.holds(proposal)

    def _sent(self, sending: _Sending) -> ToolCallFinished:
        accepted = [f"sent to: {', '.join(sending.sent)}"] if sending.sent else []
        if self._state.policy == "drop" and (sending.sent or sending.dropped):
            # By policy nobody is told what was dropped: the same words for all.
            accepted = ["handed over"]
        if sending.refused:
            return finished(sending.event, error="; ".join([*accepted, *sending.refused]))
        return finished(sending.event, result="".join(accepted), ends_turn=True)

    def _decided(self, sending: _Sending, message_id: str) -> Step:
        sending.undecided.discard(message_id)
        return [] if sending.undecided else [self._sent(sending)]


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
