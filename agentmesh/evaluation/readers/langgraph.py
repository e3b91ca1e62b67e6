"""LangGraph: what `graph.stream` and `graph.invoke` give, and states of threads, saved as JSON.

Messages may be written by `messages_to_dict`, `langchain_core.load.dumps` or `model_dump`. A file of update chunks is
one run: the node that wrote a message is its agent, unless the message has a name. Of states, and of streamed values,
those that continue one another are one trace. Chunks of `stream_mode="messages"` are parts of messages, and left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from agentmesh.evaluation.readers.blocks import add_result, called, remember
from agentmesh.evaluation.readers.source import Document, Source
from agentmesh.evaluation.readers.trace import Draft, Fault, Read, Reader
from agentmesh.evaluation.readers.values import SPEAKERS, calls, name, objects, role, seconds, text

_TYPES = ("human", "ai", "system", "tool", "function", "chat", "remove", "developer", "AIMessageChunk")
_CLASSES = {"AIMessageChunk": "ai", "HumanMessageChunk": "human", "ToolMessageChunk": "tool"}


class Step(NamedTuple):
    """Messages that one chunk or state holds. `node`: who wrote those that are new; `whole`: a state, not a change."""

    messages: list[dict[str, Any]]
    node: str
    whole: bool
    ts: float | None = None
    left_out: int = 0


def recognises(value: Any) -> bool:
    """Whether this is a message, a state, a chunk of updates, or an array of them."""
    if is_message(value):
        return True
    if isinstance(value, list) and any(map(recognises, value[:8])):
        return True
    steps = list(_steps(value))
    return any(step.messages for step in steps)


def is_message(value: Any) -> bool:
    """Whether this is one message of LangChain, in any of its three spellings."""
    if not isinstance(value, dict):
        return False
    if value.get("lc") == 1:
        return isinstance(value.get("kwargs"), dict) and "content" in value["kwargs"]
    return value.get("type") in _TYPES and ("content" in value or isinstance(value.get("data"), dict))


def read(source: Source) -> Read:
    """One trace for each run or thread that the file holds."""
    thread: _Thread | None = None
    for document in source.documents():
        if isinstance(document, Fault):
            yield document
            continue
        steps = list(_in_order(document))
        if not steps and not _is_change(document.value):
            yield Fault(document.line, "neither a message nor a state, nor a change of one")
        for nth, step in enumerate(steps):
            if step.left_out:
                yield Fault(document.line, f"{step.left_out} messages have no type: left out")
            if thread is not None and not thread.goes_on(step):
                yield thread.draft.done()
                thread = None
            if thread is None:
                thread = _Thread(source.label(document._replace(nth=nth)))
            thread.add(step)
    if thread is not None:
        yield thread.draft.done()


class _Thread:
    """One run: messages that come again, in a longer state or in a subgraph's update, are told once."""

    def __init__(self, label: str) -> None:
        self.draft = Draft(label)
        self._keys: list[str] = []
        self._seen: set[str] = set()
        self._callers: dict[str, tuple[str, str]] = {}

    def goes_on(self, step: Step) -> bool:
        """Whether this belongs to the same run: a change does, a state if it shares messages or extends them."""
        if not step.whole or not step.messages or not self._keys:
            return True
        keys = _keys(step.messages)
        shorter = min(len(keys), len(self._keys))
        return keys[:shorter] == self._keys[:shorter] or any(key in self._seen for key in keys if key[0] != "{")

    def add(self, step: Step) -> None:
        """The messages that are new."""
        before = self._keys if step.whole else []
        for at, (message, key) in enumerate(zip(step.messages, _keys(step.messages), strict=True)):
            known = at < len(before) and before[at] == key if key[0] == "{" else key in self._seen
            if not known:
                self._seen.add(key)
                self._keys.append(key)
                self._tell(message, step)

    def _tell(self, message: Mapping[str, Any], step: Step) -> None:
        speaks = role(message.get("type")) or role(message.get("role")) or "agent"
        if speaks == "tool":
            add_result(self.draft, message, self._callers, step.ts)
            return
        named = name(message.get("name"))
        sender = named or (step.node if speaks == "assistant" else "") or SPEAKERS.get(speaks, speaks)
        if speaks == "user" and named and named != SPEAKERS["user"]:
            speaks = "agent"
        blocks = objects(message.get("content"))
        given = called(message, blocks) + calls(message.get("invalid_tool_calls"))
        for one in (message.get("tool_calls"), blocks, message.get("invalid_tool_calls")):
            remember(self._callers, one, sender)
        self.draft.add(sender, speaks, text(message.get("content")), calls=given, ts=step.ts)


def _keys(messages: Iterable[Mapping[str, Any]]) -> list[str]:
    """What tells messages apart: their ids, or all they hold."""
    return [name(message.get("id")).lstrip("{") or json.dumps(message, sort_keys=True) for message in messages]


def _in_order(document: Document) -> Iterator[Step]:
    """The steps of a document in the order in which they happened: the history of a thread comes newest first."""
    value = document.value
    if not (isinstance(value, list) and value and all(map(_is_snapshot, value))):
        yield from _steps(value)
        return
    numbers = [_step_number(one) for one in value]
    ordered = value[::-1] if numbers[0] > numbers[-1] else value
    node = ""
    for snapshot in ordered:
        for step in _steps(snapshot):
            yield step._replace(node=node)
        ahead = snapshot.get("next")
        node = name(*ahead) if isinstance(ahead, list) and len(ahead) == 1 else ""


def _is_snapshot(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("values"), (dict, list)) and "next" in value


def _step_number(snapshot: Mapping[str, Any]) -> int:
    about = snapshot.get("metadata")
    number = about.get("step") if isinstance(about, dict) else None
    return number if isinstance(number, int) else 0


def _steps(value: Any) -> Iterator[Step]:
    if is_message(value):
        yield _step([value], "", whole=False)
    elif isinstance(value, list):
        yield from _steps_of_list(value)
    elif isinstance(value, dict):
        yield from _steps_of_object(value)


def _steps_of_list(value: Sequence[Any]) -> Iterator[Step]:
    """Messages, or chunks; also one chunk behind the path of its subgraph, or behind its mode."""
    if any(map(is_message, value)):
        yield _step(value, "", whole=True)
        return
    for one in value:
        if isinstance(one, (dict, list)):
            yield from _steps(one)


def _steps_of_object(value: Mapping[str, Any]) -> Iterator[Step]:
    if isinstance(value.get("messages"), list):
        yield _step(value["messages"], "", whole=True)
    elif isinstance(value.get("values"), dict):
        for step in _steps_of_object(value["values"]):
            yield step._replace(ts=seconds(value.get("created_at")))
    elif value.get("type") in ("updates", "values") or value.get("event") in ("updates", "values"):
        yield from _steps(value.get("data"))
    else:
        for node, change in value.items():
            for one in change if isinstance(change, list) else [change]:
                written = one.get("messages") if isinstance(one, dict) else None
                if written is not None:
                    yield _step(written if isinstance(written, list) else [written], node, whole=False)


def _is_change(value: Any) -> bool:
    """Whether this may be a chunk of nodes that wrote no messages, or of another mode."""
    if isinstance(value, dict):
        changes = value.get("data", value) if "type" in value or "event" in value else value
        return isinstance(changes, dict) and all(
            one is None or isinstance(one, (dict, list)) for one in changes.values()
        )
    return isinstance(value, list) and all(map(_is_change, value[1:]))


def _step(messages: Sequence[Any], node: str, *, whole: bool) -> Step:
    kept = [_plain(message) for message in messages if is_message(message)]
    kept = [message for message in kept if message.get("type") != "remove"]
    return Step(kept, node, whole, left_out=sum(not is_message(message) for message in messages))


def _plain(message: dict[str, Any]) -> dict[str, Any]:
    """A message in the spelling of `model_dump`."""
    found = message
    if message.get("lc") == 1:
        path = message.get("id")
        kind = str(path[-1]) if isinstance(path, list) and path else ""
        found = {"type": kind.removesuffix("Chunk").removesuffix("Message").lower(), **message["kwargs"]}
    elif isinstance(message.get("data"), dict):
        found = {"type": message["type"], **message["data"]}
    return {**found, "type": _CLASSES.get(name(found.get("type")), found.get("type"))}


LANGGRAPH = Reader("LangGraph: chunks of updates or values, states, messages", recognises, read)
