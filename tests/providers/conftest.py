"""A server process for all tests of providers, and providers that ask it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from agentmesh.config.models import ModelConfig
from agentmesh.providers import pacing
from agentmesh.providers.http import HttpProvider
from agentmesh.providers.registry import make_provider
from tests.providers.fake_server import KEY, PROGRAM, FakeServer, MakeProvider


@pytest.fixture(scope="session")
def running_server() -> Iterator[FakeServer]:
    process = subprocess.Popen([sys.executable, str(PROGRAM)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield FakeServer(int(process.stdout.readline()))
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(autouse=True)
def unpaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test is held up by what another was refused, nor by other processes of this user."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    pacing.forget()
    yield
    pacing.close()


@pytest.fixture
def server(running_server: FakeServer) -> FakeServer:
    running_server.reset()
    return running_server


@pytest.fixture(params=["httpx2", "aiohttp"])
def wire(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AGENTMESH_HTTP", request.param)
    return str(request.param)


@pytest.fixture
async def provider(server: FakeServer, wire: str) -> AsyncIterator[MakeProvider]:
    """Providers of the fake server, closed at the end; waits between retries are short."""
    made: list[HttpProvider] = []

    def make(model: str, provider: str = "openai", **fields: Any) -> HttpProvider:
        config = ModelConfig.model_validate({"provider": provider, "model": model, "base_url": server.url, **fields})
        keys = {"OPENAI_API_KEY": KEY, "ANTHROPIC_API_KEY": KEY}
        built = make_provider(config, environment=keys)
        assert isinstance(built, HttpProvider)
        built.first_wait_s = 0.01
        made.append(built)
        return built

    yield make
    for built in made:
        await built.aclose()
