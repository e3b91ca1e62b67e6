"""What stands in the way of a merge, as its author is told: which files, and both versions of what differs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

SHOWN = 4000
"""Characters of conflicting passages that are shown of all files together."""

_SHOWN_FILES = 20
_BEGIN = "<<<<<<< "
_END = ">>>>>>> "


@dataclass(frozen=True)
class Merge:
    """What a merge came to: a tree, in which markers stand where something conflicts."""

    tree: str
    is_clean: bool
    conflicts: tuple[str, ...] = ()
    """The files in which something does."""
    said: tuple[str, ...] = ()
    """What git says of conflicts that are not between lines: a file removed here and changed there."""


def merge_of(fields: Sequence[str], *, is_clean: bool) -> Merge:
    """Reads what `git merge-tree --write-tree -z --messages` writes."""
    rest = iter(fields[1:])
    files: dict[str, None] = {}
    for entry in rest:
        if not entry:
            break
        files[entry.partition("\t")[2]] = None
    messages = tuple(
        text.strip()
        for kind, text in _messages(rest)
        if kind.startswith("CONFLICT") and not kind.startswith("CONFLICT (contents")
    )
    return Merge(fields[0].strip(), is_clean, tuple(files), messages)


def _messages(fields: Iterator[str]) -> Iterator[tuple[str, str]]:
    """By message: its kind and its text. Each is a number of paths, these paths, and the two."""
    for count in fields:
        if not count.strip().isdigit():
            return
        for _ in range(int(count)):
            next(fields, "")
        yield next(fields, ""), next(fields, "")


def markers(base: str) -> str:
    """Lines that a merge of ours leaves in a file where it conflicts, as a regular expression of git's kind."""
    plain = re.sub(r"([^A-Za-z0-9/_-])", r"[\1]", base)
    return rf"^(<{{7}} agentmesh/|>{{7}} ({plain}|base|[0-9a-f]{{40,64}})(:|$))"


def marked(texts: Mapping[str, str], base: str) -> list[str]:
    """The files in which such lines stand."""
    found = re.compile(markers(base).replace("$", r"\r?$"), re.MULTILINE)
    return [path for path, text in texts.items() if found.search(text)]


def passages(texts: Mapping[str, str], limit: int = SHOWN) -> str:
    """What conflicts in files that hold markers, each passage with its line and both versions, within a limit."""
    pieces: list[str] = []
    left = limit
    for path, text in texts.items():
        for line, passage in _passages(text):
            if left <= 0:
                return "\n".join([*pieces, "... and more, which stands in the files"])
            shown = passage if len(passage) <= left else f"{passage[:left]}\n... cut here; the rest stands in the file"
            pieces.append(f"{path}, line {line}:\n{shown}")
            left -= len(passage)
    return "\n".join(pieces)


def _passages(text: str) -> Iterator[tuple[int, str]]:
    begun: list[str] = []
    start = 0
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith(_BEGIN):
            begun, start = [], number
        if start:
            begun.append(line)
        if start and line.startswith(_END):
            yield start, "\n".join(begun)
            start = 0


def named(paths: Sequence[str]) -> str:
    """Files, as many as can be read."""
    more = len(paths) - _SHOWN_FILES
    return ", ".join(paths[:_SHOWN_FILES]) + (f" and {more} more" if more > 0 else "")
