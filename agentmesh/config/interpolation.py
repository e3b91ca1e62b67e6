"""`${VAR}`, `${VAR:-default}`, `${VAR:?message}` and `$$` in the texts of a file, after it was parsed.

Keys are never touched. A text that is one reference and nothing else becomes what YAML makes of its value: with
`N=3`, `turns: ${N}` is a number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agentmesh.config.secrets import SECRET_NAME
from agentmesh.config.source import Path, scalar

_REFERENCE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::(?P<form>[-?]))?")
_FORMS = "allowed: ${NAME}, ${NAME:-default}, ${NAME:?message}, and $$ for a dollar sign"


class Unresolved(Exception):
    """A reference that has no value; the text says which and what to do."""


@dataclass
class Interpolated:
    """The data with all references replaced, and what was met on the way."""

    data: Any = None
    texts: dict[Path, str] = field(default_factory=dict)
    """Where a whole text became a number, a boolean or nothing: the text it was, for places that want a text."""
    problems: list[tuple[Path, str]] = field(default_factory=list)


def interpolate(data: Any, environment: Mapping[str, str]) -> Interpolated:
    """Replace every reference in every text of the data; all that cannot be resolved comes back at once."""
    result = Interpolated()
    result.data = _walk(data, (), environment, result)
    return result


def _walk(value: Any, path: Path, environment: Mapping[str, str], result: Interpolated) -> Any:
    match value:
        case dict():
            return {key: _walk(item, (*path, key), environment, result) for key, item in value.items()}
        case list():
            return [_walk(item, (*path, index), environment, result) for index, item in enumerate(value)]
        case str() if "$" in value:
            return _text(value, path, environment, result)
        case _:
            return value


def _text(text: str, path: Path, environment: Mapping[str, str], result: Interpolated) -> Any:
    try:
        replaced = replace(text, environment)
    except Unresolved as error:
        result.problems.append((path, str(error)))
        return text
    if not (text.startswith("${") and _closing(text, 2) == len(text) - 1):
        return replaced
    typed = scalar(replaced)
    if not isinstance(typed, str):
        result.texts[path] = replaced
    return typed


def replace(text: str, environment: Mapping[str, str]) -> str:
    """The text with its references replaced. Raises: Unresolved."""
    pieces: list[str] = []
    at = 0
    while (dollar := text.find("$", at)) >= 0:
        pieces.append(text[at:dollar])
        following = text[dollar + 1 : dollar + 2]
        if following == "{":
            end = _closing(text, dollar + 2)
            if end < 0:
                raise Unresolved(f"'{_short(text[dollar:])}' has no closing brace; {_FORMS}")
            pieces.append(_resolve(text[dollar + 2 : end], environment))
            at = end + 1
        else:
            pieces.append("$")
            at = dollar + (2 if following == "$" else 1)
    pieces.append(text[at:])
    return "".join(pieces)


def _resolve(reference: str, environment: Mapping[str, str]) -> str:
    match = _REFERENCE.match(reference)
    rest = reference[match.end() :] if match else ""
    if match is None or (rest and not match["form"]):
        raise Unresolved(f"'${{{_short(reference)}}}' is no reference to a variable; {_FORMS}")
    name = match["name"]
    if SECRET_NAME.search(name):
        raise Unresolved(
            f"${{{name}}} looks like a secret, and secrets stay out of the file; give its name as api_key_env"
        )
    value = environment.get(name, "")
    if value or (name in environment and not match["form"]):
        return value
    match match["form"]:
        case "-":
            return replace(rest, environment)
        case "?":
            raise Unresolved(
                f"the environment variable {name} is not set: {replace(rest, environment) or 'it is needed'}"
            )
        case _:
            raise Unresolved(f"the environment variable {name} is not set; set it, or write ${{{name}:-default}}")


def _closing(text: str, start: int) -> int:
    """Index of the brace that closes a reference whose inside begins at `start`, or -1."""
    depth = 1
    for index in range(start, len(text)):
        if text[index] == "{" and text[index - 1] == "$":
            depth += 1
        elif text[index] == "}":
            depth -= 1
            if depth == 0:
                return index
    return -1


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."
