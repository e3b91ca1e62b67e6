"""Reading a team: positions, overrides, replicas, prompts, warnings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agentmesh.config import Loaded, check_names, expand_names, from_mapping, load_team, load_team_text, resolve
from agentmesh.config.models import AgentConfig, ModelConfig, TeamConfig
from agentmesh.config.topologies import Chain, Flat, Planner
from agentmesh.errors import ConfigError, Problem

TEAM = """# yaml-language-server: $schema=../docs/team.schema.json
version: 1
name: planner-worker
models:
  default: ${AGENTMESH_MODEL:-simulated:worker}     # provider:model
  gpt-4.1: {provider: openai, model: gpt-4.1}
agents:
  planner: {instructions: "Break the task down."}
  worker:
    replicas: 3
    tools: [calculator]
  judge:   {model: gpt-4.1}
topology:
  kind: hierarchy
  planner: planner
  workers: [worker]
  judge: judge
limits: {turns: 60, tokens: 200_000, seconds: 900}
"""


def load(*overrides: str, text: str = TEAM, **options: Any) -> Loaded:
    return load_team_text(text, "team.yaml", overrides=overrides, environment={}, **options)


def reported(*overrides: str, text: str = TEAM, **options: Any) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        load(*overrides, text=text, **options)
    return [problem.at("team.yaml") for problem in raised.value.problems]


def test_a_team_file_becomes_a_config() -> None:
    loaded = load()
    assert loaded.path == "team.yaml"
    assert loaded.warnings == ()
    assert loaded.config.models["default"] == "simulated:worker"
    assert loaded.config.limits.tokens == 200_000
    assert loaded.config.agents["worker"].tools == ("calculator",)


def test_anything_in_the_file_can_be_located() -> None:
    loaded = load()
    assert loaded.locate("agents.worker.tools[0]") == (11, 13)
    assert loaded.locate(("agents", "worker", "tools", 0)) == (11, 13)
    assert loaded.locate("models.gpt-4.1.model") == (6, 38)
    assert loaded.locate("agents.worker.memory") == (9, 3)
    assert loaded.locate("topology") == (14, 3)
    assert loaded.locate("answer") == (2, 1)
    assert loaded.problem("models.gpt-4.1.temperature", "not taken") == Problem(
        6, 3, "models.gpt-4.1.temperature", "not taken"
    )


def test_a_later_check_reports_an_overridden_place_as_the_override() -> None:
    loaded = load("limits.turns=5", "agents.worker={replicas: 2}")
    assert loaded.locate("limits.turns") == (0, 0)
    assert loaded.problem("agents.worker.replicas", "too few") == Problem(
        0, 0, "-O agents.worker={replicas: 2}", "too few"
    )
    assert loaded.locate("limits.tokens") == (18, 29)


@pytest.mark.parametrize(
    ("override", "read"),
    [
        ("agents.worker.memory=fresh", lambda config: config.agents["worker"].memory == "fresh"),
        ("agents.worker.join=2", lambda config: config.agents["worker"].join == 2),
        ("limits.turns=5", lambda config: config.limits.turns == 5),
        ("limits.seconds=0.5", lambda config: config.limits.seconds == 0.5),
        ("topology.workers[0]=worker-2", lambda config: config.topology.workers == ("worker-2",)),
        ("agents.worker.tools=[]", lambda config: config.agents["worker"].tools == ()),
        ("agents.worker.limits.turns=2", lambda config: config.agents["worker"].limits.turns == 2),
        ("models.gpt-4.1.temperature=0", lambda config: config.models["gpt-4.1"].temperature == 0),
        ("models.new={provider: echo}", lambda config: config.models["new"] == ModelConfig(provider="echo")),
        ("verify.command=[python, check.py]", lambda config: config.verify.command == ("python", "check.py")),
        ("monitors.m={parameters: {a: 1}}", lambda config: config.monitors["m"].parameters == {"a": 1}),
        ("name=12", lambda config: config.name == "12"),
        ("name=", lambda config: config.name == ""),
        ("name=a=b", lambda config: config.name == "a=b"),
        ("name=${WHO:-me}", lambda config: config.name == "me"),
    ],
)
def test_an_override_replaces_what_the_file_says(override: str, read: Any) -> None:
    assert read(load(override).config)


def test_an_override_reaches_into_a_planner_below_a_planner() -> None:
    text = TEAM.replace("workers: [worker]", "workers: [{planner: worker-1, workers: [worker-2]}, worker-3]")
    topology = load("topology.workers[0].max_tasks=2", text=text).config.topology
    assert topology.kind == "hierarchy"
    assert topology.workers[0] == Planner(planner="worker-1", workers=("worker-2",), max_tasks=2)
    (line,) = reported("topology.workers[0].max_task=2", text=text)
    assert "topology.workers[0] has no key 'max_task'; allowed: planner, workers, max_tasks; did you mean" in line


def test_replicas_may_all_be_joined_to_each_other() -> None:
    text = "version: 1\nagents: {a: {replicas: 3}}\ntopology: {kind: graph, edges: [user -> a, a -> a, a -> user]}\n"
    assert load(text=text).warnings == ()


def test_overrides_apply_in_order() -> None:
    loaded = load("limits.turns=many", "limits={tokens: 5}", "limits.turns=7")
    assert (loaded.config.limits.turns, loaded.config.limits.tokens, loaded.config.limits.seconds) == (7, 5, None)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("limits.turnz=5", "limits has no key 'turnz'; allowed: tokens, usd, model_calls, turns, messages, seconds"),
        ("limit.turns=5", "did you mean 'limits'?"),
        ("agents.wrker.memory=fresh", "agents has no 'wrker'; there are: planner, worker, judge; did you mean"),
        ("agents.worker.memory=frsh", "found the text 'frsh'; allowed: full, fresh, compact, {window: TURNS} or "),
        ("agents.worker={memroy: full}", "unknown key 'memroy'"),
        ("topology.workers[1]=judge", "topology.workers has 1 items, so the last is [0]"),
        ("topology.workers=[]", "found an empty list; allowed: at least 1 entry"),
        ("topology[0]=judge", "topology is no list, so it has no [0]"),
        ("models.default.model=x", "models.default is a single value in the file, so it has no 'model'"),
        ("topology.workers.first=x", "topology.workers is a list in the file, so it has no 'first'"),
        ("description.first.second=x", "description has no 'first'; there are: none"),
        ("description.first=x", "found a mapping; allowed: a text"),
        ("agents.worker.join.x=1", "found a mapping; allowed: any, all, quorum, or a whole number of messages"),
        ("agents.worker.join.x.y=1", "agents.worker.join has no 'x'; there are: none"),
        ("verify.retries=2", "give exactly one of `command`, `function` and `agent`"),
        ("models={gpt-4.1: 'echo:x'}", "no model 'default', which agents without a model of their own use: planner"),
        ("answer.schema" + ".a" * 250 + "=1", "lists and mappings are nested more than 80 deep"),
        ("answer.schema=" + "[" * 90 + "]" * 90, "lists and mappings are nested more than 80 deep"),
        ("limits.turns", "an override is written path=value, such as limits.turns=20"),
        ("=5", "an override is written path=value, such as limits.turns=20"),
        ("limits.turns={", "the value is no YAML"),
        ("name=!!python/name:os.system x", "a file makes no objects"),
        ("name=${NOBODY}", "the environment variable NOBODY is not set"),
    ],
)  # fmt: skip
def test_a_wrong_override_is_named_in_place_of_a_line(override: str, message: str) -> None:
    (line,) = reported(override)
    assert line.startswith(f"team.yaml: -O {override}: ")
    assert message in line


def test_overrides_do_not_hide_faults_of_the_file() -> None:
    lines = reported("limits.turnz=5", text=TEAM.replace("replicas: 3", "replicas: 0"))
    assert [line.split(": ")[0] for line in lines] == ["team.yaml", "team.yaml:10:15"]


def test_a_model_on_the_command_line_replaces_the_default_whatever_the_file_says() -> None:
    text = TEAM.replace("${AGENTMESH_MODEL:-simulated:worker}", "${NOBODY:?set it}")
    assert load(text=text, model="echo:$x").config.models["default"] == "echo:$x"
    (line,) = reported(model="opnai:x")
    assert line.startswith("team.yaml: -m opnai:x: unknown provider 'opnai' in 'opnai:x'")


def test_models_that_the_caller_brings_are_known() -> None:
    text = TEAM.replace("model: gpt-4.1}\ntopology", "model: mine}\ntopology")
    assert load(text=text, known_models=["mine"]).config.agents["judge"].model == "mine"
    assert "no model 'mine'; models: default, gpt-4.1" in reported(text=text)[0]


def test_replicas_are_numbered_agents_in_the_order_of_the_file() -> None:
    config = load().config
    agents = expand_names(config)
    assert list(agents) == ["planner", "worker-1", "worker-2", "worker-3", "judge"]
    assert agents["worker-2"].replicas == 1
    assert agents["worker-2"].tools == ("calculator",)
    assert resolve(config, ["judge", "worker", "worker-2"]) == ("judge", "worker-1", "worker-2", "worker-3", "worker-2")


def test_replicas_may_discuss_among_themselves() -> None:
    text = "version: 1\nagents: {a: {replicas: 3}}\ntopology: {kind: flat, agents: [a], speaker: a-1}\n"
    assert load(text=text).warnings == ()


def test_agents_that_take_no_part_are_a_warning_at_their_line() -> None:
    text = TEAM.replace("  judge: judge\n", "").replace("[worker]", "[worker-1, worker-3]")
    assert load(text=text).warnings == (
        Problem(9, 3, "agents.worker", "takes no part: the topology does not name worker-2"),
        Problem(12, 3, "agents.judge", "takes no part: the topology does not name it"),
    )


def test_instructions_are_read_from_a_file_beside_the_team(tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "judge.md").write_text("Decide: ${NOT_A_VARIABLE} é", encoding="utf-8")
    team = tmp_path / "team.yaml"
    team.write_text(TEAM.replace("judge:   {", "judge:   {instructions: file:prompts/judge.md, "), encoding="utf-8")
    loaded = load_team(team, environment={})
    assert loaded.config.agents["judge"].instructions == "Decide: ${NOT_A_VARIABLE} é"
    assert loaded.config.agents["planner"].instructions == "Break the task down."


def test_instructions_that_are_no_text_are_reported_at_their_line(tmp_path: Path) -> None:
    (tmp_path / "judge.md").write_bytes(b"\xff")
    text = TEAM.replace("judge:   {", "judge:   {instructions: file:judge.md, ")
    (line,) = reported(text=text, folder=tmp_path)
    assert line.startswith("team.yaml:12:27: agents.judge.instructions: 'judge.md' cannot be read: it is no UTF-8 text")


def test_a_file_that_cannot_be_read_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read: No such file"):
        load_team(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_team(tmp_path)


def test_bytes_that_are_no_utf8_are_reported_at_their_line(tmp_path: Path) -> None:
    team = tmp_path / "team.yaml"
    team.write_bytes(b"version: 1\nname: \xe4\n")
    with pytest.raises(ConfigError, match=r"team\.yaml:2:7: this byte is no UTF-8"):
        load_team(team)


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    team = tmp_path / "team.yaml"
    team.write_text(TEAM, encoding="utf-8-sig")
    assert load_team(str(team), environment={}).config.name == "planner-worker"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "team.yaml:1:1: the file is empty"),
        ("# nothing\n", "team.yaml:1:1: the file is empty"),
        ("just text", "team.yaml:1:1: a team is a mapping of keys to values"),
        ("name: a\nagents: \x07", "team.yaml:2:9: a character that YAML does not allow"),
        ("[" * 600, "team.yaml:1:1: lists and mappings are nested too deeply to read"),
        ("a: " + "[" * 90 + "]" * 90, "team.yaml:1:84: a[0]"),
        ("a: &a {<<: *a}", "team.yaml:1:4: a: an alias leads back to the value that holds it"),
        ("{a: 1}: 2", "team.yaml:1:1: a key is a list or a mapping; keys are plain names"),
        ("name: !mine x", "team.yaml:1:7: name: the tag !mine means nothing here; remove it"),
        ("name: !!int x", "team.yaml:1:7: name: 'x' is no int, which its tag says it is"),
        ('name: "\\ud800"', "team.yaml:1:7: name: half of a surrogate pair"),
    ],
)
def test_what_is_no_team_at_all_is_reported_where_it_stands(text: str, message: str) -> None:
    assert any(line.startswith(message) for line in reported(text=text)), reported(text=text)


def test_aliases_that_multiply_are_refused() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
    )
    assert any("aliases expand to more than 1,000,000 values" in line for line in reported(text=bomb))


def test_merged_mappings_are_read_and_located_where_they_were_written() -> None:
    text = """version: 1
agents:
  a: &base {memory: fresh, max_steps: 4}
  b: &other {max_steps: 5, role: second}
  c:
    <<: [*base, *other]
    replicas: 1
topology: {kind: chain, agents: [a, b, c]}
"""
    loaded = load(text=text)
    assert loaded.config.agents["c"] == AgentConfig(memory="fresh", max_steps=4, role="second")
    assert loaded.locate("agents.c.role") == (4, 34)
    assert loaded.locate("agents.c.max_steps") == (3, 39)


def test_yes_no_and_on_are_text_and_numbers_have_their_forms() -> None:
    text = (
        TEAM + "monitors: {m: {parameters: {a: no, b: 0x10, c: 0o10, d: 1e3, e: -.inf, f: '1', g: 2026-11-22, h: ~}}}\n"
    )
    parameters = load(text=text).config.monitors["m"].parameters
    assert parameters == {
        "a": "no", "b": 16, "c": 8, "d": 1000.0, "e": float("-inf"), "f": "1", "g": "2026-11-22", "h": None,
    }  # fmt: skip


def test_a_mapping_made_in_python_is_read_without_lines(tmp_path: Path) -> None:
    data = {
        "version": 1,
        "models": {"default": ModelConfig(provider="echo")},
        "agents": {"a": AgentConfig(instructions="file:a.md"), "b": {"tools": ("calculator",)}},
        "topology": Chain(agents=("a", "b")),
        "verify": {"command": [tmp_path]},
    }
    (tmp_path / "a.md").write_text("From a file.", encoding="utf-8")
    loaded = from_mapping(data, folder=tmp_path)
    assert loaded.config.agents["a"].instructions == "From a file."
    assert loaded.config.verify is not None
    assert loaded.config.verify.command == (str(tmp_path),)
    assert loaded.locate("agents.a") == (0, 0)
    assert from_mapping(loaded.config).config == loaded.config


def test_a_wrong_mapping_made_in_python_is_reported_by_path() -> None:
    data = {"version": 1, "agents": {"a": {"model": print, "memroy": 1}}, "topology": {"kind": "solo", "agent": "b"}}
    with pytest.raises(ConfigError) as raised:
        from_mapping(data)
    assert [problem.at("team") for problem in raised.value.problems] == [
        "team: agents.a.model: found a value of type builtin_function_or_method; allowed: text, numbers, true, false, "
        "None, lists and mappings",
        "team: agents.a.memroy: unknown key 'memroy'; closest of the 24 allowed: memory, method, role, team, "
        "model; did you mean 'memory'?",
        "team: topology.agent: no agent 'b'; agents: a",
    ]


def test_python_data_that_holds_itself_is_refused() -> None:
    data: dict[str, Any] = {"version": 1, "agents": {"a": {}}, "topology": {"kind": "solo", "agent": "a"}}
    data["answer"] = {"schema": data}
    with pytest.raises(ConfigError, match="nested more than 80 deep"):
        from_mapping(data)


def test_names_of_a_config_made_in_python_can_be_checked() -> None:
    config = TeamConfig(version=1, agents={"a": AgentConfig()}, topology=Flat(agents=("a", "b")))
    assert [remark.path for remark in check_names(config)] == [("topology", "agents", 1)]


def test_a_person_or_a_program_needs_no_model() -> None:
    text = "version: 1\nmodels: {local: 'echo:x'}\nagents: {a: {kind: human}}\ntopology: {kind: solo, agent: a}\n"
    assert load(text=text).config.agents["a"].kind == "human"


def test_workers_may_be_planners_to_any_depth() -> None:
    text = """version: 1
agents: {a: {}, b: {}, c: {}, d: {replicas: 2}}
topology: {kind: hierarchy, planner: a, workers: [{planner: b, workers: [{planner: c, workers: [d]}]}]}
"""
    topology = load(text=text).config.topology
    below = Planner(planner="b", workers=(Planner(planner="c", workers=("d",)),))
    assert topology.kind == "hierarchy"
    assert topology.workers == (below,)


def test_edges_may_be_written_in_three_ways() -> None:
    text = """version: 1
agents: {a: {replicas: 2}, b: {}}
topology: {kind: graph, nodes: [a, b], edges: [user -> a, [a, b], {from: b, to: user, max_messages: 3}]}
"""
    loaded = load(text=text)
    assert loaded.config.topology.kind == "graph"
    assert [(edge.sender, edge.recipient) for edge in loaded.config.topology.edges] == [
        ("user", "a"),
        ("a", "b"),
        ("b", "user"),
    ]
    assert loaded.locate("topology.edges[1].to") == (3, 63)
    assert (
        "allowed: [a, b], a -> b, a <-> b, or {from: a, to: b}"
        in reported(text=text.replace("user -> a", "user -> a -> b"))[0]
    )
    assert (
        "edges[1].to: found the number 3; allowed: a node's name"
        in reported(text=text.replace("[a, b], {", "[a, 3], {"))[0]
    )


def test_a_broken_topology_does_not_hide_or_invent_wrong_names() -> None:
    head = "version: 1\nagents: {a: {model: nope}, b: 3, c: {replicas: 2, model: [x]}}\n"
    topologies = {
        "topology: {kind: flat, speaker: d}": ["topology.agents", "topology.speaker"],
        "topology: {kind: chain, agents: [a, 3, e]}": ["topology.agents[1]", "topology.agents[2]"],
        "topology: {kind: graph, edges: [3, a -> e, {to: f}]}": [
            "topology.edges[0]", "topology.edges[1].to", "topology.edges[2].from",
        ],
        "topology: {kind: hierarchy, planner: 1, workers: [c-3], rounds: 3}": [
            "topology.planner", "topology.workers[0]", "topology.rounds",
        ],
        "topology: [a]": ["topology"],
        "topology: {kind: 3}": ["topology.kind"],
    }  # fmt: skip
    for topology, paths in topologies.items():
        with pytest.raises(ConfigError) as raised:
            load(text=head + topology)
        found = [problem.path for problem in raised.value.problems]
        assert found == ["agents.a.model", "agents.b", "agents.c.model", *paths]


def test_a_broken_models_section_does_not_hide_wrong_names() -> None:
    text = "version: 1\nmodels: {default: {provider: echo, fallback: [nope], skil: 1}, other: [1]}\nagents: [a]\ntopology: {kind: solo, agent: a}\n"  # fmt: skip  # noqa: E501
    assert [line.split(": ")[1] for line in reported(text=text)] == [
        "models.default.fallback[0]",
        "models.default.skil",
        "models.other",
        "agents",
    ]


def test_importing_the_package_is_quick_and_loading_imports_nothing_that_the_file_names(tmp_path: Path) -> None:
    (tmp_path / "trap.py").write_text("raise SystemExit('imported')", encoding="utf-8")
    text = TEAM.replace("[calculator]", "['trap:f']") + "monitors: {m: {use: 'trap:M'}}\nverify: {function: 'trap:v'}\n"
    (tmp_path / "team.yaml").write_text(text, encoding="utf-8")
    code = (
        "import sys, agentmesh.config\n"
        "assert not {'pydantic', 'ruamel.yaml', 'rapidfuzz'} & set(sys.modules)\n"
        "agentmesh.config.load_team('team.yaml')\n"
        "assert not {'rapidfuzz', 'networkx', 'openai', 'anthropic', 'jsonschema'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_an_unknown_name_of_the_package_is_an_attribute_error() -> None:
    import agentmesh.config

    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = agentmesh.config.nothing


@pytest.mark.parametrize(
    ("topology", "heeded"),
    [
        ("{kind: flat, agents: [a, b]}", False),
        ("{kind: hierarchy, planner: b, workers: [a]}", False),
        ("{kind: graph, order: simultaneous, rounds: 1, edges: [user -> a, a -> b, b -> user]}", False),
        ("{kind: graph, edges: [user -> b, b -> a, a -> user]}", True),
        ("{kind: chain, agents: [b, a]}", True),
    ],
)
def test_a_join_where_nobody_waits_is_a_warning(topology: str, heeded: bool) -> None:
    loaded = load(
        text=f"version: 1\nmodels: {{default: echo}}\nagents:\n  a: {{join: all}}\n  b: {{}}\ntopology: {topology}\n"
    )
    told = [(problem.line, problem.column, problem.path) for problem in loaded.warnings]
    assert told == ([] if heeded else [(4, 13, "agents.a.join")])
    assert all("`join` has no effect" in problem.message for problem in loaded.warnings)


@pytest.mark.parametrize(
    ("topology", "path"),
    [
        ('{kind: solo, agent: ""}', "topology.agent"),
        ('{kind: chain, agents: [a, ""]}', "topology.agents[1]"),
        ('{kind: graph, edges: [user -> a, a -> user, ["", a]]}', "topology.edges[2].from"),
    ],
)
def test_a_place_without_a_name_is_an_error(topology: str, path: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load(text=f"version: 1\nmodels: {{default: echo}}\nagents: {{a: {{}}}}\ntopology: {topology}\n")
    assert [(problem.path, problem.message) for problem in raised.value.problems] == [
        (path, "found an empty name; agents: a")
    ]
