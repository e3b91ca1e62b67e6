"""What the scheduler asks of the runner. The loop: an event happens, the scheduler steps, the runner carries out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agentmesh.events import ContextReason, Event, FindingRecorded, Inbound
from agentmesh.messages import Part, Task
from agentmesh.tools.graph import Choices
from agentmesh.topology.phases import Positions


@dataclass(frozen=True, slots=True)
class StartTurn:
    """Let an agent act on its inbox. `tools` names the graph tools that it is offered."""

    agent: str
    turn: int
    phase: str
    occurrence: int
    round: int
    inbox: tuple[Inbound, ...]
    recipients: tuple[str, ...]
    tools: tuple[str, ...]
    answers: bool
    """Whether its plain text may become the answer of the run."""
    choices: Mapping[str, Choices] = field(default_factory=dict)
    """By tool and parameter: what exists for this agent."""
    positions: Positions = "off"
    """Whether its reply carries a position beside the text."""
    restart: ContextReason | None = None
    """Why the agent forgets what was before this turn, if it does."""
    wrap_up: bool = False
    """Whether it is the last turn of a run that has come to a limit: plain text alone counts, as the answer."""
    task: tuple[str, Task] | None = None
    """Of who works on one: the planner on whose board it stands, and the task."""


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Pass a message through the function named on its edge."""

    message_id: str
    sender: str
    recipient: str
    content: str
    function: str


@dataclass(frozen=True, slots=True)
class Summarise:
    """Have a message summarised by the model named on its edge."""

    message_id: str
    sender: str
    recipient: str
    content: str
    model: str
    phase: str
    occurrence: int


@dataclass(frozen=True, slots=True)
class Verify:
    """Have the answer checked by somebody outside the team; or, of a phase, what its `until` demands."""

    answer: str
    attempt: int
    phase: str | None = None
    place: str = ""
    """phase#occurrence in which the answer was given, by its author."""
    author: str = ""
    parts: tuple[Part, ...] = ()
    promised: bool = True
    """Of a phase: whether the promise was given without which nothing is checked."""
    acted: tuple[str, ...] = ()
    """Of a phase: who has taken a turn in this iteration, the latest last."""


@dataclass(frozen=True, slots=True)
class Accept:
    """Have what a worker made of its task merged and checked: what it says of it does not count before."""

    planner: str
    task: Task
    worker: str
    attempt: int


@dataclass(frozen=True, slots=True)
class AskPerson:
    """Put a question that the run itself has to the person in charge, if one is there; else it stays open."""

    agent: str
    question_id: str
    content: str


@dataclass(frozen=True, slots=True)
class Judge:
    """Have a suspicion judged by the model that its monitor names. `place`: phase#occurrence."""

    suspicion: FindingRecorded
    place: str


@dataclass(frozen=True, slots=True)
class CancelTurns:
    """Stop everything in flight: the run is about to end."""


Command = StartTurn | Rewrite | Summarise | Verify | Accept | AskPerson | Judge | CancelTurns
Step = list[Event | Command]
"""What follows from an event: events to append, in this order, and commands to carry out."""
