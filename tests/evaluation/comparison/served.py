"""Teams and tasks for comparisons, and the server that decides who is right."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

ROOT = Path(__file__).parents[3]

FLAT = """
version: 1
name: {name}
models: {{default: "openai:{model}@{url}/v1"}}
agents:
  ann: {{instructions: Discuss., max_output_tokens: 50}}
  ben: {{instructions: Discuss., max_output_tokens: 50}}
  cy: {{instructions: Discuss., max_output_tokens: 50}}
topology: {{kind: flat, agents: [ann, ben, cy], rounds: 1, speaker: cy}}
limits: {{turns: 20}}
"""


@contextmanager
def served() -> Iterator[str]:
    """The server of `tests.servers.deciding_models`."""
    command = [sys.executable, "-m", "tests.servers.deciding_models"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.communicate()


def calls(url: str) -> int:
    """How many requests the server has answered."""
    with urlopen(f"{url}/count") as answer:
        return int(json.load(answer)["count"])


def sums(folder: Path, count: int) -> Path:
    """A file of so many sums."""
    lines = [{"id": f"s{n}", "prompt": f"What is {n} + {3 * n}?", "answer": 4 * n} for n in range(1, count + 1)]
    path = folder / "sums.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)) + "\n")
    return path


def team(folder: Path, url: str, model: str, name: str = "talkers") -> Path:
    """A file of a flat team of three whose models are right as the server says."""
    path = folder / f"{name}.yaml"
    path.write_text(FLAT.format(name=name, model=model, url=url))
    return path
