"""What pydantic found wrong, said in the words of the language: what was found, what is allowed, what was meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from agentmesh.config.language import closest, did_you_mean, keys_at, one_of
from agentmesh.config.models import TeamConfig
from agentmesh.config.secrets import shown
from agentmesh.config.source import Path, Step

_KEY = "[key]"
_JOIN = "any, all, quorum, or a whole number of messages"
_MEMORY = "full, fresh, compact, {window: TURNS} or {compact: SHARE}"
_ENDS = "a node's name, or a list of names"
_VARIABLE = "the name of an environment variable, such as OPENAI_API_KEY, never the key itself"
_MODEL_ENTRY = "provider:model[@base_url], or a mapping with provider and model"
_EDGE = "[a, b], a -> b, a <-> b, or {from: a, to: b}"
_WORKER = "an agent's name, or a mapping with planner and workers"
_NEEDS: dict[Path, str] = {
    ("version",): "; write version: 1",
    ("agents",): "; write at least one agent, such as {assistant: {instructions: ...}}",
    ("topology",): "; write a mapping with a kind, such as {kind: solo, agent: assistant}",
}
"""What a missing key must hold, where that helps."""


@dataclass(frozen=True)
class Fault:
    """One fault at a place of the data. `at_key` says that the key itself is wrong, not its value."""

    path: Path
    message: str
    at_key: bool = False
    meant: Path = ()
    """For an unknown key: the place of the known one that it resembles."""

    @property
    def of_a_name(self) -> bool:
        """Whether only the name of an entry is wrong: what it holds was read."""
        return self.at_key and len(self.path) == 2 and self.path[0] in ("agents", "models", "monitors")


def faults(errors: Sequence[ErrorDetails], data: Any, root: type[BaseModel] = TeamConfig) -> list[Fault]:
    """One fault for each thing that is wrong, however many errors validation made of it. `root` is what data is of."""
    found: dict[Path, Fault] = {}
    meant = [error for error in errors if not _is_noise(error["loc"], data) and not _is_long_enough(error)]
    for error in meant or errors:
        fault = _fault(error, data, root)
        found.setdefault(fault.path, fault)
    meanings = {fault.meant for fault in found.values()}
    return [fault for fault in found.values() if fault.path not in meanings or _is_there(fault.path, data)]


def data_path(location: Sequence[Step], data: Any, *, missing: bool = False) -> Path:
    """The place in the data that a location of pydantic's means: without the names of union members."""
    path: list[Step] = []
    for index, step in enumerate(location):
        if index == 1 and location[0] == "topology":
            continue  # the kind, which pydantic puts after `topology`
        if _holds(data, step):
            data = data[step]
        elif isinstance(data, list) and len(data) == 2 and step in ("from", "to"):
            data = data[("from", "to").index(str(step))]
        elif not (missing and index == len(location) - 1):
            continue
        path.append(step)
    return tuple(path)


def _is_noise(location: Sequence[Step], data: Any) -> bool:
    """Whether the error is about a member of a union that the data did not mean: a text's for a mapping, or so."""
    for step in location:
        if _holds(data, step):
            data = data[step]
            continue
        member = str(step)
        if isinstance(data, dict | list) and (member == "str" or member.startswith("literal[")):
            return True
        if isinstance(data, str) and (member[:1].isupper() or member.startswith(("tuple[", "constrained-"))):
            return True
    return False


def _is_long_enough(error: ErrorDetails) -> bool:
    """Whether a list is only called too short because its items are wrong."""
    value = error["input"]
    return error["type"] == "too_short" and isinstance(value, list) and len(value) >= error["ctx"]["min_length"]


def _is_there(path: Path, data: Any) -> bool:
    for step in path:
        if not _holds(data, step):
            return False
        data = data[step]
    return True


def _holds(data: Any, step: Step) -> bool:
    if isinstance(data, list):
        return isinstance(step, int) and 0 <= step < len(data)
    return isinstance(data, dict) and step in data


def found(value: Any) -> str:
    """The value as a message repeats it: shortened, and named by its kind where the text alone would mislead."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value}"
        case str():
            text = " ".join(shown(value).split())
            return f"the text '{text if len(text) <= 40 else text[:37] + '...'}'"
        case dict():
            return "a mapping" if value else "an empty mapping"
        case _:
            return "a list" if value else "an empty list"


def _fault(error: ErrorDetails, data: Any, root: type[BaseModel]) -> Fault:
    location, kind = error["loc"], error["type"]
    if location[-1:] == (_KEY,):
        path = tuple(location[:-1])
        return Fault(path, _bad_name(str(path[-1]), error), at_key=True)
    place = data_path(location, data, missing=kind == "missing")
    if kind == "extra_forbidden":
        keys = keys_at(place[:-1], data, root) or ()
        meant = closest(str(place[-1]), keys)
        return Fault(place, _unknown_key(place, data, keys), at_key=True, meant=(*place[:-1], *meant) if meant else ())
    if kind == "missing":
        return Fault(place, f"'{place[-1]}' is missing{_NEEDS.get(place, '')}")
    if kind == "rung":
        return Fault((*place, *error["ctx"]["place"]), str(error["ctx"]["message"]), error["ctx"]["at_key"])
    if kind == "misfit":
        place = (*place, str(error["ctx"]["key"]))
        return Fault(place, str(error["ctx"]["message"]), at_key=_is_there(place, data))
    if kind in ("union_tag_invalid", "union_tag_not_found") and place == ("topology",):
        return _bad_kind(error)
    return Fault(place, _message(error, place, data))


def _bad_name(name: str, error: ErrorDetails) -> str:
    if error["type"] == "string_too_long":
        return f"the name has {len(name)} characters; allowed: at most {error['ctx']['max_length']}"
    allowed = "letters, digits, _ . and -, beginning with a letter or _"
    suggestion = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-")
    meant = f"; did you mean '{suggestion}'?" if re.match(r"[A-Za-z_]", suggestion) else ""
    return f"'{name}' is no name; allowed: {allowed}{meant}"


def _unknown_key(path: Path, data: Any, keys: Sequence[str]) -> str:
    key, parent = str(path[-1]), path[:-1]
    if _is_there((*parent, "arguments", key), data):
        return f"'{key}' is given twice, here and among the `arguments` of the generator; keep one of them"
    place = ""
    if parent == ("topology",) and isinstance(data["topology"], dict):
        place = f" of kind {data['topology'].get('kind')}"
    allowed = f"allowed: {one_of(keys)}"
    if len(keys) > 12:
        near = closest(key, keys, 5, least=0) if closest(key, keys) else []
        allowed = f"closest of the {len(keys)} allowed: {', '.join(near)}" if near else f"allowed: {', '.join(keys)}"
    return f"unknown key '{key}'{place}; {allowed}{did_you_mean(key, keys)}"


def _message(error: ErrorDetails, path: Path, data: Any) -> str:
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    if path[:1] == ("models",) and path[2:] == ("api_key_env",):
        return f"allowed: {_VARIABLE}"  # without what was found, which may be a key
    if kind == "value_error":
        return str(context.get("error", error["msg"]))
    allowed = _ALLOWED.get(kind, _as_said)(context, error)
    return f"found {found(value)}; allowed: {_place(path) or allowed}{_meant(value, context)}"


def _place(path: Path) -> str:
    """What is allowed where a union or a short form tells more than the type that failed."""
    match path:
        case ("version",):
            return "the number 1"
        case ("models", _):
            return _MODEL_ENTRY
        case ("agents", _, "join"):
            return _JOIN
        case ("agents", _, "memory"):
            return _MEMORY
        case ("topology", *_, "edges", int()):
            return _EDGE
        case ("topology", *_, "edges", int(), "from" | "to"):
            return _ENDS
        case ("topology", *_, "workers", int()):
            return _WORKER
        case _:
            return ""


def _bad_kind(error: ErrorDetails) -> Fault:
    value, kinds = error["input"], list(_kinds())
    allowed = f"allowed kinds: {', '.join(kinds)}"
    if not isinstance(value, dict):
        return Fault(("topology",), f"found {found(value)}; allowed: a mapping with a kind; {allowed}")
    if "kind" not in value:
        return Fault(("topology", "kind"), f"'kind' is missing; {allowed}")
    tag = value["kind"] if isinstance(value["kind"], str) else ""
    shown = f"unknown kind '{tag}'" if tag else f"found {found(value['kind'])}"
    return Fault(("topology", "kind"), f"{shown}; {allowed}{did_you_mean(tag, kinds)}")


def _kinds() -> Iterable[str]:
    from agentmesh.config.topologies import AnyTopology

    return (model.model_fields["kind"].default for model in get_args(AnyTopology))


def _meant(value: Any, context: dict[str, Any]) -> str:
    choices = re.findall(r"'([^']*)'", str(context.get("expected", "")))
    return did_you_mean(value, choices) if isinstance(value, str) and choices else ""


def _as_said(context: dict[str, Any], error: ErrorDetails) -> str:
    return error["msg"][0].lower() + error["msg"][1:]


def _always(text: str) -> Callable[[dict[str, Any], ErrorDetails], str]:
    return lambda context, error: text


def _items(context: dict[str, Any], error: ErrorDetails) -> str:
    least = context["min_length"]
    return f"at least {least} {'entry' if least == 1 else 'entries'}"


_ALLOWED: dict[str, Callable[[dict[str, Any], ErrorDetails], str]] = {
    "string_type": _always("a text"),
    "int_type": _always("a whole number"),
    "int_parsing": _always("a whole number"),
    "int_from_float": _always("a whole number"),
    "int_parsing_size": _always("a whole number of at most 64 bits"),
    "float_type": _always("a number"),
    "float_parsing": _always("a number"),
    "finite_number": _always("a finite number"),
    "bool_type": _always("true or false"),
    "bool_parsing": _always("true or false"),
    "model_type": _always("a mapping"),
    "model_attributes_type": _always("a mapping"),
    "dict_type": _always("a mapping"),
    "tuple_type": _always("a list"),
    "list_type": _always("a list"),
    "too_short": _items,
    "literal_error": lambda context, error: re.sub(r"'", "", str(context["expected"])),
    "greater_than_equal": lambda context, error: f"{context['ge']:g} or more",
    "greater_than": lambda context, error: f"more than {context['gt']:g}",
    "less_than_equal": lambda context, error: f"{context['le']:g} or less",
    "less_than": lambda context, error: f"less than {context['lt']:g}",
    "string_pattern_mismatch": lambda context, error: f"a text of the form {context['pattern']}",
    "string_too_long": lambda context, error: f"at most {context['max_length']} characters",
}
