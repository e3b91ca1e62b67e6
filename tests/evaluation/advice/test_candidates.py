"""Who is tried, and how a file says it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from agentmesh import Agent, ConfigError, Team
from agentmesh.evaluation.advice import OWN, read_prompts
from agentmesh.evaluation.advice.candidates import SHAPES, Candidate, candidates_of
from agentmesh.evaluation.advice.snippet import snippet
from agentmesh.evaluation.tasks import EvalTask
from agentmesh.topology.graph import Topology

TOPOLOGIES = Path(__file__).parents[3] / "topologies"
TASK = EvalTask(id="t", prompt="What is 1 + 1?", answer=2)


def candidates(file: str, **options: Any) -> tuple[Team, tuple[Candidate, ...]]:
    team = Team.from_yaml(TOPOLOGIES / file)
    return team, candidates_of(team, [TASK], **options)


def test_topologies_come_in_every_size_and_with_every_prompt_and_the_team_and_its_members_too() -> None:
    _, found = candidates("hierarchy.yaml", sizes=(3, 2), prompts=OWN)
    plain = [one.name for one in found if not one.prompt.text]
    assert plain == [
        "planner alone", "worker alone", "judge alone", "planner-worker as it is",
        "flat of 2", "star of 2", "chain of 2", "hierarchy of 3",
        "vote of 3", "flat of 3", "star of 3", "chain of 3", "hierarchy of 4", "debate",
    ]  # fmt: skip
    assert len(found) == 3 * len(plain)
    assert {one.shape for one in found} == set(SHAPES)


def test_each_part_is_played_by_the_agent_that_plays_it_already() -> None:
    _, found = candidates("hierarchy.yaml", sizes=(3,))
    sources = {one.shape: [part.source for part in one.draft.parts.values()] for one in found if one.draft is not None}
    assert sources["hierarchy"] == ["planner", "worker-1", "worker-1", "worker-1"]
    assert sources["debate"] == ["worker-1", "worker-1", "judge"]
    assert sources["flat"] == ["worker-1", "worker-1", "judge"]


def test_without_such_an_agent_a_copy_is_told_to_play_the_part() -> None:
    _, found = candidates("solo.yaml", sizes=(2,), shapes=("hierarchy", "solo"))
    hierarchy = found[-1]
    planner, worker = (hierarchy.entrant.team.agents[name] for name in ("planner", "assistant-1"))
    assert planner.instructions.startswith(f"{worker.instructions}\n\nBreak the request into tasks")
    assert planner.tools == worker.tools


@pytest.mark.parametrize("file", ["hierarchy.yaml", "flat.yaml", "solo.yaml", "scaling/hybrid.yaml"])
def test_what_is_printed_makes_the_same_team_when_it_is_pasted(file: str, tmp_path: Path) -> None:
    team, found = candidates(file, sizes=(3,), prompts=OWN[:1])
    yaml = YAML()
    original = yaml.load((TOPOLOGIES / file).read_text())
    pasted = tmp_path / "pasted.yaml"
    for one in found:
        printed = yaml.load(snippet(team, one) or "{}")
        text = io.StringIO()
        yaml.dump({**original, **printed}, text)
        pasted.write_text(text.getvalue())
        again = Team.from_yaml(pasted)
        if one.alone:
            assert len(again.agents) == 1
            (agent,) = again.agents.values()
            assert agent.instructions == one.entrant.team.agents[str(one.entrant.member)].instructions
            continue
        expected = one.entrant.team
        assert again.topology.hash == expected.topology.hash, one.name
        assert [a.model_dump() for a in again.agents.values()] == [a.model_dump() for a in expected.agents.values()]


def test_who_is_told_something_alone_is_never_copied() -> None:
    task = TASK.model_copy(update={"private": {"ann": "It is odd.", "bob": "It is even."}})
    team = Team([Agent(name=name) for name in ("ann", "bob", "cy")], Topology.flat(["ann", "bob", "cy"]))
    found = candidates_of(team, [task], sizes=(2, 3, 5))
    assert {one.agents for one in found if one.shape == "flat"} == {3}
    for one in found:
        if one.draft is not None:
            told = one.entrant.for_task(task)
            knowing = [name for name, agent in told.agents.items() if "Only you" in agent.instructions]
            assert knowing == ["ann", "bob"], one.name


def test_prompts_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "prompts.yaml"
    path.write_text("brief: Answer in one word.\nslow: |\n  Take\n  your time.\n")
    assert [(one.name, one.text) for one in read_prompts(path)] == [
        ("brief", "Answer in one word."),
        ("slow", "Take\nyour time."),
    ]


@pytest.mark.parametrize("text", ["", "- a\n", "a: 1\n", "a: ''\n", "a: [\n"])
def test_a_file_without_prompts_says_what_it_should_hold(text: str, tmp_path: Path) -> None:
    path = tmp_path / "prompts.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"holds no prompts; write one a line|cannot be read"):
        read_prompts(path)


def test_agents_that_read_no_instructions_are_told_nothing() -> None:
    def work(text: str) -> str:
        return "2"

    team = Team([work], Topology.solo("work"))
    found = candidates_of(team, [TASK], sizes=(3,), prompts=OWN)
    assert {one.prompt.name for one in found} == {"as written"}
    assert "hierarchy" not in {one.shape for one in found}
