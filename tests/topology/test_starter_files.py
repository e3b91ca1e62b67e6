"""The files of `topologies/`: one for each kind, commented, and at work as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentmesh import Team
from agentmesh.config.loader import load_team
from agentmesh.config.topologies import Flat

FOLDER = Path(__file__).parent.parent.parent / "topologies"
FILES = sorted(FOLDER.glob("*.yaml"))


def test_every_kind_has_a_file() -> None:
    kinds = {load_team(file).config.topology.kind for file in FILES}
    assert kinds == {"solo", "chain", "flat", "hierarchy", "graph"}
    assert {"solo", "chain", "flat", "hierarchy", "graph", "tree"} == {file.stem for file in FILES}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_starter_file_begins_with_its_schema_for_editors_and_an_explanation(file: Path) -> None:
    first, second, *rest = file.read_text(encoding="utf-8").splitlines()
    assert first == "# yaml-language-server: $schema=../docs/team.schema.json"
    assert (FOLDER / first.partition("=")[2]).resolve().is_file()
    assert second == "#"
    assert rest[0].startswith("# ")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_starter_team_solves_its_task_without_a_key(file: Path) -> None:
    result = Team.from_yaml(file).run_sync("What is (3 + 4) * 12 + 90 / 6?")
    assert result.outcome == "completed", result.reason
    assert "= 99" in (result.answer or "")
    assert result.refused == 0


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_starter_team_answers_a_task_that_is_no_arithmetic(file: Path) -> None:
    result = Team.from_yaml(file).run_sync("Say in two sentences why the sky is blue, and why the sunset is red.")
    assert result.outcome == "completed", result.reason
    assert "simulated" in (result.answer or "")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_another_model_is_one_variable_away(file: Path) -> None:
    loaded = load_team(file, environment={"AGENTMESH_MODEL": "openai:qwen3@http://127.0.0.1:8000/v1"})
    assert loaded.config.models == {"default": "openai:qwen3@http://127.0.0.1:8000/v1"}


def test_the_discussion_has_three_agents_four_rounds_a_named_speaker_and_nothing_that_checks_it() -> None:
    config = load_team(FOLDER / "flat.yaml").config
    assert isinstance(config.topology, Flat)
    assert len(config.topology.agents) >= 3
    assert config.topology.rounds == 4
    assert config.topology.speaker in config.topology.agents
    assert config.topology.positions == "off"
    assert config.verify is None


def test_workers_of_the_hierarchy_work_at_the_same_time() -> None:
    events = Team.from_yaml(FOLDER / "hierarchy.yaml").run_sync("What is 2 * 3 + 4 * 5 + 6 * 7?").events
    kinds = [event.type for event in events if (event.agent or "").startswith("worker")]
    assert kinds[:3] == ["turn_started"] * 3
