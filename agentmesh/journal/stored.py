"""Events as they are stored: long texts apart, so that what was said once is stored once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import NamedTuple

from pydantic_core import to_json

from agentmesh.events import Event, event_from_json

SHORT = 64
"""Texts below this many characters stay in their event: a reference would cost as much."""

_LONG: Mapping[str, tuple[str, ...]] = {
    "run_started": ("task", "parts"),
    "run_ended": ("answer",),
    "phase_started": ("edges",),
    "topology_changed": ("edges", "removed"),
    "notice": ("content",),
    "context_started": ("system", "recipients"),
    "model_call_finished": ("content", "tool_calls"),
    "tool_call_started": ("arguments",),
    "tool_call_finished": ("arguments", "result"),
    "message_proposed": ("content", "parts"),
    "message_transformed": ("content",),
    "message_delivered": ("content", "parts"),
    "message_refused": ("content", "allowed"),
    "message_withheld": ("content", "allowed"),
    "board_written": ("content",),
    "task_changed": ("task", "summary"),
    "question": ("content",),
    "answered": ("content",),
    "turn_ended": ("reply", "parts"),
}
"""The fields of each type of event that may be long: at most two."""


class Stored(NamedTuple):
    """An event without its run and its long fields, and those, each as JSON."""

    body: str
    long: tuple[tuple[str, str], ...]

    def check(self, before: bytes) -> bytes:
        """A checksum of the event and, through that of the event before it, of the whole log so far."""
        digest = hashlib.blake2b(before, digest_size=8)
        digest.update(self.body.encode("utf-8", "surrogatepass"))
        for name, text in self.long:
            digest.update(f"\0{name}\0{text}".encode("utf-8", "surrogatepass"))
        return digest.digest()

    def says(self, id_: int, type_: str) -> bool:
        """Whether the event is the one that it is filed as."""
        return self.body.startswith(f'{{"id":{id_},"type":"{type_}",')


FIRST_CHECK = b""
"""What stands before the first event."""


def stored(event: Event) -> Stored:
    """An event as it is written. Raises: pydantic_core.PydanticSerializationError if it holds what JSON cannot."""
    long = []
    left_out = {"run_id"}
    for name in _LONG.get(event.type, ()):
        value = getattr(event, name)
        if not value or (isinstance(value, str) and len(value) < SHORT):
            continue
        text = to_json(value).decode()
        if len(text) >= SHORT:
            long.append((name, text))
            left_out.add(name)
    return Stored(event.__pydantic_serializer__.to_json(event, exclude=left_out).decode(), tuple(long))


def read(run_id: str, what: Stored) -> Event:
    """The event that was written. Raises: pydantic.ValidationError if nobody could have written it."""
    fields = [f'"run_id":{json.dumps(run_id)}', *(f"{json.dumps(name)}:{text}" for name, text in what.long)]
    return event_from_json(f"{what.body[:-1]},{','.join(fields)}}}")


def storable(text: str) -> str:
    """A text as UTF-8 can hold it: halves of a character joined where both are there, else U+FFFD for each."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
