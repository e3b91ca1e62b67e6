"""What one agent knows and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentmesh import Agent, ConfigError, Reply, Request, Team
from agentmesh.topology.graph import Topology

YAML = """
version: 1
name: replicas
agents:
  planner: {instructions: Plan.}
  worker: {replicas: 2, instructions: Work.}
  tool: {kind: command, command: {argv: ["cat"]}}
topology: {kind: chain, agents: [planner, worker, tool]}
"""


class Heard:
    """Replies, and keeps the system text of each agent."""

    def __init__(self) -> None:
        self.systems: dict[str, str] = {}

    def __call__(self, request: Request) -> Reply:
        self.systems[request.agent] = str(request.messages[0]["content"])
        return Reply("so be it")


def test_only_the_agent_that_is_told_hears_of_it() -> None:
    heard = Heard()
    agents = [Agent(name="a", instructions="You are a."), Agent(name="b")]
    team = Team(agents, Topology.chain(["a", "b"]), models={"default": heard})
    told = team.with_private({"a": "The key is under the mat.", "b": "Ask a."})
    assert told.run_sync("Where is the key?").answer == "so be it"
    assert heard.systems["a"].startswith("You are a.\n\nOnly you know this:\nThe key is under the mat.\n\n")
    assert heard.systems["b"].startswith("Only you know this:\nAsk a.\n\n")
    assert "under the mat" not in heard.systems["b"]
    assert told.agents["a"].instructions.endswith("\n\nOnly you know this:\nThe key is under the mat.")
    assert team.agents["a"].instructions == "You are a."
    team.run_sync("Where is the key?")
    assert "Only you know" not in heard.systems["a"]


def test_the_hash_follows_what_is_known_and_the_bounds_count_it() -> None:
    team = Team([Agent(name="a", instructions="You are a.")], Topology.solo("a"))
    hashes = {team.hash, team.with_private({"a": "x"}).hash, team.with_private({"a": "y"}).hash}
    assert len(hashes) == 3
    assert team.with_private({}).hash == team.hash == team.with_private({}).hash
    assert team.with_private({"a": "x"}).hash == team.with_private({"a": "x"}).hash
    long, short = team.with_private({"a": "x" * 4000}).bounds.tokens, team.bounds.tokens
    assert long is not None
    assert short is not None
    assert long > short


def test_names_that_nobody_bears_and_programs_are_refused_with_those_that_are_allowed(tmp_path: Path) -> None:
    path = tmp_path / "team.yaml"
    path.write_text(YAML)
    team = Team.from_yaml(path, environment={})
    assert "x" in team.with_private({"worker-2": "x"}).agents["worker-2"].instructions
    with pytest.raises(ConfigError) as raised:
        team.with_private({"worker": "x", "plannr": "y", "tool": "z", "planner": "fine"})
    allowed = "allowed: planner, worker-1, worker-2"
    assert [(problem.path, problem.message) for problem in raised.value.problems] == [
        ("private.worker", f"'worker' is several agents; write what each of them is told; {allowed}"
         "; did you mean 'worker-1'?"),
        ("private.plannr", f"there is no agent 'plannr'; {allowed}; did you mean 'planner'?"),
        ("private.tool", f"'tool' is of kind command and reads no instructions; {allowed}"),
    ]  # fmt: skip
