"""OpenAI-style chat logs: `{"messages": [...]}` per line, as for fine-tuning; batches; one list; one message per line.

The `name` of a message says which agent speaks; a message of the user with a name is that agent's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agentmesh.evaluation.readers.blocks import add_message
from agentmesh.evaluation.readers.source import Document, Source
from agentmesh.evaluation.readers.trace import Draft, Fault, Read, Reader
from agentmesh.evaluation.readers.values import first, name, objects, role

_SAID = ("content", "tool_calls", "function_call", "refusal", "tool_call_id")
_AROUND = ("body", "request", "input", "kwargs")


def is_message(value: Any) -> bool:
    """Whether this is one message."""
    return isinstance(value, dict) and role(value.get("role")) is not None and any(key in value for key in _SAID)


def recognises(value: Any) -> bool:
    """Whether this is a message, a conversation, or an array of either."""
    if isinstance(value, list):
        return any(map(recognises, value[:8]))
    return is_message(value) or _messages(value) is not None


def read(source: Source) -> Read:
    """One trace for each conversation. Messages that stand in lines of their own are one conversation."""
    loose = Draft("")
    callers: dict[str, tuple[str, str]] = {}
    for record in _records(source):
        if isinstance(record, Fault):
            yield record
        elif is_message(record.value):
            loose.id = loose.id or source.label(record)
            add_message(loose, record.value, callers)
        else:
            yield from _conversation(record, source)
    if loose.events:
        yield loose.done()


def _records(source: Source) -> Iterator[Document | Fault]:
    """Conversations and loose messages; an array that holds messages is one conversation."""
    for document in source.documents():
        if isinstance(document, Fault) or not isinstance(document.value, list):
            yield document
        elif any(map(is_message, document.value)):
            yield Document(document.line, {"messages": document.value})
        else:
            for nth, value in enumerate(document.value, start=1):
                yield Document(document.line, {"messages": value} if isinstance(value, list) else value, nth)


def _conversation(record: Document, source: Source) -> Read:
    messages = _messages(record.value)
    if messages is None:
        yield Fault(record.line, "no conversation: an object with a list `messages` is needed")
        return
    id_ = name(*(record.value.get(key) for key in ("id", "custom_id", "conversation_id")))
    draft, callers = Draft(id_ or source.label(record)), dict[str, tuple[str, str]]()
    taken = sum(isinstance(message, dict) and add_message(draft, message, callers) for message in messages)
    if taken < len(messages):
        yield Fault(record.line, f"{len(messages) - taken} of {len(messages)} messages have no role: left out")
    yield draft.done()


def _messages(value: Any) -> list[Any] | None:
    """The messages of a conversation, with the answer where a log keeps it beside the request."""
    if not isinstance(value, dict):
        return None
    given = value.get("messages")
    for key in _AROUND:
        inner = value.get(key)
        if given is None and isinstance(inner, dict):
            given = inner.get("messages")
    return [*given, *_replies(value)] if isinstance(given, list) else None


def _replies(value: dict[str, Any]) -> list[Any]:
    answer = first(value, "response", "output") or value
    answer = answer.get("body", answer) if isinstance(answer, dict) else {}
    choices = objects(answer.get("choices")) if isinstance(answer, dict) else []
    return [choice["message"] for choice in choices[:1] if is_message(choice.get("message"))]


OPENAI = Reader("OpenAI-style chat logs: `messages` with `role`", recognises, read)
