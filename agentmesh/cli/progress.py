"""What a run looks like at this moment, folded from its events: the state behind the live view."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from agentmesh.cli.terminal import count, one_line
from agentmesh.events import (
    Answered,
    ContextStarted,
    Event,
    FindingRecorded,
    InterventionMade,
    LimitWasReached,
    MessageDelivered,
    MessageRefused,
    MessageWithheld,
    ModelCallFinished,
    ModelCallStarted,
    PhaseStarted,
    Question,
    RunEnded,
    RunStarted,
    ToolCallFinished,
    ToolCallStarted,
    TurnEnded,
    TurnFailed,
    TurnStarted,
)
from agentmesh.messages import Usage

KEPT_LINES = 12
_TAIL = 160


@dataclass
class AgentProgress:
    """One agent: what it does now and what it has used."""

    name: str
    state: str = "waiting"
    since: float | None = None
    """When the turn that it is in began, in seconds since the epoch."""
    turns: int = 0
    usage: Usage = field(default_factory=Usage)
    tools: dict[str, str] = field(default_factory=dict)
    """Tools at work, by the key of the call."""
    writing: str = ""
    """The end of what its model has streamed so far."""
    attempts: tuple[str, ...] = ()
    """Why the attempts at the model call that it is in failed so far."""
    touched: int = 0
    """Id of the last event about it."""

    @property
    def active(self) -> bool:
        """Whether it is in a turn."""
        return self.since is not None

    @property
    def doing(self) -> str:
        """Its state in words."""
        if self.tools:
            return "calling " + ", ".join(sorted(set(self.tools.values())))
        return f"thinking, attempt {len(self.attempts) + 1}" if self.attempts else self.state


@dataclass(frozen=True, slots=True)
class Note:
    """A line of the conversation: a message on an edge, or something that the run did."""

    verdict: str
    """`delivered`, `refused`, `withheld`, or the type of another event."""
    who: str
    recipient: str
    text: str


@dataclass
class RunProgress:
    """The whole run. Give every event to `observe`, streamed text to `delta`, a failed attempt to `attempt`."""

    names: Iterable[str] = ()
    asked_here: bool = False
    """Whether questions are put to somebody in full elsewhere, so that the list of notes need not hold them."""
    agents: dict[str, AgentProgress] = field(init=False)
    notes: deque[Note] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))
    team: str = ""
    phase: str = ""
    round: int = 0
    started: float | None = None
    now: float = 0.0
    outcome: str | None = None
    delivered: int = 0
    refused: int = 0
    withheld: int = 0
    usage: Usage = field(default_factory=Usage)

    def __post_init__(self) -> None:
        self.agents = {name: AgentProgress(name) for name in self.names}

    @property
    def turns(self) -> int:
        """Turns of all agents."""
        return sum(agent.turns for agent in self.agents.values())

    def observe(self, event: Event) -> None:
        """Take in one event."""
        self.now = event.ts
        if event.agent is not None and event.agent in self.agents:
            self.agents[event.agent].touched = event.id
        match event:
            case MessageDelivered() | MessageRefused() | MessageWithheld():
                self._message(event)
            case (
                TurnStarted()
                | TurnEnded()
                | TurnFailed()
                | ModelCallStarted()
                | ModelCallFinished()
                | ToolCallStarted()
                | ToolCallFinished()
                | ContextStarted()
            ):
                self._agent(event, self._named(event.agent or "?"))
            case _:
                self._run(event)

    def delta(self, agent: str, text: str) -> None:
        """Take in a piece of streamed text."""
        known = self._named(agent)
        known.writing = (known.writing + text)[-_TAIL:]

    def attempt(self, agent: str, why: str) -> None:
        """Take in that an attempt at a model call failed."""
        known = self._named(agent)
        known.attempts, known.writing = (*known.attempts, why), ""

    def _named(self, name: str) -> AgentProgress:
        return self.agents.setdefault(name, AgentProgress(name))

    def _message(self, event: MessageDelivered | MessageRefused | MessageWithheld) -> None:
        verdict = event.type.removeprefix("message_")
        match event:
            case MessageDelivered():
                self.delivered += 1
            case MessageRefused():
                self.refused += 1
            case _:
                self.withheld += 1
        self._note(verdict, event.sender, event.content, event.recipient)

    def _agent(self, event: Event, agent: AgentProgress) -> None:
        match event:
            case TurnStarted():
                agent.turns += 1
                agent.since, agent.state, agent.writing = event.ts, "thinking", ""
                self.round = event.round
            case TurnEnded():
                self._rest(agent, "done")
            case TurnFailed(kind="cancelled"):
                self._rest(agent, "stopped")
            case TurnFailed():
                self._rest(agent, "failed")
                self._note("turn_failed", agent.name, event.error)
            case ModelCallStarted():
                agent.state, agent.writing, agent.attempts = "thinking", "", ()
            case ModelCallFinished():
                agent.usage = agent.usage + event.usage
                self.usage = self.usage + event.usage
                agent.writing, agent.attempts = "", ()
                # Beside its turns it sums up what it said, or checks an answer.
                agent.state = agent.state if agent.active else "done"
                if event.attempts and event.error is None:
                    self._note("retried", agent.name, f"{count(len(event.attempts), 'attempt')}: {event.attempts[-1]}")
            case ToolCallStarted():
                agent.tools[event.key] = event.name
            case ToolCallFinished():
                agent.tools.pop(event.key, None)
            case _:
                pass

    def _rest(self, agent: AgentProgress, state: str) -> None:
        agent.state, agent.since, agent.writing, agent.attempts = state, None, "", ()
        agent.tools.clear()

    def _run(self, event: Event) -> None:
        match event:
            case RunStarted():
                self.team, self.started = event.team, event.ts
            case PhaseStarted():
                self.phase, self.round = event.phase, 0
            case RunEnded():
                self._end(event.outcome)
            case FindingRecorded():
                self._note("finding", event.finding.monitor, f"{event.finding.label}: {event.finding.why}")
            case InterventionMade():
                self._note("intervention", event.monitor, f"{event.kind} {', '.join(event.agents)}")
            case LimitWasReached():
                self._note(
                    "limit",
                    event.agent or event.scope,
                    f"{event.limit}: {event.allowed:g} allowed, {event.needed:g} needed",
                )
            case Question():
                if not self.asked_here:
                    self._note("question", event.agent or "run", event.content)
                self._asked(event.agent, "asked")
            case Answered():
                self._asked(event.agent, "thinking")
            case _:
                pass

    def _end(self, outcome: str) -> None:
        self.outcome = outcome
        for agent in self.agents.values():
            if agent.active:
                self._rest(agent, "stopped")

    def _asked(self, name: str | None, state: str) -> None:
        if name is not None:
            self._named(name).state = state

    def _note(self, verdict: str, who: str, text: str, recipient: str = "") -> None:
        self.notes.append(Note(verdict, who, recipient, one_line(text, 200)))
