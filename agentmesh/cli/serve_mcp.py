"""`agentmesh serve-mcp`: a team as a tool of an MCP server."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import click

from agentmesh.cli.journals import durability_option, journal_option, made_of, recorded_model, team_made
from agentmesh.cli.options import allow_option, model_and_overrides
from agentmesh.cli.serving import TeamServer
from agentmesh.cli.terminal import complain, say, warning
from agentmesh.errors import ConfigError, MissingExtra
from agentmesh.team import Team
from agentmesh.tools.mcp.offers import NAME_LIMIT

PATH = "/mcp"


@click.command(name="serve-mcp")
@click.argument("file", metavar="FILE")
@click.option("--name", metavar="NAME", help="Name of the tool, in place of the team's.")
@click.option("--http", metavar="HOST:PORT", help="Serve over HTTP at this address; port 0 is any free one.")
@click.option("--seed", type=int, help="Seed of each run, as of `agentmesh run`.")
@allow_option
@click.option("--no-journal", is_flag=True, help="Keep nothing of the runs.")
@journal_option
@durability_option
@model_and_overrides
def command(file: str, name: str | None, http: str | None, **given: Any) -> None:
    """Serve the team in FILE as an MCP server with one tool, which gives the team a task and returns its answer.

    Over standard input and output, unless --http says where to listen; until the client leaves or Ctrl-C. The tool has
    the team's name and description, and takes `task`. Each call is a run of its own, in the journal like any other;
    its result is the answer, and as structured content run_id, outcome, reason, answer and usage. A run that does not
    end verified or completed is an error of the tool, with the reason. A call that the client cancels is a run that is
    interrupted, and can be resumed.

    Over HTTP nobody is asked who they are: whoever reaches the address may run the team.

    \b
    Examples:
      agentmesh serve-mcp team.yaml
      agentmesh serve-mcp team.yaml --http 127.0.0.1:8000 -O limits.tokens=50000
    """  # noqa: D301 - the escape tells click to keep the lines as they are
    _refuse_without_extra()
    model = recorded_model(given["model"], given["journal"])
    made = made_of(file, model, given["overrides"], given["allow"])
    team = team_made({**made, "file": file}, given["journal"])
    team.refuse_unready()
    for problem in team.warnings:
        complain(warning(problem, file))
    options = {"seed": given["seed"], "made": made, "durability": given["durability"]}
    options["journal"] = None if given["no_journal"] else given["journal"]
    server = TeamServer(team, _tool_name(name or team.name), _description(team, file), options)
    if http is None:
        anyio.run(server.over_streams)
    else:
        _over_http(server, http)


def _over_http(server: TeamServer, address: str) -> None:
    with _bound(address) as listening:
        host, port = listening.getsockname()[:2]
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}{PATH}"
        say(url)
        complain(f"agentmesh: '{server.name}' is served; clients connect to {url}; Ctrl-C stops")
        anyio.run(server.over_http, listening, host, PATH)


def _bound(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise click.BadParameter(f"{address!r} is no HOST:PORT, such as 127.0.0.1:8000", param_hint="--http")
    try:
        return socket.create_server(
            (host, int(port)), family=socket.AF_INET6 if ":" in host else socket.AF_INET, reuse_port=False
        )
    except OSError as error:
        why = error.strerror or str(error)
        raise ConfigError(f"cannot be listened on: {why}; choose another address", address) from error


def _refuse_without_extra() -> None:
    try:
        import mcp  # noqa: F401 - now, so that its absence is known before the team is made
    except ImportError as error:
        raise MissingExtra("serve-mcp", "mcp") from error


def _tool_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)[:NAME_LIMIT]


def _description(team: Team, file: str) -> str:
    config: Mapping[str, Any] | Any = team.config
    told = getattr(config, "description", "") or f"Give a task to the team '{team.name}' ({Path(file).name})."
    return f"{told.strip()}\n\nReturns the team's answer. It may take minutes."
