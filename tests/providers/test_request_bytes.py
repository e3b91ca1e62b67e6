"""Rule of contexts: each request extends the one before byte for byte, up to the brackets that close it."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.config.models import ModelConfig
from agentmesh.messages import ChatMessage
from agentmesh.providers.base import Request
from agentmesh.providers.http import HttpProvider
from agentmesh.providers.registry import make_provider
from tests.providers.fake_server import FakeServer, MakeProvider

TOOL = {"type": "function", "function": {"name": "add", "description": "Adds.", "parameters": {"type": "object"}}}
APIS: list[dict[str, Any]] = [
    {"provider": "openai", "base_url": "http://127.0.0.1:1/v1"},
    {"provider": "openai", "api": "responses"},
    {"provider": "anthropic"},
]

texts = st.text(max_size=20)
names = st.sampled_from(["call_a", "call_b"])


def assistant_turn(text: str, calls: list[str]) -> list[ChatMessage]:
    """A turn with tool calls and their results, or without."""
    if not calls:
        return [{"role": "assistant", "content": text or "ok"}]
    function = {"name": "add", "arguments": json.dumps({"x": text})}
    turn: ChatMessage = {
        "role": "assistant",
        "content": text,
        "tool_calls": [{"id": name, "type": "function", "function": function} for name in calls],  # type: ignore[typeddict-item]
    }
    return [turn, *({"role": "tool", "tool_call_id": name, "content": text} for name in calls)]  # type: ignore[list-item]


turns = st.one_of(
    texts.map(lambda text: [ChatMessage(role="user", content=text)]),
    st.builds(assistant_turn, texts, st.lists(names, max_size=3)),
)


def begun(body: bytes) -> bytes:
    """The body without what closes it."""
    return body[: body.rindex(b"]")]


def provider_of(fields: dict[str, Any]) -> HttpProvider:
    made = make_provider(ModelConfig.model_validate({"model": "m", **fields}))
    assert isinstance(made, HttpProvider)
    return made


@pytest.mark.parametrize("api", APIS, ids=["chat", "responses", "messages"])
@given(
    system=texts,
    conversation=st.lists(turns, min_size=1, max_size=8),
    structured=st.sampled_from([None, "native", "prompt"]),
)
def test_each_request_of_a_context_begins_with_the_one_before(
    api: dict[str, Any], system: str, conversation: list[list[ChatMessage]], structured: Any
) -> None:
    provider, memo = provider_of(api), {"other": 1}
    messages: list[ChatMessage] = [{"role": "system", "content": system}]
    schema = {"type": "object"} if structured else None
    before = b""
    for index, turn in enumerate(conversation):
        messages = [*messages, *turn]
        last = index == len(conversation) - 1
        fields: dict[str, Any] = {"tools": [TOOL], "response_schema": schema, "tool_choice": "none" if last else "auto"}
        body = provider.encode(Request(agent="a", messages=messages, memo=memo, **fields), structured, stream=False)
        fresh = provider.encode(Request(agent="a", messages=messages, **fields), structured, stream=False)
        assert json.loads(body)
        assert body.startswith(before)
        if api["provider"] != "anthropic":
            assert body == fresh
        before = begun(body)


@pytest.mark.parametrize("api", APIS, ids=["chat", "responses", "messages"])
def test_each_message_is_encoded_once(api: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[str] = []
    import agentmesh.providers.anthropic as messages_api
    import agentmesh.providers.openai as chat_api
    import agentmesh.providers.openai_responses as responses_api
    from agentmesh.providers.encoding import dumps

    def counted(value: Any) -> str:
        encoded.append(dumps(value))
        return encoded[-1]

    for module in (messages_api, chat_api, responses_api):
        monkeypatch.setattr(module, "dumps", counted)
    provider, memo = provider_of(api), {"other": 1}
    messages: list[ChatMessage] = []
    for number in range(20):
        messages = [*messages, {"role": "user", "content": f"message {number}"}]
        provider.encode(Request(agent="a", messages=messages, memo=memo), None, stream=False)
    assert len(encoded) == 20


def test_a_context_that_begins_anew_is_encoded_anew() -> None:
    provider, memo = provider_of(APIS[0]), {"other": 1}
    first: list[ChatMessage] = [{"role": "user", "content": "one"}, {"role": "user", "content": "two"}]
    provider.encode(Request(agent="a", messages=first, memo=memo), None, stream=False)
    other: list[ChatMessage] = [{"role": "user", "content": "one"}, {"role": "user", "content": "three"}]
    body = json.loads(provider.encode(Request(agent="a", messages=other, memo=memo), None, stream=False))
    assert body["messages"] == other


def test_a_lone_surrogate_does_not_break_the_body() -> None:
    messages: list[ChatMessage] = [{"role": "user", "content": "a\ud800b"}]
    body = provider_of(APIS[0]).encode(Request(agent="a", messages=messages), None, stream=False)
    assert json.loads(body)["messages"][0]["content"] == "a?b"


@pytest.mark.anyio
@pytest.mark.real_models
async def test_the_server_receives_growing_bodies(provider: MakeProvider, server: FakeServer) -> None:
    asked, memo = provider("m"), {"other": 1}
    messages: list[ChatMessage] = [{"role": "system", "content": "Be brief."}]
    for number in range(4):
        messages = [*messages, {"role": "user", "content": f"Grüße {number}"}]
        reply = await asked.complete(Request(agent="a", messages=messages, memo=memo))
        messages = [*messages, {"role": "assistant", "content": reply.text}]
    bodies = [request["body"] for request in server.received()]
    assert all(later.startswith(begun(earlier)) for earlier, later in pairwise(bodies))


@pytest.mark.anyio
@pytest.mark.real_models
async def test_a_body_of_megabytes_is_sent(provider: MakeProvider, server: FakeServer) -> None:
    await provider("m").complete(Request(agent="a", messages=[{"role": "user", "content": "x" * 3_000_000}]))
    assert len(server.received()[0]["body"]) > 3_000_000
