"""What may be varied: declared as path=values, or found in the file; and the file that says it."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from agentmesh import ConfigError, Team
from agentmesh.learning.evolution.diversity import answered_vendi, likeness, written_vendi
from agentmesh.learning.evolution.genome import Individual, Source, Space, space_of
from agentmesh.learning.evolution.writing import file_of
from tests.learning.evolution.worlds import laid_out

FLAT = """\
version: 1
models: {default: "simulated:worker,skill=0.5"}
agents:
  ann: {replicas: 2, temperature: 0.2}
  bob: {instructions: "Look.\\nThink."}
topology: {kind: flat, agents: [ann, bob], speaker: bob, rounds: 2}  # they talk
limits: {turns: 40}
"""


def space(folder: Path, *vary: str, text: str = FLAT) -> Space:
    return space_of(Source.of(laid_out(folder, text)), vary)


def test_values_are_declared_as_a_list_a_range_or_a_file_of_prompts(tmp_path: Path) -> None:
    found = space(
        tmp_path,
        "topology.rounds=1..3",
        "models.default=simulated:worker,skill=0.5|simulated:worker,skill=0.9",
        "agents.ann.temperature=[0.2, 0.7]",
        f"agents.*.instructions=@{tmp_path / 'ways.yaml'}",
    )
    values = {gene.path: gene.values for gene in found.genes}
    assert values["topology.rounds"] == (2, 1, 3)
    assert values["models.default"] == ("simulated:worker,skill=0.5", "simulated:worker,skill=0.9")
    assert values["agents.ann.temperature"] == (0.2, 0.7)
    assert len(values["agents.ann.instructions"]) == 4
    assert values["agents.bob.instructions"][0] == "Look.\nThink."
    assert found.size == 3 * 2 * 2 * 4 * 5


def test_without_a_declaration_the_numbers_of_the_file_vary_and_its_limits_do_not(tmp_path: Path) -> None:
    values = {gene.path: gene.values for gene in space(tmp_path).genes}
    assert values == {
        "agents.ann.replicas": (2, 3, 1),
        "agents.ann.temperature": (0.2, 0.5),
        "topology.rounds": (2, 3, 1),
    }


@pytest.mark.parametrize(
    ("vary", "said"),
    [
        ("topology.rounds", "says no values"),
        ("topology.rounds=3..1", "a range goes up"),
        ("topology.rounds=2", "leaves nothing to choose"),
        ("workers.*.instructions=a|b", "nothing at workers"),
        ("agents.ann.instructions=@none.yaml", "cannot be read"),
    ],
)
def test_what_cannot_be_varied_is_refused(tmp_path: Path, vary: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        space(tmp_path, vary)


def test_what_says_only_what_is_written_changes_nothing(tmp_path: Path) -> None:
    found = space(tmp_path, "topology.rounds=1..3")
    assert found.plain({"topology.rounds": 2, "agents.bob.instructions": "New."}) == {"agents.bob.instructions": "New."}
    drawn = {str(found.random(Random(seed))) for seed in range(30)}
    assert drawn == {"{}", "{'topology.rounds': 1}", "{'topology.rounds': 3}"}


def test_the_file_of_an_individual_keeps_comments_and_is_read_as_the_same_team(tmp_path: Path) -> None:
    source = Source.of(laid_out(tmp_path, FLAT), None, ["limits.turns=30"])
    changes = {
        "topology.rounds": 3,
        "agents.ann.instructions": 'Say "no".\nThen: why, \u00e9 $$5.',
        "agents.ann.replicas": 1,
    }
    one = Individual("g1-01", changes)
    text = file_of(source, one, ["Where it came from.", "x" * 300])
    assert text.startswith("# Where it came from.\n# xxx")
    assert "# they talk" in text
    (tmp_path / "best.yaml").write_text(text)
    read = Team.from_yaml(tmp_path / "best.yaml")
    meant = Team.from_yaml(source.file, overrides=[*source.overrides, *one.overrides])
    assert (read.hash, read.limits) == (meant.hash, meant.limits)
    assert read.agents["ann"].instructions.endswith("\u00e9 $5.")


def test_teams_are_as_different_as_what_is_written_in_them() -> None:
    a = {"agents.ann.instructions": "Work backwards.", "topology.rounds": 2}
    b = {"agents.ann.instructions": "Work forwards.", "topology.rounds": 2}
    assert likeness(a, a) == 1
    assert likeness({}, {}) == 1
    assert likeness(a, b) == pytest.approx(0.75)
    assert likeness(a, {}) == 0
    assert written_vendi([a] * 4) == pytest.approx(1)
    assert written_vendi([{}] * 4) == pytest.approx(1)
    assert written_vendi([{"p": at} for at in range(4)]) == pytest.approx(4)
    assert 1 < written_vendi([a, b]) < 2
    assert answered_vendi([{"t": "4"}, {"t": " 4 "}, {"t": "5"}]) == pytest.approx(1.8899, abs=1e-3)
    assert answered_vendi([{}, {}]) == 0


def test_answers_are_as_different_as_what_they_come_to_however_it_is_worked_out() -> None:
    worked = [{"t": "2 + 2\nAnswer: 4"}, {"t": "I count on my fingers.\nAnswer: 4.0"}]
    assert answered_vendi(worked) == pytest.approx(1)
    assert answered_vendi([*worked, {"t": "2 + 2\nAnswer: 5"}]) == pytest.approx(1.8899, abs=1e-3)
