"""Who acts next: a pure reducer over the events of a run."""

from agentmesh.scheduler.commands import (
    Accept,
    AskPerson,
    CancelTurns,
    Command,
    Judge,
    Rewrite,
    StartTurn,
    Step,
    Summarise,
    Verify,
)
from agentmesh.scheduler.core import Scheduler

__all__ = [
    "Accept",
    "AskPerson",
    "CancelTurns",
    "Command",
    "Judge",
    "Rewrite",
    "Scheduler",
    "StartTurn",
    "Step",
    "Summarise",
    "Verify",
]
