from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agentmesh.config.models import ModelConfig
from agentmesh.errors import ConfigError, ProviderError, ScriptError
from agentmesh.messages import Reply, ToolCall, Usage
from agentmesh.providers.base import Delta, Request
from agentmesh.providers.echo import EchoProvider
from agentmesh.providers.fallback import FallbackProvider
from agentmesh.providers.function import FunctionProvider
from agentmesh.providers.registry import make_provider
from agentmesh.providers.scripted import Script, ScriptedProvider, load_script

pytestmark = pytest.mark.anyio


def asking(text: str = "hello", agent: str = "a", **fields: Any) -> Request:
    return Request(agent=agent, messages=[{"role": "user", "content": text}], **fields)


async def test_a_script_is_played_per_agent() -> None:
    script: Script = {
        "a": ["one", {"text": "two", "tool_calls": [{"name": "add", "arguments": {"x": 1}}]}],
        "b": [Reply(text="three", usage=Usage(input_tokens=7, model_calls=1))],
    }
    provider = ScriptedProvider(script)
    assert (await provider.complete(asking())).text == "one"
    third = await provider.complete(asking(agent="b"))
    assert third.usage is not None
    assert (third.text, third.usage.input_tokens, third.model) == ("three", 7, "scripted")
    second = await provider.complete(asking())
    assert (second.text, second.finish_reason) == ("two", "tool_calls")
    assert second.tool_calls == (ToolCall("add", {"x": 1}, "call_2_1"),)
    provider.assert_complete()
    await provider.aclose()


async def test_an_exhausted_script_names_agent_and_call() -> None:
    provider = ScriptedProvider({"a": ["one"]})
    await provider.complete(asking())
    with pytest.raises(ScriptError, match="agent 'a' is exhausted: this is call 2, it has 1 reply"):
        await provider.complete(asking())
    with pytest.raises(ScriptError, match="no entry for agent 'b'; it has: a"):
        await provider.complete(asking(agent="b"))


async def test_an_unused_reply_is_an_error() -> None:
    provider = ScriptedProvider({"a": ["one", "two"], "b": []})
    await provider.complete(asking())
    assert provider.unused() == {"a": 1}
    with pytest.raises(ScriptError, match="used by agent: 'a' 1 of 2"):
        provider.assert_complete()


@pytest.mark.parametrize("name", ["script.yaml", "script.json"])
async def test_a_script_is_read_from_yaml_and_json(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_text('{"a": ["one", {"tool_calls": [{"name": "add"}]}]}')
    provider = make_provider(ModelConfig(provider="scripted", model=str(file)))
    assert (await provider.complete(asking())).model == f"scripted:{file}"
    assert (await provider.complete(asking())).tool_calls[0].name == "add"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a: one", "agent 'a': a list of replies is needed, found str"),
        ("- one", "maps each agent to a list"),
        ("a: [1]", "agent 'a', reply 1: a text or a mapping is needed, found int"),
        ("a: [{texts: x}]", "'texts' is not known; allowed: text, tool_calls, finish_reason"),
        ("a: [{tool_calls: [{arguments: {}}]}]", "tool call 1: it needs a `name`"),
        ("a: [{tool_calls: [{name: x, arguments: [1]}]}]", "tool call 1: it needs a `name`"),
        ("a: [", "not YAML or JSON"),
    ],
)
def test_a_wrong_script_says_where_and_what(tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "script.yaml"
    file.write_text(content)
    with pytest.raises(ConfigError) as caught:
        load_script(file)
    assert words in str(caught.value)
    assert str(caught.value).startswith(str(file))


def test_a_script_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_script(tmp_path / "missing.yaml")


async def test_echo_repeats_the_last_user_message() -> None:
    provider = make_provider(ModelConfig(provider="echo"))
    pieces: list[str] = []
    request = Request(
        agent="a",
        messages=[
            {"role": "user", "content": "first"},
            {"role": "user", "content": [{"type": "text", "text": "second"}]},
            {"role": "assistant", "content": "no"},
        ],
    )
    reply = await provider.complete(request, pieces.append)
    assert (reply.text, pieces, provider.model_id) == ("second", ["second"], "echo")
    assert (await EchoProvider().complete(Request(agent="a", messages=[]))).text == ""
    await provider.aclose()


async def test_usage_of_a_growing_context_is_estimated_in_full() -> None:
    provider, memo = EchoProvider(), {"other": 1}
    short = await provider.complete(Request(agent="a", messages=[{"role": "user", "content": "x" * 400}], memo=memo))
    long = await provider.complete(Request(agent="a", messages=[{"role": "user", "content": "x" * 400}] * 3, memo=memo))
    assert short.usage is not None
    assert long.usage is not None
    assert short.usage.estimated
    assert short.usage.cost_usd == 0
    assert 100 <= short.usage.input_tokens < 120
    assert 300 <= long.usage.input_tokens < 350


async def test_a_function_answers_with_text_or_a_reply() -> None:
    async def later(request: Request) -> Reply:
        return Reply(text=f"{request.agent} later", tool_calls=(ToolCall("add"),))

    def shout(request: Request) -> str:
        return str(request.messages[-1]["content"]).upper()

    pieces: list[str] = []
    provider = FunctionProvider(shout)
    assert (await provider.complete(asking(), pieces.append)).text == "HELLO"
    assert (pieces, provider.model_id) == (["HELLO"], "function:shout")
    reply = await FunctionProvider(later).complete(asking())
    assert (reply.text, reply.finish_reason) == ("a later", "tool_calls")
    await provider.aclose()


async def test_a_function_that_answers_with_something_else_is_told_so() -> None:
    def numbers(request: Request) -> Any:
        return 3

    def fails(request: Request) -> str:
        raise KeyError("n")

    def refuses(request: Request) -> str:
        raise ProviderError("rate", "later")

    with pytest.raises(ProviderError, match="the function numbers returned int; return a str, or a Reply"):
        await FunctionProvider(numbers).complete(asking())
    with pytest.raises(ProviderError, match="the function fails raised KeyError: 'n'"):
        await FunctionProvider(fails).complete(asking())
    with pytest.raises(ProviderError, match="rate: later"):
        await FunctionProvider(refuses).complete(asking())


class Failing:
    """A provider that always fails."""

    def __init__(self) -> None:
        self.deadlines: list[float | None] = []
        self.closed = False

    model_id = "failing:m"

    async def complete(self, request: Request, on_delta: Delta | None = None) -> Reply:
        self.deadlines.append(request.deadline_s)
        raise ProviderError("server", "broken")

    async def aclose(self) -> None:
        self.closed = True


async def test_the_next_model_is_asked_where_one_fails_and_the_log_says_so() -> None:
    failing = Failing()
    provider = FallbackProvider([failing, EchoProvider("echo:spare")])
    request = asking()
    reply = await provider.complete(request)
    assert (reply.text, reply.model, provider.model_id) == ("hello", "echo:spare", "failing:m")
    assert request.attempts == ["failing:m failed (server); the next model is asked"]
    await provider.complete(asking(deadline_s=5))
    assert failing.deadlines[0] is None
    assert failing.deadlines[1] is not None
    assert failing.deadlines[1] <= 5
    await provider.aclose()
    assert failing.closed


async def test_where_all_fail_the_last_failure_is_told() -> None:
    with pytest.raises(ProviderError, match="broken"):
        await FallbackProvider([Failing(), Failing()]).complete(asking())
