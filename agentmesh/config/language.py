"""What the language allows at a place of a file: the keys of a mapping, and the closest to a mistyped one."""

from __future__ import annotations

import re
import types
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from agentmesh.config.models import TeamConfig
from agentmesh.config.source import Step
from agentmesh.config.topologies import DrawnPhase

_SIMILAR = 60.0
"""Least similarity, of 100, at which one name is taken for a mistyped other."""

_FAMILIES = {
    "openai": re.compile(r"(chatgpt|gpt|codex|o\d)[\w.-]*$", re.IGNORECASE),
    "anthropic": re.compile(r"claude[\w.-]*$", re.IGNORECASE),
}


def closest(name: str, choices: Iterable[str], count: int = 1, least: float = _SIMILAR) -> list[str]:
    """The choices most like the name, best first; those too unlike are left out."""
    from rapidfuzz import fuzz, process

    found = process.extract(
        name, list(choices), scorer=fuzz.ratio, processor=str.lower, limit=count, score_cutoff=least
    )
    return [choice for choice, _, _ in found]


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or nothing where no choice resembles the name, or is what it shortens."""
    names = list(choices)
    found = closest(name, names) or [choice for choice in names if len(name) > 2 and choice.startswith(name)]
    return f"; did you mean '{found[0]}'?" if found else ""


def meant_model(text: str) -> str:
    """`; did you mean 'openai:gpt-...'?` for the bare name of a well-known model, else nothing."""
    bare = text.strip()
    provider = next((provider for provider, names in _FAMILIES.items() if names.match(bare)), None)
    return f"; did you mean '{provider}:{bare}'?" if provider else ""


def one_of(choices: Iterable[str]) -> str:
    """The choices as a list for people; of more than twelve only the first."""
    names = list(choices)
    shown = ", ".join(names[:12])
    return f"{shown} and {len(names) - 12} more" if len(names) > 12 else shown or "none"


def annotation_at(path: Sequence[Step], data: Any, root: type[BaseModel] = TeamConfig) -> Any:
    """The type that the language gives to the place: a model, a `dict[...]`, a scalar type; None if unknown."""
    kind: Any = root
    for step in path:
        kind = _child(_chosen(kind, data), step, data)
        data = _item(data, step)
        if kind is None:
            return None
    return _chosen(kind, data)


def keys_at(path: Sequence[Step], data: Any, root: type[BaseModel] = TeamConfig) -> tuple[str, ...] | None:
    """The keys allowed in the mapping at `path` of the data; None where every key is."""
    kind = annotation_at(path, data, root)
    for step in path:
        data = _item(data, step)
    if _is_open(kind, data):
        return None
    return keys_of(kind) if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def keys_of(model: type[BaseModel]) -> tuple[str, ...]:
    """The keys that a mapping for this model may have, as a file writes them, `kind` first."""
    names = (field.alias or name for name, field in model.model_fields.items())
    return tuple(sorted(names, key=lambda name: name != "kind"))


def _item(data: Any, step: Step) -> Any:
    if isinstance(data, dict):
        return data.get(step)
    if isinstance(data, list) and isinstance(step, int) and 0 <= step < len(data):
        return data[step]
    return None


def _is_open(kind: Any, data: Any) -> bool:
    """Whether a mapping may have keys that the language does not know: beside a generator stand its arguments."""
    return isinstance(kind, type) and issubclass(kind, DrawnPhase) and isinstance(data, dict) and "generator" in data


def _child(kind: Any, step: Step, data: Any) -> Any:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            if (field.alias or name) == step:
                return field.annotation
        return Any if _is_open(kind, data) else None
    if kind is Any:
        return Any
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is dict:
        return arguments[1]
    if origin in (tuple, list) and arguments:
        return arguments[0]
    return None


def _chosen(kind: Any, data: Any) -> Any:
    """The member of a union that the data means."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) not in (Union, types.UnionType):
        return kind
    members = [_chosen(member, data) for member in get_args(kind) if member is not type(None)]
    if len(members) == 1:
        return members[0]
    models = [member for member in members if isinstance(member, type) and issubclass(member, BaseModel)]
    if not isinstance(data, dict):
        others = [member for member in members if member not in models]
        return others[0] if len(others) == 1 else None
    if len(models) == 1:
        return models[0]
    return next((model for model in models if data.get("kind") in _kinds(model)), None)


def _kinds(model: type[BaseModel]) -> tuple[Any, ...]:
    field = model.model_fields.get("kind")
    return get_args(field.annotation) if field and get_origin(field.annotation) is Literal else ()
