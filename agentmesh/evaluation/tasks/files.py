"""Tasks from a file, in our form or in a known one, or from a generator; all that is wrong is said at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agentmesh.config.language import did_you_mean, one_of
from agentmesh.config.problems import faults
from agentmesh.errors import ConfigError, Problem
from agentmesh.evaluation.readers.source import Document, Source
from agentmesh.evaluation.readers.trace import Fault
from agentmesh.evaluation.tasks.readers import FORMATS, Format, guess, records
from agentmesh.evaluation.tasks.task import EvalTask, Tasks

_MOST = 100
"""So many problems are told of: a file with more has one reason for all of them."""
_SPEC = re.compile(r"[a-z][a-z0-9_-]*(:|$)")
_EXAMPLE = '{"id": "sum", "prompt": "What is 2 + 2?", "answer": 4}'


def load_tasks(source: str | Path, *, limit: int | None = None, format: str | None = None) -> Tasks:
    """Tasks from a file, or from `generator:args`; the first `limit` of them, the rest is not read.

    `format` is one of `FORMATS`, by default what the file looks like. Raises: ConfigError with every problem.
    """
    if limit is not None and limit < 1:
        raise ConfigError(f"a limit of {limit} tasks; allowed: 1 or more", str(source))
    path = Path(source)
    if not path.is_file():
        return Tasks(str(source), _generated(str(source))[:limit])
    if format is not None and format not in FORMATS:
        allowed = f"{', '.join(FORMATS)}{did_you_mean(format, FORMATS)}"
        raise ConfigError(f"'{format}' is no format of tasks; allowed: {allowed}", str(path))
    reading = _Reading(path)
    try:
        items = reading.tasks(FORMATS[format or guess(reading.source)], limit)
    except OSError as error:
        raise ConfigError(f"it cannot be read: {error.strerror or error}", str(path)) from error
    if not items:
        raise ConfigError(f"it holds no tasks; write one a line, such as {_EXAMPLE}", str(path))
    return Tasks(reading.source.name, items)


def _generated(spec: str) -> tuple[EvalTask, ...]:
    from agentmesh.evaluation.tasks.generators import GENERATORS, generate

    if spec.partition(":")[0] in GENERATORS or (":" in spec and _SPEC.match(spec)):
        return tuple(generate(spec))
    found = "it is a folder" if Path(spec).is_dir() else "there is no such file"
    allowed = f"allowed: a file of tasks, or name:arguments of a generator: {one_of(GENERATORS)}"
    raise ConfigError(f"{found}; {allowed}", spec)


class _Reading:
    """One file on its way to become tasks, and what is wrong with it."""

    def __init__(self, path: Path) -> None:
        self.source = Source(path)
        self._path = path
        self._folder = path.parent.resolve()
        self._problems: list[Problem] = []
        self._more = 0

    def tasks(self, form: Format[Any], limit: int | None) -> tuple[EvalTask, ...]:
        """The tasks of the file. Raises: ConfigError with all that is wrong."""
        known: dict[str, tuple[EvalTask, int]] = {}
        for record in islice(records(self.source, form.columns), limit):
            if isinstance(record, Fault):
                self._say(record.line, "", record.message)
                continue
            for task in self._task(record, form):
                if task.id in known:
                    what = f"'{task.id}' is in line {known[task.id][1]} already; give each task an id of its own"
                    self._say(record.line, _path(record, "id"), what)
                known.setdefault(task.id, (task, record.line))
        if self._more:
            self._say(self._problems[-1].line, "", f"and {self._more} more problems", beyond=True)
        if self._problems:
            raise ConfigError(self._problems, str(self._path))
        return tuple(task for task, _ in known.values())

    def _task(self, record: Document, form: Format[Any]) -> Iterator[EvalTask]:
        """The task of a record, unless something is wrong with it."""
        try:
            task = form.task(form.entry.model_validate(record.value), self.source.label(record))
        except ValidationError as error:
            for fault in faults(error.errors(), record.value, form.entry):
                self._say(record.line, _path(record, *fault.path), fault.message)
        else:
            yield task.model_copy(update={"files": self._files(record, task.files)}) if task.files else task

    def _files(self, record: Document, files: Mapping[str, str]) -> dict[str, str]:
        """The files with whole paths."""
        found = {name: (self._folder / given).resolve() for name, given in files.items()}
        for name, path in found.items():
            given, where = files[name], _path(record, "files", name)
            if not path.is_relative_to(self._folder):
                self._say(record.line, where, f"'{given}' leads out of the folder of {self._path.name}; put it there")
            elif not path.is_file():
                near = did_you_mean(given, (one.name for one in self._folder.iterdir() if one.is_file()))
                self._say(record.line, where, f"there is no file '{given}' beside {self._path.name}{near}")
        return {name: str(path) for name, path in found.items()}

    def _say(self, line: int, path: str, message: str, *, beyond: bool = False) -> None:
        if len(self._problems) < _MOST or beyond:
            self._problems.append(Problem(line, 0, path, message))
        else:
            self._more += 1


def _path(record: Document, *steps: str | int) -> str:
    """Where in the file: of a list of tasks, in which of its entries."""
    entry = [f"[{record.nth - 1}]"] if record.nth else []
    return ".".join([*entry, *map(str, steps)])
