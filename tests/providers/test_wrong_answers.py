"""Answers that are JSON but not what the API promises, text that is no Unicode, keys that are no keys."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from agentmesh.config.models import ModelConfig
from agentmesh.errors import ProviderError
from agentmesh.messages import ChatMessage, Reply, ToolCall
from agentmesh.providers.ask import parse_json_text
from agentmesh.providers.base import Request
from agentmesh.providers.encoding import Prefix, dumps, mended, mended_value
from agentmesh.providers.fallback import FallbackProvider
from agentmesh.providers.function import FunctionProvider
from agentmesh.providers.registry import make_provider
from agentmesh.providers.scripted import ScriptedProvider
from agentmesh.providers.wire import Target, _disconnected
from tests.providers.fake_server import KEY, FakeServer, MakeProvider

pytestmark = [pytest.mark.anyio, pytest.mark.real_models]

CHAT, RESPONSES, MESSAGES = {"api": "chat"}, {"api": "responses"}, {"provider": "anthropic"}
WRONG: list[tuple[dict[str, str], Any]] = [
    (CHAT, {"choices": [{"message": {"tool_calls": ["bad"]}}]}),
    (CHAT, {"choices": [{"message": {"tool_calls": [{"function": "x"}]}}]}),
    (CHAT, {"choices": [{"message": {"tool_calls": {"a": 1}}}]}),
    (CHAT, {"choices": [{"message": {"content": [{"text": 5}]}}]}),
    (CHAT, {"choices": [{"message": {"content": "x"}, "finish_reason": {"why": 1}}]}),
    (CHAT, {"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": float("inf")}}),
    (RESPONSES, {"output": ["x"]}),
    (RESPONSES, {"output": [{"type": "function_call"}]}),
    (RESPONSES, {"output": [{"type": "message", "content": ["x"]}]}),
    (RESPONSES, {"output": [{"type": "function_call", "name": 5, "call_id": "c"}]}),
    (MESSAGES, {"content": ["x"]}),
    (MESSAGES, {"content": [{"type": "tool_use"}]}),
    (MESSAGES, {"content": [{"type": "text", "text": 5}]}),
    (MESSAGES, {"content": [], "stop_reason": "refusal", "stop_details": "x"}),
]
WRONG_EVENTS: list[tuple[dict[str, str], Any]] = [
    (CHAT, {"choices": ["x"]}),
    (CHAT, {"choices": [{"delta": {"content": 5}}]}),
    (CHAT, {"choices": [{"delta": {"tool_calls": [{"function": {"arguments": 5}}]}, "finish_reason": "stop"}]}),
    (RESPONSES, {"type": "response.completed", "response": "x"}),
    (RESPONSES, {"type": "response.output_text.delta"}),
    (MESSAGES, {"type": "message_start"}),
    (MESSAGES, {"type": "content_block_delta", "index": 0, "delta": "x"}),
]


def asking() -> Request:
    return Request(agent="a", messages=[{"role": "user", "content": "hello"}])


def ignore(piece: str) -> None:
    """Watches a stream."""


def raw(answer: Any, times: str = "") -> str:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    return f"raw:{base64.urlsafe_b64encode(text.encode()).decode()}{times}"


@pytest.mark.parametrize(("api", "answer"), WRONG)
@pytest.mark.parametrize("watched", [False, True])
async def test_an_answer_of_an_unknown_form_is_malformed(
    provider: MakeProvider, server: FakeServer, api: dict[str, str], answer: Any, *, watched: bool
) -> None:
    with pytest.raises(ProviderError) as caught:
        await provider(raw(answer), max_retries=1, **api).complete(asking(), ignore if watched else None)
    assert caught.value.kind == "malformed"
    assert len(server.received()) == 2


@pytest.mark.parametrize(("api", "event"), WRONG_EVENTS)
async def test_an_event_of_an_unknown_form_is_malformed(
    provider: MakeProvider, api: dict[str, str], event: Any
) -> None:
    with pytest.raises(ProviderError) as caught:
        await provider(raw(f"data:{json.dumps(event)}"), max_retries=0, **api).complete(asking(), ignore)
    assert caught.value.kind == "malformed"


async def test_an_answer_of_an_unknown_form_is_retried_and_handed_to_the_fallback(provider: MakeProvider) -> None:
    bad = {"choices": [{"message": {"tool_calls": ["bad"]}}]}
    request = asking()
    assert (await provider(raw(bad, ":1")).complete(request)).text == "You said: hello"
    spare = FunctionProvider(lambda request: "spare")
    row = FallbackProvider([provider(raw(bad), max_retries=0), spare])
    assert (await row.complete(request)).text == "spare"


async def test_what_a_watcher_raises_is_not_blamed_on_the_model(provider: MakeProvider) -> None:
    def watch(piece: str) -> None:
        raise KeyError(piece)

    with pytest.raises(KeyError):
        await provider("m", max_retries=0).complete(asking(), watch)


async def test_json_without_end_of_nesting_is_malformed(provider: MakeProvider) -> None:
    with pytest.raises(ProviderError) as caught:
        await provider(raw('{"a":' * 1500 + "1" + "}" * 1500), max_retries=0).complete(asking())
    assert caught.value.kind == "malformed"


HALF = "caf\ud800"
WHOLE = "caf\ufffd"


async def test_half_a_character_is_replaced_where_replies_are_decoded(provider: MakeProvider) -> None:
    call = {"id": "c", "function": {"name": "f", "arguments": json.dumps({"x": [HALF]})}}
    chat = {"choices": [{"message": {"content": HALF, "tool_calls": [call]}}]}
    reply = await provider(raw(chat)).complete(asking())
    assert reply == Reply(
        WHOLE,
        (ToolCall("f", {"x": [WHOLE]}, "c"),),
        reply.usage,
        "tool_calls",
        model=reply.model,
    )
    pieces: list[str] = []
    streamed = {"choices": [{"delta": {"content": HALF}, "finish_reason": "stop"}]}
    reply = await provider(raw(f"data:{json.dumps(streamed)}")).complete(asking(), pieces.append)
    assert [reply.text, *pieces] == [WHOLE, WHOLE]
    thinking = {"type": "thinking", "thinking": HALF, "signature": "s"}
    reply = await provider(raw({"content": [thinking]}), **MESSAGES).complete(asking())
    assert reply.extra == {"anthropic_content": [{**thinking, "thinking": WHOLE}]}


async def test_half_a_character_is_replaced_in_replies_of_functions_and_scripts() -> None:
    given = Reply(HALF, (ToolCall("f", {HALF: {"x": HALF}}, "c"),))
    for local in (FunctionProvider(lambda request: given), ScriptedProvider({"a": [given]})):
        reply = await local.complete(asking())
        assert (reply.text, reply.tool_calls) == (WHOLE, (ToolCall("f", {WHOLE: {"x": WHOLE}}, "c"),))


def test_halves_that_belong_together_are_joined() -> None:
    assert mended("a\ud83d\ude00b\ude00") == "a\U0001f600b\ufffd"
    assert mended_value({"x": ["\ud800", 1, None]}) == {"x": ["\ufffd", 1, None]}
    assert parse_json_text('{"x": "\\ud800"}') == {"x": "\ufffd"}


@pytest.mark.parametrize("key", ["sk-SECRETSECRET\nsecond", "sk-SECRET\x01SECRET", "sk-SECRET\rX: y", "sk-SECR\u00c9T"])
@pytest.mark.parametrize("kind", ["openai", "anthropic"])
async def test_a_key_that_no_header_can_hold_is_refused_and_not_shown(server: FakeServer, key: str, kind: str) -> None:
    config = ModelConfig.model_validate(
        {"provider": kind, "model": "m", "base_url": server.url, "api_key_env": "MY_KEY", "max_retries": 0}
    )
    request = asking()
    with pytest.raises(ProviderError, match="variable MY_KEY holds control or non-ASCII characters") as caught:
        await make_provider(config, environment={"MY_KEY": key}).complete(request)
    assert caught.value.kind == "authentication"
    assert "SECR" not in str(caught.value) + str(request.attempts)
    assert server.received() == []


def test_no_key_appears_in_the_error_of_a_connection() -> None:
    target = Target("http://x/v1", {"authorization": f"Bearer {KEY}"}, (KEY,))
    failed = _disconnected(target, ValueError(f"bad header {KEY}"), refused=False)
    assert "bad header [key]" in str(failed)
    assert KEY not in str(failed)


def test_a_message_that_cannot_be_encoded_leaves_what_was_encoded_as_it_was() -> None:
    def encode(message: ChatMessage) -> str:
        if message["content"] == "bad":
            raise ProviderError("bad_request", "bad")
        return dumps(message)

    prefix = Prefix("key", "[")
    good: ChatMessage = {"role": "user", "content": "good"}
    bad: ChatMessage = {"role": "user", "content": "bad"}
    with pytest.raises(ProviderError):
        prefix.body([good, bad], encode, "]")
    assert json.loads(prefix.body([good], encode, "]")) == [good]
