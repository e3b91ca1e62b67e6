"""Traces that other frameworks have written, read as `agentmesh audit` needs them: as they come, one at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any

from agentmesh.errors import TraceError
from agentmesh.evaluation.readers.archive import is_log
from agentmesh.evaluation.readers.autogen import AUTOGEN
from agentmesh.evaluation.readers.inspect_ai import INSPECT
from agentmesh.evaluation.readers.langgraph import LANGGRAPH
from agentmesh.evaluation.readers.native import NATIVE
from agentmesh.evaluation.readers.openai import OPENAI
from agentmesh.evaluation.readers.otel import OTEL
from agentmesh.evaluation.readers.source import Document, Source, documents, told_before_the_fault
from agentmesh.evaluation.readers.trace import Call, Fault, Read, Reader, Trace, TraceEvent

FORMATS: Mapping[str, Reader] = MappingProxyType(
    {
        "native": NATIVE,
        "langgraph": LANGGRAPH,
        "autogen": AUTOGEN,
        "openai": OPENAI,
        "otel": OTEL,
        "inspect": INSPECT,
    }
)
"""Every format of trace files, by the name that `--format` takes."""
_TRIED = ("otel", "inspect", "native", "autogen", "langgraph", "openai")
"""From the most telling to what also holds for others."""
_HEADS = (1 << 16, 1 << 22)
"""So many characters of a file are looked at to guess its format: the second only if the first do not tell."""
_MOST = 100
"""So many JSON values are looked at."""


def read_traces(path: str | PathLike[str], format: str | None = None) -> Read:
    """The traces of a file, and faults in place of what cannot be read, in the order of the file.

    Raises: TraceError, at once if the file cannot be opened or is of no known format, and later if an archive turns out
    to need a library that is not installed.
    """
    source = Source(Path(path))
    if format is not None and format not in FORMATS:
        raise TraceError(f"{format!r} is no format of traces; allowed: {', '.join(FORMATS)}")
    return FORMATS[format or guess(path)].read(_openable(source))


def guess(path: str | PathLike[str]) -> str:
    """The format of a file by what it holds; that of an empty file is `native`. Raises: TraceError."""
    source = _openable(Source(Path(path)))
    if source.is_archive():
        if is_log(source.path):
            return "inspect"
        raise _unknown(source, "a zip archive without samples of Inspect")
    head = ""
    for size in _HEADS:
        head = source.beginning(size)
        for value in _values(head, whole=len(head) < size):
            for name in _TRIED:
                if FORMATS[name].recognises(value):
                    return name
        if len(head) < size:
            break
    if not head.strip():
        return "native"
    raise _unknown(source, _look(head))


def _openable(source: Source) -> Source:
    try:
        with source.path.open("rb"):
            return source
    except OSError as error:
        raise TraceError(f"{source.path}: it cannot be read: {error.strerror or error}") from error


def _values(head: str, *, whole: bool) -> Iterator[Any]:
    """The JSON values with which a file begins; and what is there of the first if it does not end, or is broken."""
    lines = head.split("\n")
    if not whole and lines:
        lines.pop()
    for _, found in zip(range(_MOST), documents(enumerate(lines, start=1)), strict=False):
        if isinstance(found, Document):
            yield found.value
    if (value := told_before_the_fault(head.lstrip())) is not None:
        yield value


def _look(head: str) -> str:
    found: Iterable[Any] = _values(head, whole=True)
    value = next(iter(found), None)
    if isinstance(value, dict):
        keys = ", ".join(repr(key)[:40] for key in list(value)[:8])
        return f"JSON objects with {keys}" if keys else "empty JSON objects"
    return "no JSON" if value is None else f"a JSON {type(value).__name__}"


def _unknown(source: Source, found: str) -> TraceError:
    allowed = "; ".join(f"{name} ({reader.what})" for name, reader in FORMATS.items())
    return TraceError(f"{source.path}: {found}: no known format of traces; allowed: {allowed}")


__all__ = ["FORMATS", "Call", "Fault", "Reader", "Trace", "TraceEvent", "guess", "read_traces"]
