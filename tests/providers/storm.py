"""The stormy server as the tests see it."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import settings

PROGRAM = Path(__file__).parents[1] / "servers" / "stormy_models.py"


class Answered(NamedTuple):
    """What the server did with one request."""

    at: float
    outcome: str
    tokens: int


@dataclass(frozen=True)
class Storm:
    """Where it listens, and what it did."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def log(self) -> list[Answered]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/log") as answer:
            return [Answered(*entry) for entry in json.load(answer)]


@contextmanager
def storm(**weather: Any) -> Iterator[Storm]:
    """A server process with this weather; `tests/servers/stormy_models.py` says what there is."""
    command = [sys.executable, str(PROGRAM), json.dumps(weather)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Storm(int(process.stdout.readline()))
        finally:
            process.stdin.close()


def outcomes(log: list[Answered]) -> Counter[str]:
    return Counter(entry.outcome for entry in log)


def second_half(log: list[Answered]) -> list[Answered]:
    """What came after half of the answers were given."""
    answers = [index for index, entry in enumerate(log) if entry.outcome == "ok"]
    return log[answers[len(answers) // 2] + 1 :]


def nightly() -> bool:
    """Whether there is time for the long versions."""
    return settings.default is not None and settings.default.max_examples > 100
