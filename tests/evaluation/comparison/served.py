"""Teams and tasks for comparisons."""

from __future__ import annotations

import json
from pathlib import Path

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
