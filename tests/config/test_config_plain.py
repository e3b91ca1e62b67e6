"""Large files are read by a reader of our own, which knows less of YAML than ruamel.yaml and nothing that differs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from agentmesh.config import load_team_text
from agentmesh.config.plain import NotPlain, compose_plain
from agentmesh.config.source import parse
from agentmesh.errors import ConfigError

ROOT = Path(__file__).parents[2]
FILES = [*(ROOT / "topologies").rglob("*.yaml"), *(ROOT / "tests" / "cases").rglob("*.yaml")]


def shown(node: Node) -> Any:
    """Everything about a node that a file's reader looks at."""
    place = (node.start_mark.line, node.start_mark.column)
    match node:
        case ScalarNode():
            empty = node.value == "" and node.style is None
            return (str(node.tag), node.value, node.style, None if empty else place)
        case SequenceNode():
            return (str(node.tag), place, [shown(item) for item in node.value])
        case MappingNode():
            return (str(node.tag), place, [(shown(key), shown(value)) for key, value in node.value])
        case _:
            raise AssertionError(type(node))


def read_in_both_ways(text: str) -> bool:
    """Whether our own reader takes the text; if so it is what ruamel.yaml makes of it."""
    try:
        ours = compose_plain(text)
    except NotPlain:
        return False
    try:
        theirs = YAML(typ="safe", pure=True).compose(text)
    except YAMLError as error:
        pytest.fail(f"ruamel.yaml refuses what was taken: {error}\n{text}")
    assert shown(ours) == shown(theirs), text
    return True


def test_team_files_are_read_the_same_and_most_are_plain() -> None:
    taken = [read_in_both_ways(file.read_text(encoding="utf-8")) for file in FILES if b"\r" not in file.read_bytes()]
    assert len(taken) > 150
    assert sum(taken) > 0.8 * len(taken)


FORMS = """\
# a comment
a: [b, 'c d', "e", -1, 0.5, true, null, ~, [x -> y, f],]   # another
b:
- one
-   two: 2
    three: {four: 4, "five": [], six: {}}
- - nested
  - - deeper
c:
  - x <-> y
  -
  - simulated:worker@http://127.0.0.1:8000/v1
d: {
  e: 1,   # within
  f:
    [g,
     h]
}
"quoted": It's plain, [really] {so}; a-b?
empty:
last: 'single "double"'
"""


def test_every_form_that_it_knows_is_taken() -> None:
    assert read_in_both_ways(FORMS)


@pytest.mark.parametrize(
    "text",
    [
        "a: |\n  block\n", "a: >-\n  folded\n", "a: &x 1\nb: *x\n", "a: !!str 1\n", "<<: {a: 1}\n", "? a\n: b\n",
        "a: one\n  two\n", "a: 'it''s'\n",
        'a: "\\n"\n', "a: {b}\n", "a: [b: c]\n", "a:\tb\n", "---\na: 1\n", "a: b: c\n",
        "a: [b\n", "a: b]\n- c\n", "a: 1\n  b: 2\n", "a\n", "", "a: 'b' c\n", "a: @b\n", "a: 1\r\n", "a: x #\u2028\n",
    ],
)  # fmt: skip
def test_anything_else_is_left_to_ruamel(text: str) -> None:
    if text.strip() != "a":
        with pytest.raises(NotPlain):
            compose_plain(text)
    read_in_both_ways(text)


PIECES = st.sampled_from(
    ["a", "b1", "a -> b", "- ", "-", ": ", ":", "\n", "\n  ", "\n    ", " ", "[", "]", "{", "}", ", ", ",", "'", '"',
     "#", " # c", "1", "-1", "0.5", "true", "~", "null", "<<", "*a", "&a ", "|", ">", "?", "? ", "!", "%", "@", "é",
     "a: b", "- a", "x: [y, z]", "{k: v}", "...", "---"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=14).map("".join))
@example("a: 'b' # c")
@example("- - a\n  - b\n- {a: -1}")
def test_whatever_is_taken_is_what_ruamel_makes_of_it(text: str) -> None:
    read_in_both_ways(text)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(FORMS)), st.integers(1, 6), PIECES)
def test_a_damaged_file_is_read_the_same_or_left_to_ruamel(at: int, length: int, piece: str) -> None:
    read_in_both_ways(FORMS[:at] + piece + FORMS[at + length :])


def large(edge: str) -> str:
    agents = "\n".join(f"  a{number}: {{instructions: Do part {number}.}}" for number in range(300))
    edges = "\n".join(f"    - {edge.format(a=f'a{n}', b=f'a{n + d}')}" for d in (1, 2, 3) for n in range(300 - d))
    head = f"version: 1\nagents:\n{agents}\ntopology:\n  kind: graph\n"
    return f"{head}  edges:\n    - user -> a0\n{edges}\n    - a299 -> user\n"


@pytest.mark.parametrize("edge", ["{a} -> {b}", "[{a}, {b}]", "{{from: {a}, to: {b}, max_messages: 2}}"])
def test_a_large_file_is_read_and_its_faults_are_at_their_places(edge: str) -> None:
    text = large(edge) + "# the end\n" * 2000
    assert len(text) > 32_768
    assert read_in_both_ways(text)
    loaded = load_team_text(text, environment={})
    assert len(loaded.config.topology.edges) == 896  # type: ignore[union-attr]
    wrong = text.replace("part 17.", "part 17., modle: x").replace("- a299 -> user", "- [a299, usr]")
    with pytest.raises(ConfigError) as raised:
        load_team_text(wrong, environment={})
    lines = wrong.splitlines()
    at_key, at_end = raised.value.problems
    assert lines[at_key.line - 1][at_key.column - 1 :].startswith("modle: x")
    assert lines[at_end.line - 1][at_end.column - 1 :].startswith("usr")


def test_a_large_file_that_is_no_yaml_is_told_in_the_words_of_ruamel() -> None:
    text = large("{a} -> {b}").replace("- a299 -> user", "- [a299, user") + "# the end\n" * 2000
    with pytest.raises(ConfigError, match="no valid YAML: while parsing a flow sequence"):
        parse(text, "team.yaml")
