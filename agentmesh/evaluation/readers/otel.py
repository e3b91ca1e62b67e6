"""OpenTelemetry GenAI spans: OTLP in JSON (one export per line, or one file), and the SDK's console exporter.

Spans of a conversation, or else of a trace, are one trace here, in the order of their times; so a file's spans are held
until its end. Each call's input repeats what came before it: what is known is not told again. Without captured content,
tool calls are all that is left. Names of attributes: the GenAI semantic conventions of 2026, and those that numbered
messages (`gen_ai.prompt.0.content`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from agentmesh.evaluation.readers.source import Source
from agentmesh.evaluation.readers.spans import Span, are_spans, spans
from agentmesh.evaluation.readers.told import Said, Told
from agentmesh.evaluation.readers.trace import Call, Fault, Read, Reader
from agentmesh.evaluation.readers.values import (
    SPEAKERS,
    arguments,
    call,
    first,
    name,
    objects,
    parsed,
    role,
    text,
)

CHATS = ("chat", "generate_content", "text_completion")
OUTER = ("invoke_agent", "invoke_workflow", "create_agent")
TOOL = "execute_tool"
_NUMBERED = re.compile(r"gen_ai\.(prompt|completion)\.(\d{1,6})\.(role|content|tool_calls\.\d+\.(?:id|name|arguments))")


def read(source: Source) -> Read:
    """One trace for each conversation, in the order in which the file first tells of them."""
    found: dict[str, list[Span]] = defaultdict(list)
    line = 0
    for document in source.documents():
        if isinstance(document, Fault):
            yield document
            continue
        line, none = document.line, True
        for span in spans(document.value):
            found[span.trace].append(span)
            none = False
        if none and not are_spans(document.value):
            yield Fault(line, "no spans: neither `resourceSpans` nor a span with its trace and span ids")
    talks: dict[str, list[Span]] = defaultdict(list)
    for trace, held in found.items():
        named = (name(span.attributes.get("gen_ai.conversation.id")) for span in held)
        talks[next(filter(None, named), trace)] += held
    for id_, held in talks.items():
        if any(span.operation or span.attributes for span in held):
            yield _Talk(id_ or source.name, held).told()


class _Moment(NamedTuple):
    """When a span begins or ends. Spans are numbered by their beginnings."""

    time: float
    number: int
    ends: bool


class _Talk:
    def __init__(self, id_: str, held: Sequence[Span]) -> None:
        self._spans = sorted(held, key=lambda span: span.start or span.end or 0.0)
        self._by_id = {span.id: span for span in self._spans if span.id}
        self._telling = {above.id for span in self._spans if _is_telling(span) for above in self._above(span)}
        """Spans with a call below them that tells what was said."""
        self._run = Told(id_)

    def told(self) -> Any:
        """The trace of these spans."""
        for moment in sorted(self._moments()):
            span = self._spans[moment.number]
            if span.operation == TOOL:
                self._tool(span, moment)
            else:
                self._talk(span, moment)
        return self._run.draft.done()

    def _moments(self) -> Iterator[_Moment]:
        for number, span in enumerate(self._spans):
            start = _first(span.start, span.end, 0.0)
            yield _Moment(start, number, ends=False)
            yield _Moment(max(start, _first(span.end, start)), number, ends=True)

    def _talk(self, span: Span, moment: _Moment) -> None:
        agents = self._agents(span)
        agent = agents[0] if agents else SPEAKERS["assistant"]
        if span.operation == "invoke_workflow" and not agents:
            agent = ""
        if not moment.ends:
            self._run.hear(agent, _heard(span.attributes), moment.time, above=agents[1] if agents[1:] else "")
        elif not (span.operation in OUTER and span.id in self._telling):
            for said in _said(span.attributes):
                self._run.say(agent or SPEAKERS["assistant"], said, moment.time)

    def _tool(self, span: Span, moment: _Moment) -> None:
        get = span.attributes.get
        agents = self._agents(span)
        agent = agents[0] if agents else SPEAKERS["assistant"]
        tool, id_ = name(get("gen_ai.tool.name")) or SPEAKERS["tool"], name(get("gen_ai.tool.call.id"))
        if not moment.ends:
            given = Call(tool, arguments(get("gen_ai.tool.call.arguments")))
            self._run.call(agent, id_, given, moment.time)
            return
        result = get("gen_ai.tool.call.result")
        if result is not None or not self._telling:
            self._run.result(agent, Said("tool", text(_loaded(result)), name=tool, answers=id_), moment.time)

    def _above(self, span: Span) -> Iterator[Span]:
        """The spans around a span, from the inside; a ring of parents ends."""
        seen = {span.id}
        while (parent := self._by_id.get(span.parent)) is not None and parent.id not in seen:
            seen.add(parent.id)
            yield parent
            span = parent

    def _agents(self, span: Span) -> list[str]:
        """Whose span it is, then who set that agent to work, and so on."""
        named = [name(one.attributes.get("gen_ai.agent.name")) for one in (span, *self._above(span))]
        return list(dict.fromkeys(filter(None, named)))


def _first(*times: float | None) -> float:
    """The first time that is known."""
    return next((time for time in times if time is not None), 0.0)


def _is_telling(span: Span) -> bool:
    return span.operation not in OUTER and span.operation != TOOL and any(_said(span.attributes))


def _heard(attributes: Mapping[str, Any]) -> Iterator[Said]:
    instructions = _loaded(attributes.get("gen_ai.system_instructions"))
    if instructions:
        yield Said("system", text(instructions))
    yield from _messages(attributes, "gen_ai.input.messages", "prompt")


def _said(attributes: Mapping[str, Any]) -> Iterator[Said]:
    yield from _messages(attributes, "gen_ai.output.messages", "completion")


def _messages(attributes: Mapping[str, Any], key: str, old: str) -> Iterator[Said]:
    given = _loaded(attributes.get(key))
    for message in objects(given) if given is not None else _numbered(attributes, old):
        yield from _of_message(message)


def _of_message(message: Mapping[str, Any]) -> Iterator[Said]:
    """A message; the results of tools in it one by one."""
    parts = first(message, "parts", "content")
    listed = objects(parts)
    speaks = role(message.get("role")) or "assistant"
    named = name(message.get("name"))
    for part in listed:
        if part.get("type") == "tool_call_response":
            yield Said("tool", text(_loaded(first(part, "response", "result"))), answers=name(part.get("id")))
    wanted = [part for part in listed if part.get("type") == "tool_call"] or objects(message.get("tool_calls"))
    made = tuple((name(one.get("id")), found) for one in wanted if (found := call(one)) is not None)
    said = text(parts)
    if speaks == "tool" and said and not any(part.get("type") == "tool_call_response" for part in listed):
        yield Said("tool", said, name=named, answers=name(message.get("tool_call_id")))
    elif speaks != "tool" and (said or made):
        yield Said(speaks, said, made, name=named)


def _numbered(attributes: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    """Messages as they were written before: one attribute for each field of each message."""
    messages: dict[int, dict[str, Any]] = defaultdict(dict)
    for key, value in attributes.items():
        found = _NUMBERED.fullmatch(key)
        if found is None or found[1] != kind:
            continue
        message, field = messages[int(found[2])], found[3]
        if field.startswith("tool_calls."):
            _, at, part = field.split(".")
            message.setdefault("calls", defaultdict(dict))[at][part] = value
        else:
            message[field] = value
    for message in messages.values():
        message["tool_calls"] = list(message.pop("calls", {}).values())
    return [messages[at] for at in sorted(messages)]


def _loaded(value: Any) -> Any:
    """Content is JSON in a text where attributes cannot be structured."""
    if isinstance(value, str) and value[:1] in ("[", "{", '"'):
        try:
            return parsed(value)
        except ValueError:
            return value
    return value


OTEL = Reader("OpenTelemetry GenAI spans: OTLP in JSON, or printed by the SDK", are_spans, read)
