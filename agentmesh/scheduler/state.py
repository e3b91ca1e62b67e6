"""What the scheduler knows of a run, and the small facts that every order of acting needs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from agentmesh.events import Inbound, MessageProposed, Notice
from agentmesh.messages import MessageKind, Outcome, Part
from agentmesh.scheduler.notices import QUIET
from agentmesh.topology.phases import Join, Phase


@dataclass
class RunState:
    """Changed in place, by the scheduler alone, while it steps over an event."""

    phase: Phase
    joins: dict[str, Join]
    occurrence: int = 1
    inbox: dict[str, list[Inbound]] = field(default_factory=dict)
    busy: dict[str, int] = field(default_factory=dict)
    """Agents in a turn, with the number of that turn."""
    retired: set[str] = field(default_factory=set)
    """Agents that have used up a limit of their own."""
    turns: Counter[str] = field(default_factory=Counter)
    cut: set[tuple[str, str]] = field(default_factory=set)
    carried: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Messages delivered over each edge that counts them."""
    written: dict[str, set[str]] = field(default_factory=dict)
    """To whom an agent has already written in its current turn."""
    message_number: int = 0
    answering: bool = False
    """Whether a message to `user` is on its way, or being checked."""
    closed: Outcome | None = None
    """How the run is ending: no message passes any more."""
    obstacles: list[tuple[Outcome, str]] = field(default_factory=list)
    """What stood in the way so far: the outcome and reason if nothing more can happen."""

    def recipients(self, sender: str) -> tuple[str, ...]:
        """To whom the graph lets an agent write now."""
        successors = self.phase.successors.get(sender, ())
        if not self.cut:
            return successors
        return tuple(name for name in successors if (sender, name) not in self.cut)

    def has_to_act(self, agent: str) -> bool:
        """Whether the inbox holds more than what can wait for the agent's next turn."""
        return any(not isinstance(item, Notice) or item.template not in QUIET for item in self.inbox.get(agent, ()))

    def may_send(self, sender: str, recipient: str) -> bool:
        """Whether the edge exists now."""
        pair = (sender, recipient)
        return pair in self.phase.by_pair and pair not in self.cut

    def proposal(
        self,
        sender: str,
        recipient: str,
        content: str,
        kind: MessageKind = "text",
        task_id: str | None = None,
        parts: tuple[Part, ...] = (),
    ) -> MessageProposed:
        """A message that the graph has still to judge."""
        self.message_number += 1
        return MessageProposed(
            agent=sender,
            message_id=f"m{self.message_number}",
            sender=sender,
            recipient=recipient,
            content=content,
            kind=kind,
            task_id=task_id,
            parts=parts,
        )

    def renumbered(self, proposal: MessageProposed) -> MessageProposed:
        """The proposal with the next number: those that waited are numbered in the order in which they leave.

        Writes into the proposal itself: nobody else holds it yet.
        """
        self.message_number += 1
        proposal.__dict__["message_id"] = f"m{self.message_number}"
        return proposal

    def to_all(self, sender: str, content: str, parts: tuple[Part, ...] = ()) -> list[MessageProposed]:
        """The same text to every successor: what a plain-text reply is."""
        return [self.proposal(sender, recipient, content, parts=parts) for recipient in self.recipients(sender)]
