"""A structured answer: JSON that satisfies a schema, with the value and the text of the answer where they fit."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from agentmesh.messages import Position

Schema = Mapping[str, Any]

_DEPTH = 12
_OPTIONAL_DEPTH = 4
_PLAINNESS = {"null": 1, "array": 2, "object": 3}
_CONFIDENCE = 0.9
_SHARES = frozenset({"confidence", "probability", "certainty"})


@dataclass(frozen=True)
class Content:
    """What the answer says."""

    text: str
    values: tuple[Fraction, ...] = ()
    holds: bool = True
    """Whether it says yes where no more than that is asked."""

    @property
    def number(self) -> Fraction:
        """The value that stands for the whole answer."""
        return self.values[-1] if self.values else Fraction(0)


def contribution(schema: Schema, text: str, position: Position | None) -> str | None:
    """Text and a position as JSON, where that is what the schema asks for; None where it asks for something else."""
    properties = schema.get("properties", {})
    if set(properties) != {"text", "position"}:
        return None
    asked = properties["position"]
    options = [_resolved(option, schema) for option in asked.get("anyOf", [asked])]
    wanted: Schema = next((option for option in options if "answer" in option.get("properties", {})), {})
    if not set(wanted.get("properties", ())) <= set(Position.model_fields) or not wanted:
        return None
    stated = position or Position(answer=text)
    fields = stated.model_dump(mode="json", include=set(wanted["properties"]))
    return json.dumps({"text": text, "position": fields}, ensure_ascii=False)


def asks_for_verdict(schema: Schema | None) -> bool:
    """Whether the schema asks whether something passes a check, and why."""
    return schema is not None and set(schema.get("properties", ())) == {"passed", "why"}


def structured(schema: Schema, content: Content) -> str:
    """The answer as JSON text."""
    return json.dumps(_fill(schema, content, schema, "", 0), ensure_ascii=False)


def _fill(schema: Schema, content: Content, root: Schema, name: str, depth: int) -> Any:
    schema = _resolved(schema, root)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return _choice(schema["enum"], content)
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        shared = {key: value for key, value in schema.items() if key not in ("anyOf", "oneOf")}
        whole = [{**shared, **_resolved(option, root)} for option in options]
        return _fill(_best(whole, content, depth), content, root, name, depth)
    match _type(schema, content.values):
        case "object":
            return _object(schema, content, root, depth)
        case "array":
            return _array(schema, content, root, name, depth)
        case plain:
            return _scalar(plain, schema, content, name)


def _scalar(kind: str, schema: Schema, content: Content, name: str) -> Any:
    match kind:
        case "number":
            return _number(schema, _share(name, content.number))
        case "integer":
            return _integer(schema, content.number)
        case "boolean":
            return content.holds
        case "null":
            return None
        case _:
            return _string(schema, content.text)


def _resolved(schema: Any, root: Schema) -> Schema:
    """A schema with its reference followed and its `allOf` merged."""
    if not isinstance(schema, Mapping):
        return {}
    for _ in range(_DEPTH):
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#"):
            break
        target: Any = root
        for step in reference.removeprefix("#").strip("/").split("/"):
            target = target.get(step.replace("~1", "/").replace("~0", "~"), {}) if step else target
        schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
    merged = dict(schema)
    for part in merged.pop("allOf", ()):
        inner = _resolved(part, root)
        properties = {**merged.get("properties", {}), **inner.get("properties", {})}
        required = [*merged.get("required", ()), *inner.get("required", ())]
        merged.update(inner)
        if properties:
            merged["properties"], merged["required"] = properties, required
    return merged


def _type(schema: Schema, values: Sequence[Fraction] = ()) -> str:
    given = schema.get("type")
    if isinstance(given, list):
        if "null" in given and not values and not {"string", "object", "array"} & set(given):
            return "null"
        return str(next((kind for kind in given if kind != "null"), "null"))
    if isinstance(given, str):
        return given
    if "properties" in schema or "required" in schema:
        return "object"
    if "items" in schema or "prefixItems" in schema:
        return "array"
    if any(key in schema for key in ("minimum", "maximum", "multipleOf", "exclusiveMinimum", "exclusiveMaximum")):
        return "number"
    return "string"


def _best(options: Sequence[Schema], content: Content, depth: int) -> Schema:
    """The option that says most and the plainest where the tree is deep; null only in place of a number not known."""
    ranked = [option for option in options if _type(option) != "null"] or list(options)
    if not content.values and len(ranked) < len(options) and all(_type(o) in ("number", "integer") for o in ranked):
        return next(option for option in options if _type(option) == "null")
    if depth >= _OPTIONAL_DEPTH:
        return min(options, key=lambda option: _PLAINNESS.get(_type(option), 0))
    wanted = ("number", "integer") if content.values else ("string",)
    return next((option for option in ranked if _type(option) in wanted), ranked[0])


def _choice(options: Sequence[Any], content: Content) -> Any:
    words = f" {content.text.lower()} "
    said = (option for option in options if isinstance(option, str) and f" {option.lower()} " in words)
    return next(said, options[0])


def _object(schema: Schema, content: Content, root: Schema, depth: int) -> dict[str, Any]:
    properties: Mapping[str, Any] = schema.get("properties", {})
    required = schema.get("required", ())
    if not properties and not required and depth == 0 and schema.get("additionalProperties") in (None, True):
        return {"answer": content.text} | ({"value": _plain(content.number)} if content.values else {})
    if depth >= _DEPTH:
        return {}
    names = [*properties, *(name for name in required if name not in properties)]
    kept = [name for name in names if name in required or depth < _OPTIONAL_DEPTH]
    return {name: _fill(properties.get(name, {}), content, root, name, depth + 1) for name in kept}


def _array(schema: Schema, content: Content, root: Schema, name: str, depth: int) -> list[Any]:
    first = [_fill(item, content, root, name, depth + 1) for item in schema.get("prefixItems", ())]
    items = schema.get("items", {})
    if items is False or depth >= _DEPTH:
        return first
    wanted = max(schema.get("minItems", 0), 0 if depth >= _OPTIONAL_DEPTH else 1, len(first))
    wanted = min(wanted, schema.get("maxItems", wanted))
    values = content.values
    if _type(_resolved(items, root)) in ("number", "integer"):
        wanted = max(wanted, min(len(values), schema.get("maxItems", len(values))))
    rest = []
    for place in range(len(first), wanted):
        own = Content(content.text, (values[place],)) if place < len(values) else content
        rest.append(_fill(items, own, root, name, depth + 1))
    return _distinct([*first, *rest]) if schema.get("uniqueItems") else [*first, *rest]


def _distinct(items: list[Any]) -> list[Any]:
    kept: list[Any] = []
    for item in items:
        if item not in kept:
            kept.append(item)
    return kept


def _share(name: str, value: Fraction) -> Fraction:
    return Fraction(str(_CONFIDENCE)) if name.lower() in _SHARES else value


def _plain(value: Fraction) -> int | float:
    """A number for JSON: what is too large for a float is given as an integer."""
    try:
        return int(value) if value.denominator == 1 else float(value)
    except OverflowError:
        return int(value)


def _number(schema: Schema, value: Fraction) -> int | float:
    return _plain(_bounded(schema, value, Fraction(1, 1000)))


def _integer(schema: Schema, value: Fraction) -> int:
    return int(_bounded(schema, Fraction(round(value)), Fraction(1)))


def _bounded(schema: Schema, value: Fraction, margin: Fraction) -> Fraction:
    """The nearest number that the schema allows, where its bounds leave room."""
    step = schema.get("multipleOf")
    if step:
        value = round(value / _exact(step)) * _exact(step)
        margin = _exact(step)
    lows = [_exact(schema["minimum"])] if "minimum" in schema else []
    highs = [_exact(schema["maximum"])] if "maximum" in schema else []
    if "exclusiveMinimum" in schema:
        lows.append(_exact(schema["exclusiveMinimum"]) + margin)
    if "exclusiveMaximum" in schema:
        highs.append(_exact(schema["exclusiveMaximum"]) - margin)
    bounded = min([max([value, *lows]), *highs])
    if step and bounded != value:
        count = bounded / margin
        bounded = (math.ceil(count) if bounded > value else math.floor(count)) * margin
    return bounded


def _exact(number: float) -> Fraction:
    return Fraction(str(number))


_FORMATS = {
    "date": "2000-01-01",
    "time": "00:00:00Z",
    "date-time": "2000-01-01T00:00:00Z",
    "email": "nobody@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-0000-0000-000000000000",
}


def _string(schema: Schema, text: str) -> str:
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    text = text[: schema.get("maxLength", len(text))]
    return text.ljust(schema.get("minLength", 0), ".")
