"""Who acts next, where agents act on messages: `reactive`, `round_robin` and `simultaneous`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from agentmesh.events import (
    Event,
    Inbound,
    MessageDelivered,
    MessageProposed,
    MessageRefused,
    TaskChanged,
    ToolCallStarted,
    TopologyChanged,
)
from agentmesh.messages import USER, Part
from agentmesh.scheduler.notices import notice
from agentmesh.scheduler.state import RunState
from agentmesh.tools.graph import Action


class Order(Protocol):
    """One way of taking turns. Told what happened; asked what follows and who may start."""

    round: int
    free_talk: bool
    """Whether agents may write what they like, and not only what their part in the order produces."""

    def begin(self) -> list[Event]:
        """What happens when the phase starts."""
        ...

    def delivered(self, event: MessageDelivered) -> None:
        """A message has entered its recipient's inbox."""
        ...

    def started(self, agent: str) -> None:
        """The agent's turn has begun; its inbox is empty."""
        ...

    def said(self, agent: str, text: str, parts: tuple[Part, ...]) -> list[Event]:
        """The agent's turn ended with plain text."""
        ...

    def called(self, event: ToolCallStarted, action: Action) -> list[Event] | str:
        """The agent used a graph tool other than send_message. A sentence means that it was refused."""
        ...

    def ended(self, agent: str, *, acted: bool) -> list[Event]:
        """The agent's turn is over. `acted`: its text has just been sent on its way."""
        ...

    def undelivered(self, message: MessageRefused) -> list[Event]:
        """A message that no tool call awaits was refused."""
        ...

    def redrawn(self, event: TopologyChanged) -> None:
        """Edges were cut or restored."""
        ...

    def retired(self, agent: str) -> list[Event]:
        """The agent takes no more turns: it has used up a limit of its own."""
        ...

    def task_changed(self, event: TaskChanged) -> None:
        """A task has come into a new state."""
        ...

    def wake(self, agent: str) -> None:
        """Let the agent act although no message came."""
        ...

    def holds(self, proposals: list[MessageProposed]) -> bool:
        """Whether these messages wait for the others of the round. If so, they are kept."""
        ...

    def advance(self) -> list[Event]:
        """What follows once nothing is left to decide."""
        ...

    def ready(self) -> list[str]:
        """Who starts a turn now."""
        ...

    def over(self) -> str:
        """Why the phase ends, when nobody is left to act."""
        ...

    def reads(self, agent: str, inbox: list[Inbound]) -> list[Inbound]:
        """The inbox in the order in which the agent reads it."""
        ...

    def tools(self, agent: str) -> tuple[str, ...]:
        """The graph tools that the agent is offered."""
        ...

    def answers(self, agent: str) -> bool:
        """Whether the agent's plain text may become the answer."""
        ...


class Talk:
    """What the orders in which agents simply talk have in common."""

    round = 0
    free_talk = True

    def __init__(self, state: RunState) -> None:
        self.state = state

    def begin(self) -> list[Event]:
        return []

    def delivered(self, event: MessageDelivered) -> None:
        """Nothing more: the inbox has it."""

    def started(self, agent: str) -> None:
        """Nothing more."""

    def said(self, agent: str, text: str, parts: tuple[Part, ...]) -> list[Event]:
        proposals = self.state.to_all(agent, text, parts)
        return [] if self.holds(proposals) else list(proposals)

    def called(self, event: ToolCallStarted, action: Action) -> list[Event] | str:
        return f"'{event.name}' is not a tool of this phase ({self.state.phase.name})"

    def ended(self, agent: str, *, acted: bool) -> list[Event]:
        return []

    def undelivered(self, message: MessageRefused) -> list[Event]:
        return []

    def redrawn(self, event: TopologyChanged) -> None:
        """The post knows which edges hold."""

    def retired(self, agent: str) -> list[Event]:
        return []

    def task_changed(self, event: TaskChanged) -> None:
        """No tasks here."""

    def wake(self, agent: str) -> None:
        """Agents act in turn anyhow."""

    def holds(self, proposals: list[MessageProposed]) -> bool:
        return False

    def advance(self) -> list[Event]:
        return []

    def over(self) -> str:
        return "nobody has anything left to act on"

    def reads(self, agent: str, inbox: list[Inbound]) -> list[Inbound]:
        return inbox

    def tools(self, agent: str) -> tuple[str, ...]:
        """With one recipient plain text says it all."""
        return ("send_message",) if len(self.state.phase.successors.get(agent, ())) > 1 else ()

    def answers(self, agent: str) -> bool:
        return (agent, USER) in self.state.phase.by_pair


class Reactive(Talk):
    """An agent acts when its inbox satisfies its join."""

    def __init__(self, state: RunState) -> None:
        super().__init__(state)
        self._ready: dict[str, None] = {}
        self._heard: dict[str, set[str]] = {}

    def begin(self) -> list[Event]:
        for agent in self.state.phase.opens:
            self._ready[agent] = None
        return [notice(agent, "answer_now") for agent in self.state.phase.opens]

    def delivered(self, event: MessageDelivered) -> None:
        self._heard.setdefault(event.recipient, set()).add(event.sender)
        self._consider(event.recipient)

    def started(self, agent: str) -> None:
        self._heard.pop(agent, None)
        self._ready.pop(agent, None)

    def ended(self, agent: str, *, acted: bool) -> list[Event]:
        self._consider(agent)
        return []

    def wake(self, agent: str) -> None:
        self._ready[agent] = None

    def ready(self) -> list[str]:
        agents = [agent for agent in self._ready if agent not in self.state.busy]
        self._ready = {agent: None for agent in self._ready if agent in self.state.busy}
        return agents

    def reads(self, agent: str, inbox: list[Inbound]) -> list[Inbound]:
        """What a barrier gathered is read in the order of the edges, not of arrival."""
        if self.state.joins.get(agent, "any") == "any":
            return inbox
        place = {name: index for index, name in enumerate(self.state.phase.predecessors.get(agent, ()))}
        return sorted(
            inbox, key=lambda item: place.get(item.sender, -1) if isinstance(item, MessageDelivered) else len(place)
        )

    def redrawn(self, event: TopologyChanged) -> None:
        """Nobody waits for an edge that was cut."""
        for agent in dict.fromkeys(recipient for _, recipient in event.edges):
            if self._heard.get(agent):
                self._consider(agent)

    def _consider(self, agent: str) -> None:
        heard = self._heard.get(agent, set())
        join = self.state.joins.get(agent, "any")
        if join == "all":
            before = self.state.phase.predecessors[agent]
            enough = bool(heard) and all(name in heard or (name, agent) in self.state.cut for name in before)
        else:
            enough = len(heard) >= (1 if join == "any" else join)
        if enough:
            self._ready[agent] = None


class Rounds(Talk):
    """Everybody who has something to read acts once a round; effects are seen at once, or when the round ends."""

    def __init__(self, state: RunState, *, at_once: bool) -> None:
        super().__init__(state)
        self._at_once = at_once
        self._to_act: list[str] = []
        self._held: dict[str, list[MessageProposed]] = {}

    def holds(self, proposals: list[MessageProposed]) -> bool:
        if self._at_once:
            for proposal in proposals:
                self._held.setdefault(proposal.sender, []).append(proposal)
        return self._at_once

    def wake(self, agent: str) -> None:
        if agent not in self._to_act:
            self._to_act.append(agent)

    def advance(self) -> list[Event]:
        """When the round is over, what it held is released in the order of the nodes."""
        if self.state.busy or self._to_act:
            return []
        # One message per recipient and turn was checked when they were kept; the turn is over now.
        self.state.written.clear()
        held = [proposal for name in self.state.phase.participants for proposal in self._held.pop(name, ())]
        return [self.state.renumbered(proposal) for proposal in held]

    def ready(self) -> list[str]:
        state = self.state
        if state.busy:
            return []
        if not any(map(self._has_something, self._to_act)):
            self._to_act = []
            if self.round < (state.phase.rounds or 0) and any(map(self._has_something, state.phase.participants)):
                self.round += 1
                self._to_act = [name for name in state.phase.participants if name not in state.retired]
        acting = self._to_act if self._at_once else self._next_in_line()
        self._to_act = self._to_act[len(acting) :]
        return [name for name in acting if self._has_something(name)]

    def over(self) -> str:
        return f"rounds: {self.round} taken"

    def _next_in_line(self) -> Sequence[str]:
        """Up to and with the first who has something to read."""
        for index, name in enumerate(self._to_act):
            if self._has_something(name):
                return self._to_act[: index + 1]
        return self._to_act

    def _has_something(self, agent: str) -> bool:
        return bool(self.state.inbox.get(agent)) and agent not in self.state.retired
