"""The files of `topologies/`: one for each kind, commented, and at work as they are."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from agentmesh import RunResult, Team
from agentmesh.config.loader import load_team
from agentmesh.config.topologies import Flat
from agentmesh.evaluation.comparison.repository import repository_of
from agentmesh.evaluation.tasks import EvalTask
from agentmesh.events import (
    BoardWritten,
    MessageDelivered,
    PhaseEnded,
    PhaseStarted,
    PositionStated,
    ToolCallFinished,
    VoteCast,
)

FOLDER = Path(__file__).parent.parent.parent / "topologies"
FILES = sorted(FOLDER.rglob("*.yaml"))
WRITERS = {file for file in FILES if file.parent.name == "coding"}
"""Whose agents work in a repository."""
KINDS = {"solo", "chain", "flat", "star", "ring", "layers", "debate", "independent", "hierarchy", "graph"}


@pytest.fixture(autouse=True)
def _worktrees_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def ran(file: Path, task: str) -> RunResult:
    """A run of a starter file as it is; in a repository of its own where its agents work in one."""
    if file not in WRITERS:
        return Team.from_yaml(file).run_sync(task)

    async def in_repository() -> RunResult:
        given = EvalTask(id="t", prompt=task, answer="99", repository={"README.md": "Nothing is here yet."})
        async with repository_of(given) as folder:
            assert folder is not None
            team = Team.from_yaml(file, overrides=["merge.verify=[python, -c, pass]"])
            return await team.with_folder(folder).run(task)

    return anyio.run(in_repository)


def is_verified(file: Path) -> bool:
    """Whether its answer is checked: of tasks each was by itself."""
    return file.stem == "loop" or (file in WRITERS and file.stem != "hierarchy")


def test_every_kind_has_a_file() -> None:
    assert {load_team(file).config.topology.kind for file in FILES} == KINDS
    several = {"tree", "blind_then_discuss", "small_world", "board", "loop"}
    assert {file.stem for file in FOLDER.glob("*.yaml")} == KINDS | several


def test_every_file_has_its_picture_in_the_docs() -> None:
    page = (FOLDER.parent / "docs" / "topologies.md").read_text(encoding="utf-8")
    for file in FOLDER.glob("*.yaml"):
        assert f"topologies/{file.stem}.svg" in page
        assert (FOLDER.parent / "docs" / "topologies" / f"{file.stem}.svg").is_file()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_starter_file_begins_with_its_schema_for_editors_and_an_explanation(file: Path) -> None:
    first, second, *rest = file.read_text(encoding="utf-8").splitlines()
    assert first.startswith("# yaml-language-server: $schema=")
    assert (file.parent / first.partition("=")[2]).resolve() == (FOLDER.parent / "docs" / "team.schema.json").resolve()
    assert second == "#"
    assert rest[0].startswith("# ")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_starter_team_solves_its_task_without_a_key(file: Path) -> None:
    result = ran(file, "What is (3 + 4) * 12 + 90 / 6?")
    assert result.outcome == ("verified" if is_verified(file) else "completed"), result.reason
    assert "= 99" in (result.answer or "")
    assert result.refused == 0


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_starter_team_answers_a_task_that_is_no_arithmetic(file: Path) -> None:
    result = ran(file, "Say in two sentences why the sky is blue, and why the sunset is red.")
    assert result.outcome == ("verified" if is_verified(file) else "completed"), result.reason
    assert "simulated" in (result.answer or "") or "sky" in (result.answer or "")


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


def test_members_answer_alone_before_they_hear_each_other_and_vote_in_secret() -> None:
    result = Team.from_yaml(FOLDER / "blind_then_discuss.yaml").run_sync("What is 6 * 7?")
    phases = [event.phase for event in result.events if isinstance(event, PhaseStarted)]
    assert phases == ["first_answers", "discuss", "vote"]
    spoken = [event for event in result.events if isinstance(event, MessageDelivered) and event.sender != "user"]
    first = next(event.id for event in result.events if isinstance(event, PhaseEnded))
    assert not [event for event in spoken if event.id < first]
    assert {event.agent for event in result.events if isinstance(event, VoteCast)} == {"ann", "bob", "cy"}
    stated = [event.agent for event in result.events if isinstance(event, PositionStated) and event.id < first]
    assert set(stated) == {"ann", "bob", "cy"}
    assert len(stated) == 3


def test_researchers_write_their_findings_on_the_board_that_the_lead_reads() -> None:
    result = Team.from_yaml(FOLDER / "board.yaml").run_sync("What is 2 * 3 + 4 * 5?")
    writers = {event.agent for event in result.events if isinstance(event, BoardWritten)}
    assert writers <= {"ann", "bob"}
    assert writers
    reads = [
        e for e in result.events if isinstance(e, ToolCallFinished) and e.name == "read_board" and e.agent == "lead"
    ]
    assert "26" in (reads[-1].result or "")
