"""Answering anew, and alone: what is not shown to an agent yet, and what is not passed on yet."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from agentmesh.events import Event, Inbound, MessageDelivered, MessageProposed
from agentmesh.messages import USER


@dataclass
class Aside:
    """Messages that agents are not shown before their next turn has begun: they read them in the one after it."""

    _shut: dict[str, Collection[str] | None] = field(default_factory=dict)
    """By agent: whose messages, None meaning everybody's but the user's."""
    _kept: dict[str, list[MessageDelivered]] = field(default_factory=dict)

    def shut(self, agent: str, senders: Collection[str] | None = None) -> None:
        """Show the agent nothing from these senders until it has begun a turn."""
        self._shut[agent] = senders

    def takes(self, event: MessageDelivered) -> bool:
        """Whether this message is not shown to its recipient yet. If so, it is kept."""
        agent = event.recipient
        if agent not in self._shut:
            return False
        senders = self._shut[agent]
        shut = event.sender != USER if senders is None else event.sender in senders
        if shut:
            self._kept.setdefault(agent, []).append(event)
        return shut

    def open(self, inbox: Sequence[Inbound]) -> list[Inbound]:
        """What of an inbox may be shown now; the rest is kept."""
        return [item for item in inbox if not isinstance(item, MessageDelivered) or not self.takes(item)]

    def begin(self, agent: str) -> list[MessageDelivered]:
        """The agent has begun a turn: what was kept from it until now."""
        self._shut.pop(agent, None)
        return self._kept.pop(agent, [])

    def left(self) -> list[MessageDelivered]:
        """What was kept from agents who have begun no turn and will not: they may have it now."""
        kept = [item for items in self._kept.values() for item in items]
        self._shut.clear()
        self._kept.clear()
        return kept


@dataclass
class Revote:
    """One blind vote among `agents`, who are in the order of the nodes: what they say is held until all are through."""

    agents: tuple[str, ...]
    begun: set[str] = field(default_factory=set)
    answered: set[str] = field(default_factory=set)
    _held: dict[str, list[MessageProposed]] = field(default_factory=dict)

    def begin(self, agent: str) -> None:
        """The agent begins a turn."""
        if agent in self.agents:
            self.begun.add(agent)

    def holds(self, proposal: MessageProposed) -> bool:
        """Whether this message waits for the others. If so, it is kept."""
        held = proposal.sender in self.begun
        if held:
            self._held.setdefault(proposal.sender, []).append(proposal)
        return held

    def keep(self, events: Sequence[Event]) -> list[Event]:
        """What does not wait of that in which a turn has ended."""
        return [event for event in events if not isinstance(event, MessageProposed) or not self.holds(event)]

    def end(self, agent: str) -> None:
        """The agent's turn is over."""
        if agent in self.begun:
            self.answered.add(agent)

    @property
    def complete(self) -> bool:
        """Whether all have answered."""
        return self.answered.issuperset(self.agents)

    def released(self) -> list[MessageProposed]:
        """What was said, in the order of the nodes."""
        return [proposal for agent in self.agents for proposal in self._held.pop(agent, ())]
