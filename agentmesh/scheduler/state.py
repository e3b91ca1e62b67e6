"""What the scheduler knows of a run, and the small facts that every order of acting needs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from agentmesh.events import ContextReason, Event, Inbound, MessageDelivered, MessageProposed, Notice, RunStarted
from agentmesh.messages import USER, MessageKind, Outcome, Part, Policy, Position
from agentmesh.scheduler.notices import QUIET
from agentmesh.scheduler.revote import Aside, Revote
from agentmesh.scheduler.trust import Labels
from agentmesh.topology.phases import Phase, Planning


@dataclass
class RunState:
    """Changed in place, by the scheduler alone, while it steps over an event."""

    phase: Phase
    labels: Labels = field(default_factory=Labels)
    policy: Policy = "return_to_agent"
    seed: int = 0
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
    written: dict[str, set[tuple[str, MessageKind]]] = field(default_factory=dict)
    """To whom an agent has already written in its current turn, and what kind of message."""
    stated: dict[str, Position] = field(default_factory=dict)
    """The position that an agent stated in its current turn."""
    positions: dict[str, Position] = field(default_factory=dict)
    """The latest position of each agent in this phase."""
    told: set[str] = field(default_factory=set)
    """Who has been given the task, in the context that it has now."""
    restart: dict[str, ContextReason] = field(default_factory=dict)
    """Who starts its next turn in a new context, and why."""
    message_number: int = 0
    answering: bool = False
    """Whether a message to `user` is on its way, or being checked."""
    closed: Outcome | None = None
    """How the run is ending: no message passes any more."""
    spent: dict[str, str] = field(default_factory=dict)
    """Phases that have used up a limit of their own, and which: nobody begins a turn in them any more."""
    phase_turns: Counter[str] = field(default_factory=Counter)
    """Turns taken in each phase, over all its occurrences."""
    closing: str | None = None
    """Who is asked for a last answer, now that nothing else may begin."""
    ever_told: set[str] = field(default_factory=set)
    """Who has been given the task, in any context."""
    latest: dict[str, MessageDelivered] = field(default_factory=dict)
    """The latest message of each agent to another one."""
    guests: set[str] = field(default_factory=set)
    """Agents of the reserve who speak beside the order of the phase, because an intervention called them."""
    forwarded: set[str] = field(default_factory=set)
    """Messages that the run passes on in the name of their author: it has not written them in its turn."""
    paused: set[str] = field(default_factory=set)
    """Agents that begin no turn before a person has answered."""
    aside: Aside = field(default_factory=Aside)
    """What is not shown yet to agents who begin anew."""
    awaited: dict[str, Collection[str]] = field(default_factory=dict)
    """By guest: the agents that begin no turn before it has spoken."""
    revote: Revote | None = None
    """The blind vote that is under way."""
    accepting: dict[tuple[str, str], str] = field(default_factory=dict)
    """By planner and task: the worker whose work is being merged and checked just now."""
    given: RunStarted | None = None
    """How the run began."""
    obstacles: list[tuple[Outcome, str]] = field(default_factory=list)
    """What stood in the way so far: the outcome and reason if nothing more can happen."""

    @property
    def planning(self) -> Planning:
        """Who plans and who works; in a phase of order `tasks` alone."""
        assert self.phase.planning is not None, "a phase of order 'tasks' says who plans"
        return self.phase.planning

    def recipients(self, sender: str) -> tuple[str, ...]:
        """To whom the graph lets an agent write now."""
        return self._held(self.phase.successors.get(sender, ()), lambda name: (sender, name))

    def heard_by(self, recipient: str) -> tuple[str, ...]:
        """Whom a node can hear now."""
        return self._held(self.phase.predecessors.get(recipient, ()), lambda name: (name, recipient))

    def writes(self, agent: str) -> tuple[str, ...]:
        """The boards that an agent may write to now."""
        return self._held(self.phase.writes.get(agent, ()), lambda name: (agent, name))

    def reads(self, agent: str) -> tuple[str, ...]:
        """The boards that an agent may read now."""
        return self._held(self.phase.reads.get(agent, ()), lambda name: (name, agent))

    def forget(self, agents: Collection[str]) -> None:
        """These agents begin their next turn anew, and get the task again where they are given it."""
        self.restart.update(dict.fromkeys(agents, "fresh"))
        self.told.difference_update(agents)
        for agent in agents:
            self.inbox.pop(agent, None)

    def _held(self, names: tuple[str, ...], pair: object) -> tuple[str, ...]:
        if not self.cut:
            return names
        return tuple(name for name in names if pair(name) not in self.cut)  # type: ignore[operator]

    def has_to_act(self, agent: str) -> bool:
        """Whether the inbox holds more than what can wait for the agent's next turn."""
        return any(not isinstance(item, Notice) or item.template not in QUIET for item in self.inbox.get(agent, ()))

    def rests(self, agent: str) -> bool:
        """Whether an agent waits: for a person, for an objection to what it said, for the others of a blind vote."""
        if agent in self.paused or (self.revote is not None and agent in self.revote.answered):
            return True
        return any(agent in waiting for waiting in self.awaited.values())

    def after_turn(self, agent: str, said: Sequence[Event]) -> Sequence[Event]:
        """A turn is over, with these events: what waits for the end of a blind vote is kept, the rest goes out."""
        self.awaited.pop(agent, None)
        if self.revote is None:
            return said
        kept = self.revote.keep(said)
        self.revote.end(agent)
        return kept

    def revoted(self, *, anyhow: bool) -> list[MessageProposed]:
        """What was said in the blind vote, if it is over, or ends `anyhow`."""
        if self.revote is None or not (anyhow or self.revote.complete):
            return []
        revote, self.revote = self.revote, None
        for agent in revote.agents:
            self.written.pop(agent, None)  # one message per recipient and turn was checked when they were kept
        return [self.renumbered(proposal) for proposal in revote.released()]

    def may_send(self, sender: str, recipient: str) -> bool:
        """Whether the edge exists now, and takes messages."""
        pair = (sender, recipient)
        boards = self.phase.boards
        return pair in self.phase.by_pair and pair not in self.cut and recipient not in boards and sender not in boards

    def proposal(
        self,
        sender: str,
        recipient: str,
        content: str,
        kind: MessageKind = "text",
        task_id: str | None = None,
        parts: tuple[Part, ...] = (),
        position: Position | None = None,
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
            position=position,
            trust=self.labels.of(sender),
        )

    def renumbered(self, proposal: MessageProposed) -> MessageProposed:
        """The proposal with the next number: those that waited are numbered in the order in which they leave.

        Writes into the proposal itself: nobody else holds it yet.
        """
        self.message_number += 1
        proposal.__dict__["message_id"] = f"m{self.message_number}"
        return proposal

    def said(
        self, sender: str, recipient: str, content: str, parts: tuple[Part, ...] = (), position: Position | None = None
    ) -> MessageProposed:
        """What an agent wrote to one node: to a vote it is a ballot, or a candidate's entry; else a text."""
        vote = self.phase.votes.get(recipient)
        if vote is None or sender in vote.candidates:
            return self.proposal(sender, recipient, content, parts=parts, position=position)
        return self.ballot(sender, recipient, (position.answer if position else content.strip(),))

    def ballot(self, voter: str, vote: str, ranking: Sequence[str]) -> MessageProposed:
        """A ballot on its way to a vote."""
        return self.proposal(voter, vote, json.dumps(list(ranking), ensure_ascii=False), "ballot")

    def to_all(
        self, sender: str, content: str, parts: tuple[Part, ...] = (), position: Position | None = None
    ) -> list[MessageProposed]:
        """The same text to every successor: what a plain-text reply is."""
        return [self.said(sender, recipient, content, parts, position) for recipient in self.recipients(sender)]

    def task(self, content: str, parts: tuple[Part, ...]) -> list[MessageProposed]:
        """The task for everybody whom `user` addresses in this phase and who has not had it yet."""
        untold = [name for name in self.recipients(USER) if name not in self.told]
        self.told.update(untold)
        self.ever_told.update(untold)
        return [self.proposal(USER, name, content, parts=parts) for name in untold]
