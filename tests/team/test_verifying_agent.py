"""An agent that verifies is declared like any other, and stands beside the team: in files, in Python, in figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agentmesh import Agent, ConfigError, Limits, Team, Topology, VerifyConfig
from agentmesh.cli.commands import commands
from agentmesh.events import ModelCallStarted, Verification

FILE = """
version: 1
name: checked
models: {{default: "simulated:worker", strong: {strong}}}
agents:
  clerk: {{kind: function, function: given:clerk}}
  checker: {{model: strong, instructions: "Check every step and every figure.", max_output_tokens: 1000}}
topology: {topology}
verify: {{agent: checker, retries: 1}}
limits: {limits}
"""
STRONG = "{provider: simulated, model: worker, skill: 1.0}"
SOLO = "{kind: solo, agent: clerk}"


def written(folder: Path, *, topology: str = SOLO, limits: str = "{}", strong: str = STRONG) -> Path:
    file = folder / "team.yaml"
    file.write_text(FILE.format(topology=topology, limits=limits, strong=strong))
    return file


def made(file: Path, *answers: str) -> Team:
    """The team of the file, whose clerk gives these answers."""
    left = iter(answers)
    return Team.from_yaml(file, functions={"clerk": lambda text: next(left)})


TASK = "How much is 12 * (3 + 4)?"
RIGHT, WRONG = "12 * (3 + 4) = 84", "12 * (3 + 4) = 85"


@pytest.mark.parametrize(
    ("answers", "outcome", "passed"),
    [
        ([RIGHT], "verified", [True]),
        (["84"], "verified", [True]),
        ([WRONG, RIGHT], "verified", [False, True]),
        (["It is 85.", WRONG], "failed", [False, False]),
        (["I do not know.", RIGHT], "verified", [False, True]),
    ],
)
def test_a_simulated_model_verifies_arithmetic(
    tmp_path: Path, answers: list[str], outcome: str, passed: list[bool]
) -> None:
    result = made(written(tmp_path), *answers).run_sync(TASK)
    assert result.outcome == outcome
    assert [event.passed for event in result.events if isinstance(event, Verification)] == passed
    asked = {event.agent for event in result.events if isinstance(event, ModelCallStarted)}
    assert asked == {"checker"}


def test_check_counts_the_verifier_and_says_nothing_against_it(tmp_path: Path) -> None:
    checked = CliRunner().invoke(commands, ["check", str(written(tmp_path)), "--json"])
    [file] = json.loads(checked.stdout)["files"]
    assert (file["ok"], file["errors"], file["warnings"]) == (True, [], [])
    assert file["executes"] == ["import: given:clerk (agents.clerk)"]
    bounds = file["bounds"]
    assert bounds["model_calls"] == 4  # two for each of two answers
    assert bounds["tokens"] > 4 * 1000
    shown = CliRunner().invoke(commands, ["show", str(written(tmp_path)), "--format", "json"])
    assert "checker" not in shown.stdout


def test_a_graph_that_takes_everybody_does_not_take_who_verifies(tmp_path: Path) -> None:
    topology = "{kind: graph, generator: complete_graph, arguments: {n: 1}, edges: [[user, clerk], [clerk, user]]}"
    team = made(written(tmp_path, topology=topology), RIGHT)
    assert set(team.agents) == {"clerk"}
    assert team.run_sync(TASK).outcome == "verified"


def test_the_run_pays_for_the_verifier_from_its_limits(tmp_path: Path) -> None:
    team = made(written(tmp_path, limits="{model_calls: 1}"), WRONG, RIGHT)
    assert team.bounds.model_calls == 1
    result = team.run_sync(TASK)
    assert (result.outcome, result.usage.model_calls) == ("limit", 1)


def test_a_limit_in_usd_needs_the_price_of_the_verifier(tmp_path: Path) -> None:
    strong = "{provider: openai, model: nobody-knows, api_key_env: NO_KEY}"
    with pytest.raises(ConfigError, match="the price of every model, and that of 'strong'"):
        made(written(tmp_path, limits="{usd: 1}", strong=strong))
    priced = strong.replace("}", ", price: {input: 1, output: 10}}")
    bounds = made(written(tmp_path, limits="{usd: 1}", strong=priced)).bounds
    assert bounds.usd is not None
    assert 4 * 1000 * 10 / 1e6 < bounds.usd < 1


def team(**more: Any) -> Team:
    return Team([Agent(name="a", function=lambda text: "42")], Topology.solo("a"), **more)


def passes(view: Any) -> bool:
    return True


def test_who_verifies_is_given_in_python_as_an_agent_or_by_the_name_of_one() -> None:
    agent = Agent(name="checker", function=passes)
    by_name = Team(
        [Agent(name="a", function=lambda text: "42"), agent], Topology.solo("a"), verify=VerifyConfig(agent="checker")
    )
    for made in (by_name, team(verify={"agent": agent})):
        assert made.run_sync("task").outcome == "verified"
        assert set(made.agents) == {"a"}


@pytest.mark.parametrize(
    ("verify", "said"),
    [
        (VerifyConfig(agent="cheker"), "verify.agent: no agent 'cheker'; declare one under agents"),
        (VerifyConfig(agent="a"), "verify.agent: 'a' stands in the topology, and no member"),
        ({"agent": Agent(name="a", function=passes)}, "agents named more than once: a"),
        ({"agent": Agent(name="b", kind="human")}, "verify.agent: 'b' is of kind human"),
        ({"agent": Agent(name="b", limits=Limits(tokens=5))}, "agents.b.limits: `limits` has no effect"),
        ({"agent": Agent(name="b", tools=("calculator",))}, "agents.b.tools: `tools` has no effect"),
        ({"agent": Agent(name="b", model="nope")}, "agents.b.model"),
        ({"agent": Agent(name="b"), "command": ["cat"]}, "give exactly one of"),
        ({"agent": Agent(name="b"), "retires": 1}, "did you mean 'retries'"),
    ],
)
def test_what_cannot_verify_is_refused_in_python_too(verify: Any, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        team(verify=verify)
    assert said in str(caught.value)


def test_the_hash_covers_what_the_verifier_is_told_and_its_model() -> None:
    def hashed(**more: Any) -> str:
        return team(verify={"agent": Agent(name="b", **more)}).hash

    first = hashed(instructions="Look.")
    assert first == hashed(instructions="Look.")
    others = {hashed(instructions="Look closely."), hashed(instructions="Look.", model="simulated:expert"), team().hash}
    assert first not in others
    assert len(others) == 3


def test_the_verifier_of_a_team_verifies_for_copies_of_its_members(tmp_path: Path) -> None:
    own = made(written(tmp_path), WRONG, RIGHT)
    alone = own.regrouped({"clerk-1": "clerk"}, Topology.solo("clerk-1"), name="alone")
    result = alone.run_sync(TASK)
    assert [event.passed for event in result.events if isinstance(event, Verification)] == [False, True]
    assert alone.bounds == own.bounds
    assert '"Check every step and every figure."' in alone.description


def test_a_team_on_a_node_has_its_verifier_paid_by_the_run_around_it(tmp_path: Path) -> None:
    inner = made(written(tmp_path), WRONG, RIGHT)
    outer = Team([Agent(name="node", team=inner)], Topology.solo("node"))
    result = outer.run_sync(TASK)
    assert (result.outcome, result.usage.model_calls) == ("completed", 2)
    assert outer.bounds.model_calls == inner.bounds.model_calls == 4
    asked = [event.key.partition("/")[2] for event in result.events if isinstance(event, ModelCallStarted)]
    assert asked == ["solo#1/node/1/solo#1/verify/1/1", "solo#1/node/1/solo#1/verify/2/1"]
