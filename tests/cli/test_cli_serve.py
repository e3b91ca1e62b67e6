"""`serve-simulated`: a real server in a process of its own."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.cli_processes import Command

pytest_plugins = ["tests.cli.cli_processes"]


@pytest.fixture
def server() -> Iterator[tuple[subprocess.Popen[str], str]]:
    arguments = [sys.executable, "-m", "agentmesh", "serve-simulated", "--port", "0"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        yield running, running.stdout.readline().strip()
        running.kill()


def test_the_server_prints_its_address_answers_and_stops_when_interrupted(
    server: tuple[subprocess.Popen[str], str],
) -> None:
    running, base_url = server
    body = json.dumps({"model": "worker", "messages": [{"role": "user", "content": "What is 3 + 4?"}]}).encode()
    request = urllib.request.Request(
        f"{base_url}/chat/completions", body, {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        answer = json.load(response)
    assert answer["choices"][0]["message"]["content"]
    running.send_signal(signal.SIGINT)
    assert running.wait(5) == 130


def test_a_taken_port_is_bad_input(inside: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = inside("serve-simulated", "--port", str(taken.getsockname()[1]))
    assert ended.code == 2
    assert "cannot be listened on" in ended.err
    assert "choose another --port" in ended.err
