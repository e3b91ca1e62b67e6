from __future__ import annotations

import json
from typing import Any

import pytest

from agentmesh.errors import ProviderError
from agentmesh.messages import ChatMessage
from agentmesh.providers.base import Request
from tests.providers.fake_server import KEY, FakeServer, MakeProvider

pytestmark = [pytest.mark.anyio, pytest.mark.real_models]

TOOL = {"type": "function", "function": {"name": "add", "description": "Adds.", "parameters": {"type": "object"}}}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}


def asking(text: str, **fields: Any) -> Request:
    return Request(agent="a", messages=[{"role": "user", "content": text}], **fields)


async def test_a_chat_completion_becomes_a_reply_with_usage(provider: MakeProvider, server: FakeServer) -> None:
    reply = await provider("m").complete(asking("hello"))
    assert (reply.text, reply.finish_reason, reply.model) == ("You said: hello", "stop", "openai:m")
    assert reply.usage is not None
    assert (reply.usage.input_tokens, reply.usage.output_tokens, reply.usage.cache_read_tokens) == (100, 20, 40)
    assert (reply.usage.reasoning_tokens, reply.usage.model_calls, reply.usage.cost_usd) == (5, 1, None)
    (request,) = server.received()
    assert request["path"] == "/v1/chat/completions"
    assert request["headers"]["authorization"] == f"Bearer {KEY}"


async def test_a_compatible_server_gets_max_tokens_and_only_what_was_asked_for(
    provider: MakeProvider, server: FakeServer
) -> None:
    await provider("m").complete(asking("hello", max_output_tokens=7))
    assert server.bodies() == [{"model": "m", "max_tokens": 7, "messages": [{"role": "user", "content": "hello"}]}]


async def test_parameters_of_the_model_and_of_the_request_are_sent(provider: MakeProvider, server: FakeServer) -> None:
    asked = asking("hello", temperature=0.5, seed=3, tools=[TOOL], tool_choice="none")
    await provider("m", temperature=0.1, top_p=0.9, reasoning_effort="low").complete(asked)
    (body,) = server.bodies()
    assert (body["temperature"], body["top_p"], body["reasoning_effort"]) == (0.5, 0.9, "low")
    assert (body["seed"], body["tool_choice"], body["tools"]) == (3, "none", [TOOL])


async def test_what_other_providers_left_in_a_message_is_not_sent(provider: MakeProvider, server: FakeServer) -> None:
    messages: list[ChatMessage] = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "yes", "extra": {"openai_output": [{"type": "reasoning"}]}},
        {"role": "user", "content": "so?"},
    ]
    await provider("m").complete(Request(agent="a", messages=messages))
    assert server.bodies()[0]["messages"][1] == {"role": "assistant", "content": "yes"}


async def test_parallel_tool_calls_arrive_with_their_arguments(provider: MakeProvider) -> None:
    reply = await provider("tools").complete(asking("add", tools=[TOOL]))
    assert [(call.name, call.arguments, call.id) for call in reply.tool_calls] == [
        ("add", {"x": 1}, "call_a"),
        ("add", {"x": 1}, "call_b"),
    ]
    assert (reply.text, reply.finish_reason) == ("", "tool_calls")


async def test_arguments_that_are_no_json_object_arrive_as_raw_text(provider: MakeProvider) -> None:
    reply = await provider("bad-arguments").complete(asking("add", tools=[TOOL]))
    assert reply.tool_calls[0].arguments == {"": '{"x": '}


async def test_streamed_text_arrives_in_pieces_and_whole(provider: MakeProvider, server: FakeServer) -> None:
    pieces: list[str] = []
    reply = await provider("m").complete(asking("what is new"), pieces.append)
    assert len(pieces) > 1
    assert "".join(pieces) == reply.text == "You said: what is new"
    assert reply.usage is not None
    assert reply.usage.input_tokens == 100
    assert server.bodies()[0]["stream_options"] == {"include_usage": True}


async def test_streamed_tool_calls_are_put_together(provider: MakeProvider) -> None:
    reply = await provider("tools").complete(asking("add", tools=[TOOL]), lambda _: None)
    assert [(call.name, call.arguments) for call in reply.tool_calls] == [("add", {"x": 1}), ("add", {"x": 1})]
    assert reply.finish_reason == "tool_calls"


async def test_a_plain_answer_to_a_streaming_request_is_taken_whole(provider: MakeProvider) -> None:
    pieces: list[str] = []
    reply = await provider("plain").complete(asking("hello"), pieces.append)
    assert pieces == [reply.text] == ["You said: hello"]


async def test_a_stream_that_ends_too_early_is_a_broken_connection(provider: MakeProvider) -> None:
    request = asking("hello")
    with pytest.raises(ProviderError, match="before the answer was complete") as caught:
        await provider("cut", max_retries=1).complete(request, lambda _: None)
    assert caught.value.kind == "connection"
    assert len(request.attempts) == 2


async def test_missing_usage_is_estimated_and_marked(provider: MakeProvider) -> None:
    reply = await provider("no-usage").complete(asking("hello"))
    assert reply.usage is not None
    assert reply.usage.estimated
    assert reply.usage.input_tokens > 10
    assert reply.usage.output_tokens == len("You said: hello") // 4


async def test_a_refusal_is_an_error_and_no_text(provider: MakeProvider) -> None:
    with pytest.raises(ProviderError, match="I cannot help with that") as caught:
        await provider("refuse").complete(asking("hello"))
    assert caught.value.kind == "content_refused"


async def test_an_explicit_price_settles_the_cost(provider: MakeProvider) -> None:
    reply = await provider("m", price={"input": 10, "output": 100}).complete(asking("hello"))
    assert reply.usage is not None
    assert reply.usage.cost_usd == pytest.approx((100 * 10 + 20 * 100) / 1e6)


async def test_a_schema_is_asked_for_natively(provider: MakeProvider, server: FakeServer) -> None:
    reply = await provider("m").complete(asking('say {"n": 1}', response_schema=SCHEMA))
    assert (reply.text, reply.structured) == ('{"n": 1}', "native")
    json_schema = server.bodies()[0]["response_format"]["json_schema"]
    assert json_schema == {"name": "answer", "schema": SCHEMA, "strict": True}


async def test_a_server_without_schemas_is_asked_in_json_mode_and_remembered(
    provider: MakeProvider, server: FakeServer
) -> None:
    asked = provider("no-schema")
    request = asking("say {}", response_schema=SCHEMA)
    assert (await asked.complete(request)).structured == "json_mode"
    assert request.attempts == [
        "structured output (native) refused: bad_request: openai:no-schema answered 400: json_schema is not supported; "
        "check `model`, `api` and what this model takes"
    ]
    assert (await asked.complete(asking("say {}", response_schema=SCHEMA))).structured == "json_mode"
    kinds = [body["response_format"]["type"] for body in server.bodies()]
    assert kinds == ["json_schema", "json_object", "json_object"]
    first = server.bodies()[-1]["messages"][0]
    assert first["role"] == "system"
    assert json.dumps(SCHEMA, separators=(",", ":")) in first["content"]


async def test_a_server_without_json_mode_is_told_in_the_prompt(provider: MakeProvider, server: FakeServer) -> None:
    messages: list[ChatMessage] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "say {}"}]
    reply = await provider("no-schema+no-json").complete(Request(agent="a", messages=messages, response_schema=SCHEMA))
    assert reply.structured == "prompt"
    last = server.bodies()[-1]
    assert "response_format" not in last
    assert last["messages"][0]["content"].startswith("Be brief.\n\nAnswer with one JSON value")
    assert len(last["messages"]) == 2


async def test_a_refused_request_for_another_reason_is_not_blamed_on_the_schema(
    provider: MakeProvider, server: FakeServer
) -> None:
    with pytest.raises(ProviderError, match="'top_k'"):
        await provider("error:param").complete(asking("hello", response_schema=SCHEMA))
    assert len(server.received()) == 1


async def test_where_every_way_fails_the_first_failure_is_told(provider: MakeProvider) -> None:
    with pytest.raises(ProviderError, match="failing with 400"):
        await provider("fail:400").complete(asking("hello", response_schema=SCHEMA))
