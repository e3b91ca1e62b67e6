"""Within a context every request extends the one before, byte for byte: measured where the bytes arrive."""

from __future__ import annotations

import io
import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from agentmesh import Team
from agentmesh.providers.simulated.server import make_server

TOPOLOGIES = Path(__file__).parents[2] / "topologies"
NAME = re.compile(rb'You are \\"([^"\\]+)\\"')
END = b"]}"


@pytest.fixture
def recording_server() -> Iterator[tuple[str, list[bytes]]]:
    """A simulated server that keeps every body it was sent."""
    server = make_server("127.0.0.1", 0)
    bodies: list[bytes] = []
    answering: Any = server.RequestHandlerClass

    class Recording(answering):  # type: ignore[misc]
        def do_POST(self: Any) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            bodies.append(body)
            connection, self.rfile = self.rfile, io.BytesIO(body)
            try:
                super().do_POST()
            finally:
                self.rfile = connection

    assert issubclass(Recording, BaseHTTPRequestHandler)
    server.RequestHandlerClass = Recording
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1", bodies
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.real_models
@pytest.mark.parametrize(
    ("kind", "memory"),
    [("chain", "full"), ("flat", "full"), ("hierarchy", "full"), ("flat", "{window: 3}"), ("flat", "{compact: 0.3}")],
)
def test_each_request_of_a_context_begins_with_the_bytes_of_the_one_before(
    kind: str, memory: str, recording_server: tuple[str, list[bytes]]
) -> None:
    url, bodies = recording_server
    path = TOPOLOGIES / f"{kind}.yaml"
    given = [f"agents.{name}.memory={memory}" for name in Team.from_yaml(path).agents] * (memory != "full")
    model = f"models.default={{provider: openai, model: worker, base_url: {url}, context_window: 1200}}"
    team = Team.from_yaml(path, overrides=[model, *given])
    result = team.run_sync("What is (12*7)+(45-6)*3?")
    assert result.outcome == "completed", result.reason

    received: dict[str, list[bytes]] = defaultdict(list)
    for body in bodies:
        found = NAME.search(body)
        assert found is not None
        received[found[1].decode()].append(body)
    before: dict[str, bytes] = {}
    compared = 0
    for event in result.events:
        if event.type == "context_started":
            before.pop(event.agent or "", None)
        elif event.type == "model_call_started":
            agent = event.agent or ""
            body = received[agent].pop(0)
            if agent in before:
                assert before[agent].endswith(END)
                assert body.startswith(before[agent].removesuffix(END)), f"{agent} broke its context"
                compared += 1
            before[agent] = body
    assert not any(received.values())
    assert compared >= 3, "too little was compared"
    reasons = {event.reason for event in result.events if event.type == "context_started"}
    assert [reason for reason in ("window", "compact") if reason in reasons] == re.findall(r"[a-z]+(?=:)", memory)
