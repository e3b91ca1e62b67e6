"""Events of every type, with anything in them that an event can hold."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from agentmesh.events import Event, EventBase
from agentmesh.messages import FilePart, ImagePart

KINDS: Sequence[type[EventBase]] = get_args(Event)

_LONG = "long enough to be stored apart: \"quotes\", 'quotes', \\ and \n, é, 🜚, \0 and so on. "
texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.sampled_from(
        ["\0", "'; DROP TABLE run; --", '"', "\\u0000", "🜚🜚", "\u2028", "null", "{}", "%s ? $1", "\\N", "\t"]
    ),
    st.builds(lambda times, end: _LONG * times + end, st.integers(1, 40), st.text("aé🜚\0", max_size=3)),
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.floats(0, 1), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)
_parts = st.one_of(
    st.builds(ImagePart, data=st.just("iVBORw0KGgo=")),
    st.builds(ImagePart, url=texts.filter(bool)),
    st.builds(FilePart, name=texts, data=st.just("JVBERi0=" * 2000)),
)


def of(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a type."""
    origin, within = get_origin(kind), get_args(kind)
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    if origin is Annotated:
        return _parts if ImagePart in get_args(within[0]) else of(within[0])
    if origin is Literal:
        return st.sampled_from(within)
    if origin in (Union, types.UnionType):
        return st.one_of(*map(of, within))
    if origin is tuple:
        return st.lists(of(within[0]), max_size=3).map(tuple) if within[-1] is ... else st.tuples(*map(of, within))
    if origin is dict:
        return st.dictionaries(of(within[0]), of(within[1]), max_size=3)
    fields = kind.model_fields if issubclass(kind, BaseModel) else {one.name: one for one in dataclasses.fields(kind)}
    hints = get_type_hints(kind, include_extras=True)
    given_later = ("id", "run_id") if issubclass(kind, EventBase) else ()
    made = st.fixed_dictionaries({name: of(hints[name]) for name in fields if name not in given_later})
    return made.map(lambda given: _made(kind, given)).filter(lambda one: one is not None)


def _made(kind: Any, given: dict[str, Any]) -> Any:
    try:
        return kind(**given)
    except ValidationError:  # a text where only some are allowed, a list that must not be empty
        return None


_SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    str: texts,
    int: st.integers(0, 2**53),
    float: st.floats(0, 1),
    bool: st.booleans(),
    type(None): st.none(),
    Any: values,
}
