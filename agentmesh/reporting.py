"""What a run came to, counted from its events alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agentmesh.events import (
    Answered,
    Event,
    FindingRecorded,
    InterventionMade,
    MessageDelivered,
    MessageRefused,
    ModelCallFinished,
    Question,
    RunEnded,
    TurnStarted,
)
from agentmesh.messages import Usage


def summary(events: Iterable[Event]) -> dict[str, Any]:
    """The numbers of a run, ready for JSON.

    Keys: `run_id`, `outcome` (None while it waits or runs), `reason`, `answer`, `usage` (`input_tokens`,
    `output_tokens`, `model_calls`, `cost_usd`), the counts `turns`, `messages` (delivered) and `refused`, the lists
    `findings`, `interventions` and `questions` (those still open), and `seconds` from the first event to the last.
    """
    log = list(events)
    ended = next((event for event in reversed(log) if isinstance(event, RunEnded)), None)
    return {
        "run_id": log[0].run_id if log else "",
        "outcome": ended.outcome if ended else None,
        "reason": ended.reason if ended else "",
        "answer": ended.answer if ended else None,
        "usage": _usage(log),
        "turns": _count(log, TurnStarted),
        "messages": _count(log, MessageDelivered),
        "refused": _count(log, MessageRefused),
        "findings": [_finding(event) for event in log if isinstance(event, FindingRecorded)],
        "interventions": [_intervention(event) for event in log if isinstance(event, InterventionMade)],
        "questions": _open_questions(log),
        "seconds": round(log[-1].ts - log[0].ts, 3) if log else 0.0,
    }


def total_usage(events: Iterable[Event]) -> Usage:
    """What all model calls used together. `cost_usd` is None as soon as one call has no known price."""
    total = Usage()
    for event in events:
        if isinstance(event, ModelCallFinished):
            total = total + event.usage
    return total


def _usage(log: list[Event]) -> dict[str, Any]:
    total = total_usage(log)
    return {
        "input_tokens": total.input_tokens,
        "output_tokens": total.output_tokens,
        "model_calls": total.model_calls,
        "cost_usd": total.cost_usd,
    }


def _count(log: list[Event], kind: type[Event]) -> int:
    return sum(isinstance(event, kind) for event in log)


def _finding(event: FindingRecorded) -> dict[str, Any]:
    finding = event.finding
    return {
        "id": event.id,
        "monitor": finding.monitor,
        "label": finding.label,
        "score": finding.score,
        "agents": list(finding.agents),
        "events": list(finding.evidence),
        "why": finding.why,
    }


def _intervention(event: InterventionMade) -> dict[str, Any]:
    return {
        "id": event.id,
        "kind": event.kind,
        "finding": event.finding,
        "monitor": event.monitor,
        "agents": list(event.agents),
        "edges": [list(edge) for edge in event.edges],
    }


def _open_questions(log: list[Event]) -> list[dict[str, Any]]:
    answered = {event.question_id for event in log if isinstance(event, Answered)}
    return [
        {"question_id": event.question_id, "agent": event.agent, "content": event.content}
        for event in log
        if isinstance(event, Question) and event.question_id not in answered
    ]
