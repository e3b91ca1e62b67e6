"""`agentmesh new`: a commented starter file."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path

import click

from agentmesh.cli.options import json_flag
from agentmesh.cli.terminal import complain, say, say_json
from agentmesh.config.schema import team_schema
from agentmesh.errors import ConfigError

SCHEMA_FILE = "team.schema.json"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@click.command(name="new")
@click.argument("name", metavar="NAME")
@json_flag
def command(name: str, as_json: bool) -> None:
    """Write NAME.yaml, a commented team that runs as it is.

    Beside it comes team.schema.json, with which an editor completes and checks the file. Nothing is overwritten.
    """
    path = Path(name.removesuffix(".yaml") + ".yaml")
    if not _NAME.fullmatch(path.stem):
        raise ConfigError(
            f"{path.stem!r} is no name for a team; a name has letters, digits, '_' and '-' and begins with a letter"
        )
    starter = files("agentmesh.cli").joinpath("starter.yaml").read_text(encoding="utf-8")
    _write_new(path, starter.replace("name: starter", f"name: {path.stem}", 1).replace("starter.yaml", path.name))
    schema = path.parent / SCHEMA_FILE
    if not schema.exists():
        _write_new(schema, json.dumps(team_schema(), indent=2) + "\n")
    if as_json:
        say_json({"file": str(path), "schema": str(schema)})
        return
    say(str(path))
    complain(
        f'Wrote {path} and, for your editor, {schema}. Run it: agentmesh run {path} --task "What is (3 + 4) * 12?"'
    )


def _write_new(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise ConfigError("already exists and is not overwritten; choose another name", str(path)) from error
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", str(path)) from error
