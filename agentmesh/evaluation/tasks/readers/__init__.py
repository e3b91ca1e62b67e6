"""Files of tasks as others have them, read entry by entry."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from agentmesh.evaluation.readers.source import Document, Source
from agentmesh.evaluation.readers.trace import Fault
from agentmesh.evaluation.tasks.readers.form import Format, has
from agentmesh.evaluation.tasks.readers.gsm8k import GSM8K
from agentmesh.evaluation.tasks.readers.humaneval import HUMANEVAL
from agentmesh.evaluation.tasks.readers.mmlu import MMLU
from agentmesh.evaluation.tasks.task import EvalTask

NATIVE = Format(
    what='{"id", "prompt", "answer" or "check"}',
    recognises=lambda value: has(value, "id", "prompt"),
    entry=EvalTask,
    task=lambda task, id: task,
)
FORMATS: Mapping[str, Format[Any]] = MappingProxyType(
    {"native": NATIVE, "gsm8k": GSM8K, "mmlu": MMLU, "humaneval": HUMANEVAL}
)
"""Every format of task files, by its name."""


def guess(source: Source) -> str:
    """The format of a file by its first entry; one that is of none is taken for ours, to be told what that allows."""
    first = next((one for one in records(source) if isinstance(one, Document)), None)
    recognised = (name for name, form in FORMATS.items() if first is not None and form.recognises(first.value))
    return next(recognised, "native")


def records(source: Source, columns: tuple[str, ...] = ()) -> Iterator[Document | Fault]:
    """The entries of a file, of JSON or of CSV; rows as lists, or as objects with these keys."""
    return _rows(source, columns) if _is_csv(source) else source.records()


def _is_csv(source: Source) -> bool:
    names = source.path.name.lower().removesuffix(".gz")
    return names.endswith(".csv") or (not names.endswith((".jsonl", ".json")) and _begins_a_row(source.beginning(4096)))


def _begins_a_row(head: str) -> bool:
    """Whether a text is not JSON, and begins with at least a question, two options and an answer."""
    if head.lstrip()[:1] in ("{", "[", ""):
        return False
    try:
        return len(next(csv.reader(head.splitlines(keepends=True)), [])) >= 4
    except csv.Error:
        return False


def _rows(source: Source, columns: tuple[str, ...]) -> Iterator[Document | Fault]:
    damage: list[Fault] = []
    reader = csv.reader(_texts(source, damage), strict=True)
    begins = 1
    try:
        for row in reader:
            if row:
                yield _row(begins, row, columns)
            begins = reader.line_num + 1
    except csv.Error as error:
        yield Fault(begins, f"no CSV: {error}")
    yield from damage


def _row(line: int, row: list[str], columns: tuple[str, ...]) -> Document | Fault:
    if not columns:
        return Document(line, row)
    if len(row) != len(columns):
        return Fault(line, f"found {len(row)} columns; allowed: {len(columns)}, {','.join(columns)}")
    return Document(line, dict(zip(columns, row, strict=True)))


def _texts(source: Source, damage: list[Fault]) -> Iterator[str]:
    for line in source.lines():
        if isinstance(line, Fault):
            damage.append(line)
        else:
            yield line[1]


__all__ = ["FORMATS", "Format", "guess", "records"]
