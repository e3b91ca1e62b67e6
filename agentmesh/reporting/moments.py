"""One line on an event, for lists, links and tooltips; and which events stand out of a log."""

from __future__ import annotations

from typing import NamedTuple

from agentmesh.events import (
    Answered,
    Event,
    FindingRecorded,
    InterventionMade,
    LimitWasReached,
    MessageDelivered,
    MessageEvent,
    MessageRefused,
    MessageWithheld,
    Metric,
    ModelCallFinished,
    Question,
    RunResumed,
    StopRequested,
    ToolCallFinished,
    TopologyChanged,
    TurnEnded,
    TurnFailed,
    Verification,
)
from agentmesh.messages import RUN
from agentmesh.reporting.words import shortened

WIDE = 120
"""Characters of a model's text that a line repeats."""


class Moment(NamedTuple):
    """An event that stands out: what kind it is, as a class of the style sheet, and whose rows it concerns."""

    kind: str
    agents: tuple[str, ...]


KINDS = {
    "finding": "finding of a monitor",
    "intervention": "intervention",
    "limit": "limit reached",
    "failed": "failed turn, or refuted answer or task",
    "refused": "refused or withheld message",
    "question": "question to a person",
    "changed": "edge cut, restored or replaced",
    "passed": "check passed",
    "resumed": "resumed",
    "stopped": "stop from outside",
    "metric": "metric",
}
"""What each kind is called."""


def moment_of(event: Event) -> Moment | None:
    """What stands out about an event; nothing of the usual ones."""
    kind = _kind(event)
    agents: tuple[str, ...] = (event.agent,) if event.agent else ()
    match event:
        case FindingRecorded():
            agents = event.finding.agents
        case InterventionMade() | TopologyChanged():
            agents = event.agents
        case MessageRefused() | MessageWithheld():
            agents = (event.sender,)
        case _:
            pass
    return Moment(kind, agents or (RUN,)) if kind else None


def _kind(event: Event) -> str:  # noqa: C901 - one case for each kind; splitting it would hide the list
    match event:
        case FindingRecorded():
            return "finding"
        case InterventionMade():
            return "intervention"
        case LimitWasReached():
            return "limit"
        case TurnFailed(kind=kind):
            return "" if kind == "cancelled" else "failed"
        case MessageRefused() | MessageWithheld():
            return "refused"
        case Question():
            return "question"
        case TopologyChanged():
            return "changed"
        case Verification(passed=passed):
            return "passed" if passed else "failed"
        case RunResumed():
            return "resumed"
        case StopRequested():
            return "stopped"
        case Metric():
            return "metric"
        case _:
            return ""


def line(event: Event) -> str:
    """What happened, in one line of plain text."""
    if isinstance(event, MessageEvent):
        return _message_line(event)
    said = _said(event)
    who = f"{event.agent}: " if event.agent else ""
    return f"{who}{event.type.replace('_', ' ')}{f': {shortened(said, WIDE)}' if said else ''}"


def _message_line(event: MessageEvent) -> str:
    done = {MessageDelivered: "", MessageRefused: " refused", MessageWithheld: " withheld"}.get(type(event), "")
    why = f" ({event.reason})" if isinstance(event, MessageRefused) else ""
    return f"{event.sender} → {event.recipient}{done}{why}: {shortened(event.content, WIDE)}"


def _said(event: Event) -> str:  # noqa: C901 - one case for each kind; splitting it would hide the list
    match event:
        case FindingRecorded(finding=finding):
            return f"{finding.monitor}: {finding.label} ({finding.score:.2g}): {finding.why}"
        case InterventionMade():
            return f"{event.kind} by {event.monitor}"
        case StopRequested():
            return f"{event.outcome}: {event.reason}" + (f" by {event.by}" if event.by else "")
        case RunResumed():
            return f"from e{event.at}" + (f", as a fork of {event.parent}" if event.parent else "")
        case LimitWasReached():
            return f"{event.limit} of {event.scope}: {event.allowed:g} allowed, {event.needed:g} needed"
        case TopologyChanged():
            edges = ", ".join(f"{a} → {b}" for a, b in event.edges)
            return f"{event.change} {edges or ', '.join(event.agents) or event.phase or ''}"
        case Verification():
            checked = f"task {event.task} " if event.task else ""
            return f"{checked}{'passed' if event.passed else 'refuted'}, attempt {event.attempt}: {event.detail}"
        case TurnFailed():
            return f"{event.kind}: {event.error}"
        case TurnEnded():
            return event.reply or "by tools alone"
        case ToolCallFinished():
            return f"{event.name} gave {event.result if event.error is None else event.error}"
        case ModelCallFinished():
            return event.error or event.content
        case Question() | Answered():
            return event.content
        case Metric():
            return f"{event.name} = {event.value:g} ({event.kind.replace('_', ' ')})"
        case _:
            return ""
