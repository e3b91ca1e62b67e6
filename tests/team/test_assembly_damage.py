"""Files damaged at random: whatever is wrong with one, it is said at a place of the file, and only that comes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agentmesh.config.source import parse
from agentmesh.errors import ConfigError, Problem
from agentmesh.team import Team
from agentmesh.team.references import UNLOADED

TEAM = """version: 1
models: {default: "echo:x", local: {provider: openai, model: m, fallback: [default], price: {input: 1, output: 2}}}
agents:
  boss: {model: local, tools: [calculator], temperature: 1}
  worker: {replicas: 3, memory: fresh, join: all, limits: {turns: 3}}
  other: {kind: command, command: {argv: [node, a.js]}}
  third: {kind: function, function: "a:b"}
  judge: {kind: human, instructions: Decide.}
topology: {kind: hierarchy, planner: boss, workers: [worker, {planner: other, workers: [third]}], judge: judge}
limits: {turns: 60, seconds: 1.5}
monitors: {m: {use: "a:B", parameters: {x: [1, {y: 2}]}, interventions: [note, halt]}}
verify: {command: [python, check.py]}
answer: {schema: {type: object, properties: {a: {type: string, enum: [x]}}, required: [a]}}
"""
WHOLE = parse(TEAM, "team").data
GRAPH = {
    "kind": "graph",
    "edges": [["user", "boss"], "boss -> worker", {"from": "worker", "to": "user", "rewrite": "a:b"}],
}
VALUES: list[Any] = [None, True, 5, -1, 0.5, "", "boss", "nope", "a.b", "a:b", "gpt-5.5", "llm", [], [5], {}]
VALUES += [["calculator", "x"], {"kind": "solo", "agent": "boss"}, {"provider": "openai"}, {"type": "strang"}]


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(place for key, value in inside for place in places(value, (*path, key)))]


def damaged(data: Any, path: tuple[Any, ...], value: Any, rename: bool) -> Any:
    key, *rest = path
    if isinstance(data, list):
        inner = [damaged(item, tuple(rest), value, rename) if rest else value for item in data[key : key + 1]]
        return [*data[:key], *inner, *data[key + 1 :]]
    if rename and not rest:
        return {(f"{name}x" if name == key else name): item for name, item in data.items()}
    return {**data, key: damaged(data[key], tuple(rest), value, rename) if rest else value}


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_a_team_or_a_list_of_problems_with_places(data: st.DataObject, tmp_path_factory: Any) -> None:
    broken: Any = {**WHOLE, "topology": data.draw(st.sampled_from([WHOLE["topology"], GRAPH]))}
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.sampled_from(places(broken)[1:]))
        broken = damaged(broken, place, data.draw(st.sampled_from(VALUES)), data.draw(st.booleans()))
    file: Path = tmp_path_factory.getbasetemp() / "damaged.yaml"
    file.write_text(json.dumps(broken, indent=1))
    problems: list[Problem] = []
    try:
        Team.from_yaml(file, allow=UNLOADED, environment={})
    except ConfigError as error:
        problems = list(error.problems)
        assert problems
    assert all(problem.line > 0 and problem.column > 0 and problem.message for problem in problems)
    assert len({(problem[:2], problem.message) for problem in problems}) == len(problems)
    assert [problem[:2] for problem in problems] == sorted(problem[:2] for problem in problems)
