"""Names in a team become models, tools and checks."""

from __future__ import annotations

from typing import Any

import pytest

from agentmesh import Agent, ConfigError, ModelConfig, Reply, Request, ScriptedProvider, Team, Topology
from tests.runner.run_checks import calls, says, team

pytestmark = pytest.mark.anyio


async def test_a_model_is_a_name_a_configuration_a_provider_or_a_function() -> None:
    def mine(request: Request) -> str:
        return "function"

    scripted = ScriptedProvider({"a": ["scripted"]})
    for model, answer in (
        (ModelConfig(provider="echo"), "task"),
        ("echo", "task"),
        (scripted, "scripted"),
        (mine, "function"),
    ):
        result = await team(model).run("task")
        assert answer in (result.answer or "")
    result = await Team(
        [Agent(name="a", model=mine), Agent(name="b", model="other")],
        Topology.chain(["a", "b"]),
        models={"other": says("by name")},
    ).run("task")
    assert result.answer == "by name"


@pytest.mark.parametrize("model", ["ghost", "openai:", "nobody:x"])
def test_a_model_that_nobody_knows_is_refused_where_it_is_named(model: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Team([Agent(name="a", model=model)], Topology.solo("a"))
    assert [problem.path for problem in caught.value.problems] == ["agents.a.model"]


async def test_tools_are_given_by_name_by_function_or_by_reference() -> None:
    def double(n: int) -> int:
        """Double."""
        return 2 * n

    wanted = iter([calls("double", n=21), "42"])
    one = team(
        lambda request: next(wanted),
        agents={"a": {"tools": ("double", "calculator", "posixpath:basename")}},
        tools={"double": double},
        allow=["posixpath"],
    )
    assert (await one.run("task")).answer == "42"


async def test_what_a_model_is_offered_are_its_tools_and_those_of_its_place() -> None:
    offered: dict[str, list[str]] = {}

    def model(request: Request) -> Reply:
        offered.setdefault(request.agent, [tool["function"]["name"] for tool in request.tools])
        return Reply("text")

    topology = Topology.graph(["user -> a", "a -> b", "a -> c", "b -> user", "c -> user"])
    await team(model, topology, agents={"a": {"tools": ("calculator",)}}).run("task")
    assert offered["a"] == ["calculator", "send_message"]
    assert offered.get("b", []) == []


async def test_the_same_team_can_be_given_another_model() -> None:
    first = team(says("one"))
    second = first.with_model(says("two"))
    assert (await first.run("task")).answer == "one"
    assert (await second.run("task")).answer == "two"


async def test_an_agent_says_its_kind_by_what_it_is_given() -> None:
    agents: list[Any] = [
        Agent(name="f", function=lambda view: "f"),
        Agent.model_validate({"name": "c", "command": {"argv": ["echo", "c"]}}),
        Agent(name="l"),
    ]
    assert [agent.kind for agent in agents] == ["function", "command", "llm"]
    with pytest.raises(ValueError, match="`command` and `kind: command` go together"):
        Agent(name="x", kind="command")
