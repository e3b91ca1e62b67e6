"""The files of a workspace, and nothing else: what leaves it, or might, is refused with a word why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agentmesh.errors import ToolError
from agentmesh.tools.workspaces.beneath import content_at, folder, parts_of, put, status_at, told, usable
from agentmesh.tools.workspaces.finding import listed, searched
from agentmesh.tools.workspaces.passages import counted, exchanged, lines_of, page

MIB = 1024 * 1024
READ = 16 * MIB
"""Bytes of a file beyond which it is not read: no text that anybody wrote is so long."""


@dataclass(frozen=True)
class Files:
    """Acts beneath `root`, an absolute path without links. What methods return is what a model is told.

    Raises: ToolError, from every method.
    """

    root: Path
    largest: int = 256 * MIB
    """Bytes that a file may have which is written."""
    kept: tuple[tuple[str, ...], ...] = ()
    """Names of the paths that are only read, with all beneath them."""

    def __post_init__(self) -> None:
        if not self.root.is_absolute():
            raise ValueError(f"the folder of a workspace is an absolute path; found {self.root}")

    def read(self, path: str, start: int = 1, lines: int | None = None) -> str:
        """The text of a file, or so many lines of it, counted from 1."""
        with self._place(path) as (descriptor, name, where):
            return page(text_of(content_at(descriptor, name, where, READ), where), start, lines, where)

    def write(self, path: str, content: str) -> str:
        """Make a file, with the folders on the way, or replace it."""
        data = self._data(content)
        with self._place(path, write=True, create=True) as (descriptor, name, where):
            before = status_at(descriptor, name)
            put(descriptor, name, data, usable(before, where).st_mode if before else None)
        return f"{'replaced' if before else 'created'} {where}: {counted(len(lines_of(content)), 'line')}"

    def edit(self, path: str, old: str, new: str, *, all: bool = False, again: bool = False) -> str:
        """Put `new` for `old`. `again`: where that is done already, it has been done by this call."""
        with self._place(path, write=True) as (descriptor, name, where):
            before = status_at(descriptor, name)
            text = text_of(content_at(descriptor, name, where, READ), where)
            edited, times, line = exchanged(text, old, new, all=all, again=again, where=where)
            if times:
                put(descriptor, name, self._data(edited), before.st_mode if before else None)
        return f"edited {where}: {counted(times, 'passage')}, from line {line}" if times else f"edited {where}"

    def list(self, path: str = ".", pattern: str = "**") -> str:
        """What lies in a folder and below, as far as names match."""
        with told(path):
            return listed(self.root, parts_of(path), pattern)

    def search(self, pattern: str, path: str = ".", files: str = "**", limit: int = 100) -> str:
        """Lines in which a regular expression is found, as `path:line: text`."""
        with told(path):
            return searched(self.root, parts_of(path), pattern, files, limit, READ)

    @contextmanager
    def _place(self, path: str, *, write: bool = False, create: bool = False) -> Iterator[tuple[int, str, str]]:
        """Where a file is: the descriptor of its folder, its name, and how it is called to the model."""
        parts = parts_of(path)
        if not parts:
            raise ToolError(f"the path {path!r} is the workspace itself, a folder; name a file in it")
        kept = next((names for names in self.kept if parts[: len(names)] == names), None)
        if kept is not None and write:
            raise ToolError(f"{path} is only to be read, like all in {'/'.join(kept) or 'this workspace'}")
        with told(path), folder(self.root, parts[:-1], create=create) as descriptor:
            yield descriptor, parts[-1], "/".join(parts)

    def _data(self, content: str) -> bytes:
        try:
            data = content.encode()
        except UnicodeEncodeError as error:
            raise ToolError(f"the content holds half of a surrogate pair, at character {error.start}") from error
        if len(data) > self.largest:
            raise ToolError(f"the content has {len(data):,} bytes; a file may have {self.largest:,}")
        return data


def text_of(data: bytes, where: str) -> str:
    """What a file holds as text. Raises: ToolError where it is none."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ToolError(f"{where} is binary, {len(data):,} bytes; only text in UTF-8 is read")
    return text
