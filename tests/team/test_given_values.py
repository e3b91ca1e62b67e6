"""What Python code passes in is taken in every sensible form, and refused in words otherwise."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from agentmesh import Agent, ConfigError, Finding, ModelConfig, Reply, Request, RunResult, Team, ToolCall, Topology
from agentmesh.config.models import Price
from agentmesh.events import ToolCallFinished

pytestmark = pytest.mark.anyio


def solo(model: Any = lambda request: "42", **options: Any) -> Team:
    return Team([Agent(name="a", model=model)], Topology.solo("a"), **options)


@pytest.mark.parametrize("name", ["limit", "sede", "jornal"])
async def test_an_unknown_option_of_a_run_is_refused_and_named(name: str) -> None:
    options: dict[str, Any] = {name: 3}
    with pytest.raises(TypeError, match=f"takes no '{name}'"):
        await solo().run("task", **options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"seed": "a"}, "a seed is a whole number"),
        ({"parts": ["p.png"]}, "parts are ImagePart"),
        ({"limits": {"turn": 1}}, "did you mean 'turns'"),
        ({"limits": {"turns": 0}}, "limits.turns"),
    ],
)
async def test_a_wrong_option_of_a_run_is_a_configuration_error(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        await solo().run("task", **options)


@pytest.mark.parametrize("task", ["", "  ", None, 7])
async def test_a_task_is_a_text_that_is_not_empty(task: Any) -> None:
    with pytest.raises(ConfigError, match="a task is a text"):
        await solo().run(task)


async def test_run_sync_inside_a_loop_names_the_way_out() -> None:
    with pytest.raises(RuntimeError, match=r"await team\.run"):
        solo().run_sync("task")


async def _checked(answer: str) -> bool:
    await anyio.sleep(0)
    return answer == "42"


class _Checker:
    async def __call__(self, answer: str) -> bool:
        return answer == "42"


@pytest.mark.parametrize("verify", [_checked, _Checker(), lambda answer: _checked(answer), lambda answer: (True, "")])
async def test_a_check_may_be_asynchronous_in_any_form(verify: Any) -> None:
    assert (await solo(verify=verify).run("task")).outcome == "verified"
    assert (await solo(lambda request: "41", verify=_Checker()).run("task")).outcome == "failed"


@pytest.mark.parametrize("said", [(False, "it is wrong"), "no", 1, None])
async def test_only_a_plain_yes_verifies(said: Any) -> None:
    result = await solo(verify=lambda answer: said).run("task")
    assert (result.outcome, result.reason.split(":")[0]) == ("failed", "not_verified")
    assert result.answer is None


@pytest.mark.parametrize("verify", [["true"], 7, Request])
def test_what_cannot_check_is_refused_when_the_team_is_made(verify: Any) -> None:
    with pytest.raises(ConfigError, match="verify is"):
        solo(verify=verify)


async def test_a_check_and_a_monitor_may_be_given_as_in_the_file() -> None:
    def found(event: Any) -> Finding | None:
        return Finding(label="x", agents=("a",)) if event.type == "turn_ended" else None

    checked = solo(verify={"command": [sys.executable, "-c", "import sys; sys.exit(sys.stdin.read() != '42')"]})
    assert (await checked.run("task")).outcome == "verified"
    halted = solo(monitors={"m": (found, {"interventions": ["halt"]})})
    assert (await halted.run("task")).outcome == "halted"
    with pytest.raises(ConfigError, match=r"monitors\.m"):
        solo(monitors={"m": (found, {"interventoins": []})})
    with pytest.raises(ConfigError, match="monitor 'm' is a function"):
        solo(monitors={"m": 3})


@pytest.mark.parametrize("agent", ["a", lambda text: text, 3])
def test_what_is_no_agent_is_refused(agent: Any) -> None:
    with pytest.raises(ConfigError, match="an agent is an Agent"):
        Team([agent], Topology.solo("a"))


async def test_a_function_that_leaves_the_process_only_fails_its_turn() -> None:
    def leaves(text: str) -> str:
        sys.exit(3)

    def tool() -> str:
        """Leave."""
        sys.exit(4)

    def asks(request: Request) -> Reply | str:
        last = request.messages[-1]
        return str(last["content"]) if last["role"] == "tool" else Reply(tool_calls=(ToolCall("tool"),))

    failed = await Team([leaves], Topology.solo("leaves")).run("task")
    assert failed.outcome == "failed"
    assert "sys.exit(3)" in failed.reason
    result = await Team([Agent(name="a", model=asks, tools=(tool,))], Topology.solo("a")).run("task")
    assert result.outcome == "completed"
    assert "sys.exit(4)" in (result.answer or "")


class _Shared:
    """A provider that notes when it is closed."""

    model_id = "test:shared"

    def __init__(self) -> None:
        self.closed = 0

    async def complete(self, request: Request, on_delta: Any = None) -> Reply:
        await anyio.sleep(0.02 if request.agent == "slow" else 0)
        assert not self.closed
        return Reply("done")

    async def aclose(self) -> None:
        self.closed += 1


async def test_a_provider_is_closed_by_the_last_team_that_uses_it() -> None:
    provider = _Shared()
    results: list[RunResult] = []

    async def run(name: str) -> None:
        team = Team([Agent(name=name)], Topology.solo(name), models={"default": provider})
        results.append(await team.run("task"))

    async with anyio.create_task_group() as group:
        group.start_soon(run, "quick")
        group.start_soon(run, "slow")
    assert [result.outcome for result in results] == ["completed", "completed"]
    assert provider.closed == 1


async def test_a_reply_that_was_cut_off_is_asked_again_more_briefly() -> None:
    replies = iter([Reply("a long ans", finish_reason="length"), Reply("short")])
    result = await solo(lambda request: next(replies)).run("task")
    assert (result.answer, result.usage.model_calls) == ("short", 2)


async def test_a_missing_key_is_refused_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    seen: list[Any] = []
    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        await solo("openai:gpt-5.5").run("task", watch=seen.append)
    assert seen == []


async def test_an_answer_sent_by_tool_has_the_form_of_the_answer_too() -> None:
    replies = iter(
        [
            Reply(tool_calls=(ToolCall("send_message", {"recipients": ["user"], "content": "not json"}),)),
            Reply(tool_calls=(ToolCall("send_message", {"recipients": ["user"], "content": '{"n": 1}'}),)),
        ]
    )
    form = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    result = await solo(lambda request: next(replies), answer=form).run("task")
    assert result.value == {"n": 1}
    refused = [event.error for event in result.events if isinstance(event, ToolCallFinished) and event.error]
    assert len(refused) == 1
    assert "not JSON" in (refused[0] or "")


async def test_an_answer_of_another_form_from_an_agent_that_is_no_model_fails() -> None:
    def agent(text: str) -> str:
        return "no json"

    result = await Team([agent], Topology.solo("agent"), answer={"type": "object"}).run("task")
    assert result.outcome == "failed"
    assert "not JSON" in result.reason


FALLBACK = """
version: 1
models:
  default: {provider: simulated, model: worker, fallback: [other]}
  other: OTHER
agents: {a: {}}
topology: {kind: solo, agent: a}
"""


def test_a_model_that_stands_in_for_another_needs_consent_like_it(tmp_path: Path) -> None:
    marker = tmp_path / "imported"
    (tmp_path / "evilpkg.py").write_text(f"open({str(marker)!r}, 'w')\ndef model(request): return 'evil'\n")
    file = tmp_path / "team.yaml"
    file.write_text(FALLBACK.replace("OTHER", "{provider: function, model: 'evilpkg:model'}"))
    with pytest.raises(ConfigError, match=r"team\.yaml:5:\d+: models\.other\.model: .*--allow evilpkg"):
        Team.from_yaml(file)
    for allow in (["agentmesh"], "xevilpkgx"):
        with pytest.raises(ConfigError, match="--allow evilpkg"):
            Team.from_yaml(file, allow=allow)
    assert not marker.exists()


def test_a_model_that_stands_in_for_another_is_checked_and_priced_like_it(tmp_path: Path) -> None:
    file = tmp_path / "team.yaml"
    file.write_text(FALLBACK.replace("OTHER", "{provider: anthropic, model: claude-opus-5, temperature: 1}"))
    with pytest.raises(ConfigError, match=r"5:\d+: models\.other\.temperature"):
        Team.from_yaml(file)
    file.write_text(FALLBACK.replace("OTHER", "{provider: openai, model: x, price: {input: 1, output: 2}}"))
    assert (Team.from_yaml(file).bounds.usd or 0) > 0


def test_a_token_limit_bounds_the_cost() -> None:
    config = ModelConfig(provider="openai", model="x", price=Price(input=1, output=3))
    team = solo(config, limits={"tokens": 1000})
    assert team.bounds.usd == pytest.approx(0.003)


async def test_halves_of_characters_never_reach_the_log() -> None:
    def agent(text: str) -> str:
        return text + "\ud800"

    result = await Team([agent], Topology.solo("agent")).run("a\udfffb")
    assert all(event.model_dump_json() for event in result.events)
    assert result.answer == "a\ufffdb\ufffd"
