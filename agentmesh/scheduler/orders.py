"""Who acts next: what every order answers for, and the order `reactive`, in which agents act on messages."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from agentmesh.events import (
    Event,
    Inbound,
    MessageDelivered,
    MessageProposed,
    MessageRefused,
    Notice,
    TaskChanged,
    ToolCallStarted,
    TopologyChanged,
    Verification,
)
from agentmesh.messages import USER, Part, Position, Task
from agentmesh.scheduler.commands import Command, Step
from agentmesh.scheduler.notices import listed, notice
from agentmesh.scheduler.state import RunState
from agentmesh.tools.graph import Action, Choices


class Order(Protocol):
    """One way of taking turns. Told what happened; asked what follows and who may start."""

    round: int
    first_told: bool
    """Whether the task has just gone out to somebody."""
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

    def said(self, agent: str, text: str, parts: tuple[Part, ...], position: Position | None = None) -> list[Event]:
        """The agent's turn ended with plain text, and perhaps a position beside it."""
        ...

    def called(self, event: ToolCallStarted, action: Action) -> list[Event] | str:
        """The agent used a graph tool other than send_message. A sentence means that it was refused."""
        ...

    def ended(self, agent: str, *, acted: bool) -> Sequence[Event | Command]:
        """The agent's turn is over. `acted`: its text has just been sent on its way."""
        ...

    def undelivered(self, message: MessageRefused) -> list[Event]:
        """A message that no tool call awaits was refused."""
        ...

    def redrawn(self, event: TopologyChanged) -> None:
        """Edges were cut or restored."""
        ...

    def replaced(self, old: str, new: str) -> list[Event]:
        """An agent has taken the place of another."""
        ...

    def retired(self, agent: str) -> list[Event]:
        """The agent takes no more turns: it has used up a limit of its own."""
        ...

    def task_changed(self, event: TaskChanged) -> Step:
        """A task has come into a new state."""
        ...

    def accepted(self, event: Verification) -> Step:
        """What a worker handed off has been merged and checked, or could not be."""
        ...

    def wake(self, agent: str) -> None:
        """Let the agent act although no message came."""
        ...

    def call_on(self, agent: str, *, anew: bool = False) -> list[Event]:
        """See to it that an agent who has been given something to read acts on it. `anew`: it has forgotten all."""
        ...

    def joined(self, agent: str) -> None:
        """An agent of the reserve takes part from now on, as a guest."""
        ...

    def await_word(self, guest: str, agents: Collection[str]) -> list[Event]:
        """These agents are to hear a guest before they go on."""
        ...

    def not_awaited(self) -> list[Event]:
        """A guest that was waited for says nothing."""
        ...

    @property
    def gathering(self) -> bool:
        """Whether a round is under way whose deeds are kept until it is over."""
        ...

    def holds(self, proposals: list[MessageProposed]) -> bool:
        """Whether these messages wait for the others of the round. If so, they are kept."""
        ...

    def advance(self) -> list[Event]:
        """What follows once nothing is left to decide."""
        ...

    def flush(self) -> list[Event]:
        """What was kept, and must go out before the phase is left early."""
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
        """The graph tools that the agent is offered, beside those of votes and boards."""
        ...

    def choices(self, agent: str) -> Mapping[str, Choices]:
        """By tool and parameter: what exists for the agent."""
        ...

    def answers(self, agent: str) -> bool:
        """Whether the agent's plain text may become the answer."""
        ...

    def task_of(self, agent: str) -> tuple[str, Task] | None:
        """The task that the agent works on, with the planner on whose board it stands."""
        ...


class Talk:
    """What the orders in which agents simply talk have in common."""

    round = 0
    free_talk = True
    first_told = False

    def __init__(self, state: RunState) -> None:
        self.state = state

    def begin(self) -> list[Event]:
        return [self.opening(agent) for agent in self.opens()]

    def opens(self) -> tuple[str, ...]:
        """Who acts first. Where nobody was named, and the task goes to nobody, those whom the user addresses."""
        phase = self.state.phase
        if phase.opens or self.first_told:
            return phase.opens
        addressed = set(self.state.recipients(USER))
        return tuple(name for name in phase.participants if name in addressed)

    def opening(self, agent: str) -> Event:
        """What an agent is told that acts first although nobody has written to it."""
        phase, recipients = self.state.phase, self.state.recipients(agent)
        if recipients == (USER,) and phase.until is None:
            return notice(agent, "answer_now")
        if recipients and all(name in phase.votes for name in recipients):
            return notice(agent, "vote_now")
        return notice(agent, "speak_now", phase=phase.name, names=listed(recipients))

    def delivered(self, event: MessageDelivered) -> None:
        """Nothing more: the inbox has it."""

    def started(self, agent: str) -> None:
        """Nothing more."""

    def said(self, agent: str, text: str, parts: tuple[Part, ...], position: Position | None = None) -> list[Event]:
        proposals = self.state.to_all(agent, text, parts, position)
        return [] if self.holds(proposals) else list(proposals)

    def called(self, event: ToolCallStarted, action: Action) -> list[Event] | str:
        return f"'{event.name}' is not a tool of this phase ({self.state.phase.name})"

    def ended(self, agent: str, *, acted: bool) -> Sequence[Event | Command]:
        return []

    def undelivered(self, message: MessageRefused) -> list[Event]:
        return []

    def redrawn(self, event: TopologyChanged) -> None:
        """The post knows which edges hold."""

    def replaced(self, old: str, new: str) -> list[Event]:
        return [self.opening(new)]

    def retired(self, agent: str) -> list[Event]:
        return []

    def task_changed(self, event: TaskChanged) -> Step:
        return []

    def accepted(self, event: Verification) -> Step:
        return []

    def wake(self, agent: str) -> None:
        """Agents act in turn anyhow."""

    def call_on(self, agent: str, *, anew: bool = False) -> list[Event]:
        self.wake(agent)
        return []

    def joined(self, agent: str) -> None:
        """The phase has it among those who take part."""

    def await_word(self, guest: str, agents: Collection[str]) -> list[Event]:
        self.state.awaited[guest] = frozenset(agents)
        return []

    def not_awaited(self) -> list[Event]:
        return []

    @property
    def gathering(self) -> bool:
        return False

    def holds(self, proposals: list[MessageProposed]) -> bool:
        return False

    def advance(self) -> list[Event]:
        return []

    def flush(self) -> list[Event]:
        return []

    def over(self) -> str:
        return "nobody has anything left to act on"

    def reads(self, agent: str, inbox: list[Inbound]) -> list[Inbound]:
        return inbox

    def tools(self, agent: str) -> tuple[str, ...]:
        """With one recipient plain text says it all; where a position is required, it goes to everybody."""
        several = len(self.state.phase.successors.get(agent, ())) > 1
        return ("send_message",) if several and self.state.phase.positions != "required" else ()

    def choices(self, agent: str) -> Mapping[str, Choices]:
        return {"send_message": {"recipients": self.state.recipients(agent)}}

    def task_of(self, agent: str) -> tuple[str, Task] | None:
        return None

    def answers(self, agent: str) -> bool:
        return (agent, USER) in self.state.phase.by_pair


def notices_in(inbox: Iterable[Inbound]) -> list[Notice]:
    """The notices in an inbox, in an order that does not depend on when they came."""
    return sorted((item for item in inbox if isinstance(item, Notice)), key=lambda item: item.content)


class Reactive(Talk):
    """An agent acts when its inbox satisfies its join."""

    def __init__(self, state: RunState) -> None:
        super().__init__(state)
        self._members = frozenset(state.phase.participants)
        self._ready: dict[str, None] = {}
        self._heard: dict[str, set[str]] = {}

    def begin(self) -> list[Event]:
        opens = self.opens()
        self._ready.update(dict.fromkeys(opens))
        return [self.opening(agent) for agent in opens]

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

    def joined(self, agent: str) -> None:
        self._members = frozenset(self.state.phase.participants)

    def replaced(self, old: str, new: str) -> list[Event]:
        """The one who comes begins; what the other had gathered stays with it."""
        self.started(old)
        self._members = frozenset(self.state.phase.participants)
        self._ready[new] = None
        return [self.opening(new)]

    def ready(self) -> list[str]:
        state = self.state
        waiting = {agent: None for agent in self._ready if agent in state.busy or state.rests(agent)}
        agents = [agent for agent in self._ready if agent not in waiting]
        self._ready = waiting
        return agents

    def reads(self, agent: str, inbox: list[Inbound]) -> list[Inbound]:
        """What a barrier gathered is read in the order of the edges, not of arrival."""
        if self.state.phase.join(agent) == "any":
            return inbox
        place = {name: index for index, name in enumerate(self.state.phase.predecessors.get(agent, ()))}
        messages = (item for item in inbox if isinstance(item, MessageDelivered))
        return [*sorted(messages, key=lambda item: place.get(item.sender, -1)), *notices_in(inbox)]

    def redrawn(self, event: TopologyChanged) -> None:
        """Nobody waits for an edge that was cut."""
        for agent in dict.fromkeys(recipient for _, recipient in event.edges):
            if self._heard.get(agent):
                self._consider(agent)

    def _consider(self, agent: str) -> None:
        if agent not in self._members:
            return  # it reads what came when it takes part
        heard = self._heard.get(agent)
        if heard and self._is_enough(agent, heard):
            self._ready[agent] = None

    def _is_enough(self, agent: str, heard: set[str]) -> bool:
        phase, guests = self.state.phase, self.state.guests
        join = phase.join(agent)
        if not guests.isdisjoint(heard):
            return True  # who was called to object is heard at once, and is nobody whom others wait for
        if join not in ("all", "quorum"):
            return len(heard) >= phase.needed(agent, 0)
        # An edge that was cut counts only for what it has brought already.
        open_ = heard.union(self.state.heard_by(agent)) - guests
        return heard >= open_ if join == "all" else len(heard) >= phase.needed(agent, len(open_))
