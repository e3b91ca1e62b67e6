"""Who acts next: a pure reducer over the events of a run."""

from agentmesh.scheduler.commands import (
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
