"""Every mistake of a team at once: of all sorts together, each at its place, nothing twice and nothing that follows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agentmesh.cli.check import command as check
from agentmesh.config.models import MonitorConfig
from agentmesh.errors import ConfigError, TopologyError
from agentmesh.team import Team
from agentmesh.team.agent import Agent
from agentmesh.team.references import UNLOADED
from agentmesh.topology.graph import Topology

ALL_SORTS = """\
version: "1"
models:
  default: gpt-5.5
  claude: {provider: anthropic, model: claude-opus-4-1, temperature: 0.3, api: responses}
  spare: {provider: openai, model: gpt-5.5, top_p: 0.5, fallback: [claud, nope]}
  nameless: {provider: openai}
  code: {provider: function, model: nothing}
agents:
  planner: {max_step: 4, model: claude, temperature: 0.2}
  worker: {tools: [calculater, nope, 5, calculator], memory: forever, functon: x}
  person: {kind: human, tools: [calculator], temperature: 0.1, max_steps: 3}
  program: {kind: command, command: {argv: [cat]}, instructions: Print., model: claude}
  clerk: {kind: function, functon: "my_code:reply"}
  other: {kind: function, function: my_code.reply}
  nobody: {kind: function}
  lost: 5
topology:
  kind: graph
  edges: [user -> planner, planner -> worker, {from: planner, to: lost, rewrite: noform}]
limits: {turns: many}
monitors:
  watch: {}
  check: {use: nocolon, interventions: [noet, halt, stop]}
verify: {function: nocolon}
answer:
  schema: {type: strang, minimum: x, required: v, properties: {v: {type: intt}}, requird: [a]}
"""
REPORTED = """\
1:10: version: found the text '1'; allowed: the number 1
3:12: models.default: did you mean 'openai:gpt-5.5'?
4:70: models.claude.temperature: takes no sampling parameters
4:80: models.claude.api: only openai has more than one API
5:52: models.spare.top_p: use `reasoning_effort`
5:68: models.spare.fallback[0]: did you mean 'claude'?
5:75: models.spare.fallback[1]: no model 'nope'
6:3: models.nameless.model: openai needs the name of a model
7:37: models.code.model: 'nothing' is no package.module:name
9:13: agents.planner.max_step: did you mean 'max_steps'?
9:54: agents.planner.temperature: takes no sampling parameters
10:20: agents.worker.tools[0]: did you mean 'calculator'?
10:32: agents.worker.tools[1]: there is no tool 'nope'
10:38: agents.worker.tools[2]: found the number 5
10:62: agents.worker.memory: allowed: full, fresh, compact
10:71: agents.worker.functon: did you mean 'function'?
11:25: agents.person.tools: `tools` goes with kind: llm
11:46: agents.person.temperature: `temperature` goes with kind: llm
11:64: agents.person.max_steps: `max_steps` goes with kind: llm
12:52: agents.program.instructions: `instructions` goes with kind: llm or human
12:74: agents.program.model: `model` goes with kind: llm
13:27: agents.clerk.functon: did you mean 'function'?
14:37: agents.other.function: 'my_code.reply' is no package.module:name
15:3: agents.nobody.function: kind: function needs `function: package.module:function`
16:9: agents.lost: found the number 5
19:82: topology.edges[2].rewrite: 'noform' is no package.module:name
20:17: limits.turns: allowed: a whole number
22:10: monitors.watch: there is no monitor 'watch'
23:16: monitors.check.use: there is no monitor 'nocolon'
23:41: monitors.check.interventions[0]: did you mean 'note'?
23:53: monitors.check.interventions[2]: unknown intervention 'stop'
24:20: verify.function: 'nocolon' is no package.module:name
26:18: answer.schema.type: did you mean 'string'?
26:35: answer.schema.minimum: found the text 'x'; allowed: a number
26:48: answer.schema.required: found the text 'v'; allowed: a list
26:74: answer.schema.properties.v.type: did you mean 'integer'?
26:82: answer.schema.requird: did you mean 'required'?
"""


def reported(folder: Path, text: str, **options: Any) -> list[str]:
    """Everything that is said about a file, without the file's name."""
    file = folder / "team.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        Team.from_yaml(file, environment={}, **{"allow": UNLOADED, **options})
    assert str(caught.value).splitlines() == [problem.at(str(file)) for problem in caught.value.problems]
    return [line.removeprefix(f"{file}: ").removeprefix(f"{file}:") for line in str(caught.value).splitlines()]


def team(agents: str = "a: {}", topology: str = "{kind: solo, agent: a}", more: str = "") -> str:
    return f"version: 1\nagents:\n  {agents}\ntopology: {topology}\n{more}"


def test_mistakes_of_all_sorts_are_reported_in_one_go_in_the_order_of_the_file(tmp_path: Path) -> None:
    said = reported(tmp_path, ALL_SORTS)
    wanted = [line.split(": ", 2) for line in REPORTED.splitlines()]
    assert [line.split(": ", 2)[:2] for line in said] == [place for *place, _ in wanted]
    for line, (*_, words) in zip(said, wanted, strict=True):
        assert words in line


@pytest.mark.parametrize(
    ("text", "places"),
    [
        # The graph is judged although an agent has a mistyped key.
        (team("{a: {max_step: 3}, b: {}}", "{kind: graph, edges: [user -> a, a -> user, b -> user]}"), ["3:8", "4:55"]),
        # What shapes the graph is not known: nothing is said about it.
        (team("{a: {}, b: {join: al}}", "{kind: graph, edges: [user -> a, a -> b]}"), ["3:21"]),
        (team("{a: {}, b: {replicas: x}}", "{kind: graph, edges: [user -> a, a -> b]}"), ["3:25"]),
        (team("{a: {}, b: 5}", "{kind: graph, edges: [user -> a, a -> b, b -> c]}"), ["3:14", "4:52"]),
        # Nor whether a cycle has a bound, where the bound cannot be read.
        (
            team("{a: {}, b: {}}", "{kind: graph, edges: [user -> a, a -> b, b -> a, b -> user]}", "limits: {turn: 5}"),
            ["5:10"],
        ),
        # A mistyped section is not also missing, and its names are not unknown.
        (team("a: {}").replace("topology", "topolgy"), ["4:1"]),
        (team("a: {model: x}", more="modls: {x: echo}"), ["5:1"]),
        (team("a: {model: x}", more="models: 5"), ["5:9"]),
        # An entry that cannot be read is an entry.
        (team("a: {model: x}", more="models: {x: 5}"), ["5:13"]),
        (team("a: {model: x}", more="models: {x: {provider: anthropi, reasoning_effort: low}}"), ["5:24"]),
        (team("a: {model: x}", more="models: {x: {provider: anthropic, modl: m, temperature: 1}}"), ["5:35"]),
        (team("{a: {}, 'b c': {}}", "{kind: chain, agents: [a, 'b c']}"), ["3:11"]),
        (team("a: {kind: humn, instructions: Answer.}"), ["3:13"]),
        (team("a: {kind: function, function: 5}"), ["3:33"]),
        (team("a: {kind: 5, command: {argv: [cat]}, instructions: Go.}"), ["3:13"]),
        (team("a: {kindd: function, function: 'a:b'}"), ["3:7"]),
        (team("a: {}", "{kind: hierarchy, planner: a, workers: [{planner: a, workers: [5]}]}"), ["4:61", "4:74"]),
        (team("a: {kind: command, command: {args: [cat]}}"), ["3:32"]),
        (team(more="monitors: {m: {usee: 'a:b'}}"), ["5:16"]),
        (team(more="verify: {command: [cat], function: 'a:b'}"), ["5:9"]),
        # One value that stands in two places is one mistake.
        (team("{a: &one {tools: [nope]}, b: *one}", "{kind: chain, agents: [a, b]}"), ["3:21"]),
        (team("a: {replicas: 3, tools: [nope]}", "{kind: chain, agents: [a]}"), ["3:28"]),
        # An agent that takes no part has its mistakes too.
        (team("{a: {}, b: {tools: [nope]}}"), ["3:23"]),
    ],
)
def test_nothing_is_hidden_by_a_mistake_and_nothing_follows_from_one(
    tmp_path: Path, text: str, places: list[str]
) -> None:
    assert [line.split(": ")[0] for line in reported(tmp_path, text)] == places


def test_every_wrong_tool_is_named_at_its_own_column(tmp_path: Path) -> None:
    assert reported(tmp_path, team("a: {tools: [calc, nope, calculater]}")) == [
        "3:15: agents.a.tools[0]: there is no tool 'calc'; known: calculator, ask_human, or package.module:function; "
        "did you mean 'calculator'?",
        "3:21: agents.a.tools[1]: there is no tool 'nope'; known: calculator, ask_human, or package.module:function",
        "3:27: agents.a.tools[2]: there is no tool 'calculater'; known: calculator, ask_human, or "
        "package.module:function; did you mean 'calculator'?",
    ]


@pytest.mark.parametrize(
    ("model", "meant"),
    [
        ("gpt-5.5", "; did you mean 'openai:gpt-5.5'?"),
        ("o3-mini", "; did you mean 'openai:o3-mini'?"),
        ("claude-opus-4-1", "; did you mean 'anthropic:claude-opus-4-1'?"),
        ("qwen3", ""),
    ],
)
def test_the_bare_name_of_a_known_model_is_taken_for_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, meant: str
) -> None:
    wrong = f"no model '{model}'; allowed: provider:model[@base_url]{meant}"
    assert reported(tmp_path, team(), model=model) == [f"-m {model}: {wrong}"]
    text = team(more="models: {default: '${AGENTMESH_MODEL}'}")
    (tmp_path / "team.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        Team.from_yaml(tmp_path / "team.yaml", environment={"AGENTMESH_MODEL": model})
    assert [problem[2:] for problem in caught.value.problems] == [("models.default", wrong)]
    monkeypatch.setenv("AGENTMESH_MODEL", model)
    with pytest.raises(ConfigError, match=f"models.default: '{model}' begins with no known provider") as caught:
        Team([Agent(name="a")], Topology.solo("a"))
    assert str(caught.value).endswith(meant)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("openai:gpt@127.0.0.1:8000", "write @http://127.0.0.1:8000"),
        ("scripted:nowhere.json", "the script cannot be read"),
        ("function:reply", "'reply' is no package.module:name"),
    ],
)
def test_a_wrong_model_on_the_command_line_is_named_as_it_was_given(tmp_path: Path, model: str, words: str) -> None:
    [said] = reported(tmp_path, team(), model=model)
    assert said.startswith(f"-m {model}: ")
    assert words in said


def test_a_file_that_cannot_be_read_has_no_line(tmp_path: Path) -> None:
    said = CliRunner().invoke(check, ["--json", str(tmp_path / "nowhere.yaml")]).stdout
    [error] = json.loads(said)["files"][0]["errors"]
    assert (error["line"], error["column"]) == (None, None)
    with pytest.raises(ConfigError) as caught:
        Team.from_yaml(tmp_path / "nowhere.yaml")
    assert str(caught.value) == f"{tmp_path / 'nowhere.yaml'}: cannot be read: No such file or directory"


# Keys that cannot apply


@pytest.mark.parametrize("entry", ["kind: human", "kind: command, command: {argv: [cat]}", "kind: function"])
def test_keys_of_models_are_refused_for_agents_that_ask_none(tmp_path: Path, entry: str) -> None:
    keys = "model: default, tools: [], memory: full, max_output_tokens: 4096, max_steps: 8, temperature: 1"
    said = reported(tmp_path, team(f"a: {{{entry}, {keys}}}"), functions={"a": print} if "function" in entry else {})
    names = ["model", "tools", "memory", "max_output_tokens", "max_steps", "temperature"]
    assert [line.split(": ")[1] for line in said] == [f"agents.a.{name}" for name in names]
    assert all("goes with kind: llm, and this agent is kind: " in line for line in said)


@pytest.mark.parametrize("kind", ["vote", "board"])
def test_keys_of_agents_are_refused_for_nodes_that_take_no_turns(tmp_path: Path, kind: str) -> None:
    keys = "replicas: 2, reserve: true, join: all, limits: {turns: 3}, instructions: Count., model: default"
    agents = f"{{a: {{}}, n: {{kind: {kind}, role: none, {keys}}}}}"
    said = reported(tmp_path, team(agents, "{kind: solo, agent: a}"))
    names = ["replicas", "reserve", "join", "limits", "instructions", "model"]
    assert [line.split(": ")[1] for line in said] == [f"agents.n.{name}" for name in names]
    assert all(f"and this agent is kind: {kind}; remove it" in line for line in said)


@pytest.mark.parametrize(
    ("key", "given", "kind"),
    [
        ("method", "borda", "vote"),
        ("options", "[x]", "vote"),
        ("candidates", "[a]", "vote"),
        ("weights", "{a: 2}", "vote"),
        ("ties", "a", "vote"),
        ("content", "x", "board"),
        ("command", "{argv: [cat]}", "command"),
        ("function", "'m:f'", "function"),
        ("team", "other.yaml", "team"),
    ],
)
def test_a_key_of_another_kind_says_which_kind_takes_it(tmp_path: Path, key: str, given: str, kind: str) -> None:
    said = reported(tmp_path, team(f"{{a: {{kind: human, {key}: {given}}}}}"))
    assert said == [
        f"3:21: agents.a.{key}: `{key}` goes with kind: {kind}, and this agent is kind: human; "
        f"say kind: {kind}, or remove it"
    ]


def test_a_vote_knows_its_voters_by_the_names_of_their_replicas(tmp_path: Path) -> None:
    file = tmp_path / "team.yaml"
    vote = "v: {kind: vote, weights: {a: 2, b-2: 3}, candidates: [a], ties: b-1}"
    edges = "[user -> a, 'a, b -> v', user -> b, v -> user]"
    file.write_text(team(f"{{a: {{replicas: 2}}, b: {{replicas: 2}}, {vote}}}", f"{{kind: graph, edges: {edges}}}"))
    [rule] = Team.from_yaml(file).topology.votes.values()
    assert dict(rule.weights) == {"a-1": 2, "a-2": 2, "b-2": 3}
    assert rule.candidates == ("a-1", "a-2")
    assert rule.ties == "b-1"


def test_a_graph_of_a_file_imports_nothing(tmp_path: Path) -> None:
    edges = '[{"source": "a", "target": "b", "rewrite": "mine:shorten"}]'
    graph = f'{{"directed": true, "nodes": [{{"id": "a"}}, {{"id": "b"}}], "edges": {edges}}}'
    (tmp_path / "graph.json").write_text(graph)
    more = "{kind: graph, file: graph.json, edges: [user -> a, b -> user]}"
    [said] = reported(tmp_path, team("{a: {}, b: {}}", more))
    assert said.startswith("4:31: topology.file: an edge of it has a `rewrite`: only the team's file says")


def test_keys_that_every_kind_takes_stay_allowed(tmp_path: Path) -> None:
    file = tmp_path / "team.yaml"
    every = "role: printer, replicas: 2, join: all, limits: {turns: 3}"
    agents = f"{{p: {{kind: command, command: {{argv: [cat]}}, {every}}}, h: {{kind: human, instructions: Decide.}}}}"
    file.write_text(team(agents, "{kind: chain, agents: [p, h]}"))
    assert Team.from_yaml(file).topology.nodes == ("p-1", "p-2", "h")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"kind": "human", "tools": ["calculator"]}, "`tools` goes with kind: llm, and this agent is kind: human"),
        ({"function": print, "instructions": "x"}, "`instructions` goes with kind: llm or human"),
        ({"command": {"argv": ["cat"]}, "max_steps": 8}, "`max_steps` goes with kind: llm"),
        ({"function": print, "kind": "llm"}, "`function` goes with kind: function, and this agent is kind: llm"),
    ],
)
def test_an_agent_made_in_python_refuses_them_too(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Agent.model_validate({"name": "a", **given})
    assert Agent(name="a", function=print, temperature=None).kind == "function"


# The form of the answer


@pytest.mark.parametrize(
    ("schema", "path", "words"),
    [
        ({"type": "strang"}, "type", "did you mean 'string'"),
        ({"type": ["string", "nul"]}, r"type\[1\]", "did you mean 'null'"),
        ({"type": []}, "type", "found an empty list"),
        ({"type": 5}, "type", "found the number 5"),
        ({"minimum": True}, "minimum", "found true; allowed: a number"),
        ({"minItems": -1}, "minItems", "found the number -1; allowed: 0, 1, 2 or more"),
        ({"minLength": 5, "maxLength": 2}, "maxLength", "maxLength 2 is less than minLength 5: nothing fits"),
        ({"enum": "a"}, "enum", "allowed: a list of the values that fit"),
        ({"pattern": "("}, "pattern", "which is no regular expression"),
        ({"pattern": 5}, "pattern", "allowed: a regular expression"),
        ({"properties": ["a"]}, "properties", "allowed: a mapping of names to schemas"),
        ({"properties": {"v": {"type": "intt"}}}, r"properties\.v\.type", "did you mean 'integer'"),
        ({"items": [{"type": "string"}]}, "items", "allowed: a schema: a mapping, true or false"),
        ({"anyOf": []}, "anyOf", "allowed: a list of schemas"),
        ({"oneOf": [{}, 5]}, r"oneOf\[1\]", "allowed: a schema"),
        ({"$ref": "other.json"}, r"\$ref", "allowed: a reference within the schema"),
        ({"$defs": {"one": {}}, "$ref": "#/$defs/on"}, r"\$ref", r"did you mean '#/\$defs/one'"),
        ({"description": ["a"]}, "description", "allowed: a text"),
        (
            {"properties": {"size": {}}, "required": ["sise"], "additionalProperties": False},
            r"required\[0\]",
            "'sise' is required and not allowed; properties: size; did you mean 'size'",
        ),
        ({"not": {}}, "not", "the keyword 'not' cannot be checked; allowed: "),
        ({"requird": []}, "requird", "did you mean 'required'"),
    ],
)
def test_a_schema_that_is_none_is_refused_at_its_path(schema: dict[str, Any], path: str, words: str) -> None:
    with pytest.raises(ConfigError, match=rf"team: answer\.schema\.{path}: .*{words}"):
        Team([Agent(name="a")], Topology.solo("a"), answer=schema)


def test_a_schema_without_end_and_an_answer_of_no_type_are_refused() -> None:
    endless: dict[str, Any] = {}
    endless["items"] = endless
    for answer, words in ((endless, "nested too deep"), (5, "allowed: a JSON Schema as a mapping, or a type")):
        with pytest.raises(ConfigError, match=words):
            Team([Agent(name="a")], Topology.solo("a"), answer=answer)


def test_a_schema_of_everything_that_is_understood_is_fine() -> None:
    schema = {
        "$defs": {"word": {"type": "string", "minLength": 1, "maxLength": 9, "pattern": "^a", "format": "x"}},
        "title": "All",
        "type": "object",
        "properties": {
            "a": {"$ref": "#/$defs/word"},
            "b": {"type": ["array", "null"], "items": {"type": "number", "minimum": 0, "maximum": 1}, "minItems": 1},
            "c": {"anyOf": [{"const": 1}, {"enum": [2, None]}, True]},
        },
        "required": ["a"],
        "additionalProperties": False,
    }
    assert Team([Agent(name="a")], Topology.solo("a"), answer=schema).bounds.turns == 1


# Names that Python brings along

FILE = team(
    "{a: {tools: [look_up]}, f: {kind: function, replicas: 2}}",
    "{kind: chain, agents: [a, f]}",
    "monitors: {watch: {}}",
)


def look_up(word: str) -> str:
    """A tool."""
    return word


def test_names_that_nobody_uses_are_refused(tmp_path: Path) -> None:
    said = reported(
        tmp_path,
        FILE,
        models={"defualt": look_up},
        tools={"lookup": look_up},
        functions={"f": look_up, "a": look_up},
        monitors={"wach": print, "watch": print},
    )
    assert said[:4] == [
        "models['defualt']: nobody uses 'defualt', which was given in Python; models in use: default; "
        "did you mean 'default'?",
        "tools['lookup']: nobody uses 'lookup', which was given in Python; tools in use: look_up; "
        "did you mean 'look_up'?",
        "functions['a']: nobody uses 'a', which was given in Python; agents of kind function: f, f-1, f-2",
        "monitors['wach']: nobody uses 'wach', which was given in Python; monitors of the file: watch; "
        "did you mean 'watch'?",
    ]
    with pytest.raises(ConfigError, match=r"models\['defualt'\]: nobody uses 'defualt'.*; did you mean 'default'"):
        Team([Agent(name="a")], Topology.solo("a"), models={"defualt": look_up})
    with pytest.raises(ConfigError, match=r"tools\['nosuch'\]: nobody uses 'nosuch'.*; tools in use: calculator"):
        Team([Agent(name="a", tools=("calculator",))], Topology.solo("a"), tools={"nosuch": look_up})


def test_names_in_use_are_taken(tmp_path: Path) -> None:
    file = tmp_path / "team.yaml"
    file.write_text(FILE)
    known: dict[str, Any] = {"models": {"default": lambda request: "x"}, "tools": {"look_up": look_up}}
    watched = {"watch": print, "more": (print, MonitorConfig(threshold=0.9))}
    for functions in ({"f": look_up}, {"f-1": look_up, "f-2": look_up}):
        assert Team.from_yaml(file, functions=functions, monitors=watched, **known).run_sync("x").answer == "x"
    with pytest.raises(ConfigError, match=r"f\.function: kind: function needs"):
        Team.from_yaml(file, functions={"f-1": look_up}, monitors=watched, **known)


def test_nothing_is_called_unused_where_the_file_cannot_be_read_fully(tmp_path: Path) -> None:
    said = reported(
        tmp_path, team("a: {modle: mine, tols: [look_up]}"), models={"mine": print}, tools={"look_up": look_up}
    )
    assert [line.split(": ")[0] for line in said] == ["3:7", "3:20"]


def test_nodes_that_are_nobody_get_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="'writter' is no agent; agents: writer; did you mean 'writer'"):
        Team([Agent(name="writer")], Topology.solo("writter"))


def test_replicas_are_for_files() -> None:
    with pytest.raises(
        ConfigError, match=r"agents\.a\.replicas: replicas are for files; in Python make so many agents"
    ):
        Team([Agent(name="a", replicas=3)], Topology.solo("a"))


def test_faults_of_a_graph_alone_stay_topology_errors(tmp_path: Path) -> None:
    file = tmp_path / "team.yaml"
    file.write_text(team("{a: {}, b: {}}", "{kind: graph, edges: [user -> a, a -> b]}"))
    with pytest.raises(TopologyError, match="4:11: topology: nobody may answer"):
        Team.from_yaml(file)
