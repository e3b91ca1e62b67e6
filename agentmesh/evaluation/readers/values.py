"""Values of foreign JSON, whatever their types turn out to be: a text, a time, a role, tool calls."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from agentmesh.evaluation.readers.trace import Call, Role

ROLES: Mapping[str, Role] = {
    "assistant": "assistant",
    "agent": "agent",
    "user": "user",
    "tool": "tool",
    "system": "system",
    "ai": "assistant",
    "model": "assistant",
    "human": "user",
    "function": "tool",
    "developer": "system",
}
SPEAKERS: Mapping[Role, str] = {"assistant": "assistant", "agent": "agent", "user": "user", "tool": "tool"}
"""Who speaks in a role, where nothing says it."""
_HIDDEN = frozenset({"reasoning", "thinking", "redacted_thinking", "tool_use", "tool_call", "tool_result"})
"""Parts of a message that nobody else reads, or that are read elsewhere."""
_SURROGATE = re.compile("[\ud800-\udfff]")
DEEPEST = 100
"""JSON that is nested deeper than this is not read: no trace is, and whatever walks it may then do so by recursion."""


def parsed(text: str) -> Any:
    """A JSON value, with every text in it fit to be written. Raises: ValueError, also if it is nested too deep."""
    try:
        value = json.loads(text, parse_constant=lambda _: None)
    except RecursionError:
        raise ValueError("nested too deep") from None
    level: list[Any] = [[value]]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) is dict or type(inner) is list
        ]
        if not level:
            return _mended(value) if "\\ud" in text or "\\uD" in text else value
    raise ValueError("nested too deep")


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isascii() else _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_mended(one) for one in value]
    if isinstance(value, dict):
        return {_mended(key): _mended(one) for key, one in value.items()}
    return value


def text(value: Any) -> str:
    """What a message says: its text, the texts of its parts, or its JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, list):
        return "\n".join(filter(None, map(_part, value)))
    return _part(value) if isinstance(value, dict) else str(value)


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        return "" if part is None else str(part)
    kind = part.get("type")
    if isinstance(kind, str) and kind in _HIDDEN:
        return ""
    for key in ("text", "content", "refusal", "output"):
        inner = part.get(key)
        if isinstance(inner, str):
            return inner
    if isinstance(kind, str) and kind != "text":
        return f"[{kind}]"
    return written(part)


def written(value: Any) -> str:
    """A value as JSON; a text as it is."""
    return value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False)


def plain(value: Any) -> Any:
    """What every reader of JSON can read: no infinite numbers."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [plain(one) for one in value]
    return {key: plain(one) for key, one in value.items()} if isinstance(value, dict) else value


def name(*values: Any) -> str:
    """The first that can be a name, or no name."""
    for value in values:
        if isinstance(value, str) and value.strip():
            return value.strip()
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return ""


def role(value: Any) -> Role | None:
    """A role under any of its names; None for what is none."""
    return ROLES.get(value) if isinstance(value, str) else None


def seconds(value: Any) -> float | None:
    """A time in seconds: from a number, or from ISO 8601, which means UTC where it names no zone."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        found = float(value) if isinstance(value, (int, float)) else _of_text(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def _of_text(value: Any) -> float:
    if not isinstance(value, str):
        raise ValueError("not a time")  # noqa: TRY004 - the caller tells no kinds of nonsense apart
    try:
        return float(value)
    except ValueError:
        moment = datetime.fromisoformat(value.strip())
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list, or none."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def call(value: Mapping[str, Any]) -> Call | None:
    """A tool call, as any of the formats spells it; None without a name."""
    inner = value.get("function")
    about = inner if isinstance(inner, dict) else value
    called = name(about.get("name"), inner, about.get("tool"))
    return Call(called, arguments(first(about, "arguments", "args", "input"))) if called else None


def calls(value: Any) -> tuple[Call, ...]:
    """The tool calls of a list, without those that name no tool."""
    return tuple(found for one in objects(value) if (found := call(one)) is not None)


def arguments(value: Any) -> dict[str, Any] | str:
    """Arguments as an object, also when they come as its JSON; anything else as its text."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = parsed(value)
        except ValueError:
            return str(value)
    if value is None:
        return {}
    kept = plain(value)
    return kept if isinstance(kept, dict) else written(kept)


def first(value: Mapping[str, Any], *keys: str) -> Any:
    """What stands under the first of the keys that is there and not null."""
    return next((value[key] for key in keys if value.get(key) is not None), None)


def names(values: Iterable[Any]) -> tuple[str, ...]:
    """Those that can be names, each once."""
    return tuple(dict.fromkeys(filter(None, map(name, values))))
