"""Servers of this folder as processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

ROOT = Path(__file__).parents[2]


@contextmanager
def started(module: str, *arguments: str) -> Iterator[str]:
    """The address of a server whose first line of output is its port."""
    command = [sys.executable, "-m", f"tests.servers.{module}", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.communicate()


def calls(url: str) -> int:
    """How many requests a server that counts them has answered."""
    with urlopen(f"{url}/count") as answer:
        return int(json.load(answer)["count"])
