"""`serve-mcp`: real clients call a team in a process of its own, over standard streams and over HTTP."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from agentmesh.journal.base import Journal
from agentmesh.team.kept import opened

if TYPE_CHECKING:
    from mcp import Client

    from tests.cli.cli_processes import Command

pytest_plugins = ["tests.cli.cli_processes"]

TEAM = """\
version: 1
name: the sums
description: Works out sums.
models: {default: {provider: simulated, model: worker, latency_s: 0.2}}
agents: {a: {tools: [calculator]}, loud: {kind: function, function: "loud:reply"}}
topology: {kind: chain, agents: [a, loud]}
"""
LOUD = """\
def reply(text):
    print("noise")
    return text
"""


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("served") / "team.yaml"
    file.write_text(TEAM)
    (file.parent / "loud.py").write_text(LOUD)
    return file


@pytest.fixture(scope="module")
def over_http(team: Path) -> Iterator[subprocess.Popen[str]]:
    """A server whose team may take no turn: it starts while the tests over streams run."""
    arguments = ["serve-mcp", str(team), "--http", "127.0.0.1:0", "--no-journal", "--allow", "loud"]
    arguments += ["-O", "limits.tokens=1"]
    command = [sys.executable, "-m", "agentmesh", *arguments]
    with subprocess.Popen(
        command, cwd=team.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        yield running
        running.kill()


async def runs_of(journal: Path) -> list[Any]:
    async with opened(journal) as store:
        assert isinstance(store, Journal)
        return list(await store.runs())


async def cut_off(client: Client, name: str) -> None:
    """Call the tool, and cancel the call as soon as somebody is at work."""
    with anyio.CancelScope() as scope:

        async def progress(progress: float, total: float | None, message: str | None) -> None:
            scope.cancel()

        await client.call_tool(name, {"task": "What is 1 + 1?"}, progress_callback=progress)
    assert scope.cancelled_caught


@pytest.mark.anyio
@pytest.mark.usefixtures("over_http")  # it starts meanwhile
async def test_a_client_gives_the_team_tasks_over_standard_streams(
    team: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from mcp import Client, StdioServerParameters

    journal = tmp_path / "runs.db"
    arguments = ["-m", "agentmesh", "serve-mcp", str(team), "--journal", str(journal), "--allow", "loud"]
    told: list[str | None] = []

    async def progress(progress: float, total: float | None, message: str | None) -> None:
        told.append(message)

    server = StdioServerParameters(command=sys.executable, args=arguments, cwd=team.parent)
    async with Client(server) as client:
        [tool] = (await client.list_tools()).tools
        assert tool.name == "the_sums"
        assert str(tool.description).startswith("Works out sums.")
        assert list(tool.input_schema["properties"]) == ["task"]

        done = await client.call_tool(tool.name, {"task": "What is (3 + 4) * 12?"}, progress_callback=progress)
        assert not done.is_error
        assert "84" in done.content[0].text  # type: ignore[union-attr]
        facts = done.structured_content
        assert (facts["outcome"], facts["answer"]) == ("completed", done.content[0].text)  # type: ignore[union-attr]
        assert facts["usage"]["model_calls"] == 2
        assert told == ["turn of 'a'", "turn of 'loud'"]

        for wrong in ({}, {"task": " "}, {"task": "x", "more": 1}):
            refused = await client.call_tool(tool.name, wrong)
            assert refused.is_error
            assert "it takes task" in refused.content[0].text  # type: ignore[union-attr]

        await cut_off(client, tool.name)
        with anyio.fail_after(5):
            while [run.outcome for run in await runs_of(journal)] != ["cancelled", "completed"]:
                await anyio.sleep(0.05)
    kept = await runs_of(journal)
    assert kept[1].record.run_id == facts["run_id"]
    assert not caplog.records, "all that came over stdout was a message, although an agent has printed something"


@pytest.mark.anyio
async def test_over_http_a_run_that_does_not_end_well_is_an_error_with_the_reason(
    over_http: subprocess.Popen[str],
) -> None:
    from mcp import Client

    assert over_http.stdout is not None
    url = over_http.stdout.readline().strip()
    assert url.endswith("/mcp")
    async with Client(url) as client:
        [tool] = (await client.list_tools()).tools
        failed = await client.call_tool(tool.name, {"task": "What is 1 + 1?"})
    assert failed.is_error
    assert failed.content[0].text.startswith("limit: tokens")  # type: ignore[union-attr]
    assert failed.structured_content["outcome"] == "limit"
    over_http.send_signal(signal.SIGINT)
    assert await anyio.to_thread.run_sync(over_http.wait, 10) == 130


def test_an_address_that_is_none_and_one_that_is_taken_are_bad_input(
    team: Path, inside: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(team.parent)
    ended = inside("serve-mcp", str(team), "--allow", "loud", "--http", "8000")
    assert ended.code == 2
    assert "'8000' is no HOST:PORT, such as 127.0.0.1:8000" in ended.err
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = inside("serve-mcp", str(team), "--allow", "loud", "--http", f"127.0.0.1:{taken.getsockname()[1]}")
    assert ended.code == 2
    assert "cannot be listened on" in ended.err
