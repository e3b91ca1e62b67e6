"""Large files are composed by the parser in C: they read the same, and what is wrong in them is told the same."""

from __future__ import annotations

from typing import Any

import pytest

from agentmesh.config import load_team_text
from agentmesh.config.source import _LARGE, parse
from agentmesh.errors import ConfigError

TEAM = """\
version: 1
agents: {{peer: {{replicas: {agents}}}}}
topology:
  kind: graph
  edges:
    - user -> peer-1
    - peer-{agents} -> user
{edges}"""


def large(edges: int = 3000, extra: str = "") -> str:
    lines = [f"    - peer-{number} -> peer-{number + 1}\n" for number in range(1, edges)]
    text = TEAM.format(agents=edges, edges="".join(lines)) + extra
    assert len(text) > _LARGE
    return text


def faults(text: str) -> Any:
    with pytest.raises(ConfigError) as caught:
        load_team_text(text)
    return [(problem.line, problem.column, problem.path) for problem in caught.value.problems]


def test_a_large_file_is_read_as_a_small_one_is() -> None:
    config = load_team_text(large()).config
    assert len(config.topology.edges) == 3001  # type: ignore[union-attr]


def test_a_fault_in_a_large_file_is_told_at_its_place() -> None:
    assert faults(large(extra="    - peer-1 -> ghost\n")) == [(3007, 7, "topology.edges[3001].to")]


def test_a_syntax_error_in_a_large_file_is_told_at_its_place() -> None:
    [(line, _, _)] = faults(large(extra="    - [peer-1, peer-2\nlimits: {\n"))
    assert line > 3000


@pytest.mark.parametrize(
    "deep", ["[" * 40_000, "- " * 40_000, "{a: " * 20_000 + "}" * 20_000, "[" * 40_000 + "]" * 40_000]
)
def test_a_large_file_that_is_nested_too_deeply_is_refused_and_takes_nothing_down(deep: str) -> None:
    try:
        problems = parse(deep, "deep.yaml").problems
    except ConfigError as error:
        problems = list(error.problems)
    assert problems
