"""What there is in a workspace: names that match a pattern, and lines in which an expression is found."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from agentmesh.errors import ToolError
from agentmesh.tools.workspaces.beneath import LISTING, content_at, folder, is_git, status_at, usable
from agentmesh.tools.workspaces.matching import Expression, Names
from agentmesh.tools.workspaces.passages import counted

LISTED = 500

_WALKED = 200_000
_DEPTH = 60
_SHOWN = 300
_GENERATED = {"__pycache__", "node_modules"}
_MARKS = {"CACHEDIR.TAG", "pyvenv.cfg"}
"""Files by which caches and virtual environments are known."""


class Entry(NamedTuple):
    """One thing that a walk meets. `remark` follows its path in a list."""

    path: str
    kind: str
    """`file`, `folder`, `inner` (a folder that is still to be looked into) or `other`."""
    remark: str = ""

    @property
    def name(self) -> str:
        """The last name of the path."""
        return self.path.rpartition("/")[2]


def listed(root: Path, parts: tuple[str, ...], pattern: str) -> str:
    """Paths that match, one a line, in order; of folders those that are empty or not looked into. Raises: ToolError."""
    names = Names(pattern, parts)
    found = [entry for entry in walked(root, parts) if names.match(entry.path)]
    lines = [f"{seen(entry.path)}{entry.remark}" for entry in found[:LISTED]]
    if len(found) > LISTED:
        lines.append(f"[and {len(found) - LISTED:,} more: name a folder or a narrower pattern]")
    return "\n".join(lines) or f"[nothing {'is there' if names.all else 'matches'}]"


def searched(root: Path, parts: tuple[str, ...], pattern: str, files: str, limit: int, most: int) -> str:
    """Lines in which the expression is found, as `path:line: text`. Raises: ToolError."""
    expression = Expression(pattern)
    names = Names(files, parts)
    hits: list[str] = []
    looked = left = 0
    for path in filter(names.match, _files(root, parts)):
        text = _text(root, path, most)
        if text is None:
            left += 1
            continue
        looked += 1
        found = islice(expression.lines(text.replace("\r\n", "\n")), limit + 1 - len(hits))
        hits += (f"{seen(path)}:{number}: {_shortened(line.strip())}" for number, line in found)
        if len(hits) > limit:
            return "\n".join(
                [*hits[:limit], f"[in more than {counted(limit, 'line')}: narrow the expression or files]"]
            )
    without = [f"[left out {counted(left, 'file')}: binary, too long, or not to be read]"] if left else []
    return "\n".join([*(hits or [f"[not found in {counted(looked, 'file')}]"]), *without])


def walked(root: Path, parts: tuple[str, ...]) -> Iterator[Entry]:
    """All that lies beneath a folder, in the order of names; no link is followed, and `.git` is left out.

    What programs made for themselves, dependencies and caches, is looked into only where it is named.
    Raises: ToolError where the folder is none.
    """
    ahead = _inside(root, parts)[::-1]
    met = 0
    while ahead and met < _WALKED:
        met += 1
        entry = ahead.pop()
        if entry.kind != "inner":
            yield entry
            continue
        within = entry.path.split("/")
        closed = entry.name in _GENERATED or len(within) > _DEPTH
        inner: list[Entry] = []
        with suppress(ToolError, OSError):  # it was there a moment ago
            inner = _inside(root, within)
        if inner and (closed or any(found.name in _MARKS for found in inner)):
            yield Entry(entry.path, "folder", "/ (not looked into: name it for that)")
        elif inner:
            ahead += inner[::-1]
        else:
            yield Entry(entry.path, "folder", "/")


def _inside(root: Path, parts: tuple[str, ...] | list[str]) -> list[Entry]:
    with folder(root, parts) as descriptor:
        opened = os.open(".", LISTING, dir_fd=descriptor)
        try:
            with os.scandir(opened) as entries:
                found = sorted(islice(entries, _WALKED), key=lambda entry: entry.name)
                return [
                    _entry(entry, "/".join((*parts, entry.name)), opened) for entry in found if not is_git(entry.name)
                ]
        finally:
            os.close(opened)


def _entry(entry: os.DirEntry[str], path: str, descriptor: int) -> Entry:
    if entry.is_symlink():
        target = "?"
        with suppress(OSError):
            target = os.readlink(entry.name, dir_fd=descriptor)
        return Entry(path, "other", f" -> {seen(target)} (link, not followed)")
    if entry.is_dir(follow_symlinks=False):
        return Entry(path, "inner")
    return Entry(path, "file") if entry.is_file(follow_symlinks=False) else Entry(path, "other", " (no regular file)")


def seen(name: str) -> str:
    """A name on one line: a line break in it, or what is no text, cannot pass for something else."""
    return name if name.isprintable() else ascii(name)


def _shortened(line: str) -> str:
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}..."


def _files(root: Path, parts: tuple[str, ...]) -> Iterator[str]:
    """Paths of the files at and beneath a place."""
    if parts:
        path = "/".join(parts)
        with folder(root, parts[:-1]) as descriptor:
            status = status_at(descriptor, parts[-1])
        if status is not None and not stat.S_ISDIR(status.st_mode):
            usable(status, path)
            yield path
            return
    for entry in walked(root, parts):
        if entry.kind == "file":
            yield entry.path


def _text(root: Path, path: str, most: int) -> str | None:
    """What a file holds, if it is text that may be read."""
    *above, name = path.split("/")
    with suppress(ToolError, OSError, UnicodeDecodeError), folder(root, above) as descriptor:
        text = content_at(descriptor, name, path, most).decode()
        return None if "\0" in text else text
    return None
