"""A trace file as JSON values with their lines: compressed or not, one value per line or spread over many."""

from __future__ import annotations

import gzip
import io
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TextIO, cast

from agentmesh.evaluation.readers.trace import Fault
from agentmesh.evaluation.readers.values import parsed

LONGEST = 1 << 28
"""A line of more characters than this is a fault."""
_DAMAGED = (OSError, EOFError, zlib.error)
_TEXT = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{0,3})?$")
_MARK = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],"]')


class Document(NamedTuple):
    """A JSON value, and the line where it begins. `nth` counts within an array that holds one trace per entry."""

    line: int
    value: Any
    nth: int = 0


@dataclass(frozen=True)
class Source:
    """A file of traces."""

    path: Path

    @property
    def name(self) -> str:
        """The file's name without what says only how it is written."""
        found = re.sub(r"(\.(gz|jsonl?|ndjson|eval|txt|log))+$", "", self.path.name) or self.path.name
        return found.encode(errors="replace").decode()

    def label(self, document: Document) -> str:
        """A name for a trace that has none."""
        return f"{self.name}:{document.line}" + (f".{document.nth}" if document.nth else "")

    def is_archive(self) -> bool:
        """Whether the file begins as a zip archive does."""
        with self.path.open("rb") as file:
            return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")

    def beginning(self, size: int) -> str:
        """The first so many characters; of a damaged file, those before the damage."""
        parts: list[str] = []
        try:
            with self._open() as file:
                while size > 0 and (line := file.readline(size)):
                    parts.append(line)
                    size -= len(line)
        except _DAMAGED:
            pass
        return "".join(parts)

    def lines(self) -> Iterator[tuple[int, str] | Fault]:
        """The lines with their numbers, one after the other; a damaged file ends with a fault."""
        number = 0
        try:
            with self._open() as file:
                while line := file.readline(LONGEST):
                    number += 1
                    if len(line) == LONGEST and not line.endswith("\n"):
                        yield Fault(number, f"longer than {LONGEST:,} characters: left out")
                        while line and not line.endswith("\n"):
                            line = file.readline(LONGEST)
                        continue
                    yield number, line
        except _DAMAGED as error:
            yield Fault(number + 1, f"the file is damaged from here on: {error}")

    def documents(self) -> Iterator[Document | Fault]:
        """The JSON values of the file, whatever they are."""
        return documents(self.lines())

    def records(self) -> Iterator[Document | Fault]:
        """The JSON values of the file, the entries of a top-level array one by one."""
        for document in self.documents():
            if isinstance(document, Fault) or not isinstance(document.value, list):
                yield document
                continue
            for nth, value in enumerate(document.value, start=1):
                yield Document(document.line, value, nth)

    def _open(self) -> TextIO:
        with self.path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        opened = gzip.open(self.path) if packed else self.path.open("rb")  # noqa: SIM115 - the reader of the text closes it
        stream = cast(io.BufferedReader, opened)
        try:
            mark = stream.peek(2)[:2]
        except BaseException:
            stream.close()
            raise
        encoding = "utf-16" if mark in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        return io.TextIOWrapper(stream, encoding=encoding, errors="replace", newline="\n")


def documents(lines: Iterable[tuple[int, str] | Fault]) -> Iterator[Document | Fault]:
    """JSON values, each on one line or spread over several.

    A line that does not end its value begins one of several lines; where it turns out that it was only broken, the
    first line after it that is a whole object by itself is read again as such.
    """
    begun: _Begun | None = None
    for line in lines:
        if isinstance(line, Fault):
            yield line
            continue
        number, text = line
        if begun is not None:
            if not begun.broken_by(text):
                found = begun.with_line(text)
                if found is not None:
                    yield found
                    begun = None
                continue
            yield begun.never_ends()
            begun = None
        if not text.strip():
            continue
        try:
            yield Document(number, parsed(text))
        except ValueError as error:
            if _is_a_beginning(text, error):
                begun = _Begun(number)
                begun.with_line(text)
            else:
                yield Fault(number, _not_json(error))
    if begun is not None:
        yield begun.never_ends()


@dataclass
class _Begun:
    """A value of several lines that has begun and not ended."""

    line: int
    text: list[str] = field(default_factory=list)
    depth: int = 0

    def broken_by(self, text: str) -> bool:
        """Whether a line cannot stand inside this value. Objects that begin a line may be entries of an array."""
        if not text.startswith("{") or self.text[0].strip() == "[":
            return False
        if text.strip() == "{":
            return self.depth == 1 or self.text[-1][:1].isspace()
        return _is_whole(text)

    def with_line(self, text: str) -> Document | Fault | None:
        """The value, if this line ends it."""
        self.text.append(text)
        outside = _TEXT.sub("", text)
        self.depth += outside.count("{") + outside.count("[") - outside.count("}") - outside.count("]")
        if self.depth > 0 and '"' not in outside:
            return None
        try:
            return Document(self.line, parsed("".join(self.text)))
        except json.JSONDecodeError as error:
            return Fault(self.line + error.lineno - 1, _not_json(error))
        except ValueError as error:
            return Fault(self.line, _not_json(error))

    def never_ends(self) -> Fault:
        """What to say when the file has ended first."""
        return Fault(self.line, "not JSON: a value begins here and does not end")


def _is_whole(text: str) -> bool:
    try:
        parsed(text)
    except ValueError:
        return False
    return True


def _is_a_beginning(text: str, error: ValueError) -> bool:
    """Whether a line is JSON as far as it goes."""
    return isinstance(error, json.JSONDecodeError) and text.lstrip()[0] in "[{" and error.pos >= len(text.rstrip())


def _not_json(error: ValueError) -> str:
    where = f" at column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
    said = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
    return f"not JSON: {said}{where}"


def told_before_the_fault(text: str) -> Any:
    """What a JSON value that is cut off, or broken, says until then. None if that is nothing."""
    value = _closed(text)
    if value is None:
        try:
            parsed(text)
        except json.JSONDecodeError as error:
            value = _closed(text[: error.pos])
        except ValueError:
            return None
    return value


def _closed(text: str) -> Any:
    """What the beginning of a JSON value says: all that is complete in it."""
    stack: list[str] = []
    kept = 0
    for mark in _MARK.finditer(text):
        sign = mark[0]
        if sign == '"':
            ends = "".join(reversed(stack))
            return _first_json(_ESCAPE.sub("", text) + f'"{ends}', text[:kept] + ends)
        if sign in "[{":
            stack.append("]" if sign == "[" else "}")
        elif sign in "]}" and (not stack or stack.pop() != sign):
            return None
        if not stack:
            break
        if sign in "[{]},":
            kept = mark.start() if sign == "," else mark.end()
    return _first_json(text[:kept] + "".join(reversed(stack)))


def _first_json(*texts: str) -> Any:
    for text in texts:
        try:
            return parsed(text)
        except ValueError:
            continue
    return None
