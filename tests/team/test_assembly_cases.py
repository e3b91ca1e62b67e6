"""Wrong files of the whole language, one fault each, and many at once, as `agentmesh check` reports them."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentmesh.errors import ConfigError
from agentmesh.team import Team
from agentmesh.team.references import UNLOADED

FOLDER = Path(__file__).parents[1] / "cases" / "wrong"
CASES = sorted(FOLDER.glob("*.yaml"))


def said(file: Path, **options: list[str]) -> list[str]:
    """Everything that `check` says about a file, without the folder that it is in."""
    with pytest.raises(ConfigError) as raised:
        Team.from_yaml(file, environment={}, allow=UNLOADED, **options)  # type: ignore[arg-type]
    lines = (problem.at(str(file)).replace(f"{file.parent}/", "") for problem in raised.value.problems)
    return [line.removeprefix(f"{file.name}:").removeprefix(" ") for line in lines]


def test_there_are_wrong_files_of_the_whole_language() -> None:
    assert len(CASES) >= 50
    told = " ".join(file.read_text(encoding="utf-8").splitlines()[0] for file in CASES)
    for about in (
        "no valid YAML", "generator", "phases", "edges", "vote", "memory", "tools", "limits", "monitors", "verify",
        "answer.schema", "join", "cycle", "no message can ever reach", "nobody may answer", "position", "until",
    ):  # fmt: skip
        assert about in told


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_a_wrong_file_has_this_one_fault_at_this_place(file: Path) -> None:
    comment = file.read_text(encoding="utf-8").splitlines()[0]
    assert said(file) == [comment.removeprefix("# ")]


MANY = """\
version: 1
models: {default: echo, small: echo}
agents:
  lead: {memory: {window: 1}, tools: [calculater]}
  peer: {replicas: 4, model: smal}
  scribe: {kind: function, temperature: 1, function: reply}
  inner: {team: nowhere.yaml}
  poll: {kind: vote, options: [x], candidates: [lead], ties: chair}
  notes: {kind: board, instructions: Keep.}
topology:
  kind: graph
  phases:
    - name: mingle
      generator: watts_strogatz_graph
      n: 4
      k: 2
      q: 0.1
      p: 0.1
      nodes: [peer]
      edges: ["user -> lead, inner", user -> peer-1]
      order: simultaneous
    - name: gather
      file: nowhere.graphml
      edges: [peer -> leed, {from: lead, to: scribe, carries: summary, model: smal}]
    - name: mingle
      edges: [{from: scribe, to: poll, rewrite: shorten}, poll -> user, inner -> scribe, notes -> lead]
      opens: [scribe, peer-1]
      until: {function: is_done, promise: DONE}
      max_iterations: 3
    - {name: end, generator: no_such_graph, nodes: [lead, scribe], edges: [lead -> user]}
limits: {turnz: 5}
monitors: {watch: {threshold: 2}}
verify: {function: right}
answer: {schema: {type: strang}}
"""
PLACES = """\
4:27: agents.lead.memory.window
4:39: agents.lead.tools[0]
5:30: agents.peer.model
6:28: agents.scribe.temperature
6:54: agents.scribe.function
7:17: agents.inner.team
8:36: agents.poll.candidates
8:62: agents.poll.ties
9:24: agents.notes.instructions
17:7: topology.phases[0].q
21:7: topology.phases[0].order
23:13: topology.phases[1].file
24:15: topology.phases[1].edges[0].to
24:79: topology.phases[1].edges[1].model
25:13: topology.phases[2].name
26:49: topology.phases[2].edges[0].rewrite
27:23: topology.phases[2].opens[1]
28:25: topology.phases[2].until.function
30:30: topology.phases[3].generator
31:10: limits.turnz
32:19: monitors.watch
32:31: monitors.watch.threshold
33:20: verify.function
34:25: answer.schema.type
"""


def test_many_faults_of_one_file_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "many.yaml"
    file.write_text(MANY, encoding="utf-8")
    assert [": ".join(line.split(": ")[:2]) for line in said(file)] == PLACES.splitlines()


GENERATED = """\
version: 1
agents: {peer: {replicas: 6}}
topology:
  kind: graph
  generator: watts_strogatz_graph
  n: 6
  k: 2
  p: 0.1
  arguments: {seed: 1}
  order: simultaneous
  rounds: 2
  edges: [user -> peer-1, "peer-6 -> user", [peer-2, user]]
"""


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("topology.q=0.5", "'q' is no argument: watts_strogatz_graph takes n, k, p, seed"),
        ("topology.ordr=random", "did you mean 'order'?"),
        ("topology.arguments.sead=2", "'sead' is no argument: watts_strogatz_graph takes n, k, p, seed; did you mean"),
        ("topology.n=7", "topology.generator: watts_strogatz_graph draws 7 nodes, and there are 6 agents"),
        ("topology.generator=watts", "NetworkX has no generator 'watts'; did you mean 'watts_strogatz_graph'?"),
        ("topology.edges[0].to=peer-7", "no agent 'peer-7': the replicas of 'peer' are peer-1 to peer-6"),
        ("topology.edges[2].from=[peer-2, peer-8]", "no agent 'peer-8': the replicas of 'peer' are peer-1 to peer-6"),
        ("topology.edges[1].carry=position", "has no key 'carry'; allowed: from, to, both, max_messages, carries"),
    ],
)
def test_a_fault_that_an_override_makes_names_the_override(tmp_path: Path, override: str, words: str) -> None:
    file = tmp_path / "team.yaml"
    file.write_text(GENERATED, encoding="utf-8")
    [line] = said(file, overrides=[override])
    assert words in line
    if override != "topology.n=7":  # what it does not fit is told there
        assert line.startswith(f"{file.name}: -O {override}: ".removeprefix(f"{file.name}: "))


def test_overrides_reach_arguments_and_edges_however_they_are_written(tmp_path: Path) -> None:
    file = tmp_path / "team.yaml"
    file.write_text(GENERATED, encoding="utf-8")
    overrides = ["topology.k=4", "topology.p=0", "topology.edges[0].max_messages=1", "topology.edges[1].from=peer-5"]
    team = Team.from_yaml(file, environment={}, allow=UNLOADED, overrides=[*overrides, "topology.arguments.seed=2"])
    [phase] = team.topology.phases
    around = {("peer-1", "peer-2"), ("peer-1", "peer-3"), ("peer-1", "peer-5"), ("peer-1", "peer-6")}
    assert {pair for pair in phase.by_pair if pair[0] == "peer-1"} == around
    assert phase.by_pair["user", "peer-1"].max_messages == 1
    assert ("peer-5", "user") in phase.by_pair
    assert ("peer-6", "user") not in phase.by_pair


def test_a_fault_of_a_file_of_a_graph_is_told_beside_others_of_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "graphs").mkdir()
    (tmp_path / "graphs" / "two.json").write_text(
        '{"directed": true, "multigraph": false, "graph": {}, "nodes": [{"id": "a"}, {"id": "b"}],'
        ' "edges": [{"source": "a", "target": "b", "carries": "everything"}]}',
        encoding="utf-8",
    )
    file = tmp_path / "team.yaml"
    file.write_text(
        "version: 1\nagents: {a: {tools: [calc]}, b: {}}\n"
        "topology: {kind: graph, file: graphs/two.json, edges: [user -> a, b -> user]}\n",
        encoding="utf-8",
    )
    first, second = said(file)
    assert first.startswith("2:22: agents.a.tools[0]: there is no tool 'calc'")
    assert second.startswith("3:31: topology.file: ")
    assert "carries" in second
