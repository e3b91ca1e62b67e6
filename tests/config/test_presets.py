"""Phases in which a team agrees: what is wrong with one is told at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentmesh import Team, Topology
from agentmesh.errors import ConfigError, TopologyError

FILE = """version: 1
agents:
  ann: {}
  bob: {replicas: 2}
  cy: {}
  ballot: {kind: vote}
topology:
  kind: graph
  phases:
    - PHASE
    - {name: work, edges: ["user -> ann, bob, cy", "ann, bob -> cy", cy -> user]}
"""


def team(tmp_path: Path, phase: str) -> Team:
    path = tmp_path / "team.yaml"
    path.write_text(FILE.replace("PHASE", phase), encoding="utf-8")
    return Team.from_yaml(path)


def test_each_preset_draws_its_phase_among_its_nodes_or_everybody(tmp_path: Path) -> None:
    def edges(phase: str) -> set[tuple[str, str]]:
        return {edge.pair for edge in team(tmp_path, phase).topology.phases[0].edges}

    leader = edges("{name: agree, preset: leader, leader: ann}")
    assert leader == {("user", "ann"), ("ann", "bob-1"), ("ann", "bob-2"), ("ann", "cy")}
    assert edges("{name: agree, preset: leader, leader: bob-1, nodes: [bob]}") == {
        ("user", "bob-1"),
        ("bob-1", "bob-2"),
    }
    vote = edges("{name: agree, preset: vote, vote: ballot, nodes: [bob]}")
    assert vote == {(a, b) for n in ("bob-1", "bob-2") for a, b in (("user", n), (n, "ballot"), ("ballot", n))}
    for preset in ("ordering", "focal"):
        assert edges(f"{{name: agree, preset: {preset}}}") == set()
        phase = team(tmp_path, f"{{name: agree, preset: {preset}}}").topology.phases[0]
        assert phase.participants == ("ann", "bob-1", "bob-2", "cy")


@pytest.mark.parametrize(
    ("phase", "said"),
    [
        ("{name: agree, preset: leader}", "preset: leader needs `leader`"),
        ("{name: agree, preset: vote}", "preset: vote needs `vote`"),
        ("{name: agree, preset: focal, leader: ann}", "`leader` goes with preset: leader"),
        ("{name: agree, leader: ann, edges: [user -> ann]}", "`leader` goes with preset: leader"),
        ("{name: agree, preset: focal, edges: [ann -> cy]}", "`edges` and `preset` exclude each other"),
        ("{name: agree, preset: leader, leader: anne}", "did you mean 'ann'"),
        ("{name: agree, preset: leader, leader: bob}", "name one, such as 'bob-1'"),
        ("{name: agree, preset: leader, leader: ann, nodes: [bob]}", "not among the phase's nodes"),
        ("{name: agree, preset: vote, vote: ann}", "'ann' is no vote"),
        ("{name: agree, preset: chance}", "allowed: leader, ordering, focal or vote"),
    ],
)
def test_what_is_wrong_with_a_preset_is_told_at_its_line(tmp_path: Path, phase: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        team(tmp_path, phase)
    assert said in str(caught.value)
    assert ":10:" in str(caught.value)


def test_from_python_a_preset_names_its_agents() -> None:
    work = {"name": "work", "edges": ["user -> a", "a -> b", "b -> user"]}
    drawn = Topology([{"name": "agree", "preset": "ordering", "nodes": ["b", "a"]}, work])
    assert drawn.phases[0].participants == ("b", "a")
    assert drawn.hash != Topology([{"name": "agree", "preset": "focal", "nodes": ["b", "a"]}, work]).hash
    with pytest.raises(TopologyError, match="two agents or more can agree"):
        Topology([{"name": "agree", "preset": "ordering"}, work])
