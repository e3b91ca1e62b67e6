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
    for about in ("no valid YAML", "generator", "phases", "edges", "vote", "memory", "tools", "limits", "monitors",
                  "verify", "answer.schema", "join", "cycle", "no message can ever reach", "nobody may answer"):  # fmt: skip
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
    - {name: end, generator: no_such_graph, nodes: [lead, scribe], edges: [lead -> user]}
limits: {turnz: 5}
monitors: {watch: {threshold: 2}}
verify: {function: right}
answer: {schema: {type: strang}}
"""
PLACES = """\
4:27: agents.lead.memory.window
4:38: agents.lead.tools[0]
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
24:81: topology.phases[1].edges[1].model
25:13: topology.phases[2].name
26:51: topology.phases[2].edges[0].rewrite
27:23: topology.phases[2].opens[1]
28:14: topology.phases[2].until
29:29: topology.phases[3].generator
30:10: limits.turnz
31:31: monitors.watch.threshold
32:20: verify.function
33:25: answer.schema.type
"""


def test_many_faults_of_one_file_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "many.yaml"
    file.write_text(MANY, encoding="utf-8")
    assert [": ".join(line.split(": ")[:2]) for line in said(file)] == PLACES.splitlines()
