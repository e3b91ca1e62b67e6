from __future__ import annotations

import time
from typing import Any

import anyio
import pytest

from agentmesh.config.models import ModelConfig
from agentmesh.errors import ConfigError, ModelRequestsBlocked, ProviderError
from agentmesh.providers.base import Request
from agentmesh.providers.guard import allow_model_requests, block_model_requests, model_requests_allowed
from agentmesh.providers.registry import make_provider
from tests.providers.fake_server import KEY, FakeServer, MakeProvider

pytestmark = [pytest.mark.anyio, pytest.mark.real_models]


def asking(**fields: Any) -> Request:
    return Request(agent="a", messages=[{"role": "user", "content": "hello"}], **fields)


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        ("fail:429:2:0", "rate"),
        ("fail:500:2", "server"),
        ("fail:503:1", "server"),
        ("fail:529:1", "server"),
        ("fail:408:1", "timeout"),
        ("fail:409:1", "server"),
        ("drop:2", "connection"),
        ("malformed:2", "malformed"),
    ],
)
async def test_a_passing_failure_is_retried_and_noted(provider: MakeProvider, behaviour: str, kind: str) -> None:
    request = asking()
    reply = await provider(behaviour).complete(request)
    assert reply.text == "You said: hello"
    assert {note.partition(":")[0] for note in request.attempts} == {kind}


@pytest.mark.parametrize(
    ("behaviour", "kind", "words"),
    [
        ("fail:401", "authentication", "environment variable OPENAI_API_KEY"),
        ("fail:403", "authentication", "environment variable OPENAI_API_KEY"),
        ("fail:404", "bad_request", "does the server at http://127.0.0.1"),
        ("fail:400", "bad_request", "failing with 400"),
        ("fail:413", "context_too_long", "memory: fresh"),
        ("fail:307", "bad_request", "put the final one into `base_url`"),
        ("error:param", "bad_request", "the parameter at fault is 'top_k'"),
        ("error:too-long", "context_too_long", "maximum context length"),
        ("error:quota", "quota", "no credit left"),
        ("error:filter", "content_refused", "blocked"),
    ],
)
async def test_a_lasting_failure_is_not_retried_and_says_what_to_do(
    provider: MakeProvider, server: FakeServer, behaviour: str, kind: str, words: str
) -> None:
    request = asking()
    with pytest.raises(ProviderError) as caught:
        await provider(behaviour).complete(request)
    assert caught.value.kind == kind
    assert words in str(caught.value)
    assert len(server.received()) == len(request.attempts) == 1


async def test_retries_end_after_max_retries(provider: MakeProvider, server: FakeServer) -> None:
    request = asking()
    with pytest.raises(ProviderError, match="answered 500"):
        await provider("fail:500", max_retries=2).complete(request)
    assert len(server.received()) == len(request.attempts) == 3


async def test_no_retry_where_none_is_wanted(provider: MakeProvider, server: FakeServer) -> None:
    with pytest.raises(ProviderError, match="answered 500"):
        await provider("fail:500", max_retries=0).complete(asking())
    assert len(server.received()) == 1


async def test_retry_after_is_honoured(provider: MakeProvider) -> None:
    started = time.monotonic()
    await provider("fail:429:1:0.3").complete(asking(deadline_s=10))
    assert 0.3 <= time.monotonic() - started < 1.5


async def test_a_retry_after_past_the_deadline_fails_at_once(provider: MakeProvider, server: FakeServer) -> None:
    started = time.monotonic()
    with pytest.raises(ProviderError) as caught:
        await provider("fail:429:1:30").complete(asking(deadline_s=5))
    assert time.monotonic() - started < 1
    assert (caught.value.kind, caught.value.retry_after_s, len(server.received())) == ("rate", 30, 1)


async def test_a_slow_answer_times_out_after_timeout_s(provider: MakeProvider) -> None:
    started = time.monotonic()
    with pytest.raises(ProviderError, match=r"within 0\.2 s; raise `timeout_s`") as caught:
        await provider("slow:3000", max_retries=0, timeout_s=0.2).complete(asking())
    assert time.monotonic() - started < 1.5
    assert caught.value.kind == "timeout"


async def test_an_attempt_ends_at_the_deadline(provider: MakeProvider, server: FakeServer) -> None:
    started = time.monotonic()
    with pytest.raises(ProviderError):
        await provider("slow:3000").complete(asking(deadline_s=0.2))
    assert time.monotonic() - started < 1.5
    assert len(server.received()) == 1


async def test_a_slow_stream_times_out_too(provider: MakeProvider) -> None:
    with pytest.raises(ProviderError) as caught:
        await provider("slow:3000", max_retries=0).complete(asking(timeout_s=0.2), lambda _: None)
    assert caught.value.kind == "timeout"


async def test_cancelling_a_request_is_immediate(provider: MakeProvider) -> None:
    asked = provider("slow:5000")
    with anyio.move_on_after(0.2):
        await asked.complete(asking())
    started = time.monotonic()
    await asked.aclose()
    assert time.monotonic() - started < 0.1


async def test_an_error_status_fails_a_stream_like_any_request(provider: MakeProvider) -> None:
    pieces: list[str] = []
    reply = await provider("fail:500:1").complete(asking(), pieces.append)
    assert "".join(pieces) == reply.text


async def test_nobody_listening_is_a_connection_error(wire: str) -> None:
    config = ModelConfig(provider="openai", model="m", base_url="http://127.0.0.1:9/v1", max_retries=0)
    asked = make_provider(config)
    with pytest.raises(ProviderError, match="is the server running there") as caught:
        await asked.complete(asking())
    assert caught.value.kind == "connection"
    await asked.aclose()


async def test_no_key_appears_in_any_error(provider: MakeProvider) -> None:
    request = asking()
    with pytest.raises(ProviderError) as caught:
        await provider("fail:401").complete(request)
    for text in (str(caught.value), *request.attempts):
        assert "sk-" not in text
        assert KEY not in text


async def test_a_missing_key_names_the_variable() -> None:
    asked = make_provider(ModelConfig(provider="openai", model="gpt-5.5"), environment={})
    with pytest.raises(ProviderError, match="environment variable OPENAI_API_KEY is not set"):
        await asked.complete(asking())
    named = ModelConfig(provider="anthropic", model="claude-opus-5", api_key_env="MY_KEY")
    with pytest.raises(ProviderError, match="MY_KEY is not set"):
        await make_provider(named, environment={}).complete(asking())


async def test_a_compatible_server_needs_no_key(provider: MakeProvider, server: FakeServer) -> None:
    config = ModelConfig(provider="openai", model="m", base_url=server.url)
    asked = make_provider(config, environment={})
    await asked.complete(asking())
    await asked.aclose()
    assert server.received()[0]["headers"]["authorization"] == "Bearer no-key"


async def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="must begin with http:// or https://"):
        make_provider(ModelConfig(provider="openai", model="m", base_url="127.0.0.1:8000/v1"))


async def test_blocked_requests_never_leave(provider: MakeProvider, server: FakeServer) -> None:
    asked = provider("m")
    with block_model_requests():
        with pytest.raises(ModelRequestsBlocked, match="openai:m"):
            await asked.complete(asking())
        with allow_model_requests():
            await asked.complete(asking())
    assert len(server.received()) == 1
    assert model_requests_allowed()


async def test_requests_to_one_endpoint_share_connections_until_the_last_holder_leaves(
    provider: MakeProvider, server: FakeServer
) -> None:
    from agentmesh.providers.endpoints import open_endpoints

    first, second = provider("m"), provider("slow:50")
    await first.complete(asking())
    async with anyio.create_task_group() as group:
        group.start_soon(second.complete, asking())
        await anyio.sleep(0.02)
        assert open_endpoints() == 1
        await first.aclose()
        assert open_endpoints() == 1
    await second.aclose()
    assert open_endpoints() == 0
    await second.complete(asking())


async def test_sixty_requests_are_in_flight_together(provider: MakeProvider, server: FakeServer) -> None:
    asked = provider("slow:800")
    async with anyio.create_task_group() as group:
        for _ in range(60):
            group.start_soon(asked.complete, asking())
    assert server.most_open() == 60


def test_a_provider_serves_one_event_loop_after_another(server: FakeServer, wire: str) -> None:
    config = ModelConfig(provider="openai", model="m", base_url=server.url)
    asked = make_provider(config)

    async def once() -> str:
        reply = await asked.complete(asking())
        await asked.aclose()
        await asked.aclose()
        return reply.text

    assert [anyio.run(once) for _ in range(2)] == ["You said: hello"] * 2
