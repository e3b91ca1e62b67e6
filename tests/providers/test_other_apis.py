from __future__ import annotations

from typing import Any

import pytest

from agentmesh.errors import ProviderError
from agentmesh.messages import ChatMessage, Reply
from agentmesh.providers.base import Request
from tests.providers.fake_server import KEY, FakeServer, MakeProvider

pytestmark = [pytest.mark.anyio, pytest.mark.real_models]

PARAMETERS = {"type": "object", "properties": {"x": {"type": "integer"}}}
TOOL = {"type": "function", "function": {"name": "add", "description": "Adds.", "parameters": PARAMETERS}}
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"n": {"type": "integer"}}}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
FILE = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,BBBB"}}

APIS = {"responses": {"provider": "openai", "api": "responses"}, "messages": {"provider": "anthropic"}}


@pytest.fixture(params=list(APIS))
def api(request: pytest.FixtureRequest) -> dict[str, str]:
    return APIS[request.param]


def asking(text: str, **fields: Any) -> Request:
    messages: list[ChatMessage] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]
    return Request(agent="a", messages=messages, **fields)


def assistant(reply: Reply) -> ChatMessage:
    """How a conversation continues after a reply."""
    message: ChatMessage = {"role": "assistant", "content": reply.text, "extra": reply.extra}
    if reply.tool_calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": '{"x": 1}'}}
            for call in reply.tool_calls
        ]
    return message


async def test_an_answer_becomes_a_reply_with_all_input_counted(provider: MakeProvider, api: dict[str, str]) -> None:
    reply = await provider("m", **api).complete(asking("hello"))
    assert (reply.text, reply.finish_reason, reply.structured) == ("You said: hello", "stop", None)
    assert reply.usage is not None
    assert (reply.usage.input_tokens, reply.usage.output_tokens, reply.usage.cache_read_tokens) == (100, 20, 40)
    assert reply.usage.reasoning_tokens == 5
    assert reply.usage.cache_write_tokens == (10 if api["provider"] == "anthropic" else 0)


@pytest.mark.parametrize("streamed", [False, True])
async def test_tool_calls_and_their_results_travel(
    provider: MakeProvider, server: FakeServer, api: dict[str, str], streamed: bool
) -> None:
    asked = provider("tools", **api)
    request = asking("add", tools=[TOOL])
    reply = await asked.complete(request, (lambda _: None) if streamed else None)
    assert [(call.name, call.arguments, call.id) for call in reply.tool_calls] == [
        ("add", {"x": 1}, "call_a"),
        ("add", {"x": 1}, "call_b"),
    ]
    assert reply.finish_reason == "tool_calls"
    results: list[ChatMessage] = [
        {"role": "tool", "tool_call_id": "call_a", "content": "2"},
        {"role": "tool", "tool_call_id": "call_b", "content": "3"},
    ]
    messages = [*request.messages, assistant(reply), *results]
    await asked.complete(Request(agent="a", messages=messages, tools=[TOOL], memo=request.memo))
    body = server.bodies()[-1]
    if api["provider"] == "anthropic":
        assert [block["type"] for block in body["messages"][1]["content"]] == ["tool_use", "tool_use"]
        assert body["messages"][2] == {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "call_a", "content": "2"},
                {"type": "tool_result", "tool_use_id": "call_b", "content": "3"},
            ],
        }
    else:
        assert [item.get("type") for item in body["input"]] == [
            *(None, None),
            *("function_call", "function_call"),
            *("function_call_output", "function_call_output"),
        ]


async def test_streamed_text_arrives_in_pieces(provider: MakeProvider, api: dict[str, str]) -> None:
    pieces: list[str] = []
    reply = await provider("m", **api).complete(asking("what is new"), pieces.append)
    assert len(pieces) > 1
    assert "".join(pieces) == reply.text == "You said: what is new"
    assert reply.usage is not None
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (100, 20)


async def test_a_plain_answer_to_a_streaming_request_is_taken_whole(
    provider: MakeProvider, api: dict[str, str]
) -> None:
    reply = await provider("plain", **api).complete(asking("hello"), lambda _: None)
    assert reply.text == "You said: hello"


async def test_a_stream_that_ends_too_early_is_retried(provider: MakeProvider, api: dict[str, str]) -> None:
    with pytest.raises(ProviderError, match="before the answer was complete"):
        await provider("cut", max_retries=0, **api).complete(asking("hello"), lambda _: None)


@pytest.mark.parametrize("streamed", [False, True])
async def test_reasoning_goes_back_unchanged(
    provider: MakeProvider, server: FakeServer, api: dict[str, str], streamed: bool
) -> None:
    asked = provider("reason+tools", **api)
    request = asking("add", tools=[TOOL])
    reply = await asked.complete(request, (lambda _: None) if streamed else None)
    messages = [*request.messages, assistant(reply)]
    await asked.complete(Request(agent="a", messages=messages, tools=[TOOL]))
    body = server.bodies()[-1]
    if api["provider"] == "anthropic":
        assert body["messages"][1]["content"][0] == {
            "type": "thinking",
            "thinking": "Let me see.",
            "signature": "signed",
        }
    else:
        assert body["input"][2] == {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "opaque"}


async def test_a_refusal_is_an_error_and_no_text(provider: MakeProvider, api: dict[str, str]) -> None:
    with pytest.raises(ProviderError) as caught:
        await provider("refuse", **api).complete(asking("hello"))
    assert caught.value.kind == "content_refused"


async def test_structured_output_is_asked_for_natively_and_otherwise_in_the_prompt(
    provider: MakeProvider, server: FakeServer, api: dict[str, str]
) -> None:
    reply = await provider("m", **api).complete(asking("say {}", response_schema=SCHEMA))
    assert reply.structured == "native"
    refusing = provider("no-schema+no-json", **api)
    reply = await refusing.complete(asking("say {}", response_schema=SCHEMA))
    assert reply.structured == "prompt"
    body = server.bodies()[-1]
    system = body["system"][0]["text"] if "system" in body else body["input"][0]["content"]
    assert system.startswith("Be brief.\n\nAnswer with one JSON value")


async def test_responses_are_stateless_and_carry_reasoning(provider: MakeProvider, server: FakeServer) -> None:
    await provider("o5", api="responses", reasoning_effort="low").complete(asking("hello", tools=[TOOL], seed=1))
    (request,) = server.received()
    assert request["path"] == "/v1/responses"
    assert server.bodies() == [
        {
            "model": "o5",
            "store": False,
            "include": ["reasoning.encrypted_content"],
            "max_output_tokens": 4096,
            "reasoning": {"effort": "low"},
            "tools": [
                {"type": "function", "name": "add", "description": "Adds.", "parameters": PARAMETERS, "strict": False}
            ],
            "input": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}],
        }
    ]


async def test_messages_cache_system_tools_and_conversation(provider: MakeProvider, server: FakeServer) -> None:
    cache = {"type": "ephemeral"}
    asked = asking("hello", tools=[TOOL], tool_choice="none")
    await provider("m", provider="anthropic", reasoning_effort="high").complete(asked)
    (request,) = server.received()
    assert request["path"] == "/v1/messages"
    assert request["headers"]["authorization"] == f"Bearer {KEY}"
    assert request["headers"]["anthropic-version"]
    assert server.bodies() == [
        {
            "model": "m",
            "max_tokens": 4096,
            "output_config": {"effort": "high"},
            "tools": [{"name": "add", "description": "Adds.", "input_schema": PARAMETERS, "cache_control": cache}],
            "system": [{"type": "text", "text": "Be brief.", "cache_control": cache}],
            "cache_control": cache,
            "messages": [{"role": "user", "content": "hello"}],
            "tool_choice": {"type": "none"},
        }
    ]


async def test_images_and_files_are_sent_in_each_apis_own_form(
    provider: MakeProvider, server: FakeServer, api: dict[str, str]
) -> None:
    parts: list[dict[str, Any]] = [{"type": "text", "text": "see"}, IMAGE, FILE]
    await provider("m", **api).complete(Request(agent="a", messages=[{"role": "user", "content": parts}]))
    (body,) = server.bodies()
    if api["provider"] == "anthropic":
        image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
        source = {"type": "base64", "media_type": "application/pdf", "data": "BBBB"}
        file = {"type": "document", "title": "a.pdf", "source": source}
        assert body["messages"][0]["content"] == [{"type": "text", "text": "see"}, image, file]
    else:
        assert body["input"][0]["content"] == [
            {"type": "input_text", "text": "see"},
            {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,BBBB"},
        ]


def file_named(name: str, media_type: str, data: str) -> list[ChatMessage]:
    part = {"type": "file", "file": {"filename": name, "file_data": f"data:{media_type};base64,{data}"}}
    return [{"role": "user", "content": [part]}]


async def test_a_text_file_is_sent_to_messages_as_text(provider: MakeProvider, server: FakeServer) -> None:
    for media_type in ("text/csv", "text/plain;charset=utf-8"):
        asked = file_named("a.csv", media_type, "w6Qs/w==")
        await provider("m", provider="anthropic").complete(Request(agent="a", messages=asked))
        source = {"type": "text", "media_type": "text/plain", "data": "\u00e4,\ufffd"}
        sent = server.bodies()[-1]["messages"][0]["content"]
        assert sent == [{"type": "document", "title": "a.csv", "source": source}]


@pytest.mark.parametrize(
    ("media_type", "data", "words"),
    [("application/zip", "AAAA", "'a.bin' is application/zip; the Messages API takes"), ("text/csv", "?", "base64")],
)
async def test_a_file_that_messages_cannot_take_is_refused_by_name(
    provider: MakeProvider, server: FakeServer, media_type: str, data: str, words: str
) -> None:
    asked = Request(agent="a", messages=file_named("a.bin", media_type, data))
    with pytest.raises(ProviderError, match=words) as caught:
        await provider("m", provider="anthropic").complete(asked)
    assert caught.value.kind == "bad_request"
    assert "'a.bin'" in str(caught.value)
    assert server.received() == []


async def test_an_empty_turn_of_the_assistant_is_left_out_of_messages(
    provider: MakeProvider, server: FakeServer
) -> None:
    messages: list[ChatMessage] = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": ""},
        {"role": "user", "content": "two"},
    ]
    await provider("m", provider="anthropic").complete(Request(agent="a", messages=messages))
    assert [message["content"] for message in server.bodies()[0]["messages"]] == ["one", "two"]


async def test_messages_gets_a_schema_that_it_can_enforce(provider: MakeProvider, server: FakeServer) -> None:
    asked = provider("m", provider="anthropic")
    bounded = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}
    await asked.complete(asking("say {}", response_schema=bounded))
    sent = server.bodies()[-1]["output_config"]["format"]["schema"]
    assert sent["additionalProperties"] is False
    assert "minimum" not in sent["properties"]["n"]
    assert "minimum: 1" in sent["properties"]["n"]["description"]
    assert bounded["properties"] == {"n": {"type": "integer", "minimum": 1}}
    strange: dict[str, Any] = {"properties": {"n": {}}}
    await asked.complete(asking("say {}", response_schema=strange))
    assert server.bodies()[-1]["output_config"]["format"]["schema"] == strange
