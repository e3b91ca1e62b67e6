"""Files damaged at random: whatever is wrong with one, it is said, and nothing else happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agentmesh.config import from_mapping, load_team_text
from agentmesh.config.source import parse
from agentmesh.errors import ConfigError, Problem

TEAM = """version: 1
models: {default: "echo:x", local: {provider: openai, model: m, fallback: [default], price: {input: 1, output: 2}}}
agents:
  boss: {model: local, tools: [calculator]}
  worker: {replicas: 3, memory: fresh, join: all, limits: {turns: 3}}
  other: {kind: command, command: {argv: [node, a.js]}}
  judge: {}
topology:
  kind: hierarchy
  planner: boss
  workers: [worker, {planner: other, workers: [judge]}]
limits: {turns: 60, seconds: 1.5}
monitors: {m: {use: "a:B", parameters: {x: [1, {y: 2}]}, interventions: [note]}}
verify: {command: [python, check.py]}
answer: {schema: {type: object}}
"""
TOPOLOGIES: list[dict[str, Any]] = [
    {"kind": "solo", "agent": "boss"},
    {"kind": "chain", "agents": ["boss", "worker", "judge"]},
    {"kind": "flat", "agents": ["boss", "worker"], "speaker": "worker-2", "rounds": 3},
    {"kind": "hierarchy", "planner": "boss", "workers": ["worker", {"planner": "other", "workers": ["judge"]}]},
    {"kind": "graph", "edges": [["user", "boss"], "boss -> worker", {"from": "worker", "to": "user"}]},
]
WHOLE = parse(TEAM, "team").data
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["boss", "worker", "worker-2", "user", "${X}", "${X:-3}", "kind", "str", "from", "a -> b"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["kind", "planner", "workers", "from", "to", "str", "model", "provider", "x"]), inner
        )
    ),
    max_leaves=4,
)


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(place for key, value in inside for place in places(value, (*path, key)))]


def damaged(data: Any, path: tuple[Any, ...], value: Any, rename: bool) -> Any:
    if not path:
        return value
    key, rest = path[0], path[1:]
    if isinstance(data, list):
        return [damaged(item, rest, value, rename) if index == key else item for index, item in enumerate(data)]
    if rename and not rest:
        return {(f"{name}x" if name == key else name): item for name, item in data.items()}
    return {name: damaged(item, rest, value, rename) if name == key else item for name, item in data.items()}


def problems(load: Callable[[], object]) -> list[Problem]:
    """What a load reports; none if it succeeds. Nothing but a ConfigError with problems may come out of it."""
    try:
        load()
    except ConfigError as error:
        return list(error.problems) or [Problem(0, 0, "", "")]
    return []


@given(st.data())
def test_any_wrong_value_anywhere_is_a_problem_with_a_message_or_no_problem(data: st.DataObject) -> None:
    broken = {**WHOLE, "topology": data.draw(st.sampled_from(TOPOLOGIES))}
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(places(broken)[1:]))
        broken = damaged(broken, place, data.draw(VALUES), data.draw(st.booleans()))
    for problem in problems(lambda: from_mapping(broken, environment={})):
        assert problem.message
        assert "Input should" not in problem.message
        assert "input should" not in problem.message


@given(st.data())
def test_any_damage_to_the_text_is_a_problem_inside_the_file_or_no_problem(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(TEAM)))
    length = data.draw(st.integers(0, 30))
    broken = TEAM[:at] + data.draw(st.text(alphabet="{}[]:-,&*!|>'\"%@`#\t\n ax<${}", max_size=6)) + TEAM[at + length :]
    for problem in problems(lambda: load_team_text(broken, environment={})):
        assert problem.message
        assert 1 <= problem.line <= broken.count("\n") + 2
        assert problem.column >= 1


@given(st.data())
def test_any_override_is_laid_over_the_file_or_named_as_the_problem(data: st.DataObject) -> None:
    steps = ["agents", "worker", "topology", "workers[1]", "planner", "limits", "turns", "x", "[0]", "models", "local"]
    path = ".".join(data.draw(st.lists(st.sampled_from(steps), max_size=4))).replace(".[", "[")
    value = data.draw(st.sampled_from(["1", "x", "[a]", "{a: 1}", "", "${X}", "{", "fresh", "~"]))
    override = f"{path}={value}"
    assert all(
        problem.message for problem in problems(lambda: load_team_text(TEAM, overrides=[override], environment={}))
    )
