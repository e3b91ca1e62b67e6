"""Spans of OpenTelemetry as objects, from OTLP in JSON and from what the SDK's console exporter prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agentmesh.evaluation.readers.values import first, name, objects, seconds

_SCALARS = ("stringValue", "boolValue", "doubleValue", "bytesValue")


@dataclass(frozen=True, slots=True)
class Span:
    """One span; times in seconds."""

    trace: str
    id: str
    parent: str
    start: float | None
    end: float | None
    attributes: Mapping[str, Any]

    @property
    def operation(self) -> str:
        """`chat`, `invoke_agent`, `execute_tool` ..., or nothing for what is no GenAI span."""
        return name(self.attributes.get("gen_ai.operation.name"))


def are_spans(value: Any) -> bool:
    """Whether a JSON value holds spans."""
    if isinstance(value, list):
        return any(map(are_spans, value[:8]))
    if not isinstance(value, dict):
        return False
    if isinstance(first(value, "resourceSpans", "resource_spans"), list):
        return True
    context = value.get("context")
    printed = isinstance(context, dict) and "trace_id" in context and "span_id" in context
    return printed or ("traceId" in value and "spanId" in value)


def spans(value: Any) -> Iterator[Span]:
    """The spans that a JSON value holds, in the order in which they stand there."""
    if isinstance(value, list):
        for one in value:
            yield from spans(one)
    elif isinstance(value, dict):
        for resource in objects(first(value, "resourceSpans", "resource_spans")):
            scopes = first(resource, "scopeSpans", "scope_spans", "instrumentationLibrarySpans")
            for scope in objects(scopes):
                for span in objects(scope.get("spans")):
                    yield _span(span)
        if "context" in value or "spanId" in value:
            yield _span(value)


def _span(value: Mapping[str, Any]) -> Span:
    context = value.get("context")
    ids = context if isinstance(context, dict) else value
    attributes = _attributes(value.get("attributes"))
    for event in objects(value.get("events")):
        attributes = {**_attributes(event.get("attributes")), **attributes}
    return Span(
        _id(first(ids, "traceId", "trace_id")),
        _id(first(ids, "spanId", "span_id")),
        _id(first(value, "parentSpanId", "parent_span_id", "parent_id")),
        _time(first(value, "startTimeUnixNano", "start_time_unix_nano", "start_time")),
        _time(first(value, "endTimeUnixNano", "end_time_unix_nano", "end_time")),
        {key: one for key, one in attributes.items() if key.startswith("gen_ai.")},
    )


def _id(value: Any) -> str:
    return name(value).removeprefix("0x").lower()


def _time(value: Any) -> float | None:
    """Nanoseconds as OTLP writes them, or ISO 8601."""
    found = seconds(value)
    return found / 1e9 if found is not None and found > 1e14 else found


def _attributes(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    return {one["key"]: _any_value(one.get("value")) for one in objects(value) if isinstance(one.get("key"), str)}


def _any_value(value: Any) -> Any:
    """A value of OTLP, which says its type by its key."""
    if not isinstance(value, dict):
        return value
    if "intValue" in value:
        return value["intValue"]
    if isinstance(held := value.get("arrayValue"), dict):
        return [_any_value(one) for one in held.get("values") or ()] if isinstance(held.get("values"), list) else []
    if isinstance(held := value.get("kvlistValue"), dict):
        return _attributes(held.get("values"))
    return first(value, *_SCALARS)
