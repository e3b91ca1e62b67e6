"""What the scheduler asks of the runner. The loop: an event happens, the scheduler steps, the runner carries out."""

from __future__ import annotations

from dataclasses import dataclass

from agentmesh.events import Event, Inbound


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


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Pass a message through the function named on its edge."""

    message_id: str
    sender: str
    recipient: str
    content: str
    function: str


@dataclass(frozen=True, slots=True)
class Verify:
    """Have the answer checked by somebody outside the team."""

    answer: str
    attempt: int


@dataclass(frozen=True, slots=True)
class CancelTurns:
    """Stop everything in flight: the run is about to end."""


Command = StartTurn | Rewrite | Verify | CancelTurns
Step = list[Event | Command]
"""What follows from an event: events to append, in this order, and commands to carry out."""
