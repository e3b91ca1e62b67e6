"""Teams that stand on nodes of other teams: what they spend counts twice over, and nothing of them is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agentmesh import Agent, ConfigError, Event, RunResult, Team, Topology
from agentmesh.events import LimitWasReached, MessageDelivered, ModelCallFinished, TurnFailed

INNER = """
version: 1
name: inner
agents:
  ann: {{instructions: First.}}
  bob: {{instructions: Second.}}
topology: {{kind: chain, agents: [ann, bob]}}
limits: {limits}
"""
OUTER = """
version: 1
name: outer
agents:
  research: {team: parts/inner.yaml}
  writer: {instructions: Last.}
topology: {kind: chain, agents: [research, writer]}
"""


@pytest.fixture
def outer(tmp_path: Path) -> Path:
    """A file whose first agent is the team of another file."""
    return files(tmp_path)


def files(folder: Path, inner_limits: str = "{}") -> Path:
    (folder / "parts").mkdir(exist_ok=True)
    (folder / "parts" / "inner.yaml").write_text(INNER.format(limits=inner_limits))
    (folder / "outer.yaml").write_text(OUTER)
    return folder / "outer.yaml"


def speaks(request: Any) -> str:
    """Says its own name after what it was told last."""
    return f"{request.messages[-1]['content'].splitlines()[-2]} {request.agent}"


def ran(file: Path, **options: Any) -> RunResult:
    return Team.from_yaml(file, models={"default": speaks}).run_sync("task", **options)


def test_the_answer_of_the_inner_team_is_what_its_node_says(outer: Path) -> None:
    result = ran(outer)
    assert result.answer == "task ann bob writer"
    said = [(e.sender, e.recipient, e.content) for e in result.events if isinstance(e, MessageDelivered)]
    assert said == [
        ("user", "research", "task"),
        ("research", "writer", "task ann bob"),
        ("writer", "user", "task ann bob writer"),
    ]


def test_every_call_of_the_inner_team_stands_in_both_logs(outer: Path) -> None:
    result = ran(outer)
    [inner] = result.nested["research"]
    assert inner.answer == "task ann bob"
    assert inner.usage.model_calls == 2
    assert result.usage.model_calls == 3
    calls = [event for event in result.events if isinstance(event, ModelCallFinished)]
    assert [call.agent for call in calls] == ["research", "research", "writer"]
    assert len({call.key for call in calls}) == 3


def test_a_limit_of_the_outer_run_stops_the_inner_one(outer: Path) -> None:
    result = ran(outer, limits={"model_calls": 1})
    assert (result.outcome, result.reason) == ("limit", "model_calls: 1 allowed")
    [inner] = result.nested["research"]
    assert inner.outcome == "failed"
    assert "the run of which this team is a part allows no more" in inner.reason
    assert result.usage.model_calls == 1


def test_a_limit_of_the_inner_team_fails_the_turn_of_its_node(tmp_path: Path) -> None:
    result = ran(files(tmp_path, "{turns: 1}"))
    assert result.outcome == "failed"
    [failed] = [event for event in result.events if isinstance(event, TurnFailed)]
    assert failed.error == "the team 'research' came to no answer: limit: turns: 1 allowed"
    assert not any(isinstance(event, LimitWasReached) for event in result.events)


def test_the_bounds_count_what_the_inner_team_may_use(outer: Path) -> None:
    team = Team.from_yaml(outer, models={"default": speaks})
    assert (team.bounds.turns, team.bounds.model_calls) == (2, 2 * 8 + 8)


def test_a_limit_of_the_node_holds_for_its_team(tmp_path: Path) -> None:
    file = files(tmp_path)
    file.write_text(OUTER.replace("inner.yaml}", "inner.yaml, limits: {model_calls: 1}}"))
    result = ran(file)
    assert (result.outcome, result.reason) == ("limit", "research: model_calls: 1 allowed")


def test_whoever_watches_is_told_of_the_inner_run_only_on_demand(outer: Path) -> None:
    seen: list[Any] = []

    class All:
        nested = True

        def __call__(self, event: Any) -> None:
            seen.append(event)

    result = ran(outer, watch=All())
    assert {event.run_id for event in seen} == {result.run_id, result.nested["research"][0].run_id}
    own: list[Any] = []
    assert ran(outer, watch=own.append).run_id == own[0].run_id
    assert len({event.run_id for event in own}) == 1


def test_a_team_cannot_contain_itself(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("version: 1\nagents: {x: {team: b.yaml}}\ntopology: {kind: solo, agent: x}\n")
    (tmp_path / "b.yaml").write_text("version: 1\nagents: {y: {team: a.yaml}}\ntopology: {kind: solo, agent: y}\n")
    with pytest.raises(ConfigError, match=r"a\.yaml -> b\.yaml -> a\.yaml"):
        Team.from_yaml(tmp_path / "a.yaml")


def test_a_team_made_in_python_may_stand_on_a_node() -> None:
    inner = Team([Agent(name="ann"), Agent(name="bob")], Topology.chain(["ann", "bob"]), models={"default": speaks})
    agents = [Agent(name="part", team=inner), Agent(name="end", model=speaks)]
    result = Team(agents, Topology.chain(["part", "end"])).run_sync("task")
    assert result.answer == "task ann bob end"
    events: tuple[Event, ...] = tuple(result.nested["part"][0].events)
    assert events[0].run_id != result.run_id


def test_one_model_for_all_is_the_model_of_inner_teams_too(outer: Path) -> None:
    team = Team.from_yaml(outer).with_model(speaks)
    assert team.run_sync("task").answer == "task ann bob writer"
