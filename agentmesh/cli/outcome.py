"""How a run ended: its exit code, and the lines that say so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agentmesh.cli.terminal import count, one_line, usd
from agentmesh.errors import ConfigError, Problem
from agentmesh.runner.past import INTERRUPTED

WAITING = 5
_CODES = {"verified": 0, "completed": 0, "failed": 1, "halted": 3, "limit": 4, "stalled": 4, "cancelled": 130}


def exit_code(outcome: str | None) -> int:
    """The exit code of an outcome; None is a run that waits for a person."""
    return WAITING if outcome is None else _CODES[outcome]


def describe(facts: dict[str, Any]) -> str:
    """Outcome, reason, usage and cost of a run, from its summary."""
    head = facts["outcome"] or "waiting"
    if facts["reason"]:
        head += f": {one_line(facts['reason'], 200)}"
    usage = facts["usage"]
    numbers = [
        count(facts["turns"], "turn"),
        count(facts["messages"], "message") + (f" ({facts['refused']} refused)" if facts["refused"] else ""),
        count(usage["model_calls"], "model call"),
        f"{usage['input_tokens']:,} + {usage['output_tokens']:,} tokens",
        f"cost {usd(usage['cost_usd'])}",
        f"{facts['seconds']:.1f} s",
    ]
    lines = [head, "  " + ", ".join(numbers)]
    if before := facts.get("inherited"):
        tokens = f"{before['input_tokens']:,} + {before['output_tokens']:,} tokens"
        lines.append(f"  inherited: {count(before['model_calls'], 'model call')}, {tokens}, paid for by the run before")
    lines += [
        f"  finding: {one_line(finding['monitor'], 40)}: {one_line(finding['label'], 40)} "
        f"({finding['score']:.2g}): {one_line(finding['why'], 160)}"
        for finding in facts["findings"]
    ]
    lines += [
        f"  intervention: {intervention['kind']} {', '.join(intervention['agents'])}".rstrip()
        + (f" (instead of {', '.join(intervention['skipped'])})" if intervention["skipped"] else "")
        for intervention in facts["interventions"]
    ]
    if facts["outcome"] is None:
        lines += [_question(question) for question in facts["questions"]]
    return "\n".join(lines)


def next_step(facts: dict[str, Any]) -> str | None:
    """How a run in the journal can go on, if it can."""
    resume = f"agentmesh resume {facts['run_id']}"
    match facts["outcome"]:
        case None if facts["questions"]:
            return f"  to go on: agentmesh answer {facts['run_id']} QUESTION_ID TEXT, then {resume}"
        case "cancelled" if facts["reason"].startswith(INTERRUPTED):
            return f"  to go on: {resume}"
        case "limit":
            name = facts["reason"].partition(":")[0]
            return f"  to go on: {resume} --add-{name} N" if name in ("tokens", "usd", "seconds") else None
        case _:
            return None


def refused(error: ConfigError, file: str) -> dict[str, Any]:
    """What stands in place of a result where nothing could run."""
    return {"file": file, "ok": False, "errors": listed(error.problems)}


def listed(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    """Problems with their places; null where they have none in the file: `-m`, `-O`, a file that is not there."""
    return [
        {**problem._asdict(), "line": problem.line or None, "column": problem.column or None} for problem in problems
    ]


def _question(question: dict[str, Any]) -> str:
    return (
        f"  question {question['question_id']} from {one_line(question['agent'] or 'the run', 40)}: "
        f"{one_line(question['content'], 160)}"
    )
