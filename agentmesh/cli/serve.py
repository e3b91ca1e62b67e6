"""`agentmesh serve-simulated`: the simulated models over HTTP."""

from __future__ import annotations

import click

from agentmesh.cli.terminal import complain, say
from agentmesh.errors import ConfigError
from agentmesh.providers.simulated.server import SimulatedServer, make_server


@click.command(name="serve-simulated")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Port; 0 is any free one.")
@click.option("--latency-s", type=click.FloatRange(0), help="Seconds that every answer takes.")
@click.option("--skill", type=click.FloatRange(0, 1), help="Chance that an easy step is right, for all models.")
def command(host: str, port: int, latency_s: float | None, skill: float | None) -> None:
    """Serve the simulated models as an OpenAI-compatible server, until interrupted.

    Prints its base URL on stdout. A team uses it like any other server: -m openai:worker@http://127.0.0.1:8000/v1
    """
    with _bound(host, port, latency_s, skill) as server:
        say(server.base_url)
        complain(f"agentmesh: the simulated models listen; -m openai:worker@{server.base_url} uses them; Ctrl-C stops")
        server.serve_forever()


def _bound(host: str, port: int, latency_s: float | None, skill: float | None) -> SimulatedServer:
    try:
        return make_server(host, port, latency_s=latency_s, skill=skill)
    except OSError as error:
        why = error.strerror or str(error)
        raise ConfigError(f"cannot be listened on: {why}; choose another --port", f"{host}:{port}") from error
