"""`agentmesh schema`: the JSON Schema of team files."""

from __future__ import annotations

import click

from agentmesh.cli.terminal import say_json
from agentmesh.config.schema import team_schema


@click.command(name="schema")
@click.option("--json", "as_json", is_flag=True, help="Accepted for uniformity: the schema is JSON in any case.")
def command(as_json: bool) -> None:
    """Print the JSON Schema (draft-07) of team files.

    \b
    An editor with a YAML language server completes and checks a file that begins with
      # yaml-language-server: $schema=team.schema.json
    """  # noqa: D301 - the escape tells click to keep the lines as they are
    say_json(team_schema())
