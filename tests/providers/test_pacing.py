"""Requests to one model leave in turn, no faster than they may, and those that cannot leave in time say why."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import anyio
import pytest

from agentmesh.config.models import ModelConfig, Pace
from agentmesh.errors import ProviderError
from agentmesh.providers.base import Request
from agentmesh.providers.pacing import Pacer, pacers_of
from agentmesh.providers.retry import Clock, OutOfTime
from tests.providers.fake_server import FakeServer, MakeProvider
from tests.providers.storm import Storm, storm

pytestmark = [pytest.mark.anyio, pytest.mark.real_models]

FREE = Clock(600, None)


def paced(**pace: Any) -> Pacer:
    pacer = Pacer("openai:m", "key")
    pacer.configure(Pace(**pace))
    return pacer


async def through(pacer: Pacer, number: int, *, hold_s: float = 0.0, tokens: int = 1, used: int = 1) -> list[float]:
    """So many requests at once: when each left, in seconds from now."""
    started, left = time.monotonic(), []

    async def one() -> None:
        ticket = await pacer.enter("run", "agent", tokens, FREE)
        left.append(time.monotonic() - started)
        await anyio.sleep(hold_s)
        pacer.leave(ticket, used)

    async with anyio.create_task_group() as group:
        for _ in range(number):
            group.start_soon(one)
    return left


async def test_requests_leave_evenly_at_no_more_than_their_rate() -> None:
    left = await through(paced(requests_per_minute=1200), 21)
    assert 0.95 <= left[-1] <= 1.6
    # In no window is there more than the rate, what a burst may make up for, and the request that begins it.
    assert all(sum(start <= at < start + 0.25 for at in left) <= 20 * 0.35 + 1 for start in left)


async def test_tokens_that_were_set_aside_and_not_used_are_given_back() -> None:
    kept = await through(paced(tokens_per_minute=60_000), 5, tokens=200, used=200)
    assert kept[-1] > 0.8
    given_back = await through(paced(tokens_per_minute=60_000), 5, tokens=200, used=1)
    assert given_back[-1] < 0.5


async def test_a_greedy_run_holds_up_no_other_and_a_greedy_agent_no_other() -> None:
    pacer, order = paced(concurrency=1), []

    async def one(run: str, agent: str) -> None:
        ticket = await pacer.enter(run, agent, 1, FREE)
        order.append((run, agent))
        await anyio.sleep(0.001)
        pacer.leave(ticket, 1)

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(one, "greedy", "a")
        await anyio.sleep(0)
        for run, agent in [("greedy", "b"), ("second", "a"), ("third", "a")]:
            group.start_soon(one, run, agent)
    assert Counter(order)["greedy", "a"] == 20
    assert max(order.index(other) for other in [("greedy", "b"), ("second", "a"), ("third", "a")]) <= 6


async def test_a_place_goes_to_the_next_when_a_waiter_is_cancelled() -> None:
    pacer = paced(concurrency=1)
    first = await pacer.enter("r", "a", 1, FREE)
    with anyio.move_on_after(0.01):
        await pacer.enter("r", "a", 1, FREE)
    pacer.leave(first, 1)
    assert len(await through(pacer, 3)) == 3


def test_event_loops_in_several_threads_share_one_pacer() -> None:
    pacer, inside, most = paced(concurrency=2), 0, 0

    async def one() -> None:
        nonlocal inside, most
        ticket = await pacer.enter("r", threading.current_thread().name, 1, FREE)
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.005)
        inside -= 1
        pacer.leave(ticket, 1)

    async def several() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(one)

    threads = [threading.Thread(target=asyncio.run, args=(several(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert not any(thread.is_alive() for thread in threads)
    assert (most, inside) == (2, 0)


@pytest.mark.parametrize(
    ("pace", "words"),
    [
        ({"concurrency": 1}, "`pace` lets 1 requests be in flight at once"),
        ({"requests_per_minute": 30}, "`pace` lets 30 requests a minute out"),
        ({"tokens_per_minute": 100}, "`pace` lets 100 tokens a minute out"),
    ],
)
async def test_a_wait_ends_at_the_deadline_and_says_what_it_waited_for(pace: dict[str, int], words: str) -> None:
    pacer, started = paced(**pace), time.monotonic()
    await pacer.enter("r", "a", 100, FREE)
    with pytest.raises(OutOfTime, match=words) as caught:
        await pacer.enter("r", "a", 100, Clock(600, 0.2))
    assert 0.15 < time.monotonic() - started < 0.6
    assert (caught.value.kind, caught.value.retryable, bool(caught.value.hint)) == ("rate", False, True)


async def test_all_who_wait_honour_one_retry_after() -> None:
    pacer = Pacer("openai:m", "key")
    pacer.refused(None, 0.3)
    left = await through(pacer, 5)
    assert min(left) > 0.28
    assert max(left) < 0.8


async def test_a_pause_past_the_deadline_is_not_waited_for() -> None:
    pacer, started = paced(concurrency=1), time.monotonic()
    await pacer.enter("r", "a", 1, FREE)
    asyncio.get_running_loop().call_later(0.05, pacer.refused, None, 30.0)
    with pytest.raises(OutOfTime, match=r"the server asked for a pause of which \d+\.\d s are left"):
        await pacer.enter("r", "a", 1, Clock(600, 5))
    with pytest.raises(OutOfTime, match="pause"):
        await pacer.enter("r", "a", 1, Clock(600, 5))
    assert time.monotonic() - started < 1


async def ask(url: str, number: int, **fields: Any) -> list[str]:
    """The answers to so many requests at once."""
    from agentmesh.providers.registry import make_provider

    config = ModelConfig.model_validate({"provider": "openai", "model": "m", "base_url": url, **fields})
    provider = make_provider(config)
    answers: list[str] = []

    async def one(index: int) -> None:
        request = Request(agent="a", messages=[{"role": "user", "content": str(index)}])
        answers.append((await provider.complete(request)).text)

    async with anyio.create_task_group() as group:
        for index in range(number):
            group.start_soon(one, index)
    await provider.aclose()
    return answers


def model_of(server: Storm) -> Pacer | None:
    return pacers_of("openai", server.url, "no-key").by_model.get("m")


async def test_without_a_pace_there_is_no_pacer_until_the_first_refusal() -> None:
    with storm(requests=60, burst=0.3, full=True) as server:
        await ask(server.url, 10)
        assert model_of(server) is None
        answers = await ask(server.url, 100, max_retries=20)
        assert sorted(answers) == sorted(str(index + 1) for index in range(100))
        pacer = model_of(server)
        assert pacer is not None
        rate = pacer._adaptive.rate(time.monotonic())
        assert rate is not None
        assert 15 < rate < 120, "about what the server takes"


async def test_a_retry_that_would_come_too_late_says_so(provider: MakeProvider) -> None:
    request = Request(agent="a", messages=[{"role": "user", "content": "x"}], deadline_s=5)
    with pytest.raises(ProviderError, match=r"not tried again: [45]\.\d s are left, and it would wait 30\.\d"):
        await provider("fail:429:1:30").complete(request)


async def test_each_key_has_its_own_pacers_which_do_not_tell_it(server: FakeServer) -> None:
    one, other = pacers_of("openai", server.url, "sk-one"), pacers_of("openai", server.url, "sk-other")
    assert one is pacers_of("openai", server.url, "sk-one")
    assert one.need("m") is one.need("m")
    assert one.need("m") is not other.need("m")
    assert "sk-one" not in json.dumps([one.need("m")._key, repr(one)])


async def test_a_stream_that_falls_silent_fails_long_before_its_timeout(provider: MakeProvider) -> None:
    started = time.monotonic()
    asked = provider("slow:3000", max_retries=0, idle_timeout_s=0.2)
    with pytest.raises(ProviderError, match=r"sent nothing for 0\.2 s; raise `idle_timeout_s`") as caught:
        await asked.complete(Request(agent="a", messages=[{"role": "user", "content": "x"}]), lambda _: None)
    assert caught.value.kind == "timeout"
    assert time.monotonic() - started < 1.5


async def test_a_stream_that_goes_on_may_take_longer_than_any_silence(provider: MakeProvider) -> None:
    asked = provider("slow:150", max_retries=0, idle_timeout_s=0.4)
    reply = await asked.complete(Request(agent="a", messages=[{"role": "user", "content": "x"}]), lambda _: None)
    assert reply.text == "You said: x"


def test_the_pace_of_the_design_loads(tmp_path: Path) -> None:
    from agentmesh.config import load_team

    path = tmp_path / "team.yaml"
    path.write_text(
        "version: 1\n"
        "models:\n"
        "  default: simulated:worker\n"
        "  local: {provider: openai, model: qwen3, base_url: http://127.0.0.1:8000/v1, price: {input: 0, output: 0},\n"
        "          pace: {requests_per_minute: 600, tokens_per_minute: 1_000_000, concurrency: 32},\n"
        "          fallback: [default]}\n"
        "agents: {a: {model: local}}\n"
        "topology: {kind: solo, agent: a}\n"
    )
    local = load_team(path).config.models["local"]
    assert isinstance(local, ModelConfig)
    assert local.pace == Pace(requests_per_minute=600, tokens_per_minute=1_000_000, concurrency=32)
