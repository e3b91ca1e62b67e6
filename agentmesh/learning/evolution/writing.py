"""The champion as the file of a team that runs, with where it came from; and the held-out tasks as a file beside it."""

from __future__ import annotations

import io
import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from agentmesh.config.overrides import override, read_path, value_at
from agentmesh.config.source import Step
from agentmesh.errors import ConfigError
from agentmesh.evaluation.tasks.task import EvalTask
from agentmesh.learning.evolution.genome import Individual, Source
from agentmesh.team import Team

_WIDTH = 118
_LONG = 10_000
"""Wrapped lines of YAML would end with a space."""


def file_of(source: Source, one: Individual, head: Iterable[str]) -> str:
    """The file with what the individual changes in it, and the command line's `-O`; comments stay where they can."""
    from ruamel.yaml import YAML
    from ruamel.yaml.scalarstring import LiteralScalarString

    yaml = YAML()
    yaml.width = _LONG
    yaml.indent(mapping=2, sequence=4, offset=2)
    data = yaml.load(source.text)
    laid = override(override(source.data, ()).data, one.overrides).data
    for text in (*source.overrides, *one.overrides):
        path = read_path(text.partition("=")[0].strip(), laid)
        value = value_at(laid, path)
        _put(data, path, LiteralScalarString(value) if isinstance(value, str) and "\n" in value else value)
    out = io.StringIO()
    yaml.dump(data, out)
    comment = "".join(f"# {line}\n" for text in head for line in textwrap.wrap(text, _WIDTH) or [""])
    return f"{comment}{out.getvalue()}"


def written_to(path: Path, text: str, source: Source, team: Team, given: Mapping[str, Any]) -> None:
    """Write the champion's file, and see that it is read as the champion.

    Raises: ConfigError where it cannot be written, or is another team there: what it names beside it, it names from
    the folder that it is in.
    """
    _write(path, text)
    read = Team.from_yaml(path, model=source.model, allow=source.allow, models=given)
    if read.hash != team.hash:
        raise ConfigError(
            "what was written there is read as another team; write it into the folder of the file that it came from, "
            "where everything is that it names",
            str(path),
        )


def held_out_beside(output: str | Path) -> Path:
    """Where the held-out tasks are written: beside the champion's file."""
    return Path(output).with_suffix(".tasks.jsonl")


def tasks_written_beside(output: Path, tasks: Iterable[EvalTask]) -> None:
    """Write tasks as `--tasks` reads them, as JSON lines. Raises: ConfigError where they cannot be written."""
    told = (task.model_dump(mode="json", exclude_defaults=True, by_alias=True) for task in tasks)
    _write(held_out_beside(output), "".join(f"{json.dumps(one, ensure_ascii=False)}\n" for one in told))


def refuse_output(output: Path, source: Source) -> None:
    """Before anything is paid for. Raises: ConfigError where something could not be written, or would be lost."""
    for path in (output, held_out_beside(output)):
        if path.is_dir() or not path.parent.is_dir():
            what = "it is a folder" if path.is_dir() else f"there is no folder {path.parent}; make it first"
            raise ConfigError(f"nothing can be written there: {what}", str(path))
    if output.exists() and output.samefile(source.file):
        raise ConfigError("evolution begins with this file, which would be lost; name another one", str(output))


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"nothing can be written there: {error.strerror}", str(path)) from error


def _put(data: Any, path: Sequence[Step], value: Any) -> None:
    """Set what stands at a path; what is in the way without saying anything becomes a mapping."""
    *way, last = path
    for step in way:
        if isinstance(data, dict) and data.get(step) is None:
            data[step] = {}
        data = data[step]
    data[last] = value
