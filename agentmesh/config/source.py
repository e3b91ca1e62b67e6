"""YAML text as plain data that still knows the line and column of everything in it.

The text is composed into ruamel.yaml's node graph, whose nodes carry their marks, and turned into plain data here:
YAML 1.2 (`no` and `on` are text), no tags beyond the standard ones, nothing constructed but text, numbers, booleans,
lists and mappings. Positions are looked up only when somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from agentmesh.errors import ConfigError, Problem

Step = str | int
Path = tuple[Step, ...]

_TAG = "tag:yaml.org,2002:"
_PYTHON = f"{_TAG}python"
DEEPEST = 80
"""Levels of lists and mappings: far more than a team needs, far fewer than recursive validation bears."""
TOO_DEEP = f"lists and mappings are nested more than {DEEPEST} deep; write it flatter"
_LARGE = 32_768
"""Characters from which on a text is composed by the parser in C: ten thousand edges take the other one seconds."""
_MOST_VALUES = 1_000_000
"""Values after aliases are expanded: beyond this a file is an attack or an accident, not a team."""


def written(path: Sequence[Step]) -> str:
    """A path as it is shown to people: `topology.workers[1].planner`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


@dataclass
class Source:
    """One parsed text: plain `data`, the problems that parsing met, and where everything stands."""

    data: Any = None
    problems: list[Problem] = field(default_factory=list)
    refused: set[Path] = field(default_factory=set)
    """Places whose value could not be taken, so that nothing more is to be said about them."""
    root: Node | None = None
    _entries: dict[int, dict[str, tuple[Node, Node]]] = field(default_factory=dict, repr=False)

    def locate(self, path: Sequence[Step], *, key: bool = False) -> tuple[int, int]:
        """Line and column, from 1, of the value at `path`, or of its key.

        Where the path leads nowhere: of the key of the last parent that exists. (0, 0) where there is no text.
        """
        if self.root is None:
            return (0, 0)
        node, name = self.root, None
        for step in path:
            entry = self._child(node, step)
            if entry is None:
                return _mark(name or node)
            name, node = entry
        if name is not None and (key or _is_empty(node)):
            return _mark(name)
        return _mark(node)

    def holds(self, path: Sequence[Step]) -> bool:
        """Whether the text itself has something at the path."""
        node = self.root
        for step in path:
            entry = self._child(node, step) if node is not None else None
            if entry is None:
                return False
            node = entry[1]
        return node is not None

    def _child(self, node: Node, step: Step) -> tuple[Node | None, Node] | None:
        if isinstance(node, MappingNode):
            return self._entries_of(node).get(str(step))
        if isinstance(node, SequenceNode):
            # An edge written [a, b] is read as {from: a, to: b}.
            index = {"from": 0, "to": 1}.get(step, -1) if isinstance(step, str) else step
            if 0 <= index < len(node.value):
                return None, node.value[index]
        return None

    def _entries_of(self, node: MappingNode) -> dict[str, tuple[Node, Node]]:
        if id(node) not in self._entries:
            entries: dict[str, tuple[Node, Node]] = {}
            self._entries[id(node)] = entries  # before the merges: an alias may lead back here
            for name, value in node.value:
                if isinstance(name, ScalarNode) and not _is_merge(name):
                    entries.setdefault(name.value, (name, value))
            for merged in _merged(node):
                for text, entry in self._entries_of(merged).items():
                    entries.setdefault(text, entry)
        return self._entries[id(node)]


def parse(text: str, name: str) -> Source:
    """Read YAML text.

    Raises: ConfigError, where the text is no YAML at all; what can be told beside other problems is in `problems`.
    """
    try:
        root = _composed(text)
    except MarkedYAMLError as error:
        raise ConfigError([_syntax_problem(error, text)], name) from None
    except YAMLError as error:
        position = getattr(error, "position", 0)
        before = text[:position]
        line, column = before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1
        raise ConfigError([Problem(line, column, "", "a character that YAML does not allow")], name) from None
    except RecursionError:
        raise ConfigError([Problem(1, 1, "", "lists and mappings are nested too deeply to read")], name) from None
    source = Source(root=root)
    if root is not None:
        source.data = _Reader(source).value(root, ())
    return source


def _composed(text: str) -> Node | None:
    if len(text) >= _LARGE:
        try:
            # Many times faster; where it is not built for a platform, this is the same as below.
            if not _is_shallow(text):
                raise RecursionError
            return YAML(typ="safe", pure=False).compose(text)  # type: ignore[no-any-return]
        except YAMLError:
            pass  # what is wrong is said in the words that small files get
    return YAML(typ="safe", pure=True).compose(text)  # type: ignore[no-any-return]


def _is_shallow(text: str) -> bool:
    """Whether the parser in C can compose the text: it recurses without a bound, and would take the process down."""
    depth = 0
    for event in YAML(typ="safe", pure=False).parse(text):
        if isinstance(event, CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                return False
        elif isinstance(event, CollectionEndEvent):
            depth -= 1
    return True


def scalar(text: str) -> Any:
    """The value that an unquoted YAML scalar with this text has: `3` is a number, `true` a boolean."""
    tag = str(YAML(typ="safe", pure=True).resolver.resolve(ScalarNode, text, (True, False)))
    return _typed(tag.removeprefix(_TAG), text)


class _Reader:
    """Builds plain data from nodes; shared (aliased) nodes are built once."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._built: dict[int, tuple[Any, int]] = {}
        self._open: set[int] = set()

    def value(self, node: Node, path: Path) -> Any:
        """The plain value of a node."""
        return self._build(node, path)[0]

    def _build(self, node: Node, path: Path) -> tuple[Any, int]:
        if isinstance(node, ScalarNode):
            return self._scalar(node, path), 1
        if id(node) in self._built:
            return self._built[id(node)]
        if id(node) in self._open:
            self._report(node, path, "an alias leads back to the value that holds it; write the value out")
            return None, 1
        if len(path) > DEEPEST:
            self._report(node, path, TOO_DEEP)
            return None, 1
        self._open.add(id(node))
        self._check_tag(node, path)
        value: Any
        value, size = self._mapping(node, path) if isinstance(node, MappingNode) else self._sequence(node, path)
        self._open.discard(id(node))
        if size > _MOST_VALUES:
            self._report(node, path, f"aliases expand to more than {_MOST_VALUES:,} values; write less")
            value, size = None, 1
        self._built[id(node)] = (value, size)
        return value, size

    def _sequence(self, node: Node, path: Path) -> tuple[list[Any], int]:
        values, size = [], 1
        for index, item in enumerate(node.value):
            value, more = self._build(item, (*path, index))
            values.append(value)
            size += more
        return values, size

    def _mapping(self, node: MappingNode, path: Path) -> tuple[dict[str, Any], int]:
        own: dict[str, Any] = {}
        keys: dict[str, Node] = {}
        size = 1
        for key, item in node.value:
            if not isinstance(key, ScalarNode):
                self._report(key, path, "a key is a list or a mapping; keys are plain names")
            elif not _is_merge(key):
                value, more = self._build(item, (*path, key.value))
                size += more
                if key.value in own:
                    first = _mark(keys[key.value])[0]
                    again = f"'{key.value}' is given twice, first in line {first}; keep one of them"
                    self._source.problems.append(Problem(*_mark(key), written((*path, key.value)), again))
                    continue
                own[key.value] = value
                keys[key.value] = key
        merged: dict[str, Any] = {}
        for other in _merged(node):
            value, more = self._build(other, path)
            size += more
            merged = {**value, **merged} if isinstance(value, dict) else merged
        return {**merged, **own}, size

    def _scalar(self, node: ScalarNode, path: Path) -> Any:
        self._check_tag(node, path)
        kind = str(node.tag).removeprefix(_TAG)
        try:
            value = _typed(kind, node.value)
        except ValueError:
            self._report(node, path, f"'{node.value}' is no {kind}, which its tag says it is")
            return None
        if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
            self._report(node, path, "half of a surrogate pair, which is no character; write \\UXXXXXXXX instead")
            return ""
        return value

    def _check_tag(self, node: Node, path: Path) -> None:
        tag = node.tag
        if tag and not tag.startswith(_TAG):
            self._report(node, path, f"the tag {tag} means nothing here; remove it")
        elif tag and tag.startswith(_PYTHON):
            self._report(node, path, f"the tag !!{tag.removeprefix(_TAG)} is refused: a file makes no objects")

    def _report(self, node: Node, path: Path, message: str) -> None:
        self._source.problems.append(Problem(*_mark(node), written(path), message))
        self._source.refused.add(path)


def _typed(kind: str, text: str) -> Any:
    """Raises: ValueError, where an explicit tag promises what the text is not."""
    match kind:
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int":
            return _whole(text.replace("_", ""))
        case "float":
            digits = text.replace("_", "").lower()
            return float(digits.replace(".inf", "inf").replace(".nan", "nan"))
        case _:
            return text


def _whole(digits: str) -> int:
    unsigned = digits.lstrip("+-").lower()
    base = {"0o": 8, "0x": 16, "0b": 2}.get(unsigned[:2], 10)
    return int(digits, base)


def _mark(node: Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _is_empty(node: Node) -> bool:
    """A key with nothing after it: its value has no place of its own."""
    return isinstance(node, ScalarNode) and node.value == "" and node.style is None


def _is_merge(key: ScalarNode) -> bool:
    return bool(key.value == "<<" and key.tag == f"{_TAG}merge")


def _merged(node: MappingNode) -> Iterator[MappingNode]:
    """The mappings that `<<` brings in, the strongest first."""
    for key, value in node.value:
        if isinstance(key, ScalarNode) and _is_merge(key):
            candidates = value.value if isinstance(value, SequenceNode) else [value]
            yield from (candidate for candidate in candidates if isinstance(candidate, MappingNode))


def _syntax_problem(error: MarkedYAMLError, text: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    said = (
        str(error.problem or "this cannot be read").removeprefix("but ").replace("<stream end>", "the end of the file")
    )
    context = f" {error.context}:" if error.context and "another document" not in said else ""
    lines = text.splitlines()
    shown = lines[line] if line < len(lines) else ""
    hint = ""
    if "${" in shown and ("{" in shown.replace("${", "") or "[" in shown):
        hint = '; within { } and [ ] write "${NAME}" in quotes'
    elif "mapping values are not allowed" in said:
        hint = "; a text with ': ' in it needs quotes, and keys of one mapping the same indentation"
    elif "'\\t'" in said:
        hint = "; indent with spaces"
    elif "another document" in said:
        hint = "; one file is one team"
    return Problem(line + 1, column + 1, "", f"no valid YAML:{context} {said}{hint}")
