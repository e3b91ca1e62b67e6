"""`path=value` on the command line, laid over the data of a file before anything else looks at it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from agentmesh.config.language import annotation_at, did_you_mean, keys_at, one_of
from agentmesh.config.secrets import MASK, SECRET_NAME, shown
from agentmesh.config.source import DEEPEST, TOO_DEEP, Path, Step, parse, written
from agentmesh.config.topologies import long_edge
from agentmesh.errors import ConfigError

_INDEX = re.compile(r"\[(\d+)\]")


class _Refused(Exception):
    """An override that cannot be laid over the file."""


@dataclass
class Overridden:
    """The data with overrides laid over it, and which override is to be named for which place."""

    data: Any
    origins: dict[Path, str] = field(default_factory=dict)
    texts: dict[Path, str] = field(default_factory=dict)
    """Where an override's value was read as a number, a boolean or nothing: its text."""
    problems: list[tuple[str, str]] = field(default_factory=list)
    """The override, and what is wrong with it."""

    def put(self, path: Path, value: Any, origin: str) -> None:
        """Set the value at a path; lists and mappings on the way are copied, not changed."""
        self.data = _with(self.data, path, value)
        for table in (self.origins, self.texts):
            for other in [other for other in table if other[: len(path)] == path]:
                del table[other]
        self.origins[path] = origin

    def origin(self, path: Sequence[Step]) -> str | None:
        """The override that decided what stands at the path, if one did."""
        prefixes = (tuple(path[:length]) for length in range(len(path), 0, -1))
        return next((self.origins[prefix] for prefix in prefixes if prefix in self.origins), None)

    def origin_below(self, path: Path) -> str | None:
        """The first override that put something below the path, if one did."""
        return next((origin for place, origin in self.origins.items() if place[: len(path)] == path), None)


def override(data: Any, overrides: Sequence[str]) -> Overridden:
    """Lay `path=value` texts over the data, in order; all that cannot be is in `problems`."""
    result = Overridden(data)
    for text in overrides:
        where, equals, value = text.partition("=")
        origin = f"-O {where}{equals}{MASK if SECRET_NAME.search(where.strip()) else shown(value)}"
        try:
            path = read_path(where.strip() if equals else "", result.data)
            result.data = _spelled_out(path, result.data)
            _check(path, result.data)
            result.put(path, _value(value), origin)
            if not isinstance(value_at(result.data, path), str | list | dict):
                result.texts[path] = value
        except _Refused as error:
            result.problems.append((origin, str(error)))
    return result


def read_path(text: str, data: Any) -> Path:
    """A dotted path with [indices]. A name with a dot in it is recognised where the data has it."""
    path: list[Step] = []
    rest = text
    while rest:
        match = _INDEX.match(rest)
        step: Step
        if match:
            step, rest = int(match[1]), rest[match.end() :]
        else:
            step = _name(rest.removeprefix("."), data)
            rest = rest.removeprefix(".")[len(step) :]
            if not step:
                break
        path.append(step)
        data = value_at(data, (step,))
    return tuple(path)


def _name(rest: str, data: Any) -> str:
    known = data if isinstance(data, dict) else {}
    fitting = [key for key in known if rest.startswith(key) and rest[len(key) : len(key) + 1] in ("", ".", "[")]
    return max(fitting, key=len) if fitting else re.split(r"[.\[]", rest, maxsplit=1)[0]


def _spelled_out(path: Path, data: Any) -> Any:
    """The data with the edge of whose parts the path speaks as a mapping, should it be written `a -> b` or `[a, b]`."""
    for length in range(2, len(path)):
        if path[length - 2] == "edges" and isinstance(path[length - 1], int) and isinstance(path[length], str):
            edge = value_at(data, path[:length])
            long = long_edge(edge)
            if isinstance(long, dict) and not isinstance(edge, dict):
                plain = {key: list(value) if isinstance(value, tuple) else value for key, value in long.items()}
                return _with(data, path[:length], plain)
    return data


def _check(path: Path, data: Any) -> None:
    """Raises: _Refused, where a place on the way to the last step does not exist and cannot be made."""
    if not path:
        raise _Refused("an override is written path=value, such as limits.turns=20")
    if len(path) > DEEPEST:
        raise _Refused(TOO_DEEP)
    here = data
    for length, step in enumerate(path):
        before = path[:length]
        last = length == len(path) - 1
        if isinstance(step, int):
            _check_index(step, here, before)
        elif here is not None and not isinstance(here, dict):
            raise _Refused(
                f"{written(before)} is {'a list' if isinstance(here, list) else 'a single value'} in the file, "
                f"so it has no '{step}'"
            )
        elif step not in (here or {}):
            _check_new(step, before, data, here or {}, last)
        here = value_at(here, (step,))


def _check_index(step: int, here: Any, before: Path) -> None:
    if not isinstance(here, list):
        raise _Refused(f"{written(before) or 'the file'} is no list, so it has no [{step}]")
    if step >= len(here):
        raise _Refused(f"{written(before)} has {len(here)} items, so the last is [{len(here) - 1}]")


def _check_new(step: str, before: Path, data: Any, here: dict[str, Any], last: bool) -> None:
    keys = keys_at(before, data)
    if keys is not None and step not in keys:
        place = f"{written(before)} has" if before else "a team has"
        raise _Refused(f"{place} no key '{step}'; allowed: {one_of(keys)}{did_you_mean(step, keys)}")
    if keys is None and not last and annotation_at((*before, step), data) is not Any and before != ():
        raise _Refused(f"{written(before)} has no '{step}'; there are: {one_of(here)}{did_you_mean(step, here)}")


def _value(text: str) -> Any:
    try:
        source = parse(text, "")
    except ConfigError as error:
        raise _Refused(f"the value is {error.problems[0].message.replace('no valid', 'no')}") from None
    if source.problems:
        raise _Refused(source.problems[0].message)
    return source.data


def value_at(data: Any, path: Path) -> Any:
    """What stands at a path; None where nothing does."""
    for step in path:
        if isinstance(data, dict):
            data = data.get(step)
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            data = data[step]
        else:
            return None
    return data


def _with(data: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(data, list) and isinstance(step, int):
        return [_with(item, rest, value) if index == step else item for index, item in enumerate(data)]
    known = data if isinstance(data, dict) else {}
    return {**known, step: _with(known.get(step), rest, value)}
