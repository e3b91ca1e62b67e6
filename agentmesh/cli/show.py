"""`agentmesh show`: draws who may speak to whom."""

from __future__ import annotations

from typing import get_args

import click

from agentmesh.cli.options import model_and_overrides
from agentmesh.cli.terminal import printable, say
from agentmesh.team import Team
from agentmesh.team.references import UNLOADED
from agentmesh.topology.drawing import Format, draw


@click.command(name="show")
@click.argument("file", metavar="FILE")
@click.option(
    "--format",
    "form",
    type=click.Choice(get_args(Format)),
    default="text",
    show_default=True,
    help="As lines for a terminal, a picture, or for other programs.",
)
@click.option("--json", "as_json", is_flag=True, help="Short for --format json.")
@model_and_overrides
def command(file: str, form: Format, as_json: bool, model: str | None, overrides: tuple[str, ...]) -> None:
    """Draw the topology of FILE: its nodes, its edges and the phases that a run passes through."""
    team = Team.from_yaml(file, model=model, overrides=overrides, allow=UNLOADED)
    roles = {name: agent.role for name, agent in team.agents.items() if agent.role}
    say(printable(draw(team.topology, "json" if as_json else form, roles)).rstrip("\n"))
