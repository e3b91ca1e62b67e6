"""Measures one row, in a process of its own: `python -m tests.benchmarks.measure ROW PORT CONTENDER,... [--quick]`.

Prints one JSON object. Samples of the contenders take turns, so that what else happens on the machine hits all alike;
the first sample of each only warms up. One team is loaded once and runs many times: loading is measured apart.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agentmesh import RunResult, Team

from . import bare
from .rows import ROWS, TASK, Row
from .server import ask, pin

CONTENDERS = ("agentmesh", "httpx2", "agentmesh[aiohttp]", "aiohttp")
WIRES = {"agentmesh": "httpx2", "agentmesh[aiohttp]": "aiohttp"}
LOOPS = {"httpx2": bare.httpx2_loop, "aiohttp": bare.aiohttp_loop}
Sample = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Measured:
    """What one process found out about one row. Times are seconds of one sample, warm-up left out."""

    row: str
    calls: int
    """Model calls of a sample."""
    runs: int
    """Runs of a sample."""
    load_s: float
    cpu_s: dict[str, list[float]]
    wall_s: dict[str, list[float]]
    peak_in_flight: int
    largest_body: int
    """Bytes of the longest request."""
    peak_rss_mib: float


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    name, port, contenders = arguments[:3]
    row = next(row for row in ROWS if row.name == name)
    if "--quick" in arguments:
        row = row.shortened()
    pin(0)
    print(json.dumps(asdict(measured(row, int(port), contenders.split(",")))))


def measured(row: Row, port: int, contenders: Sequence[str]) -> Measured:
    """All samples of a row."""
    team, load_s = loaded(row, port)
    return asyncio.run(_measured(row, port, contenders, team, load_s))


def loaded(row: Row, port: int) -> tuple[Team, float]:
    """The team of a row, and the seconds that loading it took."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{row.name}.yaml"
        path.write_text(row.yaml(port), encoding="utf-8")
        Team.from_yaml(path, environment={})
        started = time.perf_counter()
        team = Team.from_yaml(path, environment={})
        return team, time.perf_counter() - started


async def _measured(row: Row, port: int, contenders: Sequence[str], team: Team, load_s: float) -> Measured:
    bodies, peak = await _recorded(row, port, team)
    waves = bare.in_waves(bodies, row.waves)
    url = f"http://127.0.0.1:{port}/ms{row.latency_ms}/tasks{row.tasks}/v1/chat/completions"
    samples = {name: _sample(name, row, team, url, waves) for name in contenders}
    cpu: dict[str, list[float]] = {name: [] for name in contenders}
    wall: dict[str, list[float]] = {name: [] for name in contenders}
    for repeat in range(row.repeats + 1):
        for name, sample in samples.items():
            cpu_s, wall_s = await _timed(sample)
            if repeat:
                cpu[name].append(cpu_s)
                wall[name].append(wall_s)
    runs = row.runs * row.at_once
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
    largest = max(map(len, bodies))
    return Measured(row.name, runs * row.calls, runs, load_s, cpu, wall, peak, largest, rss)


async def _recorded(row: Row, port: int, team: Team) -> tuple[list[str], int]:
    """The bodies of one run in the order in which they left, and the most that were in flight at once."""
    await asyncio.to_thread(ask, port, "POST", "/record")
    _check(row, await team.run(TASK))
    peak = (await asyncio.to_thread(ask, port, "GET", "/stats"))["peak"]
    bodies: list[str] = await asyncio.to_thread(ask, port, "GET", "/recorded")
    await asyncio.to_thread(ask, port, "POST", "/reset")
    assert len(bodies) == row.calls, f"{row.name}: a run sent {len(bodies)} requests, not {row.calls}"
    return bodies, peak


async def _timed(sample: Sample) -> tuple[float, float]:
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    await sample()
    return time.process_time() - cpu, time.perf_counter() - wall


def _sample(name: str, row: Row, team: Team, url: str, waves: bare.Waves) -> Sample:
    async def ours() -> None:
        os.environ["AGENTMESH_HTTP"] = WIRES[name]
        for _ in range(row.runs):
            await _runs(row, team)

    async def theirs() -> None:
        for _ in range(row.runs):
            await LOOPS[name](url, waves, row.at_once)

    return ours if name in WIRES else theirs


async def _runs(row: Row, team: Team) -> None:
    """Runs at once, all of whose logs are kept until the last has ended."""
    if row.at_once == 1:
        _check(row, await team.run(TASK))
        return
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(team.run(TASK)) for _ in range(row.at_once)]
    for task in tasks:
        _check(row, task.result())


def _check(row: Row, result: RunResult) -> None:
    """A run that did less than it should would be cheap for the wrong reason."""
    found: dict[str, Any] = {"outcome": result.outcome, "calls": result.usage.model_calls}
    expected = {"outcome": "completed", "calls": row.calls}
    assert found == expected, f"{row.name}: {found}, not {expected}: {result.reason}"


if __name__ == "__main__":
    main(sys.argv[1:])
