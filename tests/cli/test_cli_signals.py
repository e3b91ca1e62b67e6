"""A signal cancels the run, whether it comes before there is one or while it lasts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import anyio
import click
import pytest

import agentmesh.cli as cli
from agentmesh.cli import commands, signals

pytest_plugins = ["tests.cli.cli_processes"]


def test_a_wish_that_comes_first_is_granted_as_soon_as_there_is_a_run() -> None:
    reasons: list[str] = []
    interruption = signals.Interruption()
    interruption.wish("early")
    interruption.applies_to(reasons.append)
    interruption.wish("late")
    assert reasons == ["early", "late"]


@pytest.mark.anyio
async def test_the_first_signal_cancels_and_the_second_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    interruption = signals.Interruption()
    interruption.applies_to(seen.append)
    monkeypatch.setattr(signals, "leave_at_once", seen.append)
    async with anyio.create_task_group() as group:
        await group.start(interruption.on_signals, lambda: seen.append("restored"))
        for number in (signal.SIGTERM, signal.SIGINT):
            os.kill(os.getpid(), number)
            await anyio.sleep(0.02)
        group.cancel_scope.cancel()
    assert seen[:3] == ["interrupted by SIGTERM", "restored", 130]


def test_a_thread_that_goes_on_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    monkeypatch.setattr(commands, "leave_at_once", codes.append)
    release = threading.Event()
    busy = threading.Thread(target=release.wait)
    busy.start()
    with pytest.raises(SystemExit):
        commands.commands(["--version"])
    release.set()
    busy.join()
    assert codes == [0]
    with pytest.raises(SystemExit):
        commands.commands(["--version"])
    assert codes == [0]


def test_an_interrupted_command_leaves_before_python_tidies_up(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []

    def interrupted() -> None:
        raise click.exceptions.Exit(130)

    monkeypatch.setattr(commands, "leave_at_once", codes.append)
    monkeypatch.setattr(commands.commands, "callback", interrupted)
    with pytest.raises(SystemExit):
        commands.commands(["schema"])
    assert codes == [130]


def test_an_interruption_before_and_after_a_run_exits_130(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    left: list[int] = []
    inside: list[object] = []

    def command() -> None:
        inside.append(signal.getsignal(signal.SIGINT))
        os.kill(os.getpid(), signal.SIGINT)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "_exit", left.append)
    monkeypatch.setattr(commands, "commands", command)
    before = signal.getsignal(signal.SIGINT)
    try:
        cli.main()
    finally:
        signal.signal(signal.SIGINT, before)
    assert inside != [before]
    assert left == [130, 130]
    assert capfd.readouterr().err == "interrupted\n" * 2


@pytest.mark.parametrize("milliseconds", [20, 120])
def test_an_interruption_while_the_process_starts_shows_no_traceback(team_file: Path, milliseconds: int) -> None:
    arguments = [sys.executable, "-X", "importtime", "-m", "agentmesh", "run", str(team_file), "--task", "x"]
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        said = ""
        while not said.endswith("| agentmesh\n"):
            said = running.stderr.readline()
            assert said
        time.sleep(milliseconds / 1000)
        running.send_signal(signal.SIGINT)
        said = running.stderr.read()
    assert "Traceback" not in said
    assert running.returncode == 130
