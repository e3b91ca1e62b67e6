"""A run of a team as one list of lines that anybody can read: who said what to whom, who called what, how it ended.

A line is JSON: `from`, `to`, `text` of a message; `agent`, `call`, `arguments`, `result` of a tool call; `outcome` and
`answer` at the end. Names of agents stay; ids, times and prompts are left out, so that runs that went alike are equal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentmesh.agents.quoting import escaped
from agentmesh.errors import AgentMeshError
from agentmesh.events import (
    BoardWritten,
    Event,
    MessageDelivered,
    MessageRefused,
    MessageWithheld,
    PositionStated,
    RunEnded,
    RunStarted,
    TaskChanged,
    ToolCallFinished,
    TurnFailed,
    Verification,
    VoteCast,
)
from agentmesh.learning.episodes import counting, listed
from agentmesh.messages import USER
from agentmesh.providers.encoding import mended_value

Line = dict[str, Any]
Run = Any
"""A `RunResult`, its events, or a mapping with `run_id`, `task`, `messages`: texts, lines, or messages of a chat."""

TASK = "(the task)"
"""Stands in a line for the text of the task, which is told once."""
_SAYING = frozenset({"send_message", "hand_off"})
"""Tools whose calls come out as messages."""
_TOLD = frozenset({"verified", "blocked", "failed"})
"""What becomes of a task that no message says."""
_CHAT = frozenset({"role", "name", "content", "tool_calls", "tool_call_id"})


@dataclass(frozen=True)
class Flat:
    """A run, flattened."""

    run_id: str
    task: str
    lines: tuple[Line, ...]

    @property
    def digest(self) -> str:
        """Of what is judged: runs with the same one are the same to a judge."""
        return hashlib.sha256(encoded([self.task, *self.lines]).encode()).hexdigest()


def encoded(value: Any) -> str:
    """JSON as a judge is shown it: no text in it can end it."""
    return json.dumps(value, ensure_ascii=False)


def flat(run: Run) -> Flat:
    """A run in the form that is judged. Raises: AgentMeshError for what is none."""
    if isinstance(run, Mapping):
        return _from_mapping(run)
    if not isinstance(run, Sequence) and not hasattr(run, "events"):
        raise AgentMeshError(
            f"a run to be judged is a RunResult, its events, or a mapping with run_id, task and messages; found "
            f"{type(run).__name__}"
        )
    return _from_events(counting(run))


def _from_events(events: Sequence[Event]) -> Flat:
    started = next((event for event in events if isinstance(event, RunStarted)), None)
    if started is None:
        raise AgentMeshError("a run begins with run_started; found a log without it")
    lines: list[Line] = []
    for event in events:
        line = _message(event) or _deed(event)
        if line is None:
            continue
        if lines and _said_to_another(lines[-1], line):
            lines[-1] = {**lines[-1], "to": f"{lines[-1]['to']}, {line['to']}"}
        else:
            if "outcome" in line and lines and lines[-1].get("to") == USER and lines[-1]["text"] == line["answer"]:
                lines.pop()  # the answer stands at the end
            lines.append(line)
    return _flat(started.run_id, started.task, lines)


def _message(event: Event) -> Line | None:
    match event:
        case MessageDelivered():
            line = {"from": event.sender, "to": event.recipient}
            line |= {"kind": event.kind} if event.kind != "text" else {}
            return {**line, "text": event.content}
        case MessageRefused():
            return {"from": event.sender, "to": event.recipient, "refused": event.reason, "text": event.content}
        case MessageWithheld():
            return {"from": event.sender, "to": event.recipient, "refused": "withheld", "text": event.content}
        case PositionStated():
            return {"agent": event.agent, "position": event.position.text()}
        case VoteCast():
            return {"agent": event.agent, "vote": " > ".join(event.ranking)}
        case _:
            return None


def _deed(event: Event) -> Line | None:
    match event:
        case ToolCallFinished() if event.name not in _SAYING or event.error:
            came = {"error": event.error} if event.error else {"result": event.result or ""}
            return {"agent": event.agent, "call": event.name, "arguments": encoded(event.arguments), **came}
        case BoardWritten():
            written = event.content if event.entry is None else event.entry.model_dump_json(exclude_defaults=True)
            return {"agent": event.agent, "board": event.board, "text": written or ""}
        case TaskChanged() if event.status in _TOLD:
            return {"task": event.task.title, "worker": event.worker or "", "status": event.status}
        case Verification():
            return {"check": "passed" if event.passed else "failed", "detail": event.detail}
        case TurnFailed():
            return {"agent": event.agent, "error": event.error}
        case RunEnded():
            return {"outcome": event.outcome, "reason": event.reason, "answer": event.answer or ""}
        case _:
            return None


def _said_to_another(before: Line, line: Line) -> bool:
    """Whether a line says the same as the one before it, to somebody else."""
    return "to" in line and {**before, "to": ""} == {**line, "to": ""}


def _from_mapping(run: Mapping[str, Any]) -> Flat:
    missing = [key for key in ("run_id", "task", "messages") if key not in run]
    if missing:
        raise AgentMeshError(f"a run to be judged has run_id, task and messages; this one lacks {', '.join(missing)}")
    task = str(run["task"])
    lines = [line for message in listed(run, "messages") for line in _of_message(message)]
    return _flat(str(run["run_id"]), task, lines)


def _of_message(message: Any) -> list[Line]:
    """One message of a mapping: text, a line, or a message of a chat with its tool calls."""
    if isinstance(message, str):
        return [{"text": message}]
    if not isinstance(message, Mapping):
        raise AgentMeshError(f"a message of a run is a text or a mapping; found {type(message).__name__}")
    if "role" not in message:
        return [dict(message)]
    lines: list[Line] = []
    text = _text(message.get("content"))
    if text or not message.get("tool_calls"):
        more = {key: value for key, value in message.items() if key not in _CHAT}
        who = message.get("name") or message["role"]
        lines.append({"from": who, **more, "text": text})
    for call in message.get("tool_calls") or ():
        function = call.get("function", call)
        lines.append({"agent": message.get("name") or message["role"], "call": function.get("name", "")})
        lines[-1]["arguments"] = function.get("arguments", "")
    return lines


def _text(content: Any) -> str:
    """The text of a message; of what is none only its kind is told, since a judge gets text alone."""
    if isinstance(content, str | None):
        return content or ""
    parts = content if isinstance(content, Sequence) else [content]
    return "\n".join(
        str(part["text"]) if isinstance(part, Mapping) and "text" in part else f"[{_kind(part)}]" for part in parts
    )


def _kind(part: Any) -> str:
    return str(part.get("type", "part")) if isinstance(part, Mapping) else type(part).__name__


def _flat(run_id: str, task: str, lines: Sequence[Line]) -> Flat:
    told = ({**line, "text": TASK} if line.get("text") == task else line for line in lines)
    return Flat(run_id, _safe(task), tuple(_safe(line) for line in told))


def _safe(value: Any) -> Any:
    """The value with all its texts quoted as those of other agents are."""
    match value:
        case str():
            return escaped(str(mended_value(value)))
        case Mapping():
            return {_safe(str(key)): _safe(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_safe(inner) for inner in value]
        case None | bool() | int():
            return value
        case _:
            return escaped(str(value))  # a float that is no number, for one, has no JSON
