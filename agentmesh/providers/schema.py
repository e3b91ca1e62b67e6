"""A validator for the part of JSON Schema that structured answers use, and for nothing else.

Understood: type, properties, required, additionalProperties, items, minItems, maxItems, enum, const, minimum, maximum,
exclusiveMinimum, exclusiveMaximum, minLength, maxLength, pattern, anyOf, oneOf, allOf, and $ref into $defs or
definitions. Titles, descriptions, defaults, examples and formats are allowed and not checked. Whatever else stands in
a schema is a fault of the schema (`schema_faults`), so that nobody believes it is enforced.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

ANNOTATIONS = frozenset(
    {"$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "default", "examples", "format"}
    | {"deprecated", "readOnly", "writeOnly", "discriminator"}
)
MAX_PROBLEMS = 10
MAX_DEPTH = 64

TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: (
        (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and value.is_integer())
    ),
}


def validate_json(schema: Schema, value: Any) -> list[str]:
    """What is wrong with a decoded JSON value: at most ten problems, each as `path: what was found`."""
    problems: list[str] = []
    for problem in _check(schema, value, "", schema, 0):
        problems.append(problem)
        if len(problems) == MAX_PROBLEMS:
            break
    return problems


def is_strict(schema: Schema) -> bool:
    """Whether providers accept the schema in strict mode: objects are closed and all their properties required."""
    for part in _parts(schema):
        if (part.get("type") == "object" or "properties" in part) and (
            part.get("additionalProperties") is not False
            or set(part.get("properties", {})) != set(part.get("required", ()))
        ):
            return False
    return True


def _check(schema: Any, value: Any, path: str, root: Schema, depth: int) -> Iterator[str]:
    if schema is True or depth > MAX_DEPTH:
        return
    if schema is False:
        yield _at(path, "nothing is allowed here")
        return
    if "$ref" in schema:
        yield from _check(_resolve(schema["$ref"], root), value, path, root, depth + 1)
    yield from _check_type_and_choices(schema, value, path)
    yield from _check_combinations(schema, value, path, root, depth)
    if isinstance(value, dict):
        yield from _check_object(schema, value, path, root, depth)
    elif isinstance(value, list):
        yield from _check_array(schema, value, path, root, depth)
    elif isinstance(value, str):
        yield from _check_string(schema, value, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _check_number(schema, value, path)


def _check_type_and_choices(schema: Schema, value: Any, path: str) -> Iterator[str]:
    if "type" in schema:
        allowed = [schema["type"]] if isinstance(schema["type"], str) else list(schema["type"])
        if not any(TYPES[name](value) for name in allowed if name in TYPES):
            yield _at(path, f"{_shown(value)} is no {' or '.join(allowed)}")
    if "enum" in schema and not any(_same(value, choice) for choice in schema["enum"]):
        yield _at(path, f"{_shown(value)} is not one of {', '.join(_shown(choice) for choice in schema['enum'])}")
    if "const" in schema and not _same(value, schema["const"]):
        yield _at(path, f"{_shown(value)} is not {_shown(schema['const'])}")


def _check_combinations(schema: Schema, value: Any, path: str, root: Schema, depth: int) -> Iterator[str]:
    for part in schema.get("allOf", ()):
        yield from _check(part, value, path, root, depth + 1)
    for word in ("anyOf", "oneOf"):
        if word not in schema:
            continue
        found = [list(_check(part, value, path, root, depth + 1)) for part in schema[word]]
        fitting = sum(not problems for problems in found)
        if fitting == 0:
            closest = min(found, key=len, default=[])
            yield _at(path, f"{_shown(value)} fits none of the {len(found)} alternatives ({'; '.join(closest)})")
        elif word == "oneOf" and fitting > 1:
            yield _at(path, f"{_shown(value)} fits {fitting} alternatives where one is allowed")


def _check_object(schema: Schema, value: dict[str, Any], path: str, root: Schema, depth: int) -> Iterator[str]:
    properties: Schema = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield _at(path, f"the property {name!r} is missing")
    rest = schema.get("additionalProperties", True)
    for name, item in value.items():
        inner = f"{path}.{name}" if path else name
        if name in properties:
            yield from _check(properties[name], item, inner, root, depth + 1)
        elif rest is False:
            allowed = ", ".join(properties) or "none"
            yield _at(path, f"the property {name!r} is not allowed; allowed: {allowed}")
        else:
            yield from _check(rest, item, inner, root, depth + 1)


def _check_array(schema: Schema, value: list[Any], path: str, root: Schema, depth: int) -> Iterator[str]:
    if len(value) < schema.get("minItems", 0):
        yield _at(path, f"{len(value)} items, at least {schema['minItems']} are needed")
    if "maxItems" in schema and len(value) > schema["maxItems"]:
        yield _at(path, f"{len(value)} items, at most {schema['maxItems']} are allowed")
    if "items" in schema:
        for index, item in enumerate(value):
            yield from _check(schema["items"], item, f"{path}[{index}]", root, depth + 1)


def _check_string(schema: Schema, value: str, path: str) -> Iterator[str]:
    if len(value) < schema.get("minLength", 0):
        yield _at(path, f"{_shown(value)} is shorter than {schema['minLength']}")
    if "maxLength" in schema and len(value) > schema["maxLength"]:
        yield _at(path, f"{_shown(value)} is longer than {schema['maxLength']}")
    if "pattern" in schema and not _pattern(schema["pattern"]).search(value):
        yield _at(path, f"{_shown(value)} does not match {schema['pattern']}")


def _check_number(schema: Schema, value: float, path: str) -> Iterator[str]:
    if "minimum" in schema and value < schema["minimum"]:
        yield _at(path, f"{value} is less than {schema['minimum']}")
    if "maximum" in schema and value > schema["maximum"]:
        yield _at(path, f"{value} is more than {schema['maximum']}")
    if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
        yield _at(path, f"{value} is not more than {schema['exclusiveMinimum']}")
    if "exclusiveMaximum" in schema and value >= schema["exclusiveMaximum"]:
        yield _at(path, f"{value} is not less than {schema['exclusiveMaximum']}")


UNDERSTOOD = ANNOTATIONS | {
    *("type", "enum", "const", "$ref", "anyOf", "oneOf", "allOf", "properties", "required", "additionalProperties"),
    *("items", "minItems", "maxItems", "minLength", "maxLength", "pattern"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
}


def _children(schema: Schema) -> Iterator[tuple[str, Any]]:
    for group in ("properties", "$defs", "definitions"):
        for name, inner in schema.get(group, {}).items():
            yield name, inner
    for word in ("items", "additionalProperties"):
        if isinstance(schema.get(word), Mapping):
            yield word, schema[word]
    for word in ("anyOf", "oneOf", "allOf"):
        for index, inner in enumerate(schema.get(word, ())):
            yield f"{word}[{index}]", inner


def _parts(schema: Any) -> Iterator[Schema]:
    if isinstance(schema, Mapping):
        yield schema
        for _, inner in _children(schema):
            yield from _parts(inner)


def resolve_reference(reference: str, root: Schema) -> Any:
    """What `#/a/b` points at in the schema; None where it points nowhere."""
    target: Any = root
    for step in reference.removeprefix("#").strip("/").split("/"):
        if step:
            target = target.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(target, Mapping) else None
    return target if reference.startswith("#") else None


def _resolve(reference: str, root: Schema) -> Any:
    """As `resolve_reference`; True, which allows anything, where it points nowhere."""
    target = resolve_reference(reference, root)
    return True if target is None else target


def _same(value: Any, choice: Any) -> bool:
    return bool(value == choice) and isinstance(value, bool) == isinstance(choice, bool)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _at(path: str, problem: str) -> str:
    return f"{path}: {problem}" if path else problem


@functools.lru_cache(maxsize=256)
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
