"""`agentmesh serve-simulated`: the simulated models over HTTP."""

from __future__ import annotations

import click

from agentmesh.cli.terminal import complain
from agentmesh.providers.simulated.server import serve


@click.command(name="serve-simulated")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Port; 0 is any free one.")
def command(host: str, port: int) -> None:
    """Serve the simulated models as an OpenAI-compatible server, until interrupted.

    A team uses it like any other: -m openai:worker@http://127.0.0.1:8000/v1
    """
    complain(f"serving the simulated models at http://{host}:{port}/v1; Ctrl-C stops it")
    serve(host, port)
