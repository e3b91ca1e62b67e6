"""The response cache: what was asked before, by whoever, is answered for nothing."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh import Agent, Reply, Request, RunResult, Team, Topology
from agentmesh.config.models import ModelConfig
from agentmesh.errors import ConfigError, ProviderError
from agentmesh.events import ModelCallFinished
from agentmesh.messages import Usage
from agentmesh.providers.cache import CachedProvider, ResponseCache, digest_of
from agentmesh.providers.registry import make_provider
from tests.journal.killing import CountingServer, counting_server

pytestmark = pytest.mark.anyio
TOPOLOGIES = Path(__file__).parents[2] / "topologies"
TASK = "What is (12*7)+(45-6)*3?"
KEYS = {"OPENAI_API_KEY": "sk-never-written-anywhere-42"}


@pytest.fixture(scope="module")
def counting() -> Iterator[CountingServer]:
    with counting_server() as server:
        yield server


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[ResponseCache]:
    made = ResponseCache(tmp_path / "cache.db")
    yield made
    made.close()


class Counts:
    """A model that says how often it was asked, after a while."""

    model_id = "counts:1"

    def __init__(self, wait_s: float = 0.0, fail: int = 0) -> None:
        self.asked: list[Request] = []
        self.wait_s = wait_s
        self.fail = fail

    async def complete(self, request: Request, on_delta: Any = None) -> Reply:
        self.asked.append(request)
        number = len(self.asked)
        await anyio.sleep(self.wait_s)
        if number <= self.fail:
            raise ProviderError("server", "down")
        return Reply(f"answer {number}", usage=Usage(input_tokens=40, output_tokens=2, model_calls=1, cost_usd=0.5))

    async def aclose(self) -> None:
        return None


def asks(text: str = "What?", run: str = "r1", call: str = "1", **fields: Any) -> Request:
    messages: Any = [{"role": "system", "content": "You are a."}, {"role": "user", "content": text}]
    return Request(agent="a", messages=messages, key=f"{run}/{call}", **fields)


def calls(result: RunResult) -> list[ModelCallFinished]:
    return [event for event in result.events if isinstance(event, ModelCallFinished)]


@pytest.mark.real_models
async def test_a_second_run_asks_nothing_of_the_server_and_costs_nothing(
    counting: CountingServer, tmp_path: Path
) -> None:
    def team() -> Team:
        made = Team.from_yaml(TOPOLOGIES / "hierarchy.yaml", model=counting.model("twice~1"), environment=KEYS)
        return made.cached(tmp_path / "cache.db")

    first = await team().run(TASK)
    sent = len(counting.requests("twice~1"))
    again = await team().run(TASK)
    assert sent == len(calls(first)) > 5
    assert not any(call.cached for call in calls(first))
    assert len(counting.requests("twice~1")) == sent
    assert len(calls(again)) == sent
    assert all(call.cached and call.settled == 0 and call.settled_usd == 0.0 for call in calls(again))
    assert (again.answer, again.usage.tokens, again.usage.cost_usd) == (first.answer, first.usage.tokens, 0.0)
    assert first.usage.tokens > 0


@pytest.mark.real_models
async def test_neither_keys_nor_questions_are_written(counting: CountingServer, tmp_path: Path) -> None:
    team = Team.from_yaml(TOPOLOGIES / "chain.yaml", model=counting.model("secret~1"), environment=KEYS)
    await team.cached(tmp_path / "cache.db").run(TASK)
    written = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"201" in written  # the answer
    assert KEYS["OPENAI_API_KEY"].encode() not in written
    assert b"Whoever comes after you" not in written


async def test_limits_are_not_charged_with_what_comes_from_the_cache(tmp_path: Path) -> None:
    model = Counts()
    agent = Agent(name="a", max_output_tokens=100, limits={"tokens": 1500})
    team = Team([agent], Topology.solo("a"), models={"default": model}).cached(tmp_path / "cache.db")
    first, again = await team.run("Go."), await team.run("Go.")
    assert (len(model.asked), first.usage.cost_usd, again.usage.cost_usd) == (1, 0.5, 0.0)
    assert [(call.cached, call.settled) for call in [*calls(first), *calls(again)]] == [(False, 42), (True, 0)]
    assert again.usage.tokens == first.usage.tokens == 42


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 0.5},
        {"top_p": 0.5},
        {"seed": 2},
        {"reasoning_effort": "low"},
        {"max_output_tokens": 10},
        {"tool_choice": "none"},
        {"response_schema": {"type": "object"}},
        {"tools": [{"type": "function", "function": {"name": "f", "description": "", "parameters": {}}}]},
        {"text": "What else?"},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_any_difference_of_the_request_is_another_request(change: dict[str, Any], cache: ResponseCache) -> None:
    model = Counts()
    cached = CachedProvider(model, cache)
    one = await cached.complete(asks(seed=1))
    other = await cached.complete(asks(**{"seed": 1, "run": "r2", **change}))
    same = await cached.complete(asks(seed=1, run="r3"))
    assert [one.text, other.text, same.text] == ["answer 1", "answer 2", "answer 1"]


async def test_what_does_not_shape_an_answer_makes_no_difference(cache: ResponseCache) -> None:
    cached = CachedProvider(Counts(), cache)
    await cached.complete(asks(timeout_s=5))
    again = await cached.complete(asks(run="r2", timeout_s=9, deadline_s=3.0, request_hash="x"))
    assert (again.text, again.cached) == ("answer 1", True)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"model": "m", "base_url": "http://127.0.0.1:1/v1"}, {"model": "m", "base_url": "http://127.0.0.1:2/v1"}),
        ({"model": "m"}, {"model": "n"}),
        ({"model": "m", "api": "chat"}, {"model": "m", "api": "responses"}),
        ({"provider": "anthropic", "model": "m"}, {"model": "m"}),
        ({"provider": "simulated", "model": "worker", "skill": 0.1}, {"provider": "simulated", "model": "worker"}),
    ],
)
def test_another_model_or_server_is_asked_anew(
    one: dict[str, Any], other: dict[str, Any], cache: ResponseCache
) -> None:
    configs = [ModelConfig.model_validate({"provider": "openai", **fields}) for fields in (one, other)]
    made = [make_provider(config, environment=KEYS, cache=cache) for config in configs]
    digests = [digest_of(provider._whose, asks()) for provider in made if isinstance(provider, CachedProvider)]
    assert len(digests) == len(set(digests)) == 2


async def test_samples_of_one_prompt_stay_different_and_come_in_their_order_again(cache: ResponseCache) -> None:
    model = Counts()
    cached = CachedProvider(model, cache)

    async def three(run: str) -> list[str]:
        return [(await cached.complete(asks(run=run, call=str(number)))).text for number in range(3)]

    assert await three("r1") == await three("r2") == ["answer 1", "answer 2", "answer 3"]
    assert len(model.asked) == 3
    fourth = await cached.complete(asks(run="r2", call="3"))
    assert (fourth.text, fourth.cached) == ("answer 4", False)


async def test_a_call_has_the_same_sample_whenever_it_is_made_again(tmp_path: Path) -> None:
    model = Counts()
    for _ in range(2):  # as in a process that goes on with a run after a crash
        cache = ResponseCache(tmp_path / "cache.db")
        cached = CachedProvider(model, cache)
        assert (await cached.complete(asks(call="1"))).text == "answer 1"
        assert (await cached.complete(asks(call="2"))).text == "answer 2"
        cache.close()
    assert len(model.asked) == 2


async def test_the_same_request_is_under_way_once(cache: ResponseCache) -> None:
    model = Counts(wait_s=0.05)
    cached = CachedProvider(model, cache)
    replies: list[Reply] = []

    async def ask(run: str) -> None:
        replies.append(await cached.complete(asks(run=run)))

    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(ask, f"r{number}")
    assert len(model.asked) == 1
    assert [reply.text for reply in replies] == ["answer 1"] * 20
    assert sum(reply.cached for reply in replies) == 19


async def test_who_waits_for_a_call_that_fails_or_is_cancelled_asks_itself(cache: ResponseCache) -> None:
    model = Counts(wait_s=0.05, fail=1)
    cached = CachedProvider(model, cache)
    said: list[str] = []

    async def ask(run: str) -> None:
        try:
            said.append((await cached.complete(asks(run=run))).text)
        except ProviderError as error:
            said.append(error.kind)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            for number in range(3):
                group.start_soon(ask, f"r{number}")
        assert said == ["server", "answer 2", "answer 2"]
        async with anyio.create_task_group() as group:
            with anyio.move_on_after(0.02):
                await cached.complete(asks("Else?"))
            group.start_soon(ask, "r9")
    assert len(model.asked) == 3


async def test_failures_are_not_kept(cache: ResponseCache) -> None:
    model = Counts(fail=2)
    cached = CachedProvider(model, cache)
    for run in ("r1", "r2"):
        with pytest.raises(ProviderError):
            await cached.complete(asks(run=run))
    assert (await cached.complete(asks(run="r3"))).text == "answer 3"


async def test_a_streaming_caller_hears_a_kept_answer(cache: ResponseCache) -> None:
    cached = CachedProvider(Counts(), cache)
    await cached.complete(asks())
    heard: list[str] = []
    await cached.complete(asks(run="r2"), heard.append)
    assert heard == ["answer 1"]


async def test_functions_and_scripts_are_asked_each_time(tmp_path: Path) -> None:
    asked: list[str] = []

    def model(request: Request) -> str:
        asked.append(request.agent)
        return "ok"

    team = Team([Agent(name="a")], Topology.solo("a"), models={"default": model}).cached(tmp_path / "cache.db")
    assert [(await team.run("Go.")).answer for _ in range(2)] == ["ok", "ok"]
    assert asked == ["a", "a"]


async def test_simulated_models_and_teams_on_nodes_are_cached_too(tmp_path: Path) -> None:
    outer = tmp_path / "outer.yaml"
    outer.write_text(
        f"version: 1\nagents:\n  inner: {{kind: team, team: {TOPOLOGIES / 'solo.yaml'}}}\n"
        "topology: {kind: chain, agents: [inner]}\n",
        encoding="utf-8",
    )
    team = Team.from_yaml(outer, model="simulated:worker").cached(tmp_path / "cache.db")
    first, again = await team.run(TASK), await team.run(TASK)
    assert [call.cached for call in calls(first)] == [False] * len(calls(first))
    assert [call.cached for call in calls(again)] == [True] * len(calls(first)) != []
    assert again.answer == first.answer == "12*7 + (45 - 6)*3 = 201"


async def test_each_model_of_a_fallback_list_has_its_own_answers(cache: ResponseCache) -> None:
    down, up = Counts(fail=1), Counts()
    down.model_id, up.model_id = "counts:down", "counts:up"
    config = ModelConfig(provider="function", model="down", fallback=("up",))
    provider = make_provider(config, name="down", providers={"down": down, "up": up}, cache=cache)
    first = await provider.complete(asks())
    second = await provider.complete(asks(run="r2"))
    assert (first.text, second.text) == ("answer 1", "answer 2")  # the one that failed is asked again
    assert (len(down.asked), len(up.asked)) == (2, 1)


# The file


ASKING = """
import sys, anyio
from agentmesh.messages import Reply
from agentmesh.providers.base import Request
from agentmesh.providers.cache import CachedProvider, ResponseCache

class Counts:
    model_id, asked = "counts:1", 0
    async def complete(self, request, on_delta=None):
        self.asked += 1
        return Reply("answer")
    async def aclose(self):
        pass

async def main():
    model, cache = Counts(), ResponseCache(sys.argv[1])
    cached = CachedProvider(model, cache)
    for number in range(50):
        messages = [{"role": "user", "content": f"question {number}"}]
        assert (await cached.complete(Request(agent="a", messages=messages, key=f"{sys.argv[2]}/1"))).text == "answer"
    await cached.aclose()
    print(model.asked)

anyio.run(main)
"""


def _asking(path: Path, run: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", ASKING, str(path), run], stdout=subprocess.PIPE, text=True)


def test_processes_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "cache.db"
    together = [int(process.communicate()[0]) for process in [_asking(path, f"r{number}") for number in range(3)]]
    assert 50 <= sum(together) <= 150
    assert int(_asking(path, "r3").communicate()[0]) == 0


SLOW = "models.default={provider: simulated, model: worker, latency_s: 0.05}"
KILLED = """
import sys, anyio
from agentmesh import Team
team = Team.from_yaml(sys.argv[1], overrides=[sys.argv[2]]).cached(sys.argv[3])
anyio.run(lambda: team.run(sys.argv[4], watch=lambda event: print(event.type, flush=True)))
"""


async def test_a_killed_process_leaves_what_it_was_answered(tmp_path: Path) -> None:
    path, file = TOPOLOGIES / "chain.yaml", tmp_path / "cache.db"
    command = [sys.executable, "-c", KILLED, str(path), SLOW, str(file), TASK]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        answered = 0
        for line in process.stdout:
            answered += line.strip() == "model_call_finished"
            if answered == 3:
                process.send_signal(signal.SIGKILL)
                break
    assert (process.returncode, answered) == (-signal.SIGKILL, 3)
    again = await Team.from_yaml(path, overrides=[SLOW]).cached(file).run(TASK)
    kept = [call.cached for call in calls(again)]
    assert again.outcome == "completed"
    assert kept.count(True) in (3, 4)  # one more may have been kept as the signal came
    assert kept == sorted(kept, reverse=True)
    assert not kept[-1]


async def test_a_disk_that_is_full_costs_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    cache = ResponseCache(tmp_path / "cache.db")
    monkeypatch.setattr(cache, "keep", full)
    request = asks()
    reply = await CachedProvider(Counts(), cache).complete(request)
    assert reply.text == "answer 1"
    assert request.attempts == [f"{cache.path} could not be used (database or disk is full): the answer is not kept"]
    monkeypatch.setattr(cache, "find", full)
    request = asks(run="r2")
    assert (await CachedProvider(Counts(), cache).complete(request)).text == "answer 1"
    assert request.attempts == [f"{cache.path} could not be read (database or disk is full): the model is asked"]
    cache.close()


def test_a_file_that_is_no_cache_is_left_alone(tmp_path: Path) -> None:
    text, other = tmp_path / "text", tmp_path / "other.db"
    text.write_text("no database at all, but long enough to be taken for one" * 20)
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE event (id)")
    connection.close()
    for path, why in ((text, "not a database"), (other, "it holds something else"), (tmp_path, "unable to open")):
        before = path.read_bytes() if path.is_file() else b""
        with pytest.raises(ConfigError, match=why):
            ResponseCache(path)
        assert (path.read_bytes() if path.is_file() else b"") == before


def test_a_missing_key_is_named_before_anything_is_asked(tmp_path: Path) -> None:
    team = Team.from_yaml(TOPOLOGIES / "solo.yaml", model="openai:gpt-4.1", environment={})
    with pytest.raises(ConfigError, match="OPENAI_API_KEY is not set"):
        team.cached(tmp_path / "cache.db").refuse_unready()


@given(st.lists(st.text(max_size=5), min_size=1, max_size=6), st.integers(0, 6))
def test_the_digest_of_a_growing_prompt_is_that_of_the_whole_prompt(texts: list[str], shown: int) -> None:
    messages: Any = [{"role": "user", "content": text} for text in texts]
    growing = Request(agent="a", messages=messages[:shown])
    digest_of("m", growing)
    grown = Request(agent="a", messages=messages, memo=growing.memo)
    assert digest_of("m", grown) == digest_of("m", Request(agent="a", messages=list(messages)))
