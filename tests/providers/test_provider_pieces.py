"""The small parts below the providers, each by itself."""

from __future__ import annotations

import gc
import json
from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx2
import pytest

from agentmesh.config.models import ModelConfig
from agentmesh.errors import ConfigError, MissingExtra, ProviderError
from agentmesh.messages import ChatMessage
from agentmesh.providers.base import Request
from agentmesh.providers.failures import Origin, error_fields, failure, redacted, retry_after, stream_failure
from agentmesh.providers.guard import BLOCK_VARIABLE, refuse_blocked_request
from agentmesh.providers.http import HttpProvider
from agentmesh.providers.registry import make_provider
from agentmesh.providers.sse import events
from agentmesh.providers.wire import AiohttpWire, HttpxWire, SpreadTransport, Target, open_wire, proxy_for
from tests.providers.fake_server import FakeServer, MakeProvider

ORIGIN = Origin("openai:m", "http://x/v1", "OPENAI_API_KEY", ("topsecret",))


def made(provider: str = "openai", **fields: Any) -> HttpProvider:
    api = {"api": "chat"} if provider == "openai" else {}
    config = ModelConfig.model_validate({"provider": provider, "model": "m", **api, **fields})
    built = make_provider(config, environment={})
    assert isinstance(built, HttpProvider)
    return built


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"message": "no"}}, "no"),
        ({"error": "no"}, "no"),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "no"}}, "no"),
        ({"object": "error", "message": "no", "code": 400}, "no"),
        ({"detail": "no"}, "no"),
        ({"detail": [{"loc": ["body"]}]}, '[{"loc": ["body"]}]'),
    ],
)
def test_the_message_is_found_in_every_shape_of_error(body: Any, message: str) -> None:
    assert error_fields(json.dumps(body).encode())["message"] == message


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b""])
def test_a_body_that_is_no_error_object_has_no_fields(body: bytes) -> None:
    assert error_fields(body) == {}
    assert str(failure(ORIGIN, 502, {}, body)).startswith("server: openai:m answered 502")


def test_keys_are_cut_out_and_long_texts_cut_off() -> None:
    text = redacted("bad key topsecret and sk-abcdef123456\nand Bearer abcdefghi " + "x" * 1000, ORIGIN.secrets)
    assert text.startswith("bad key [key] and [key] and [key] x")
    assert len(text) < 410


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"type": "overloaded_error", "message": "busy"}, "server"),
        ({"type": "rate_limit_error", "message": "slow down"}, "rate"),
        ({"code": "rate_limit_exceeded", "message": "slow down"}, "rate"),
        ({"code": 429, "message": "slow down"}, "rate"),
        ({"type": "invalid_request_error", "message": "bad"}, "bad_request"),
        ({"code": None, "message": "what"}, "server"),
        ({"code": "context_length_exceeded", "message": "what"}, "context_too_long"),
        ({"code": "insufficient_quota", "message": "what"}, "quota"),
    ],
)
def test_an_error_inside_a_stream_has_a_kind(error: dict[str, Any], kind: str) -> None:
    assert stream_failure(ORIGIN, error).kind == kind


BILLING = "Rate limit reached for m. Try again in 20s. Add a payment method at https://x.example/account/billing."
CREDIT = "Your credit balance is too low. Please go to Plans & Billing to purchase credits."
LONG = "This model's maximum context length is 10 tokens."


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (429, {"message": BILLING, "type": "requests", "code": "rate_limit_exceeded"}, "rate"),
        (429, {"message": BILLING, "type": "tokens"}, "rate"),
        (429, {"message": BILLING}, "rate"),
        (429, {"message": "You exceeded your current quota, check your plan and billing"}, "quota"),
        (429, {"message": "You exceeded your current quota", "type": "insufficient_quota"}, "quota"),
        (429, {"message": "see billing", "type": "slow_down"}, "rate"),
        (400, {"message": CREDIT, "type": "invalid_request_error"}, "quota"),
        (402, {"message": CREDIT, "type": "billing_error"}, "quota"),
        (400, {"message": "unknown", "param": "safety_identifier", "type": "invalid_request_error"}, "bad_request"),
        (400, {"message": "the content filter safety is unknown", "param": "safety"}, "bad_request"),
        (400, {"message": "stopped by the content filter"}, "content_refused"),
        (400, {"message": "no", "code": "content_filter", "param": "prompt"}, "content_refused"),
        (400, {"message": "no", "code": "content_policy_violation"}, "content_refused"),
        (400, {"message": LONG, "code": "context_length_exceeded", "param": "messages"}, "context_too_long"),
        (400, {"message": LONG, "type": "BadRequestError", "code": 400}, "context_too_long"),
        (400, {"message": LONG, "param": "input_tokens"}, "context_too_long"),
        (400, {"message": LONG, "param": "max_tokens"}, "bad_request"),
        (413, {"message": "too large", "type": "request_too_large"}, "context_too_long"),
        (400, {"message": "wrong", "code": "invalid_api_key"}, "authentication"),
        (500, {"message": "billing is down", "type": "server_error"}, "server"),
        (503, {"message": "later", "code": "slow_down"}, "server"),
        (529, {"message": "Overloaded", "type": "overloaded_error"}, "server"),
    ],
)
def test_code_and_type_say_what_failed_and_the_text_only_where_they_do_not(
    status: int, error: dict[str, Any], kind: str
) -> None:
    assert failure(ORIGIN, status, {}, json.dumps({"error": error}).encode()).kind == kind


async def chunked(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


@pytest.mark.anyio
async def test_events_are_read_however_they_are_cut() -> None:
    chunks = (
        b": comment\n\nda",
        b'ta: {"a":\r\ndata: 1}\r',
        b"\n\r\nevent: x\n",
        b'data: {"b": 2}\n\n',
        b'data: {"c": 3}',
    )
    assert [event async for event in events(chunked(*chunks))] == [{"a": 1}, {"b": 2}, {"c": 3}]
    ended = chunked(b'data: {"a": 1}\n\ndata: [DONE]\n\ndata: {"b": 2}\n\n')
    assert [event async for event in events(ended)] == [{"a": 1}]


@pytest.mark.anyio
@pytest.mark.parametrize("data", [b"data: {\n\n", b"data: 3\n\n"])
async def test_an_event_that_is_no_json_object_is_malformed(data: bytes) -> None:
    with pytest.raises(ProviderError) as caught:
        [event async for event in events(chunked(data))]
    assert caught.value.kind == "malformed"


@pytest.mark.parametrize("provider", [made(), made(api="responses"), made("anthropic")], ids=lambda made: made.path)
def test_an_answer_without_an_answer_is_malformed(provider: HttpProvider) -> None:
    answers: list[dict[str, Any]] = [{}, {"choices": []}, {"choices": [{}]}, {"output": "x"}, {"content": "x"}]
    for answer in answers:
        with pytest.raises(ProviderError) as caught:
            provider.decode(answer)
        assert caught.value.kind == "malformed"


def test_chat_answers_of_many_servers_are_understood() -> None:
    call = {"function": {"name": "add", "arguments": {"x": 1}}}
    content = [{"type": "thinking"}, {"type": "text", "text": "a"}]
    message = {"content": content, "tool_calls": [call, {"function": {"name": "add"}}]}
    reply = made().decode({"choices": [{"message": message, "finish_reason": "stop"}]})
    assert reply.counts is None
    assert (reply.text, reply.finish_reason) == ("a", "tool_calls")
    assert [(given.arguments, given.id) for given in reply.tool_calls] == [({"x": 1}, "call_1"), ({}, "call_2")]
    empty = made().decode({"choices": [{"message": {"content": None}, "finish_reason": "length"}]})
    assert (empty.text, empty.finish_reason) == ("", "length")
    with pytest.raises(ProviderError, match="content filter"):
        made().decode({"choices": [{"message": {"content": ""}, "finish_reason": "content_filter"}]})


def test_streams_without_numbers_for_tool_calls_are_understood() -> None:
    assembly = made().assembly()
    for part in (
        {"id": "a", "function": {"name": "add", "arguments": '{"x"'}},
        {"function": {"arguments": ": 1}"}},
        {"id": "b", "function": {"name": "sub", "arguments": "{}"}},
    ):
        assembly.feed({"choices": [{"delta": {"tool_calls": [part]}}]}, lambda _: None)
    assembly.feed({"choices": [{"delta": {"refusal": ""}, "finish_reason": "tool_calls"}]}, lambda _: None)
    answer = assembly.answer()
    assert answer is not None
    reply = made().decode(answer)
    assert [(call.name, call.arguments) for call in reply.tool_calls] == [("add", {"x": 1}), ("sub", {})]


def test_a_streamed_refusal_is_a_refusal() -> None:
    assembly = made().assembly()
    assembly.feed({"choices": [{"delta": {"refusal": "No."}, "finish_reason": "stop"}]}, lambda _: None)
    answer = assembly.answer()
    assert answer is not None
    with pytest.raises(ProviderError, match=r"refused: No\."):
        made().decode(answer)


def test_a_response_that_is_incomplete_says_why() -> None:
    provider = made(api="responses")
    cut = {"output": [], "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    assert provider.decode(cut).finish_reason == "length"
    with pytest.raises(ProviderError, match="content filter"):
        provider.decode({**cut, "incomplete_details": {"reason": "content_filter"}})


def test_an_error_event_ends_a_response() -> None:
    assembly = made(api="responses").assembly()
    assembly.feed({"type": "error", "code": "server_error", "message": "broken"}, lambda _: None)
    assert assembly.answer() == {"error": {"type": "error", "code": "server_error", "message": "broken"}}


def test_messages_of_later_turns_may_be_of_the_system_and_hold_addresses() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://x/y.png"}}
    messages: list[ChatMessage] = [
        {"role": "system", "content": "a"},
        {"role": "system", "content": [{"type": "text", "text": "b"}]},
        {"role": "user", "content": [image]},
        {"role": "system", "content": "c"},
    ]
    body = json.loads(made("anthropic").encode(Request(agent="a", messages=messages), None, stream=False))
    assert body["system"][0]["text"] == "a\n\nb"
    assert [message["role"] for message in body["messages"]] == ["user", "system"]
    assert body["messages"][0]["content"][0]["source"] == {"type": "url", "url": "https://x/y.png"}


def test_the_environment_chooses_the_wire(monkeypatch: pytest.MonkeyPatch) -> None:
    transport = SpreadTransport("http://x")
    assert isinstance(open_wire(transport), AiohttpWire)
    monkeypatch.setenv("AGENTMESH_HTTP", "httpx2")
    assert isinstance(open_wire(transport), HttpxWire)
    with pytest.raises(ConfigError, match="AGENTMESH_HTTP is 'curl'; it may be httpx2 or aiohttp"):
        open_wire(transport, "curl")


def test_a_wire_that_is_not_installed_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    transport = SpreadTransport("http://127.0.0.1:9")
    assert isinstance(open_wire(transport), HttpxWire)
    with pytest.raises(MissingExtra, match=r"pip install 'agentmesh-topology\[aiohttp\]'"):
        open_wire(transport, "aiohttp")


def test_the_proxy_of_the_environment_is_used_but_not_for_excepted_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    assert proxy_for("https://api.openai.com/v1") == "http://proxy:3128"
    assert proxy_for("https://inside.example/v1") is None


def test_the_environment_blocks_requests_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from agentmesh.errors import ModelRequestsBlocked
    from agentmesh.providers import guard

    monkeypatch.setattr(guard, "_decisions", [])
    monkeypatch.delenv(BLOCK_VARIABLE, raising=False)
    refuse_blocked_request("openai:m")
    monkeypatch.setenv(BLOCK_VARIABLE, "1")
    with pytest.raises(ModelRequestsBlocked, match="openai:m"):
        refuse_blocked_request("openai:m")


@pytest.mark.anyio
async def test_many_requests_spread_over_small_pools_that_are_used_again(server: FakeServer) -> None:
    transport = SpreadTransport(server.url, pool_size=4)
    wire = HttpxWire(transport)
    target = Target(f"{server.url}/chat/completions", {})
    body = json.dumps({"model": "slow:200", "messages": []}).encode()
    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(wire.post, target, body, 5.0)
    for _ in range(10):
        await wire.post(target, body.replace(b"slow:200", b"m"), 5.0)
    assert [pool.in_flight for pool in transport._pools] == [0, 0, 0]
    with pytest.raises(ProviderError):
        await wire.post(target, body.replace(b"slow:200", b"drop"), 5.0)
    with anyio.move_on_after(0.05):
        await wire.post(target, body, 5.0)
    assert [pool.in_flight for pool in transport._pools] == [0, 0, 0]
    response = await transport.handle_async_request(httpx2.Request("POST", target.url, content=body))
    assert sum(pool.in_flight for pool in transport._pools) == 1
    await response.aclose()
    await response.aclose()
    assert sum(pool.in_flight for pool in transport._pools) == 0
    await wire.aclose()


@pytest.mark.anyio
@pytest.mark.real_models
async def test_pace_bounds_the_requests_in_flight_of_all_who_ask_a_model(
    provider: MakeProvider, server: FakeServer
) -> None:
    both = [provider("slow:50", pace={"concurrency": 3}) for _ in range(2)]
    async with anyio.create_task_group() as group:
        for number in range(8):
            request = Request(agent="a", messages=[{"role": "user", "content": "x"}])
            group.start_soon(both[number % 2].complete, request)
    assert server.most_open() == 3


def test_what_was_meant_for_another_model_is_not_sent_to_one_that_refuses_it() -> None:
    request = Request(agent="a", messages=[], temperature=0.5, reasoning_effort="low")
    for api in ("chat", "responses"):
        thinker = json.loads(made(api=api, model="gpt-5.5").encode(request, None, stream=False))
        assert "temperature" not in thinker
        talker = json.loads(made(api=api, model="gpt-4o").encode(request, None, stream=False))
        assert talker["temperature"] == 0.5
        assert not {"reasoning", "reasoning_effort"} & set(talker)


def test_what_one_model_was_sent_is_never_taken_for_the_beginning_of_what_another_is_sent() -> None:
    request = Request(agent="a", messages=[{"role": "user", "content": "x"}])
    for number in range(8):
        gc.collect()  # the provider before is gone, and the next one may get its place in memory
        model = ("gpt-5.5", "gpt-4o")[number % 2]
        assert json.loads(made(model=model).encode(request, None, stream=False))["model"] == model
