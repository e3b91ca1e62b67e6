"""Plain YAML, as programs write it, read in a fraction of the time.

The scanner of ruamel.yaml looks at each character several times: ten thousand edges take it seconds. This reader knows
block and flow collections, plain and quoted scalars on one line, and comments, makes the very nodes that ruamel.yaml
would make, and gives up on anything else, which is then read by ruamel.yaml, with its messages.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from functools import cache
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.tag import Tag

_PLAIN_FIRST = r"(?:[^ \n?:,\[\]{}#&*!|>'\"%@`<=+-]|-(?=[0-9.]))"
_COLON = r":(?=[A-Za-z0-9/])"
"""A colon that ends no key."""
_IN_FLOW = r"[^ \n:#,?\[\]{}`]"
_IN_BLOCK = r"[^ \n:#`]"
_QUOTED = r"\"(?P<double>[^\"\\\n]*)\"|'(?P<single>[^'\n]*)'(?!')"
_NAME = r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,99}"


class _Patterns:
    """What stands at one place of a text; compiled on first use."""

    def __init__(self) -> None:
        in_flow, in_block = (f"{_PLAIN_FIRST}(?:{inner}|{_COLON}| +(?={inner}))*" for inner in (_IN_FLOW, _IN_BLOCK))
        self.flow = re.compile(f"(?P<plain>{in_flow})|{_QUOTED}")
        self.block = re.compile(f"(?P<plain>{in_block})|{_QUOTED}")
        self.key = re.compile(rf"(?:(?P<plain>{_NAME})|{_QUOTED}):(?=[ \n])")
        # The common case of a part of a flow collection, with the comma after it.
        self.item = re.compile(rf"(?P<plain>{in_flow}) *(?:, *(?=[^ \n#])|(?=\]))")
        self.entry = re.compile(rf"(?P<key>{_NAME}): +(?P<plain>{in_flow}) *(?:, *(?=[^ \n#])|(?=}}))")
        # Between the parts of a flow collection; a comment comes after a space.
        self.space = re.compile(r"(?:[ \n]+(?:#[^\n]*)?)*")
        self.blank_lines = re.compile(r"(?:[ ]*(?:#[^\n]*)?\n)*[ ]*")
        self.end_of_line = re.compile(r"[ ]*(?:(?<= )#[^\n]*)?\n")
        self.dash = re.compile(r"-(?=[ \n])")
        self.spaces = re.compile(r" *")
        # Characters that are line breaks to some or forbidden, and the marks between documents.
        self.strange = re.compile(r"[^\n -~\xa1-\u2027\u2030-\ud7ff]|^(?:---|\.\.\.)", re.MULTILINE)


_patterns = cache(_Patterns)
_PERHAPS_NO_TEXT = frozenset("0123456789+-.~=<nNtTfFyYoO")
"""First characters of scalars that may be numbers, booleans or nothing."""
_TEXT = Tag(suffix="tag:yaml.org,2002:str")
_NULL = Tag(suffix="tag:yaml.org,2002:null")
_SEQUENCE = Tag(suffix="tag:yaml.org,2002:seq")
_MAPPING = Tag(suffix="tag:yaml.org,2002:map")


class NotPlain(Exception):
    """The text has something that only the whole of YAML explains, or that is wrong."""


class _Mark:
    """A place in the text; line and column, from 0, are worked out when somebody asks."""

    __slots__ = ("_starts", "index")

    def __init__(self, index: int, starts: list[int]) -> None:
        self.index = index
        self._starts = starts

    @property
    def line(self) -> int:
        return bisect_right(self._starts, self.index) - 1

    @property
    def column(self) -> int:
        return self.index - self._starts[self.line]


def compose_plain(text: str) -> Node:
    """The nodes of a text. Raises: NotPlain."""
    if _patterns().strange.search(text):
        raise NotPlain
    try:
        return _Composer(text).document()
    except RecursionError:
        raise NotPlain from None


class _Composer:
    """Between two nodes, `_at` is where the next line with anything on it begins, and `_column` how far it is in.

    `_column` is -1 at the end of the text.
    """

    def __init__(self, text: str) -> None:
        self._text = text if text.endswith("\n") else text + "\n"
        self._starts = [0, *(match.end() for match in re.finditer(r"\n", self._text))]
        self._form = _patterns()
        self._at = 0
        self._column = 0
        self._resolver = YAML(typ="safe", pure=True).resolver
        self._tags: dict[str, Tag] = {}

    def document(self) -> Node:
        """The one node of the text."""
        self._next_line()
        root = self._block() if self._column != -1 else self._give_up()
        if self._column != -1:
            self._give_up()
        return root

    def _give_up(self) -> NoReturn:
        raise NotPlain

    def _mark(self, at: int) -> _Mark:
        return _Mark(at, self._starts)

    def _next_line(self) -> None:
        """From the beginning of a line to the first thing on it or on a later one."""
        match = self._form.blank_lines.match(self._text, self._at)
        assert match is not None, "it matches nothing at least"
        self._at = match.end()
        at_end = self._at == len(self._text)
        self._column = -1 if at_end else self._at - self._text.rfind("\n", 0, self._at) - 1

    def _end_line(self) -> bool:
        """Go on to the next line, if nothing more stands on this one."""
        match = self._form.end_of_line.match(self._text, self._at)
        if match is None:
            return False
        self._at = match.end()
        self._next_line()
        return True

    def _block(self) -> Node:
        """The collection, or the one value, that begins here; it ends with a line that is further out."""
        if self._form.dash.match(self._text, self._at):
            return self._sequence(self._column)
        if self._form.key.match(self._text, self._at):
            return self._mapping(self._column)
        return self._inline(self._column - 1)

    def _inline(self, column: int) -> Node:
        """A value that ends with its line, or some lines later if it is a flow collection."""
        node = self._flow() if self._text[self._at] in "[{" else self._scalar(self._form.block)
        if not self._end_line() or self._column > column:
            self._give_up()
        return node

    def _sequence(self, column: int) -> Node:
        mark, items = self._mark(self._at), []
        while self._column == column and self._form.dash.match(self._text, self._at):
            self._at += 1
            items.append(self._after(column, indentless=False))
        if self._column > column:
            self._give_up()
        return SequenceNode(_SEQUENCE, items, mark, mark, flow_style=False)

    def _mapping(self, column: int) -> Node:
        mark, entries = self._mark(self._at), []
        while self._column == column:
            key = self._key()
            entries.append((key, self._after(column, indentless=True)))
        if self._column > column:
            self._give_up()
        return MappingNode(_MAPPING, entries, mark, mark, flow_style=False)

    def _after(self, column: int, *, indentless: bool) -> Node:
        """The node after a dash or a colon: on the same line, or on the lines below."""
        here = self._mark(self._at)
        if self._end_line():
            if self._column > column:
                return self._block()
            if indentless and self._column == column and self._form.dash.match(self._text, self._at):
                return self._sequence(column)
            return ScalarNode(_NULL, "", here, here)
        start = self._at
        self._skip(self._form.spaces)
        if not indentless and (
            self._form.dash.match(self._text, self._at) or self._form.key.match(self._text, self._at)
        ):
            self._column += self._at - start + 1  # `- - a` and `- a: b`: the collection begins on this line
            return self._block()
        return self._inline(column)

    def _key(self) -> Node:
        match = self._form.key.match(self._text, self._at)
        if match is None:
            self._give_up()
        return self._taken(match)

    def _scalar(self, form: re.Pattern[str]) -> Node:
        match = form.match(self._text, self._at)
        if match is None:
            self._give_up()
        return self._taken(match)

    def _taken(self, match: re.Match[str]) -> Node:
        mark = self._mark(self._at)
        self._at = match.end()
        plain = match["plain"]
        if plain is not None:
            return ScalarNode(self._tag(plain), plain, mark, mark)
        double = match["double"]
        value, style = (match["single"], "'") if double is None else (double, '"')
        return ScalarNode(_TEXT, value, mark, mark, style=style)

    def _skip(self, space: re.Pattern[str]) -> None:
        match = space.match(self._text, self._at)
        assert match is not None, "it matches nothing at least"
        self._at = match.end()

    def _flow(self) -> Node:
        character = self._text[self._at]
        if character not in "[{":
            return self._scalar(self._form.flow)
        mark, is_mapping = self._mark(self._at), character == "{"
        self._at += 1
        self._skip(self._form.space)
        if is_mapping:
            return MappingNode(
                _MAPPING, self._parts("}", self._form.entry, self._flow_entry), mark, mark, flow_style=True
            )
        return SequenceNode(_SEQUENCE, self._parts("]", self._form.item, self._flow_value), mark, mark, flow_style=True)

    def _parts(self, close: str, common: re.Pattern[str], part: Callable[[], Any]) -> list[Any]:
        """The parts of a flow collection, up to what closes it."""
        found: list[Any] = []
        while not self._text.startswith(close, self._at):
            match = common.match(self._text, self._at)
            if match is not None:
                found.append(self._common(match))
                continue
            found.append(part())
            self._skip(self._form.space)
            if self._text.startswith(",", self._at):
                self._at += 1
                self._skip(self._form.space)
            elif not self._text.startswith(close, self._at):
                self._give_up()
        self._at += 1
        return found

    def _common(self, match: re.Match[str]) -> Any:
        """A plain scalar, or a key and a plain scalar."""
        self._at = match.end()
        plain, mark = match["plain"], self._mark(match.start("plain"))
        value = ScalarNode(self._tag(plain), plain, mark, mark)
        if match.re is self._form.item:
            return value
        mark = self._mark(match.start())
        return ScalarNode(_TEXT, match["key"], mark, mark), value

    def _flow_entry(self) -> tuple[Node, Node]:
        key = self._key()
        self._skip(self._form.space)
        return key, self._flow_value()

    def _flow_value(self) -> Node:
        if self._at >= len(self._text):
            self._give_up()
        return self._flow()

    def _tag(self, text: str) -> Tag:
        """The tag of a plain scalar: a number, a boolean, nothing, or text."""
        if text[0] not in _PERHAPS_NO_TEXT:
            return _TEXT
        known = self._tags.get(text)
        if known is None:
            resolved = self._resolver.resolve(ScalarNode, text, (True, False))
            known = self._tags[text] = resolved if isinstance(resolved, Tag) else Tag(suffix=str(resolved))
        return known
