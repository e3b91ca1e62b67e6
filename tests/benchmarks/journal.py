"""What it costs to lose nothing, and how soon a run goes on: `python -m tests.benchmarks.journal ROW PORT [--quick]`.

Prints one JSON object of figures, medians over the samples. The journal is made where temporary files are, so TMPDIR
says which disk is measured; `fsync_ms` tells what that disk takes for one write that lasts.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agentmesh import Agent, Team, Topology
from agentmesh.events import Event, EventBase, ModelCallFinished, ModelCallStarted, RunStarted, TurnEnded, stamped
from agentmesh.journal import Log, RunRecord, open_journal
from agentmesh.journal.base import Durability
from agentmesh.messages import Usage
from agentmesh.runner import Delta, FailedAttempt
from agentmesh.team.given import RunOptions

from .measure import loaded
from .rows import TASK, chain
from .server import TEXT, pin

WRITERS = 50
"""Runs, or steps, that are under way together."""
SECONDS = 1.0
"""What a call takes in the row of many teams."""
IDEAL_S = 4 * SECONDS
Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class JournalRow:
    """One measurement. `size` is what it is about: calls of a run, steps, events, turns, or teams."""

    name: str
    measure: str
    size: int
    repeats: int
    durability: Durability | None = "full"
    """None: without a journal."""

    def shortened(self) -> JournalRow:
        """The same for a quick look."""
        return replace(self, size=max(8, self.size // 20), repeats=1)


JOURNAL_ROWS: tuple[JournalRow, ...] = (
    JournalRow("journal-full", "journal", 10, 9, "full"),
    JournalRow("journal-normal", "journal", 10, 9, "normal"),
    JournalRow("steps-full", "steps", 5_000, 5, "full"),
    JournalRow("steps-normal", "steps", 10_000, 5, "normal"),
    JournalRow("resume", "resume", 10_000, 5),
    JournalRow("bytes", "bytes", 1_000, 1, "normal"),
    JournalRow("teams-5000-full", "teams", 5_000, 1, "full"),
    JournalRow("teams-5000-normal", "teams", 5_000, 1, "normal"),
    JournalRow("teams-5000-none", "teams", 5_000, 1, None),
)


def main() -> None:
    """Measure and print."""
    name, port = sys.argv[1:3]
    row = next(row for row in JOURNAL_ROWS if row.name == name)
    measures: Mapping[str, Callable[[JournalRow, int, Path], Coroutine[None, None, Figures]]] = {
        "journal": cost_of_calls,
        "steps": steps,
        "resume": resuming,
        "bytes": bytes_kept,
        "teams": many_teams,
    }
    if row.measure == "journal":
        pin(0)  # the server has the other core
    with tempfile.TemporaryDirectory() as folder:
        chosen = row.shortened() if "--quick" in sys.argv else row
        print(json.dumps(asyncio.run(measures[row.measure](chosen, int(port), Path(folder)))))


# A call with the journal beside one without


async def cost_of_calls(row: JournalRow, port: int, folder: Path) -> Figures:
    """CPU for each call of runs that go on together, with and without a journal, sample after sample."""
    team, _ = loaded(chain(row.size, latency_ms=20), port)
    journalled = _options(row, folder)
    cpu: list[tuple[float, float]] = []
    wall: list[float] = []
    for repeat in range(row.repeats + 1):
        with_s, with_wall_s = await _sample(team, row, journalled)
        without_s, _ = await _sample(team, row, {})
        if repeat:  # the first only warms up
            cpu.append((with_s, without_s))
            wall.append(with_wall_s)
    per_call = 1000 / (WRITERS * row.size)
    return {
        "cpu_ms_per_call": statistics.median(a for a, _ in cpu) * per_call,
        "cpu_ms_per_call_unjournalled": statistics.median(b for _, b in cpu) * per_call,
        "cpu_ms_more": statistics.median(a - b for a, b in cpu) * per_call,
        "calls_per_s": WRITERS * row.size / statistics.median(wall),
    }


async def _sample(team: Team, row: JournalRow, options: RunOptions) -> tuple[float, float]:
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(team.run(TASK, **options)) for _ in range(WRITERS)]
    taken = time.process_time() - cpu, time.perf_counter() - wall
    for task in tasks:
        result = task.result()
        found = (result.outcome, result.usage.model_calls)
        assert found == ("completed", row.size), f"{found}: {result.reason}"
    return taken


def _options(row: JournalRow, folder: Path) -> RunOptions:
    return {"journal": str(folder / "journal.db"), "durability": row.durability} if row.durability else {}


# The journal alone


async def steps(row: JournalRow, port: int, folder: Path) -> Figures:
    """Steps in a second of so many writers: the start and the end of a call of 1 KiB, each of them safe before more."""
    rates = []
    for repeat in range(row.repeats):
        journal = open_journal(folder / f"{repeat}.db", row.durability or "full")
        logs = [journal.start(RunRecord(f"run-{number:06}", "team", TASK, time.time())) for number in range(WRITERS)]
        for log in logs:
            log.append([_placed(RunStarted(team="team", task=TASK), 1, log)])
            await log.durable()
        gc.collect()
        each = row.size // WRITERS
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for log in logs:
                group.create_task(_steps(log, each))
        rates.append(each * WRITERS / (time.perf_counter() - began))
        for log in logs:
            await log.release()
        assert all(status.events == 1 + 2 * each for status in await journal.runs())
        await journal.aclose()
    return {"steps_per_s": statistics.median(rates), "fsync_ms": _fsync_ms(folder)}


async def _steps(log: Log, count: int) -> None:
    ids = itertools.count(2)
    filler = "x" * 1000
    for number in range(count):
        key = f"{log.run_id}/talk/agent/{number}/1"
        started = ModelCallStarted(agent="agent", key=key, model="m", request_hash=f"{number:016x}", reserved=5000)
        log.append([_placed(started, next(ids), log)])
        await log.durable()
        usage = Usage(input_tokens=100, output_tokens=250, model_calls=1, cost_usd=0.0)
        content = f"{key:24}{filler}"  # no two alike: what is said twice is stored once
        finished = ModelCallFinished(agent="agent", key=key, model="m", usage=usage, content=content, seconds=1.0)
        log.append([_placed(finished, next(ids), log)])
        await log.durable()


def _placed(event: Event, id_: int, log: Log) -> Event:
    return stamped(event, id_, log.run_id, time.time())


def _fsync_ms(folder: Path) -> float:
    times = []
    with (folder / "probe").open("wb", buffering=0) as file:
        for _ in range(50):
            file.write(bytes(4096))
            began = time.perf_counter()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


# A long run, gone on with


async def resuming(row: JournalRow, port: int, folder: Path) -> Figures:
    """Seconds from `resume` of a run with so many events to the first call of a model that is new."""
    begun = folder / "begun.db"
    run_id = await _interrupted(row.size, begun)
    times, cpu = [], []
    for repeat in range(row.repeats):
        copy = folder / f"{repeat}.db"
        copy.write_bytes(begun.read_bytes())  # closed, so that nothing of it stands elsewhere
        live: list[tuple[float, float]] = []

        def first_call(_: Any, live: list[tuple[float, float]] = live) -> str:
            live.append((time.perf_counter(), time.process_time()))
            return TEXT

        team = _discussion(first_call, rounds=row.size)
        gc.collect()
        began, cpu_began = time.perf_counter(), time.process_time()
        async with team.resuming(run_id, journal=str(copy)) as run:
            while not live:
                await asyncio.sleep(0.001)
            run.cancel()
        times.append(live[0][0] - began)
        cpu.append(live[0][1] - cpu_began)
    return {"resume_s": statistics.median(times), "resume_cpu_s": statistics.median(cpu)}


async def _interrupted(events: int, path: Path) -> str:
    """The id of a run that was interrupted when its log had so many events."""
    numbers = itertools.count()
    team = _discussion(lambda _: f"{next(numbers)}: {TEXT}", rounds=events)
    full = asyncio.Event()

    def watch(seen: Event | Delta | FailedAttempt) -> None:
        if isinstance(seen, EventBase) and seen.id >= events:
            full.set()

    async with team.start(TASK, journal=str(path), durability="normal", watch=watch) as run:
        await full.wait()
        run.cancel("interrupted by the benchmark")
        await run.result()
    return run.run_id


def _discussion(model: Callable[[Any], str], rounds: int, agents: int = 8) -> Team:
    """Agents who all hear each other, round after round."""
    model.__name__ = "speaker"
    names = [f"peer-{number}" for number in range(1, agents + 1)]
    return Team([Agent(name=name, model=model) for name in names], Topology.flat(names, rounds=rounds))


# What is kept


async def bytes_kept(row: JournalRow, port: int, folder: Path) -> Figures:
    """Bytes of the journal for each delivered message of a discussion of so many turns, and of a quarter of it."""
    whole, said = await _kept(row.size, folder / "whole.db")
    quarter, _ = await _kept(row.size // 4, folder / "quarter.db")
    return {"bytes_per_message": whole, "bytes_per_message_of_a_quarter": quarter, "bytes_said_per_message": said}


async def _kept(turns: int, path: Path) -> tuple[float, float]:
    """Bytes of a whole journal and bytes that were said, both for each delivered message."""
    numbers = itertools.count()
    team = _discussion(lambda _: f"{next(numbers)}: {TEXT}", rounds=turns // 8)
    result = await team.run(TASK, journal=str(path), durability="normal")
    assert result.outcome == "completed", result.reason
    said = sum(len((event.reply or "").encode()) for event in result.events if isinstance(event, TurnEnded))
    size = sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*"))
    return size / result.messages, said / result.messages


# Many teams


async def many_teams(row: JournalRow, port: int, folder: Path) -> Figures:
    """Seconds that so many teams take together: eight calls each, of which four come one after the other."""

    async def model(_: Any) -> str:
        await asyncio.sleep(SECONDS)
        return TEXT

    names = ["opener", *(f"{part}-{number}" for number in (1, 2, 3) for part in ("draft", "check")), "last"]
    edges = ["user -> opener", "last -> user"]
    for number in (1, 2, 3):
        edges += [f"opener -> draft-{number}", f"draft-{number} -> check-{number}", f"check-{number} -> last"]
    members = [Agent(name=name, model=model, join="all") for name in names]
    team = Team(members, Topology([{"name": "work", "edges": edges}]))
    options = _options(row, folder)
    times, cpu = [], []
    for _ in range(row.repeats):
        gc.collect()
        began, cpu_began = time.perf_counter(), time.process_time()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(team.run(TASK, **options)) for _ in range(row.size)]
        times.append(time.perf_counter() - began)
        cpu.append(time.process_time() - cpu_began)
        for task in tasks:
            result = task.result()
            assert (result.outcome, result.usage.model_calls) == ("completed", 8), result.reason
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
    seconds = statistics.median(times)
    return {
        "teams": row.size,
        "seconds": seconds,
        "times_ideal": seconds / IDEAL_S,
        "cpu_s": statistics.median(cpu),
        "peak_rss_mib": rss,
    }


if __name__ == "__main__":
    main()
