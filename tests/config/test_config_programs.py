"""What a run would execute, told without executing it."""

from __future__ import annotations

from agentmesh.config import Import, executes, imports, load_team_text

TEAM = """version: 1
models:
  default: function:my_models:fast
  slow: {provider: function, model: "my_models.slow:reply"}
  plain: echo
agents:
  a: {model: function:other_models:f, tools: [calculator, "my_tools.search:web"]}
  b: {kind: function, function: "my_agents:reply"}
  c: {kind: command, command: {argv: [node, "my agent.js"]}}
topology:
  kind: graph
  edges:
    - user -> a
    - {from: a, to: b, rewrite: "my_text:shorten"}
    - b -> c
    - c -> user
monitors:
  repetition: {}
  my_check: {use: "my_package.monitors:Check"}
  named: {use: repetition}
  alike: {use: diversity, parameters: {embed: "my_vectors:embed"}}
  diversity: {parameters: {embed: "model2vec:models/small"}}
"""


def test_every_program_and_import_is_listed_with_its_place() -> None:
    config = load_team_text(TEAM + "verify: {command: [python, check.py]}\n").config
    assert executes(config) == [
        "program: node 'my agent.js' (agents.c)",
        "program: python check.py (verify)",
        "import: my_models:fast (models.default)",
        "import: my_models.slow:reply (models.slow)",
        "import: other_models:f (agents.a.model)",
        "import: my_tools.search:web (agents.a.tools[1])",
        "import: my_agents:reply (agents.b)",
        "import: my_text:shorten (topology.edges[1].rewrite)",
        "import: my_package.monitors:Check (monitors.my_check)",
        "import: my_vectors:embed (monitors.alike.parameters.embed)",
    ]


def test_imports_name_the_package_that_needs_consent() -> None:
    config = load_team_text(TEAM + 'verify: {function: "my_package.checks.sums:right"}\n').config
    assert imports(config)[-3:] == [
        Import("my_package", "my_package.monitors:Check", ("monitors", "my_check", "use")),
        Import("my_vectors", "my_vectors:embed", ("monitors", "alike", "parameters", "embed")),
        Import("my_package", "my_package.checks.sums:right", ("verify", "function")),
    ]


def test_a_team_of_models_alone_executes_nothing() -> None:
    config = load_team_text("version: 1\nagents: {a: {tools: [calculator]}}\ntopology: {kind: solo, agent: a}\n").config
    assert executes(config) == []
    assert imports(config) == []
