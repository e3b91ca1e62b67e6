from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from agentmesh.config.models import ModelConfig
from agentmesh.errors import ConfigError
from agentmesh.messages import Usage
from agentmesh.providers.anthropic import AnthropicProvider
from agentmesh.providers.base import Request
from agentmesh.providers.fallback import FallbackProvider
from agentmesh.providers.function import FunctionProvider
from agentmesh.providers.openai import OpenAIProvider
from agentmesh.providers.openai_responses import OpenAIResponsesProvider
from agentmesh.providers.prices import cost_usd, price_of, priced
from agentmesh.providers.registry import make_provider, model_id_of, parse_model, unsupported


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("openai:gpt-5.5", ("openai", "gpt-5.5", None)),
        ("openai:qwen3@http://127.0.0.1:8000/v1", ("openai", "qwen3", "http://127.0.0.1:8000/v1")),
        ("openai:org/model:free@https://x.example/v1", ("openai", "org/model:free", "https://x.example/v1")),
        ("anthropic:claude-opus-5", ("anthropic", "claude-opus-5", None)),
        ("anthropic:claude@20260101", ("anthropic", "claude@20260101", None)),
        ("scripted:dir/script.yaml", ("scripted", "dir/script.yaml", None)),
        ("function:package.module:name", ("function", "package.module:name", None)),
        ("simulated:worker", ("simulated", "worker", None)),
        ("echo", ("echo", "", None)),
    ],
)
def test_a_model_is_read_from_its_short_form(text: str, expected: tuple[str, str, str | None]) -> None:
    config = parse_model(text)
    assert (config.provider, config.model, config.base_url) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("opanai:gpt-5.5", "did you mean openai?"),
        ("gpt-5.5", "allowed: openai, anthropic, simulated, scripted, echo, function"),
        ("", "begins with no known provider"),
        ("openai:", "names no model; write openai:MODEL"),
        ("openai:m@localhost:8000/v1", "write @http://localhost:8000/v1"),
        ("simulated:worker@http://127.0.0.1", "simulated models have no address"),
    ],
)
def test_a_wrong_short_form_says_what_is_allowed(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_model(text)
    assert words in str(caught.value)


def test_each_model_gets_the_api_that_its_server_speaks() -> None:
    def made(text: str, **fields: Any) -> object:
        return make_provider(parse_model(text).model_copy(update=fields))

    assert isinstance(made("openai:gpt-5.5"), OpenAIResponsesProvider)
    assert isinstance(made("openai:gpt-5.5", api="chat"), OpenAIProvider)
    assert isinstance(made("openai:m@http://127.0.0.1:1/v1"), OpenAIProvider)
    assert isinstance(made("openai:m@http://127.0.0.1:1/v1", api="responses"), OpenAIResponsesProvider)
    assert isinstance(made("openai:m@https://eu.api.openai.com/v1"), OpenAIResponsesProvider)
    assert isinstance(made("anthropic:m"), AnthropicProvider)


def test_addresses_can_come_from_the_environment() -> None:
    environment = {"OPENAI_BASE_URL": "http://127.0.0.1:1/v1", "ANTHROPIC_BASE_URL": "http://127.0.0.1:2/v1/"}
    chat = make_provider(parse_model("openai:m"), environment=environment)
    assert isinstance(chat, OpenAIProvider)
    assert chat.base_url == "http://127.0.0.1:1/v1"
    messages = make_provider(parse_model("anthropic:m"), environment=environment)
    assert isinstance(messages, AnthropicProvider)
    assert messages.base_url == "http://127.0.0.1:2"


def test_a_fallback_list_is_resolved_by_name() -> None:
    models = {
        "main": ModelConfig(provider="openai", model="m", fallback=("spare",)),
        "spare": ModelConfig(provider="echo", fallback=("main",)),
    }
    provider = make_provider(models["main"], name="main", models=models)
    assert isinstance(provider, FallbackProvider)
    assert provider.model_id == "openai:m"


@pytest.mark.parametrize(
    ("fallback", "words"),
    [("spar", "did you mean spare?"), ("main", "allowed: spare"), ("zzz", "'main' falls back to 'zzz'")],
)
def test_a_wrong_fallback_says_what_is_allowed(fallback: str, words: str) -> None:
    models = {
        "main": ModelConfig(provider="echo", fallback=(fallback,)),
        "spare": ModelConfig(provider="echo"),
    }
    with pytest.raises(ConfigError) as caught:
        make_provider(models["main"], name="main", models=models)
    assert words in str(caught.value)


@pytest.mark.anyio
async def test_a_made_provider_is_taken_as_a_model_and_as_a_fallback() -> None:
    def failing(request: Request) -> str:
        raise ValueError("no")

    models = {
        "main": ModelConfig(provider="function", model="mine:failing", fallback=("spare",)),
        "spare": ModelConfig(provider="function", model="mine:spare"),
    }
    made = {
        "main": FunctionProvider(failing),
        "spare": FunctionProvider(lambda request: "spare", "function:spare"),
        "object": FunctionProvider(lambda request: "object"),
    }
    provider = make_provider(models["main"], name="main", models=models, providers=made)
    assert (await provider.complete(Request(agent="a", messages=[]))).text == "spare"
    beside = models["main"].model_copy(update={"fallback": ("object",)})
    provider = make_provider(beside, name="main", models=models, providers=made)
    assert (await provider.complete(Request(agent="a", messages=[]))).text == "object"


def test_no_function_is_imported_by_a_model_or_its_fallback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "uninvited.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    models = {
        "main": ModelConfig(provider="echo", fallback=("spare",)),
        "spare": ModelConfig(provider="function", model="uninvited:model"),
    }
    for name in models:
        with pytest.raises(ConfigError, match=r"function:uninvited:model.*--allow uninvited"):
            make_provider(models[name], name=name, models=models)
    assert "uninvited" not in sys.modules


@pytest.mark.anyio
async def test_the_fallback_list_of_a_fallback_is_followed_and_each_model_asked_once() -> None:
    asked = []

    def failing(name: str) -> FunctionProvider:
        def fail(request: Request) -> str:
            asked.append(name)
            raise ValueError(name)

        return FunctionProvider(fail, f"function:{name}")

    models = {
        "a": ModelConfig(provider="function", model="m:a", fallback=("b", "c")),
        "b": ModelConfig(provider="function", model="m:b", fallback=("d", "a")),
        "c": ModelConfig(provider="function", model="m:c", fallback=("b", "last")),
        "d": ModelConfig(provider="function", model="m:d"),
        "last": ModelConfig(provider="echo"),
    }
    made = {name: failing(name) for name in "abcd"}
    provider = make_provider(models["a"], name="a", models=models, providers=made)
    reply = await provider.complete(Request(agent="x", messages=[{"role": "user", "content": "hi"}]))
    assert asked == ["a", "b", "d", "c"]
    assert reply.text == "hi"


@pytest.mark.parametrize(
    ("fields", "keys"),
    [
        ({"provider": "anthropic", "model": "m", "temperature": 1, "top_p": 0.5}, ["temperature", "top_p"]),
        ({"provider": "anthropic", "model": "m", "reasoning_effort": "enormous"}, ["reasoning_effort"]),
        ({"provider": "anthropic", "model": "m", "reasoning_effort": "high", "api": "chat"}, ["api"]),
        ({"provider": "openai", "model": "gpt-5.5", "temperature": 0.5}, ["temperature"]),
        ({"provider": "openai", "model": "o3", "top_p": 0.5, "reasoning_effort": "low"}, ["top_p"]),
        ({"provider": "openai", "model": "gpt-4o", "temperature": 1, "reasoning_effort": "low"}, ["reasoning_effort"]),
        ({"provider": "openai", "model": "gpt-5-chat-latest", "temperature": 1}, []),
        ({"provider": "openai", "model": "gpt-5", "base_url": "http://x/v1", "temperature": 1, "api": "chat"}, []),
        ({"provider": "openai"}, ["model"]),
        ({"provider": "openai", "model": "m", "skill": 0.5, "latency_s": 1}, ["skill", "latency_s"]),
        ({"provider": "simulated", "skill": 0.5, "latency_s": 1, "temperature": 1}, []),
        ({"provider": "echo", "base_url": "http://x", "api_key_env": "K"}, ["base_url", "api_key_env"]),
        ({"provider": "simulated", "reasoning_effort": "low"}, ["reasoning_effort"]),
    ],
)
def test_what_a_model_does_not_take_is_named(fields: dict[str, Any], keys: list[str]) -> None:
    found = unsupported(ModelConfig.model_validate(fields))
    assert [key for key, _ in found] == keys
    assert all(";" in message or "needs" in message for _, message in found)


def test_a_model_is_named_by_provider_and_model() -> None:
    assert model_id_of(parse_model("openai:m@http://x/v1")) == "openai:m"
    assert model_id_of(parse_model("echo")) == "echo"


def test_prices_come_from_the_entry_then_the_table_and_are_otherwise_unknown() -> None:
    given = ModelConfig.model_validate({"provider": "openai", "model": "m", "price": {"input": 2, "output": 4}})
    usage = Usage(input_tokens=1_000_000, output_tokens=500_000, cache_read_tokens=400_000)
    assert cost_usd(given, usage) == pytest.approx(4)
    assert price_of(given) == given.price
    assert price_of(parse_model("openai:qwen3@http://127.0.0.1:8000/v1")) is None
    assert price_of(parse_model("openai:no-such-model-at-all")) is None
    assert priced(parse_model("openai:no-such-model-at-all"), usage).cost_usd is None
    assert cost_usd(parse_model("simulated:worker"), usage) == 0
    assert cost_usd(parse_model("openai:gpt-4o"), usage) == pytest.approx(0.6 * 2.5 + 0.4 * 1.25 + 0.5 * 10)
    assert price_of(parse_model("openai:deepseek-chat@https://api.deepseek.com/v1")) is not None


def test_a_price_that_rises_with_the_input_is_bounded_by_its_highest_step() -> None:
    config = parse_model("openai:gpt-5.5")
    price = price_of(config)
    assert price is not None
    assert (price.input, price.output) == (10, 45)
    assert cost_usd(config, Usage(input_tokens=1000)) == pytest.approx(0.005)
    assert cost_usd(config, Usage(input_tokens=300_000)) == pytest.approx(3.0)
