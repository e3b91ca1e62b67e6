"""The command line as a real process, and quickly inside the test's own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agentmesh.cli.commands import commands as main


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What stdout holds, as JSON."""
        return json.loads(self.out)


Command = Callable[..., Ended]


@dataclass(frozen=True)
class Interrupted:
    """A process that signals were sent to."""

    ended: Ended
    seconds: float
    """From the first signal to the end."""


def environment(**extra: str) -> dict[str, str]:
    """The environment of a process under test: no key, no terminal's habits."""
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "NO_COLOR", "FORCE_COLOR")}
    return {**kept, "PYTHONUNBUFFERED": "1", **extra}


@pytest.fixture
def process() -> Command:
    """`process("run", ...)` starts `python -m agentmesh run ...` and waits for its end."""

    def start(*arguments: str, stdin: str | None = None, cwd: Path | None = None, **extra: str) -> Ended:
        ended = subprocess.run(
            [sys.executable, "-m", "agentmesh", *arguments],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=30,
            env=environment(**extra),
            cwd=cwd,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    return start


@pytest.fixture
def inside() -> Command:
    """The same without a process of its own."""

    def start(*arguments: str, stdin: str | None = None, **extra: str) -> Ended:
        result = CliRunner().invoke(main, arguments, input=stdin, env=extra, catch_exceptions=False)
        return Ended(result.exit_code, result.stdout, result.stderr)

    return start


@pytest.fixture
def interrupt() -> Callable[..., Interrupted]:
    """Starts a command, waits until its stderr holds a word, and sends it signals."""

    def start(
        *arguments: str, until: str, signals: Sequence[signal.Signals] = (signal.SIGINT,), **extra: str
    ) -> Interrupted:
        with subprocess.Popen(
            [sys.executable, "-m", "agentmesh", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(**extra),
        ) as running:
            assert running.stderr is not None
            seen = ""
            while until not in seen:
                line = running.stderr.readline()
                assert line, f"ended before {until!r}: {seen}"
                seen += line
            began = time.monotonic()
            for number in signals:
                running.send_signal(number)
                time.sleep(0.05)
            out, err = running.communicate(timeout=15)
            seconds = time.monotonic() - began
        return Interrupted(Ended(running.returncode, out, seen + err), seconds)

    return start


TEAM = """\
version: 1
name: pair
models: {default: simulated:worker}
agents:
  writer: {instructions: Write.}
  critic: {instructions: Improve what you are sent.}
topology: {kind: chain, agents: [writer, critic]}
"""


@pytest.fixture
def team_file(tmp_path: Path) -> Path:
    """A chain of two simulated agents."""
    path = tmp_path / "pair.yaml"
    path.write_text(TEAM)
    return path


@pytest.fixture
def broken_file(tmp_path: Path) -> Path:
    """A team with three mistakes, on lines 3, 5 and 6."""
    path = tmp_path / "broken.yaml"
    path.write_text(
        "version: 1\n"
        "agents:\n"
        "  writer: {modle: default}\n"
        "  critic: {}\n"
        "limits: {turns: many}\n"
        "topology: {kind: chain, agents: [writer, critc]}\n"
    )
    return path
