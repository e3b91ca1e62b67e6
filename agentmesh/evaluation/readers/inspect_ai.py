"""Inspect AI: `.eval` archives, also while they are being written, and `.json` logs. One sample is one trace.

What several agents say stands only in the model and tool events of a sample, under the spans of its agents; calls of
scorers are left out. A sample without such events is told by its messages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from agentmesh.evaluation.readers.archive import samples
from agentmesh.evaluation.readers.blocks import add_message
from agentmesh.evaluation.readers.source import Source
from agentmesh.evaluation.readers.told import Said, Told
from agentmesh.evaluation.readers.trace import Draft, Fault, Read, Reader, Trace
from agentmesh.evaluation.readers.values import SPEAKERS, call, first, name, objects, role, seconds, text

_ATTACHED = re.compile(r"attachment://([0-9a-f]+)")
_SCORING = ("scorer", "scorers")


def recognises(value: Any) -> bool:
    """Whether this is a log, or one sample of it."""
    if not isinstance(value, dict):
        return False
    return (isinstance(value.get("eval"), dict) and ("version" in value or "status" in value)) or _is_sample(value)


def read(source: Source) -> Read:
    """The samples of a log. In an archive a fault names the sample by its number."""
    if source.is_archive():
        for sample in samples(source.path):
            yield sample if isinstance(sample, Fault) else _trace(sample)
        return
    for document in source.documents():
        if isinstance(document, Fault):
            yield document
            continue
        value = document.value
        given = [value] if _is_sample(value) else value.get("samples") if isinstance(value, dict) else None
        if not isinstance(given, list):
            yield Fault(document.line, "no log of Inspect with `samples`")
            continue
        for nth, sample in enumerate(given, start=1):
            if isinstance(sample, dict):
                yield _trace(sample)
            else:
                yield Fault(document.line, f"sample {nth} is no object: left out")


def _is_sample(value: Any) -> bool:
    return isinstance(value, dict) and "epoch" in value and isinstance(value.get("messages"), list)


def _trace(sample: Mapping[str, Any]) -> Trace:
    attached = sample.get("attachments")
    log = _Log(sample, attached if isinstance(attached, dict) else {})
    return log.of_events() or log.of_messages()


class _Log:
    """One sample: long texts stand beside its events, messages that are sent often in a pool."""

    def __init__(self, sample: Mapping[str, Any], attached: Mapping[str, Any]) -> None:
        self._sample = sample
        self._attached = attached
        self._id = f"{name(sample.get('id')) or 'sample'}_epoch_{name(sample.get('epoch')) or 1}"
        pool = sample.get("events_data")
        self._pool = pool.get("messages") if isinstance(pool, dict) else None
        self._spans: dict[str, Mapping[str, Any]] = {}

    def of_messages(self) -> Trace:
        """By the messages that the sample ended with."""
        draft, callers = Draft(self._id, self._task()), dict[str, tuple[str, str]]()
        for message in objects(self._sample.get("messages")):
            add_message(draft, {**message, "content": self._text(message.get("content"))}, callers)
        return draft.done()

    def of_events(self) -> Trace | None:
        """By what the models were sent and answered; None where the log does not say it."""
        events = objects(self._sample.get("events"))
        for event in events:
            if event.get("event") == "span_begin" and (id_ := name(event.get("id"))):
                self._spans[id_] = event
        told = Told(self._id, self._task())
        models = 0
        for _, ends, event in sorted(self._moments(events), key=lambda moment: moment[0]):
            agents, scoring = self._around(event)
            if scoring:
                continue
            if event["event"] == "model":
                models += 1
                self._model(told, event, agents, ends=ends)
            else:
                self._tool(told, event, agents)
        return told.draft.done() if models else None

    def _moments(self, events: list[dict[str, Any]]) -> Iterator[tuple[float, bool, dict[str, Any]]]:
        """Calls when they begin and when they end; results of tools when they are there. Without times: as written."""
        last = 0.0
        for event in events:
            if event.get("event") not in ("model", "tool"):
                continue
            start = seconds(event.get("timestamp"))
            last = last if start is None else start
            if event["event"] == "model":
                yield last, False, event
            end = seconds(event.get("completed"))
            yield last if end is None else max(last, end), True, event

    def _model(self, told: Told, event: Mapping[str, Any], agents: list[str], *, ends: bool) -> None:
        agent = agents[0] if agents else SPEAKERS["assistant"]
        if not ends:
            heard = map(self._said, self._input(event))
            told.hear(agent, heard, seconds(event.get("timestamp")), above=agents[1] if agents[1:] else "")
            return
        output = event.get("output")
        for choice in objects(output.get("choices") if isinstance(output, dict) else None)[:1]:
            if isinstance(choice.get("message"), dict):
                told.say(agent, self._said(choice["message"]), seconds(event.get("completed")))

    def _tool(self, told: Told, event: Mapping[str, Any], agents: list[str]) -> None:
        error = event.get("error")
        content = self._text(event.get("result")) or text(error.get("message") if isinstance(error, dict) else error)
        said = Said(
            "tool", content, (), name(event.get("message_id")), name(event.get("function")), name(event.get("id"))
        )
        agent = agents[0] if agents else SPEAKERS["assistant"]
        made = call(event)
        if made is not None:
            told.call(agent, said.answers, made, seconds(event.get("timestamp")))
        told.result(agent, said, seconds(event.get("completed")))

    def _said(self, message: Mapping[str, Any]) -> Said:
        made = [(name(one.get("id")), call(one)) for one in objects(message.get("tool_calls"))]
        return Said(
            role(message.get("role")) or "user",
            self._text(message.get("content")),
            tuple((id_, found) for id_, found in made if found is not None),
            name(message.get("id")),
            name(message.get("function")),
            name(message.get("tool_call_id")),
        )

    def _input(self, event: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What a model was sent: written out, or as ranges of the pool."""
        refs = event.get("input_refs")
        if not isinstance(refs, list) or not isinstance(self._pool, list):
            return objects(event.get("input"))
        found: list[Any] = []
        for ref in refs:
            if isinstance(ref, list) and len(ref) == 2 and all(type(end) is int for end in ref):
                found += self._pool[max(0, ref[0]) : max(0, ref[1])]
        return objects(found)

    def _around(self, event: Mapping[str, Any]) -> tuple[list[str], bool]:
        """The agents in whose spans an event stands, from the inside, and whether a scorer's span is among them."""
        agents: list[str] = []
        scoring, seen, at = False, set[str](), name(event.get("span_id"))
        while at in self._spans and at not in seen:
            seen.add(at)
            span = self._spans[at]
            kind = span.get("type")
            if kind == "agent" and (found := name(span.get("name"))):
                agents.append(found)
            scoring = scoring or kind in _SCORING
            at = name(span.get("parent_id"))
        return list(dict.fromkeys(agents)), scoring

    def _task(self) -> str:
        given = self._sample.get("input")
        if isinstance(given, list):
            users = [one.get("content") for one in objects(given) if one.get("role") == "user"]
            given = users[-1] if users else given
        return self._text(given)

    def _text(self, value: Any) -> str:
        found = text(value)
        if "attachment://" not in found:
            return found
        return _ATTACHED.sub(lambda ref: text(first(self._attached, ref[1])) or ref[0], found)


INSPECT = Reader("Inspect AI: a log as `.eval` or `.json`", recognises, read)
