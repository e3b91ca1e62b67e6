"""One plain line per event, for logs and for `grep`."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from agentmesh.cli.terminal import one_line
from agentmesh.events import Event
from agentmesh.messages import Finding, Position, Task, ToolCall, Usage
from agentmesh.runner import FailedAttempt

FACTS: dict[str, tuple[str, ...]] = {
    "run_started": ("team", "seed", "continues", "task"),
    "run_resumed": ("at", "parent", "added"),
    "stop_requested": ("outcome", "by", "reason"),
    "phase_started": ("phase", "occurrence", "order"),
    "phase_ended": ("phase", "occurrence", "reason"),
    "notice": ("template", "content"),
    "bounds_changed": ("bounds",),
    "turn_started": ("turn", "phase", "round"),
    "context_started": ("reason", "recipients"),
    "model_call_started": ("model", "reserved"),
    "model_call_finished": ("model", "usage", "cached", "seconds", "attempts", "tool_calls", "error", "content"),
    "tool_call_started": ("name", "arguments"),
    "tool_call_finished": ("name", "error", "result"),
    "message_proposed": ("kind", "content"),
    "message_transformed": ("by", "content"),
    "message_delivered": ("kind", "trust", "content"),
    "message_refused": ("reason", "allowed", "content"),
    "message_withheld": ("policy", "content"),
    "position": ("phase", "round", "position"),
    "board_written": ("board", "version", "trust", "entry", "content"),
    "vote_cast": ("vote", "weight", "ranking"),
    "task_changed": ("task", "status", "worker", "attempt", "summary"),
    "finding": ("finding",),
    "intervention": ("kind", "monitor", "agents", "parameters", "skipped", "edges", "finding"),
    "topology_changed": ("change", "agents", "phase", "removed", "edges"),
    "limit_reached": ("scope", "limit", "allowed", "needed"),
    "metric": ("name", "value", "kind"),
    "question": ("question_id", "content"),
    "answered": ("question_id", "by", "content"),
    "verification": ("phase", "task", "passed", "attempt", "detail"),
    "turn_failed": ("turn", "kind", "error"),
    "turn_ended": ("turn", "reply"),
    "run_ended": ("outcome", "reason"),
}
"""What the line of each type says beside time, type and agent; the longest text comes last."""

WIDE = frozenset({"attempts", "error", "reason", "detail"})
"""Texts of which the end may matter as much as the beginning."""
UNSAID = {"occurrence": 1, "task_changed.attempt": 1, "round": 0, "trust": "trusted", "weight": 1.0, "cached": False}
"""Values that go without saying: of a fact of whatever event, or of one type of them."""


def line(event: Event, started: float) -> str:
    """The event as `+SECONDS type agent key=value ...`, on one line, free text shortened and quoted."""
    words = [f"+{event.ts - started:.3f}", event.type]
    sender, recipient = getattr(event, "sender", None), getattr(event, "recipient", None)
    if sender is not None and recipient is not None:
        words.append(f"{one_line(sender)}->{one_line(recipient)}")
    elif event.agent is not None:
        words.append(one_line(event.agent))
    for name in FACTS.get(event.type, ()):
        value = getattr(event, name)
        if (
            value is not None
            and value not in ("", (), {})
            and value != UNSAID.get(f"{event.type}.{name}", UNSAID.get(name))
        ):
            words.append(_fact(name, value))
    return " ".join(words)


def attempt_line(failed: FailedAttempt, seconds: float) -> str:
    """The same of an attempt at a model call that failed while the call goes on."""
    return (
        f"+{seconds:.3f} attempt_failed {one_line(failed.agent)} attempt={failed.number} why={_text(failed.why, 240)}"
    )


def _fact(name: str, value: Any) -> str:
    match value:
        case Usage():
            cost = "?" if value.cost_usd is None else f"{value.cost_usd:.6g}"
            return f"input_tokens={value.input_tokens} output_tokens={value.output_tokens} cost_usd={cost}"
        case Finding():
            who = f"monitor={_text(value.monitor)} label={_text(value.label)} score={value.score:g}"
            return f"{who} agents={_text(','.join(value.agents))} why={_text(value.why)}"
        case Position():
            sure = "" if value.confidence is None else f" confidence={value.confidence:g}"
            return f"answer={_text(value.answer)}{sure}"
        case Task():
            return f"task={_text(value.id)} title={_text(value.title)}"
        case _:
            return f"{name}={_text(_joined(value), 240) if name in WIDE else _value(value)}"


def _joined(value: Any) -> str:
    return "; ".join(value) if isinstance(value, tuple) else str(value)


def _value(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case float():
            return f"{value:.6g}"
        case str():
            return _text(value)
        case tuple() | list():
            return _text(",".join(_item(item) for item in value))
        case dict() | BaseModel():
            plain = value if isinstance(value, dict) else value.model_dump(mode="json", exclude_defaults=True)
            return one_line(json.dumps(plain, separators=(",", ":"), ensure_ascii=False))
        case _:
            return str(value)


def _item(item: Any) -> str:
    match item:
        case ToolCall():
            return item.name
        case (sender, recipient):
            return f"{sender}->{recipient}"
        case _:
            return str(item)


def _text(text: str, width: int = 72) -> str:
    """A word as it is; anything else between quotes, with quotes inside it escaped."""
    short = one_line(text, width)
    if short and not any(char in ' "=\\' for char in short):
        return short
    return json.dumps(short, ensure_ascii=False)
