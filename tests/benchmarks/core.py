"""What a run costs without a server: CPU per delivered message as graphs grow, and checking a large file."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

from agentmesh import Agent, Team, Topology

SIZES = (10, 100, 1000)
DEGREE = 8
"""Neighbours of every agent of a random regular graph, so that only the size differs."""
ROUNDS = 2
MESSAGES = 17_000
"""Delivered messages of one sample, about: small graphs run more often."""
CHECKED = (1_000, 10_000)
"""Agents and edges of the file that is checked."""


def main() -> None:
    """`python -m tests.benchmarks.core REPEATS`: print the figures as JSON."""
    repeats = int(sys.argv[1])
    print(json.dumps({"us_per_message": asyncio.run(per_message(repeats)), "check_s": checking_s(repeats)}))


async def _says(request: Any) -> str:
    return "I hold the figures to be right."


def random_team(size: int) -> Team:
    """Agents on a random regular graph, who write to their neighbours for some rounds."""
    names = [f"peer-{number}" for number in range(size)]
    topology = Topology(
        [
            {
                "name": "talk",
                "nodes": names,
                "generator": "random_regular_graph",
                "arguments": {"d": DEGREE, "n": size, "seed": 1},
                "edges": [{"from": "user", "to": tuple(names)}],
                "order": "simultaneous",
                "rounds": ROUNDS,
            },
            {"name": "answer", "edges": [f"{names[0]} -> user"], "opens": [names[0]]},
        ]
    )
    return Team([Agent(name=name, model=_says) for name in names], topology)


async def per_message(repeats: int) -> dict[str, float]:
    """By size of the graph: microseconds of CPU for each delivered message, the median of the samples."""
    teams = {size: random_team(size) for size in SIZES}
    samples: dict[int, list[float]] = {size: [] for size in SIZES}
    for repeat in range(repeats + 1):
        for size, team in teams.items():
            runs = max(1, round(MESSAGES / (size * (DEGREE * ROUNDS + 1))))
            gc.collect()
            began, messages = time.process_time(), 0
            for _ in range(runs):
                result = await team.run("Check the report.")
                assert result.outcome == "completed", result.reason
                messages += result.messages
            if repeat:  # the first sample only warms up
                samples[size].append((time.process_time() - began) / messages * 1e6)
    return {str(size): statistics.median(times) for size, times in samples.items()}


def checking_s(repeats: int) -> float:
    """Seconds of `agentmesh check` on a file with many edges, as a whole process, the median."""
    agents, edges = CHECKED
    draw = Random(1)
    pairs: set[tuple[int, int]] = {(number, number + 1) for number in range(agents - 1)}
    while len(pairs) < edges - 2:
        a, b = sorted(draw.sample(range(agents), 2))
        pairs.add((a, b))
    lines = ["version: 1", "models: {default: echo}", f"agents: {{peer: {{replicas: {agents}}}}}", "topology:"]
    lines += ["  kind: graph", "  edges:", "    - user -> peer-1", f"    - peer-{agents} -> user"]
    lines += [f"    - peer-{a + 1} -> peer-{b + 1}" for a, b in sorted(pairs)]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "large.yaml"
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        times = []
        # As on every machine that keeps compiled modules.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        for _ in range(repeats):
            began = time.perf_counter()
            command = [sys.executable, "-m", "agentmesh", "check", str(file)]
            done = subprocess.run(command, capture_output=True, text=True, env=environment)
            assert done.returncode == 0, done.stdout + done.stderr
            times.append(time.perf_counter() - began)
    return statistics.median(times)


if __name__ == "__main__":
    main()
