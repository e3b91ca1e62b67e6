"""Traces as agentmesh reads them: one object per line, with `id`, `task`, `agents` and `events`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from agentmesh.evaluation.readers.source import Source
from agentmesh.evaluation.readers.trace import Fault, Read, Reader, Trace, TraceEvent, speakers
from agentmesh.evaluation.readers.values import SPEAKERS, calls, name, names, role, seconds, text

_KEYS = ("sender", "content", "role")


def recognises(value: Any) -> bool:
    """Whether this is a trace, or an array of them."""
    if isinstance(value, list):
        return bool(value) and recognises(value[0])
    if not isinstance(value, dict) or not isinstance(value.get("events"), list):
        return False
    events = value["events"]
    entries = [event for event in events if isinstance(event, dict)]
    return not events or any(key in entry for entry in entries for key in _KEYS)


def read(source: Source) -> Read:
    """The traces of a file, one at a time; nothing is kept between them."""
    for record in source.records():
        if isinstance(record, Fault):
            yield record
            continue
        value = record.value
        events = value.get("events") if isinstance(value, dict) else None
        if not isinstance(events, list):
            yield Fault(record.line, f"no trace: an object with a list `events` is needed, found {_found(value)}")
            continue
        made = [_event(at, event) for at, event in enumerate(events) if isinstance(event, dict)]
        if left_out := len(events) - len(made):
            yield Fault(record.line, f"{left_out} of {len(events)} events are no objects: left out")
        made = _numbered(made)
        given = value.get("agents")
        agents = (names(given) if isinstance(given, list) else ()) or speakers(made)
        yield Trace(name(value.get("id")) or source.label(record), text(value.get("task")), agents, tuple(made))


def _event(at: int, event: Mapping[str, Any]) -> TraceEvent:
    get = event.get
    number, speaks, given = get("i", at), role(get("role")) or "agent", get("tool_calls")
    return TraceEvent(
        number if type(number) is int else -1,
        name(get("sender")) or SPEAKERS.get(speaks, speaks),
        _recipients(get("recipients")),
        speaks,
        text(get("content")),
        calls(given) if given else (),
        seconds(get("ts")),
    )


def _recipients(value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    if isinstance(value, list):
        return names(value) if value else ()
    return names([value]) or None


def _numbered(events: list[TraceEvent]) -> list[TraceEvent]:
    """The events by their own numbers, or by their places where these are missing or the same twice."""
    numbers = {event.i for event in events}
    if len(numbers) == len(events) and -1 not in numbers:
        return events
    return [
        TraceEvent(at, one.sender, one.recipients, one.role, one.content, one.tool_calls, one.ts)
        for at, one in enumerate(events)
    ]


def _found(value: Any) -> str:
    if isinstance(value, dict):
        keys = ", ".join(json.dumps(key) for key in list(value)[:8]) or "nothing"
        return f"one with {keys}"
    return {"list": "an array", "str": "a text", "NoneType": "null"}.get(type(value).__name__, "a number")


NATIVE = Reader("agentmesh: JSON lines with `events`", recognises, read)
