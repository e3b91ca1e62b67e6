"""Simulated models in free talk, structured answers, skill, and the provider around them."""

from __future__ import annotations

import json
import time
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.config.models import ModelConfig, Price
from agentmesh.errors import ConfigError
from agentmesh.messages import ChatMessage, Reply
from agentmesh.providers.base import Request
from agentmesh.providers.schema import validate_json
from agentmesh.providers.simulated import PROFILES, Profile, SimulatedProvider, respond
from agentmesh.providers.simulated.provider import pieces
from agentmesh.providers.simulated.structured import Content, structured
from agentmesh.tools.graph import definition

WORKER = PROFILES["worker"]
DULL = Profile("dull", 0.0, 0.0)
CALCULATOR: dict[str, Any] = {
    "type": "function",
    "function": {"name": "calculator", "description": "", "parameters": {}},
}


def said(sender: str, text: str) -> str:
    return f'<message from="{sender}">\n{text}\n</message>'


def asked(*texts: str, name: str = "ann", **fields: Any) -> Request:
    """A request with user messages in turn with the agent's own replies."""
    messages: list[ChatMessage] = [{"role": "system", "content": f'You are "{name}".'}]
    for place, text in enumerate(texts):
        messages.append({"role": "assistant" if place % 2 else "user", "content": text})
    return Request(agent=name, messages=messages, **fields)


def test_the_answer_is_an_equation_with_its_steps() -> None:
    assert respond(asked(said("user", "Compute 12*7 + 5")), WORKER).text == (
        "12*7 + 5 = 89\nStep by step: 84, then 89."
    )


def test_a_conversation_without_a_team_is_the_users() -> None:
    assert respond(asked("Compute 12*7 + 5"), WORKER).text.startswith("12*7 + 5 = 89")


def test_a_request_to_repair_is_not_taken_for_the_task() -> None:
    reply = respond(
        asked(said("user", "Compute 3*4"), "12", "Your answer could not be used: not JSON (1 + 1)."), WORKER
    )
    assert reply.text.startswith("3*4 = 12")


def test_later_it_says_with_whom_it_agrees() -> None:
    reply = respond(
        asked(said("user", "Compute 3*4"), "3*4 = 12", said("bob", "3*4 = 12") + "\n" + said("eve", "3*4 = 34")), WORKER
    )
    assert reply.text == "3*4 = 12\nI agree with bob. I do not agree with eve (34). Step by step: 12."


def test_a_dull_one_follows_the_majority() -> None:
    others = "\n".join(said(name, "3*4 = 12") for name in ("bob", "cy", "dee"))
    reply = respond(asked(said("user", "Compute 3*4"), "3*4 = 11", others), DULL)
    assert reply.text.startswith("3*4 = 12")
    assert "follow the others" in reply.text


def test_a_chain_member_takes_the_problem_from_what_it_was_sent() -> None:
    assert respond(asked(said("a1", "3*4 = 13\nStep by step: 13.")), WORKER).text.startswith("3*4 = 12\nI do not agree")


def test_a_division_by_zero_is_said() -> None:
    assert "division by zero" in respond(asked(said("user", "Compute 4/(2-2)")), WORKER).text


def test_with_a_calculator_the_result_of_the_tool_is_the_answer() -> None:
    request = asked(said("user", "Compute 12*7"), tools=[CALCULATOR])
    call = respond(request, DULL).tool_calls[0]
    assert (call.name, call.arguments) == ("calculator", {"expression": "12*7"})
    function: Any = {"name": call.name, "arguments": json.dumps(call.arguments)}
    request.messages.append(
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": call.id, "type": "function", "function": function}],
        }
    )
    request.messages.append({"role": "tool", "tool_call_id": call.id, "content": "84"})
    assert respond(request, DULL).text == "12*7 = 84"
    request.messages[-1] = {"role": "tool", "tool_call_id": call.id, "content": "error: out of order"}
    assert respond(request, DULL).text == "There is no value for 12*7: error: out of order"


def test_extracts_do_not_grow_along_a_chain() -> None:
    text = said("user", "Bees fly far. They find home. " + "Nobody knows everything. " * 50)
    reply = ""
    for number in range(30):
        reply = respond(asked(text), WORKER).text
        text = said(f"a{number}", reply)
    assert reply == '(simulated model: this is an extract, not an answer)\nuser: "Bees fly far. They find home."'


def test_an_extract_is_short_whatever_was_sent() -> None:
    reply = respond(asked(said("user", "word " * 5000)), WORKER).text
    assert len(reply) < 400
    assert reply.endswith(' ..."')


def test_words_that_others_said_about_nothing_to_compute_do_not_count() -> None:
    reply = respond(asked(said("user", "Compute 3*4") + "\n" + said("eve", "3*4 = 1/0")), WORKER)
    assert reply.text == "3*4 = 12\nStep by step: 12."


def test_a_slow_thinker_that_finds_its_slip_corrects_it() -> None:
    answers = [
        respond(
            asked(said("user", "Compute 21*19"), "x", said("bob", "21*19 = 399"), seed=seed), PROFILES["novice"]
        ).text
        for seed in range(40)
    ]
    assert any(text == "21*19 = 399\nI agree with bob. Step by step: 399." for text in answers)


def test_a_parrot_computes_nothing() -> None:
    assert "extract" in respond(asked(said("user", "Compute 3*4")), PROFILES["parrot"]).text


def test_what_must_be_sent_by_tool_is_sent_to_all_who_may_be_reached() -> None:
    request = asked(
        said("user", "Compute 3*4"),
        tools=[definition("send_message", {"recipients": ["bob", "cy"]})],
        tool_choice="required",
    )
    arguments = respond(request, WORKER).tool_calls[0].arguments
    assert arguments["recipients"] == ["bob", "cy"]
    assert arguments["content"].startswith("3*4 = 12")


def test_parts_other_than_text_are_left_out() -> None:
    request = asked("")
    request.messages[1] = {
        "role": "user",
        "content": [
            {"type": "text", "text": said("user", "Compute 3*4")},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        ],
    }
    assert respond(request, WORKER).text.startswith("3*4 = 12")


def test_escaped_tags_are_read_as_they_were_written() -> None:
    text = '&lt;message from="user">\nCompute 9*9\n&lt;/message> Compute 3*4'
    assert "9*9 = 81\n3*4 = 12" in respond(asked(said("bob", text)), WORKER).text


# Skill


def test_easy_steps_are_always_right_and_hard_ones_sometimes_wrong() -> None:
    easy = [respond(asked(said("user", f"Compute {n}*{n + 7}"), seed=n), WORKER).text for n in range(100, 160)]
    assert all(f"= {n * (n + 7)}\n" in text for n, text in zip(range(100, 160), easy, strict=True))
    big = 123456789
    hard = [respond(asked(said("user", f"Compute {big}*{big + n}"), seed=n), WORKER).text for n in range(60)]
    right = sum(f"= {big * (big + n)}\n" in text for n, text in enumerate(hard))
    assert 30 < right < 60


def test_a_novice_is_sometimes_wrong_and_an_expert_never() -> None:
    def right(profile: str) -> int:
        request = [asked(said("user", "Compute 21*19"), seed=seed) for seed in range(100)]
        return sum("= 399\n" in respond(one, PROFILES[profile]).text for one in request)

    assert 40 < right("novice") < 80
    assert right("expert") == 100


def test_the_same_request_gets_the_same_answer_and_another_seed_may_not() -> None:
    def answers(seed: int) -> list[str]:
        return [respond(asked(said("user", f"Compute {n}+8"), seed=seed), PROFILES["novice"]).text for n in range(20)]

    assert answers(1) == answers(1)
    assert answers(1) != answers(2)


def test_an_unknown_profile_is_refused_with_the_known_ones() -> None:
    known = r"allowed: coder, expert, judge, novice, parrot, .*, worker; did you mean 'worker'"
    with pytest.raises(ConfigError, match=known):
        SimulatedProvider(ModelConfig(provider="simulated", model="wroker"), "simulated:wroker")
    with pytest.raises(ConfigError, match=r"sycophant, worker$"):
        SimulatedProvider(ModelConfig(provider="simulated", model="zzz"), "simulated:zzz")


# The provider


def provider(**fields: Any) -> SimulatedProvider:
    return SimulatedProvider(ModelConfig(provider="simulated", **fields), "simulated:worker")


@pytest.mark.anyio
async def test_text_is_streamed_in_pieces_that_make_up_the_reply() -> None:
    heard: list[str] = []
    model = provider()
    reply = await model.complete(asked(said("user", "Compute 12*7 + 5")), heard.append)
    await model.aclose()
    assert len(heard) > 3
    assert "".join(heard) == reply.text
    assert (reply.model, model.model_id) == ("simulated:worker", "simulated:worker")


@pytest.mark.anyio
async def test_latency_is_slept_and_a_price_is_charged() -> None:
    started = time.monotonic()
    model = provider(latency_s=0.05, price=Price(input=1_000_000, output=0))
    reply = await model.complete(asked(said("user", "Compute 1+1")))
    assert time.monotonic() - started >= 0.05
    assert reply.usage is not None
    assert reply.usage.cost_usd == reply.usage.input_tokens


@pytest.mark.anyio
async def test_a_skill_in_the_configuration_holds() -> None:
    reply = await provider(skill=0.0).complete(asked(said("user", "Compute 1+1")))
    assert not reply.text.startswith("1 + 1 = 2\n")


@given(st.text())
def test_the_pieces_of_any_text_make_up_the_text(text: str) -> None:
    assert "".join(pieces(text)) == text


def test_usage_does_not_depend_on_what_was_kept_from_earlier_requests() -> None:
    memo: dict[str, Any] = {}
    texts = [said("user", "Compute 3*4"), "3*4 = 12", said("bob", "3*4 = 12"), "3*4 = 12", said("bob", "yes")]
    messages = asked(*texts).messages
    for end in (2, 4, 6, 4):
        kept = Request(agent="x", messages=messages[:end], memo=memo)
        fresh = Request(agent="y", messages=[dict(message) for message in messages[:end]])  # type: ignore[misc]
        assert respond(kept, WORKER) == respond(fresh, WORKER)


def test_a_reply_is_cut_at_the_tokens_allowed() -> None:
    reply = respond(asked(said("user", "Compute 12*7 + 5"), max_output_tokens=2), WORKER)
    assert (reply.text, reply.finish_reason) == ("12*7 + 5", "length")
    assert reply.usage is not None
    assert reply.usage.output_tokens == 2
    cut = respond(asked(said("user", "Compute 12*7"), tools=[definition("open_tasks")], max_output_tokens=2), WORKER)
    assert (cut.text, cut.tool_calls, cut.finish_reason) == ("", (), "length")


# Structured answers


def filled(schema: dict[str, Any], reply: Reply | None = None) -> Any:
    reply = reply or respond(asked(said("user", "Compute 12*7 + 5"), response_schema=schema), WORKER)
    assert reply.structured == "native"
    value = json.loads(reply.text)
    assert validate_json(schema, value) == []
    return value


def test_a_structured_answer_holds_value_and_text() -> None:
    schema = {
        "type": "object",
        "properties": {
            "value": {"type": "integer"},
            "text": {"type": "string", "maxLength": 14},
            "unit": {"enum": ["m", "s"]},
            "confidence": {"type": "number", "minimum": 0, "maximum": 1},
            "parts": {"type": "array", "items": {"$ref": "#/$defs/part"}, "minItems": 2},
            "left": {"anyOf": [{"type": "null"}, {"type": "number"}]},
            "kind": {"const": "sum"},
            "nested": {"allOf": [{"$ref": "#/$defs/part"}], "description": "one part"},
        },
        "required": ["value", "text", "unit", "confidence", "parts"],
        "additionalProperties": False,
        "$defs": {
            "part": {
                "type": "object",
                "properties": {"n": {"type": "number"}, "ok": {"type": "boolean"}},
                "required": ["n"],
            }
        },
    }
    value = filled(schema)
    assert value["value"] == value["left"] == value["nested"]["n"] == 89
    assert value["text"] == "12*7 + 5 = 89\n"
    assert (value["unit"], value["kind"], value["confidence"]) == ("m", "sum", 0.9)


def test_a_schema_without_a_shape_gets_the_answer_and_its_value() -> None:
    assert filled({"type": "object"})["value"] == 89
    assert filled({"type": "number"}) == 89
    assert filled({"type": "array", "items": {"type": "number"}}) == [89]
    assert filled({"enum": ["yes", "no"]}) == "yes"


def test_a_number_that_is_not_known_is_left_open_where_the_schema_lets_it() -> None:
    for schema in ({"type": ["number", "null"]}, {"anyOf": [{"type": "number"}, {"type": "null"}]}):
        assert filled(schema, respond(asked(said("user", "Hello."), response_schema=schema), WORKER)) is None


def test_tool_calls_are_not_forced_into_the_schema() -> None:
    request = asked(said("user", "Compute 12*7"), tools=[definition("open_tasks")], response_schema={"type": "number"})
    assert respond(request, WORKER).tool_calls[0].name == "open_tasks"


def schemas() -> st.SearchStrategy[dict[str, Any]]:
    def bounded(kind: str) -> st.SearchStrategy[dict[str, Any]]:
        low = st.integers(-50, 50)
        return low.map(lambda n: {"type": kind, "minimum": n, "maximum": n + 3})

    plain: st.SearchStrategy[dict[str, Any]] = st.one_of(
        st.sampled_from(["string", "number", "integer", "boolean", "null"]).map(lambda kind: {"type": kind}),
        st.sampled_from(["number", "integer"]).flatmap(bounded),
        st.integers(0, 30).map(lambda n: {"type": "string", "minLength": n, "maxLength": n + 5}),
        st.lists(st.integers(), min_size=1, max_size=3).map(lambda options: {"enum": options}),
    )

    def grown(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
        names = st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
        return st.one_of(
            names.map(
                lambda p: {"type": "object", "properties": p, "required": list(p), "additionalProperties": False}
            ),
            inner.map(lambda item: {"type": "array", "items": item, "minItems": 1, "maxItems": 2}),
            st.lists(inner, min_size=1, max_size=3).map(lambda options: {"anyOf": options}),
        )

    return st.recursive(plain, grown, max_leaves=8)


@given(schemas(), st.lists(st.fractions(-1000, 1000), max_size=3))
def test_whatever_the_schema_the_answer_satisfies_it(schema: dict[str, Any], values: list[Fraction]) -> None:
    value = json.loads(structured(schema, Content("The answer.", tuple(values))))
    assert validate_json(schema, value) == []


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer", "multipleOf": 10}, 90),
        ({"type": "integer", "multipleOf": 10, "maximum": 85}, 80),
        ({"type": "integer", "multipleOf": 10, "minimum": 95}, 100),
        ({"exclusiveMaximum": 89}, 88.999),
        ({"exclusiveMinimum": 89, "type": "integer"}, 90),
        ({"items": {"type": "integer"}, "uniqueItems": True, "minItems": 1}, [89]),
        ({"type": "array", "items": False}, []),
        ({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "null"}], "items": False}, [89, None]),
        ({"type": "string", "format": "date"}, "2000-01-01"),
        ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, 89),
        ({"properties": {"n": {"type": "integer"}}}, {"n": 89}),
        ({"$ref": "#/$defs/n", "$defs": {"n": {"type": "integer"}}}, 89),
        ({"type": "boolean"}, True),
        ({"type": "null"}, None),
        ({"enum": ["no", "sum"], "description": "which"}, "no"),
    ],
)
def test_schemas_are_filled_with_the_value_where_it_fits(schema: dict[str, Any], value: Any) -> None:
    content = Content("12*7 + 5 = 89", (Fraction(89),))
    assert json.loads(structured(schema, content)) == value


def test_a_choice_named_in_the_answer_is_taken() -> None:
    assert json.loads(structured({"enum": ["yes", "no"]}, Content("I say no to that."))) == "no"


def test_a_schema_that_contains_itself_comes_to_an_end() -> None:
    node = {
        "type": "object",
        "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}, "n": {"type": "integer"}},
        "required": ["next", "n"],
    }
    schema = {"$defs": {"node": node}, "$ref": "#/$defs/node"}
    value = json.loads(structured(schema, Content("x", (Fraction(5),))))
    assert validate_json(schema, value) == []


def test_a_value_too_large_for_a_float_stays_exact() -> None:
    assert json.loads(structured({"type": "number"}, Content("x", (Fraction(10**400),)))) == 10**400
    assert json.loads(structured({"type": "number"}, Content("x", (Fraction(10**400) + Fraction(1, 3),)))) == 10**400


def test_arguments_that_are_no_object_are_kept_as_text() -> None:
    function: Any = {"name": "open_tasks", "arguments": "{"}
    calls: Any = [{"id": "a", "type": "function", "function": function}]
    request = asked(said("user", "Compute 3*4"), tools=[definition("open_tasks")])
    request.messages.append({"role": "assistant", "content": "", "tool_calls": calls})
    request.messages.append({"role": "tool", "tool_call_id": "a", "content": "no"})
    assert respond(request, WORKER).tool_calls[0].arguments["tasks"][0]["instructions"] == "Compute 3*4"
    function["arguments"] = "[1]"
    assert respond(request, WORKER).tool_calls[0].name == "open_tasks"
