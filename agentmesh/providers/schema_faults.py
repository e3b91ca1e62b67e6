"""What is wrong with a JSON Schema itself, for the part of the language that `validate_json` enforces."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from agentmesh.config.language import closest, did_you_mean
from agentmesh.config.problems import found
from agentmesh.config.source import Path
from agentmesh.providers.schema import MAX_DEPTH, TYPES, UNDERSTOOD, resolve_reference

_ANNOTATIONS = ("$schema", "$id", "$comment", "title", "description", "format")
_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_COUNTS = ("minItems", "maxItems", "minLength", "maxLength")
_GROUPS = ("properties", "$defs", "definitions")
_ALTERNATIVES = ("anyOf", "oneOf", "allOf")
_ORDERED = (("minimum", "maximum"), ("minItems", "maxItems"), ("minLength", "maxLength"))
_ALIKE = 50.0
"""Names of types are few and shortened in many languages: `int` and `str` are likely meant."""
_SCHEMA = "a schema: a mapping, true or false"


class SchemaFault(NamedTuple):
    """One fault at a place of a schema. `at_key` says that the keyword itself is wrong, not its value."""

    path: Path
    message: str
    at_key: bool = False


def schema_faults(schema: Any) -> list[SchemaFault]:
    """Every keyword that is not enforced, and every value that its keyword does not take."""
    return list(_faults(schema, (), schema))


def _faults(schema: Any, path: Path, root: Any) -> Iterator[SchemaFault]:
    if isinstance(schema, bool):
        return
    if not isinstance(schema, Mapping):
        yield SchemaFault(path, f"found {found(schema)}; allowed: {_SCHEMA}")
        return
    if len(path) > MAX_DEPTH:
        yield SchemaFault(path, "the schema is nested too deep; use $ref into $defs")
        return
    for word, value in schema.items():
        yield from _keyword(word, value, (*path, word), root)
    yield from _contradictions(schema, path)


def _keyword(word: str, value: Any, path: Path, root: Any) -> Iterator[SchemaFault]:
    if word not in UNDERSTOOD:
        meant = did_you_mean(str(word), UNDERSTOOD)
        message = f"the keyword '{word}' cannot be checked{meant or _ALLOWED}"
        yield SchemaFault(path, message, at_key=True)
    elif word in _GROUPS:
        yield from _group(value, path, root)
    elif word in _ALTERNATIVES:
        yield from _alternatives(value, path, root)
    elif word in ("items", "additionalProperties"):
        yield from _faults(value, path, root)
    elif word == "type":
        yield from _type(value, path)
    elif wrong := _WANTED.get(word, _anything)(value, root):
        yield SchemaFault(path, wrong)


def _group(value: Any, path: Path, root: Any) -> Iterator[SchemaFault]:
    if not isinstance(value, Mapping):
        yield SchemaFault(path, f"found {found(value)}; allowed: a mapping of names to schemas")
        return
    for name, inner in value.items():
        yield from _faults(inner, (*path, name), root)


def _alternatives(value: Any, path: Path, root: Any) -> Iterator[SchemaFault]:
    if not isinstance(value, list | tuple) or not value:
        yield SchemaFault(path, f"found {found(value)}; allowed: a list of schemas")
        return
    for index, inner in enumerate(value):
        yield from _faults(inner, (*path, index), root)


def _type(value: Any, path: Path) -> Iterator[SchemaFault]:
    several = isinstance(value, list | tuple) and bool(value)
    for index, name in enumerate(value if several else [value]):
        if not isinstance(name, str) or name not in TYPES:
            meant = closest(name, TYPES, least=_ALIKE) if isinstance(name, str) else []
            place = (*path, index) if several else path
            suggestion = f"; did you mean '{meant[0]}'?" if meant else ""
            yield SchemaFault(place, f"found {found(name)}; allowed: {', '.join(TYPES)}{suggestion}")


def _contradictions(schema: Mapping[str, Any], path: Path) -> Iterator[SchemaFault]:
    """What no value can satisfy although every keyword is well formed."""
    for low, high in _ORDERED:
        least, most = schema.get(low, 0), schema.get(high, math.inf)
        if low in schema and _is_number(least) and _is_number(most) and least > most:
            yield SchemaFault((*path, high), f"{high} {most} is less than {low} {least}: nothing fits")
    names, properties = schema.get("required", ()), schema.get("properties", {})
    if schema.get("additionalProperties") is not False or not _is_texts(names) or not isinstance(properties, Mapping):
        return
    for index, name in enumerate(names):
        if name not in properties:
            allowed = f"properties: {', '.join(map(str, properties)) or 'none'}{did_you_mean(name, properties)}"
            yield SchemaFault((*path, "required", index), f"'{name}' is required and not allowed; {allowed}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)


def _anything(value: Any, root: Any) -> str:
    return ""


def _wanted(fits: Callable[[Any], bool], allowed: str) -> Callable[[Any, Any], str]:
    return lambda value, root: "" if fits(value) else f"found {found(value)}; allowed: {allowed}"


def _pattern(value: Any, root: Any) -> str:
    if not isinstance(value, str):
        return f"found {found(value)}; allowed: a regular expression"
    try:
        re.compile(value)
    except re.error as error:
        return f"found {found(value)}, which is no regular expression: {error}"
    return ""


def _reference(value: Any, root: Any) -> str:
    if not isinstance(value, str) or not value.startswith("#"):
        return f"found {found(value)}; allowed: a reference within the schema, such as #/$defs/name"
    if resolve_reference(value, root) is None:
        known = [f"#/{group}/{name}" for group in ("$defs", "definitions") for name in _names(root, group)]
        return f"'{value}' leads nowhere; there are: {', '.join(known) or 'no $defs'}{did_you_mean(value, known)}"
    return ""


def _names(root: Any, group: str) -> list[str]:
    inner = root.get(group) if isinstance(root, Mapping) else None
    return list(inner) if isinstance(inner, Mapping) else []


_CHECKED = sorted(UNDERSTOOD - {"deprecated", "readOnly", "writeOnly", "discriminator", *_ANNOTATIONS})
_ALLOWED = f"; allowed: {', '.join(_CHECKED)}"
_WANTED: dict[str, Callable[[Any, Any], str]] = {
    **dict.fromkeys(_ANNOTATIONS, _wanted(lambda value: isinstance(value, str), "a text")),
    **dict.fromkeys(_NUMBERS, _wanted(_is_number, "a number")),
    **dict.fromkeys(
        _COUNTS,
        _wanted(lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= 0, "0, 1, 2 or more"),
    ),
    "required": _wanted(_is_texts, "a list of names of properties"),
    "enum": _wanted(lambda value: isinstance(value, list | tuple) and bool(value), "a list of the values that fit"),
    "pattern": _pattern,
    "$ref": _reference,
}
