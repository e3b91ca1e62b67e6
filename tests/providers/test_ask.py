from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from agentmesh.errors import ProviderError
from agentmesh.messages import Reply
from agentmesh.providers.ask import (
    Asked,
    ask,
    checked,
    parse_json_text,
    repair_message,
    schema_instruction,
    validate_json,
)
from agentmesh.providers.base import Request
from agentmesh.providers.schema import is_strict
from agentmesh.providers.schema_faults import schema_faults


class Address(BaseModel):
    street: str
    number: int | None = None


class Person(BaseModel):
    name: str
    addresses: list[Address]


SCHEMA = Person.model_json_schema()
GOOD = '{"name": "Ann", "addresses": [{"street": "Hill"}]}'


def answering(*texts: str) -> tuple[Callable[[Request], Awaitable[Reply]], list[Request]]:
    """A model that gives these answers in turn, and what it was asked."""
    asked: list[Request] = []

    async def call(request: Request) -> Reply:
        asked.append(request)
        return Reply(text=texts[len(asked) - 1], structured="native")

    return call, asked


REQUEST = Request(agent="a", messages=[{"role": "user", "content": "Who?"}], response_schema=SCHEMA)


@pytest.mark.anyio
async def test_a_good_answer_needs_one_call() -> None:
    call, asked = answering(GOOD)
    answer = await ask(call, REQUEST, Person.model_validate)
    assert (answer.value.name, answer.mode, answer.calls, len(asked)) == ("Ann", "native", 1, 1)


@pytest.mark.anyio
async def test_a_bad_answer_is_asked_for_again_with_what_was_wrong() -> None:
    call, asked = answering("Ann", '{"name": 3}', GOOD)
    answer: Asked[Any] = await ask(call, REQUEST)
    assert (answer.value["name"], answer.calls) == ("Ann", 3)
    first, _, third = asked
    assert third.messages[: len(first.messages)] == first.messages
    assert [message["role"] for message in third.messages] == ["user", "assistant", "user", "assistant", "user"]
    assert "name: 3 is no string" in str(third.messages[-1]["content"])
    assert "'addresses' is missing" in str(third.messages[-1]["content"])


@pytest.mark.anyio
async def test_asking_again_ends_after_the_last_attempt() -> None:
    call, asked = answering("no", "no", "no")
    with pytest.raises(ProviderError, match="no valid answer after 2 attempts: the answer is not JSON"):
        await ask(call, REQUEST, attempts=2)
    assert len(asked) == 2


@pytest.mark.anyio
async def test_the_callers_own_check_counts_too() -> None:
    def short(value: Any) -> str:
        if len(value["name"]) > 2:
            raise ValueError("the name is too long")
        return str(value["name"])

    call, _ = answering(GOOD, GOOD.replace("Ann", "An"))
    assert (await ask(call, REQUEST, short)).value == "An"


@pytest.mark.parametrize("text", ['{"a": 1}', ' {"a": 1}\n', '```json\n{"a": 1}\n```', 'Here:\n```\n{"a": 1}\n```\n.'])
def test_json_is_found_alone_or_in_a_fence(text: str) -> None:
    assert parse_json_text(text) == {"a": 1}


def test_json_that_holds_a_fence_is_taken_whole() -> None:
    assert parse_json_text('{"a": "```\\nx\\n```"}') == {"a": "```\nx\n```"}
    assert checked("3", None) == 3


def test_what_is_no_json_says_so() -> None:
    with pytest.raises(ValueError, match="the answer is not JSON"):
        parse_json_text("I think it is 3")


def test_the_words_to_models_hold_error_and_schema() -> None:
    assert "x is missing" in repair_message("x is missing")
    assert '{"type":"object"}' in schema_instruction({"type": "object"})


@pytest.mark.parametrize(
    ("schema", "value", "problem"),
    [
        ({"type": "string"}, 1, "1 is no string"),
        ({"type": ["string", "null"]}, 1, "1 is no string or null"),
        ({"type": "integer"}, True, "True is no integer"),
        ({"type": "number"}, "1", "'1' is no number"),
        ({"enum": ["a", 1]}, True, "True is not one of 'a', 1"),
        ({"const": "a"}, "b", "'b' is not 'a'"),
        ({"minLength": 2}, "a", "'a' is shorter than 2"),
        ({"maxLength": 1}, "ab", "'ab' is longer than 1"),
        ({"pattern": "^a$"}, "b", "'b' does not match ^a$"),
        ({"minimum": 2}, 1, "1 is less than 2"),
        ({"maximum": 2}, 3, "3 is more than 2"),
        ({"exclusiveMinimum": 2}, 2, "2 is not more than 2"),
        ({"exclusiveMaximum": 2}, 2, "2 is not less than 2"),
        ({"minItems": 1}, [], "0 items, at least 1 are needed"),
        ({"maxItems": 1}, [1, 2], "2 items, at most 1 are allowed"),
        ({"items": {"type": "string"}}, ["a", 1], "[1]: 1 is no string"),
        ({"required": ["a"]}, {}, "the property 'a' is missing"),
        ({"properties": {"a": {}}, "additionalProperties": False}, {"b": 1}, "'b' is not allowed; allowed: a"),
        ({"additionalProperties": {"type": "string"}}, {"b": 1}, "b: 1 is no string"),
        ({"properties": {"a": {"properties": {"b": False}}}}, {"a": {"b": 1}}, "a.b: nothing is allowed here"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, 1, "1 fits none of the 2 alternatives (1 is no string)"),
        ({"oneOf": [{"minimum": 1}, {"minimum": 2}]}, 3, "3 fits 2 alternatives where one is allowed"),
        ({"allOf": [{"type": "string"}]}, 1, "1 is no string"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}, 1, "1 is no string"),
    ],
)
def test_each_keyword_is_enforced_and_says_what_is_wrong(schema: dict[str, Any], value: Any, problem: str) -> None:
    found = validate_json(schema, value)
    assert any(problem in text for text in found), found
    assert list(schema_faults(schema)) == []


def test_problems_are_at_most_ten_and_long_values_are_cut() -> None:
    found = validate_json({"items": {"type": "string"}}, [["x" * 100]] * 30)
    assert len(found) == 10
    assert len(found[0]) < 100


def test_a_schema_that_refers_to_itself_ends() -> None:
    assert validate_json({"$ref": "#"}, 1) == []
    tree = {"type": "object", "properties": {"child": {"$ref": "#"}}}
    assert validate_json(tree, {"child": {"child": 3}}) == ["child.child: 3 is no object"]


def test_strict_mode_needs_closed_objects_with_all_properties_required() -> None:
    assert is_strict({"type": "object", "properties": {}, "additionalProperties": False})
    assert not is_strict({"type": "object"})
    assert not is_strict(SCHEMA)
    inner = {"type": "object", "properties": {"b": {}}, "additionalProperties": False}
    assert not is_strict({"type": "array", "items": inner})
    assert is_strict({"type": "array", "items": {**inner, "required": ["b"]}})


scalars = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text("ab", max_size=3))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)),
    max_leaves=6,
)
types = st.sampled_from(["object", "array", "string", "integer", "number", "boolean", "null"])
leaves = st.one_of(
    st.builds(lambda kind: {"type": kind}, types),
    st.builds(lambda allowed: {"enum": allowed}, st.lists(scalars, min_size=1, max_size=3)),
    st.builds(lambda low, high: {"minimum": low, "exclusiveMaximum": high}, st.integers(-3, 3), st.integers(-3, 3)),
    st.builds(lambda low, high: {"minLength": low, "maxLength": high}, st.integers(0, 2), st.integers(0, 3)),
)
schemas = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(
            lambda properties, required, rest: {
                "properties": properties,
                "required": required,
                "additionalProperties": rest,
            },
            st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
            st.lists(st.sampled_from("abc"), max_size=2, unique=True),
            st.one_of(st.booleans(), inner),
        ),
        st.builds(lambda items, low: {"type": "array", "items": items, "minItems": low}, inner, st.integers(0, 2)),
        st.builds(
            lambda word, parts: {word: parts},
            st.sampled_from(["anyOf", "allOf", "oneOf"]),
            st.lists(inner, min_size=1, max_size=3),
        ),
    ),
    max_leaves=5,
)


@given(schema=schemas, value=values)
def test_the_verdict_is_that_of_a_full_validator(schema: dict[str, Any], value: Any) -> None:
    full = jsonschema.Draft202012Validator(schema).is_valid(value)
    assert (validate_json(schema, value) == []) == full
