"""The JSON Schema that editors use."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from agentmesh.config import load_team_text, team_schema
from agentmesh.config.source import parse
from agentmesh.errors import ConfigError

ROOT = Path(__file__).parents[2]
CASES = ROOT / "tests" / "cases" / "config"
VALIDATOR = Draft7Validator(team_schema())

HEAD = "# yaml-language-server: $schema=../docs/team.schema.json\nversion: 1\nagents: {a: {}, b: {}, c: {}, d: {}}\n"
ACCEPTED = {
    "a team with everything": HEAD
    + """name: everything
description: All sections.
models:
  default: ${AGENTMESH_MODEL:-simulated:worker}
  local: {provider: openai, model: qwen3, base_url: http://127.0.0.1:8000/v1, price: {input: 0, output: 0},
          pace: {requests_per_minute: 600, tokens_per_minute: 1_000_000, concurrency: 32},
          idle_timeout_s: 60, fallback: [default], api_key_env: LOCAL_KEY, temperature: 0.2}
topology: {kind: hierarchy, planner: a, workers: [b, c], judge: d, max_cycles: 3}
limits: {turns: 60, tokens: 200_000, seconds: 900}
monitors:
  halting: {use: "my_package.monitors:Check", parameters: {window: 4}, interventions: [note, halt]}
verify: {command: ["python", "check.py"], retries: 1}
answer: {schema: {type: object, properties: {total: {type: number}}}}
""",
    "solo": HEAD + "topology: {kind: solo, agent: a}\n",
    "chain": HEAD + "topology: {kind: chain, agents: [a, b, c, d]}\n",
    "flat": HEAD + "topology: {kind: flat, agents: [a, b, c, d], rounds: 4, speaker: b, positions: off}\n",
    "nested planners": HEAD
    + "topology: {kind: hierarchy, planner: a, workers: [{planner: b, workers: [{planner: c, workers: [d]}]}]}\n",
    "edges in short forms": HEAD
    + "topology: {kind: graph, edges: [user -> a, [a, b], {from: b, to: c, max_messages: 2}, c->d, [d, user]]}\n",
    "edges with several ends, and both ways": HEAD
    + "topology: {kind: graph, edges: ['user -> a, b', [[a, b], c], 'c <-> d', {from: [c, d], to: user}]}\n",
    "a generator with its arguments beside it": HEAD
    + "topology: {kind: graph, generator: path_graph, n: 4, edges: [user -> a, d -> user]}\n",
    "phases, a vote and a board": HEAD.replace(
        "d: {}", "d: {kind: vote, weights: {a: 2}}, e: {kind: board, content: x}"
    )
    + """topology:
  kind: graph
  policy: quarantine
  positions: optional
  phases:
    - {name: talk, order: moderator, moderator: a, rounds: 3, edges: ['user -> a, b, c', [a, [b, c]], [[b, c], a]]}
    - {name: work, order: tasks, planner: a, workers: [b, c], max_iterations: 3, memory: fresh,
       until: {promise: DONE, verify: ["true"]}}
    - {name: vote, order: simultaneous, rounds: 1, edges: ['a, b, c -> d', e <-> a, d -> user], positions: off}
""",
    "memories, tools and a team": "version: 1\ntopology: {kind: chain, agents: [a, b, c]}\n"
    + """agents:
  a: {memory: {window: 4}, tools: [calculator, {use: calculator, trust: untrusted}], max_result: 100, join: quorum}
  b: {memory: {compact: 0.5}, reserve: false, join: 2}
  c: {team: other.yaml}
""",
    "numbers from the environment": HEAD
    + 'topology: {kind: flat, agents: [a, b, c, d], rounds: "${ROUNDS:-4}"}\nlimits: {turns: "${TURNS:-60}"}\n',
}
REFUSED_BY_SCHEMA = [
    "unknown_top_level_key", "unknown_agent_key", "unknown_key_of_a_kind", "unknown_nested_key", "missing_version",
    "wrong_version", "missing_topology", "missing_required_key", "missing_kind", "unknown_kind", "no_agents",
    "empty_section", "text_for_a_number", "fraction_for_a_whole_number", "number_too_small", "number_too_large",
    "word_for_a_boolean", "list_for_a_mapping", "text_for_a_list", "number_for_a_text", "wrong_choice", "wrong_join",
    "model_is_a_list", "model_mapping_with_a_wrong_price", "bad_agent_name", "worker_is_a_number",
    "unknown_key_of_a_nested_planner", "edge_with_three_ends", "edge_without_a_recipient", "edge_key_unknown",
    "key_in_place_of_its_variable", "merged_key_is_wrong", "merged_key_is_unknown", "root_is_a_list", "five_faults",
]  # fmt: skip


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from nodes(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from nodes(value)


def test_the_committed_schema_is_the_one_that_the_models_make() -> None:
    committed = json.loads((ROOT / "docs" / "team.schema.json").read_text(encoding="utf-8"))
    assert committed == team_schema(), "run `make schema`"


def test_the_schema_is_draft_07() -> None:
    schema = team_schema()
    Draft7Validator.check_schema(schema)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    for later in ("$defs", "prefixItems", "discriminator", "unevaluatedProperties", "dependentRequired"):
        assert not any(later in node for node in nodes(schema))
    for node in nodes(schema):
        assert "$ref" not in node or len(node) == 1  # draft-07 ignores what stands beside a $ref


def test_every_mapping_of_the_language_is_closed_and_every_key_explained() -> None:
    schema = team_schema()
    mappings = [schema, *(entry for entry in schema["definitions"].values() if "properties" in entry)]
    assert len(mappings) > 12
    for mapping in mappings:
        assert mapping["additionalProperties"] is False or mapping.get("then") is not None
        assert mapping["description"]
        for name, entry in mapping["properties"].items():
            assert entry.get("description"), name
    for names in ("agents", "models", "monitors"):
        assert schema["properties"][names]["additionalProperties"] is False
    with_arguments = [name for name, entry in schema["definitions"].items() if "then" in entry]
    assert with_arguments == ["Graph", "PhaseConfig"]


@pytest.mark.parametrize("place", ["{kind: graph, %s}", "{kind: graph, phases: [{name: p, %s}]}"])
def test_keys_that_are_not_of_the_language_stand_beside_a_generator_alone(place: str) -> None:
    def marked(keys: str) -> bool:
        return bool(list(VALIDATOR.iter_errors(parse(f"{HEAD}topology: {place % keys}\n", "x").data)))

    assert not marked("generator: path_graph, n: 4, edges: [user -> a, d -> user]")
    assert not marked("edges: [user -> a, a -> user], opens: [a]")
    assert marked("edges: [user -> a, a -> user], n: 4")
    assert marked("generator: 5, n: 4, edges: [user -> a, d -> user]")


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_file_that_loads_is_valid_for_an_editor(name: str) -> None:
    text = ACCEPTED[name]
    load_team_text(text, environment={})
    assert [error.message for error in VALIDATOR.iter_errors(parse(text, name).data)] == []


@pytest.mark.parametrize("name", REFUSED_BY_SCHEMA)
def test_a_file_of_a_wrong_form_is_marked_by_an_editor(name: str) -> None:
    text = (CASES / f"{name}.yaml").read_text(encoding="utf-8")
    with pytest.raises(ConfigError):
        load_team_text(text, environment={})
    assert list(VALIDATOR.iter_errors(parse(text, name).data))


def test_every_team_that_comes_with_the_project_is_valid_for_an_editor() -> None:
    files = [*ROOT.glob("topologies/*.yaml"), *ROOT.glob("examples/**/*.yaml"), *ROOT.glob("agentmesh/cli/*.yaml")]
    for file in files:
        text = file.read_text(encoding="utf-8")
        if text.startswith("# yaml-language-server"):
            assert [error.message for error in VALIDATOR.iter_errors(parse(text, str(file)).data)] == [], file
