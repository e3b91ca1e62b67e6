"""The exact bytes on the wire, caught below both SDKs and below httpx2."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpcore2
import httpx
import pytest
import respx
from respx.mocks import HTTPCoreMocker

from agentmesh.config.models import ModelConfig
from agentmesh.messages import Reply
from agentmesh.providers.base import Request
from agentmesh.providers.registry import make_provider

pytestmark = [pytest.mark.anyio, pytest.mark.real_models]

KEYS = {"OPENAI_API_KEY": "sk-openai", "ANTHROPIC_API_KEY": "sk-anthropic"}
TOOL = {"type": "function", "function": {"name": "add", "description": "Adds.", "parameters": {"type": "object"}}}
REQUEST = Request(
    agent="a",
    messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "1 + 1?"}],
    tools=[TOOL],
    max_output_tokens=9,
)
CHAT = {"choices": [{"message": {"content": "2"}, "finish_reason": "stop"}]}
RESPONSE = {"status": "completed", "output": [{"type": "message", "content": [{"type": "output_text", "text": "2"}]}]}
MESSAGE = {"content": [{"type": "text", "text": "2"}], "stop_reason": "end_turn"}


class HTTPCore2Mocker(HTTPCoreMocker):
    """respx for httpx2: the same targets, in httpcore2."""

    name = "httpcore2"
    targets = [target.replace("httpcore.", "httpcore2.") for target in HTTPCoreMocker.targets]  # noqa: RUF012

    @classmethod
    def from_sync_httpx_response(cls, httpx_response: Any, target: Any, **kwargs: Any) -> httpcore2.Response:
        return httpcore2.Response(
            status=httpx_response.status_code,
            headers=httpx_response.headers.raw,
            content=httpx_response.stream,
            extensions=httpx_response.extensions,
        )


@pytest.fixture
async def router(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[respx.MockRouter]:
    monkeypatch.setenv("AGENTMESH_HTTP", "httpx2")
    with respx.mock(using="httpcore2") as mocked:
        yield mocked


async def answered(fields: dict[str, Any]) -> Reply:
    provider = make_provider(ModelConfig.model_validate(fields), environment=KEYS)
    try:
        return await provider.complete(REQUEST)
    finally:
        await provider.aclose()


async def test_a_chat_completion_on_the_wire(router: respx.MockRouter) -> None:
    route = router.post("https://api.openai.com/v1/chat/completions").mock(httpx.Response(200, json=CHAT))
    reply = await answered({"provider": "openai", "model": "gpt-4o", "api": "chat", "temperature": 0})
    assert reply.text == "2"
    sent = route.calls.last.request
    assert sent.content == (
        b'{"model":"gpt-4o","max_completion_tokens":9,"temperature":0.0,'
        b'"tools":[{"type":"function","function":{"name":"add","description":"Adds.",'
        b'"parameters":{"type":"object"}}}],'
        b'"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"1 + 1?"}]}'
    )
    assert sent.headers["authorization"] == "Bearer sk-openai"
    assert sent.headers["content-type"] == "application/json"
    assert int(sent.headers["content-length"]) == len(sent.content)


async def test_a_response_on_the_wire_is_the_default_at_openai(router: respx.MockRouter) -> None:
    route = router.post("https://api.openai.com/v1/responses").mock(httpx.Response(200, json=RESPONSE))
    reply = await answered({"provider": "openai", "model": "gpt-5.5"})
    assert reply.text == "2"
    sent = route.calls.last.request
    assert sent.content == (
        b'{"model":"gpt-5.5","store":false,"include":["reasoning.encrypted_content"],"max_output_tokens":9,'
        b'"tools":[{"type":"function","name":"add","description":"Adds.","parameters":{"type":"object"},'
        b'"strict":false}],'
        b'"input":[{"role":"system","content":"Be brief."},{"role":"user","content":"1 + 1?"}]}'
    )
    assert sent.headers["authorization"] == "Bearer sk-openai"


async def test_a_message_on_the_wire(router: respx.MockRouter) -> None:
    route = router.post("https://api.anthropic.com/v1/messages").mock(httpx.Response(200, json=MESSAGE))
    reply = await answered({"provider": "anthropic", "model": "claude-opus-5"})
    assert reply.text == "2"
    sent = route.calls.last.request
    assert sent.content == (
        b'{"model":"claude-opus-5","max_tokens":9,'
        b'"tools":[{"name":"add","description":"Adds.","input_schema":{"type":"object"},'
        b'"cache_control":{"type":"ephemeral"}}],'
        b'"system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}}],'
        b'"cache_control":{"type":"ephemeral"},'
        b'"messages":[{"role":"user","content":"1 + 1?"}]}'
    )
    assert sent.headers["authorization"] == "Bearer sk-anthropic"
    assert sent.headers["anthropic-version"] == "2026-10-21"


async def test_a_price_of_the_table_becomes_the_cost(router: respx.MockRouter) -> None:
    usage = {"input_tokens": 1000, "output_tokens": 100, "cache_read_input_tokens": 9000}
    router.post("https://api.anthropic.com/v1/messages").mock(httpx.Response(200, json={**MESSAGE, "usage": usage}))
    reply = await answered({"provider": "anthropic", "model": "claude-opus-5"})
    assert reply.usage is not None
    assert reply.usage.input_tokens == 10_000
    assert reply.usage.cost_usd == pytest.approx((1000 * 5 + 9000 * 0.5 + 100 * 25) / 1e6)


async def test_a_date_in_retry_after_is_understood(router: respx.MockRouter) -> None:
    refused = httpx.Response(429, headers={"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, json={"error": "wait"})
    soon = httpx.Response(429, headers={"retry-after-ms": "20"}, json={"error": {"message": "wait"}})
    route = router.post("https://api.openai.com/v1/responses").mock(
        side_effect=[refused, soon, httpx.Response(200, json=RESPONSE)]
    )
    assert (await answered({"provider": "openai", "model": "gpt-5.5"})).text == "2"
    assert route.call_count == 3
