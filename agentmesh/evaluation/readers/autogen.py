"""AutoGen AgentChat: a TaskResult, the messages of `run_stream` one per line, a saved state of a team or an agent.

A thought before a tool call is what the agent says as it calls. Other thoughts, parts of streamed messages and events
of choosing a speaker are said to nobody, and are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agentmesh.evaluation.readers.blocks import add_result, remember
from agentmesh.evaluation.readers.source import Source
from agentmesh.evaluation.readers.trace import Draft, Fault, Read, Reader
from agentmesh.evaluation.readers.values import SPEAKERS, calls, name, objects, seconds, text

_UNSAID = (
    "ThoughtEvent",
    "UserInputRequestedEvent",
    "ModelClientStreamingChunkEvent",
    "SelectSpeakerEvent",
    "SelectorEvent",
)
_RESULTS = ("ToolCallExecutionEvent", "FunctionExecutionResultMessage")
_SUFFIXES = ("Message", "Event")


def is_message(value: Any) -> bool:
    """Whether this is one message or event of AutoGen."""
    if not isinstance(value, dict):
        return False
    kind = value.get("type")
    typed = isinstance(kind, str) and kind.endswith(_SUFFIXES) and ("content" in value or "result" in value)
    return typed or (isinstance(value.get("source"), str) and "content" in value and "role" not in value)


def recognises(value: Any) -> bool:
    """Whether this is a message, a result, a state, or an array of them."""
    if isinstance(value, list):
        return any(map(recognises, value[:8]))
    if not isinstance(value, dict):
        return False
    return is_message(value) or "agent_states" in value or "llm_context" in value or any(map(is_message, _said(value)))


def read(source: Source) -> Read:
    """One trace for each result, state, or run of messages."""
    run: _Run | None = None
    for record in _records(source):
        if isinstance(record, Fault):
            yield record
            continue
        line, label, value = record
        if is_message(value):
            run = run or _Run(label)
            run.add(value)
            continue
        said = _said(value)
        if run is not None and not run.ends_with(said):
            yield run.draft.done()
            run = None
        if not said and not _is_empty(value):
            yield Fault(line, "neither a message with `source`, nor a result or a state with messages")
            continue
        run = run or _Run(label)
        taken = sum(run.add(message) for message in said if is_message(message))
        if left_out := len(said) - taken:
            yield Fault(line, f"{left_out} of {len(said)} messages are none: left out")
        yield run.draft.done()
        run = None
    if run is not None:
        yield run.draft.done()


def _records(source: Source) -> Iterator[tuple[int, str, Any] | Fault]:
    """Messages one by one, results and states; an array that holds messages is one result."""
    for document in source.documents():
        if isinstance(document, Fault):
            yield document
        elif isinstance(document.value, list) and any(map(is_message, document.value)):
            yield document.line, source.label(document), {"messages": document.value}
        else:
            values = document.value if isinstance(document.value, list) else [document.value]
            for nth, value in enumerate(values):
                yield document.line, source.label(document._replace(nth=nth)), value


def _said(value: Any) -> list[Any]:
    """The messages of a result or of a state: those of the team, or what one agent remembers."""
    if not isinstance(value, dict):
        return []
    states = value.get("agent_states")
    if isinstance(states, dict):
        threads = [_listed(one, "message_thread") for one in states.values()]
        contexts = [_said(one.get("agent_state")) for one in states.values() if isinstance(one, dict)]
        return max(threads, key=len, default=[]) or max(contexts, key=len, default=[])
    for key in ("messages", "message_thread"):
        if found := _listed(value, key):
            return found
    return _listed(value.get("llm_context"), "messages")


def _listed(value: Any, key: str) -> list[Any]:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []


def _is_empty(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    return isinstance(value.get("messages"), list) or "agent_states" in value or "llm_context" in value


class _Run:
    """One run of a team; a message that comes again with the same id is told once."""

    def __init__(self, label: str) -> None:
        self.draft = Draft(label)
        self._seen: set[str] = set()
        self._callers: dict[str, tuple[str, str]] = {}
        self._thought = ("", "")

    def ends_with(self, said: list[Any]) -> bool:
        """Whether a result repeats what was streamed before it."""
        return any(isinstance(message, dict) and name(message.get("id")) in self._seen for message in said)

    def add(self, message: Mapping[str, Any]) -> bool:
        """One message or event; always True, so that they can be counted."""
        id_, kind = name(message.get("id")), message.get("type")
        if id_ and id_ in self._seen:
            return True
        self._seen.update([id_] * bool(id_))
        source = name(message.get("source"))
        if kind in _UNSAID:
            if kind == "ThoughtEvent":
                self._thought = (source, text(message.get("content")))
            return True
        self._tell(message, kind, source)
        self._thought = ("", "")
        return True

    def _tell(self, message: Mapping[str, Any], kind: Any, source: str) -> None:
        content, ts = message.get("content"), seconds(message.get("created_at"))
        entries = objects(content)
        if kind in _RESULTS or any("call_id" in entry for entry in entries):
            for entry in entries:
                add_result(self.draft, entry, self._callers, ts)
            return
        if kind in ("CodeExecutionEvent", "MemoryQueryEvent"):
            sender = "memory" if kind == "MemoryQueryEvent" else "code"
            output = message.get("result", content)
            self.draft.add(sender, "tool", text(output), recipients=(source,) if source else None, ts=ts)
            return
        made = calls([entry for entry in entries if "arguments" in entry])
        user = (kind == "UserMessage" and not source) or source == SPEAKERS["user"]
        if kind == "SystemMessage":
            self.draft.add("system", "system", text(content), ts=ts)
            return
        sender = source or (SPEAKERS["user"] if user else SPEAKERS["assistant"])
        remember(self._callers, content, sender)
        target = name(message.get("target"))
        self.draft.add(
            sender,
            "user" if user else "assistant",
            self._words(message, source) if made else text(content),
            recipients=(target,) if target else None,
            calls=made,
            ts=ts,
        )

    def _words(self, message: Mapping[str, Any], source: str) -> str:
        """What is said beside tool calls."""
        return text(message.get("thought")) or (self._thought[1] if self._thought[0] == source else "")


AUTOGEN = Reader("AutoGen AgentChat: a TaskResult, streamed messages, a saved state", recognises, read)
