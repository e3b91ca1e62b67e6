"""Varying teams: asked for a child of some parents, a simulated model gives one agent a way that it has not yet.

With several parents it takes what one of the others writes instead, half of the time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from agentmesh.providers.simulated.reading import Reading
from agentmesh.providers.simulated.riddles import KINDS
from agentmesh.providers.simulated.skill import Mind

_ASKED = {"places", "parents", "tried_and_lost"}
_ANY = "any text"
_WAYS = tuple(kind.way for kind in KINDS.values())


def varied(reading: Reading, mind: Mind) -> str | None:
    """The child as JSON; None where something else is asked for."""
    if reading.schema is None or set(reading.schema.get("properties", ())) != {"changes", "why"}:
        return None
    question = reading.messages[0].text if reading.messages else ""
    try:
        asked = json.loads(question)
    except ValueError:
        return None
    if not isinstance(asked, dict) or not set(asked) >= _ASKED or not asked["parents"]:
        return None
    first, *others = asked["parents"]
    luck = [mind.draw(question, reading.replies, about) for about in ("place", "way", "whose")]
    crossed = _crossed(first["writes"], others, luck) if others and luck[2] < 0.5 else None
    path, value, why = crossed or _mutated(asked["places"], first["writes"], luck)
    return json.dumps({"changes": [{"path": path, "value": value}], "why": why}, ensure_ascii=False)


def _crossed(
    own: Mapping[str, Any], others: Sequence[Mapping[str, Any]], luck: Sequence[float]
) -> tuple[str, str, str] | None:
    found = [(one["name"], path, value) for one in others for path, value in one["writes"].items()
             if value is not None and value != own.get(path)]  # fmt: skip
    if not found:
        return None
    name, path, value = _nth(found, luck[0])
    return path, str(value), f"{name} has it, and the first parent has not"


def _mutated(places: Mapping[str, Any], own: Mapping[str, Any], luck: Sequence[float]) -> tuple[str, str, str]:
    path = _nth(list(places), luck[0])
    if places[path] != _ANY:
        return path, str(_nth([one for one in places[path] if one != own.get(path)] or places[path], luck[1])), "to see"
    known = " ".join(str(text) for text in own.values()).lower()
    way = _nth([way for way in _WAYS if way not in known] or list(_WAYS), luck[1])
    text = str(own.get(path) or "")
    for old in _WAYS:
        text = text.replace(f"{old.capitalize()}.", "")
    return path, f"{text.strip()} {way.capitalize()}.".strip(), f"nobody is told to {way}"


def _nth(values: Sequence[Any], luck: float) -> Any:
    return values[int(luck * len(values))]
