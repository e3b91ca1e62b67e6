"""What a run came to, counted from its events alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agentmesh.events import Event, FindingRecorded, InterventionMade, RunEnded
from agentmesh.messages import Usage
from agentmesh.runner.past import effective
from agentmesh.team.result import RunResult


def summary(events: Iterable[Event]) -> dict[str, Any]:
    """The numbers of a run, ready for JSON.

    Keys: `run_id`, `outcome` (None while it waits or runs), `reason`, `answer`, `usage` (`input_tokens`,
    `output_tokens`, `model_calls`, `cost_usd`), the counts `turns`, `messages` (delivered) and `refused`, the lists
    `findings`, `interventions` and `questions` (those still open), and the `seconds` that processes were at work on it.
    Of a fork, `inherited` is the usage of the calls that the run before it has paid for.
    """
    log = list(events)
    run = RunResult(log[0].run_id if log else "", log)
    # A run that goes on after an end has none.
    ended = next((event for event in reversed(effective(log)) if isinstance(event, RunEnded)), None)
    return {
        "run_id": run.run_id,
        "outcome": ended.outcome if ended else None,
        "reason": ended.reason if ended else "",
        "answer": ended.answer if ended else None,
        "usage": _usage(run.usage),
        "turns": run.turns,
        "messages": run.messages,
        "refused": run.refused,
        "findings": [_finding(event) for event in log if isinstance(event, FindingRecorded) and event.counts],
        "interventions": [_intervention(event) for event in log if isinstance(event, InterventionMade)],
        "questions": [
            {"question_id": asked.question_id, "agent": asked.agent, "content": asked.content}
            for asked in run.questions
        ],
        "seconds": round(run.seconds, 3) if log else 0.0,
        **({"inherited": _usage(run.inherited)} if run.inherited.model_calls else {}),
    }


def _usage(total: Usage) -> dict[str, Any]:
    return {
        "input_tokens": total.input_tokens,
        "output_tokens": total.output_tokens,
        "model_calls": total.model_calls,
        "cost_usd": total.cost_usd,
    }


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
        "parameters": dict(event.parameters),
        "skipped": list(event.skipped),
    }
