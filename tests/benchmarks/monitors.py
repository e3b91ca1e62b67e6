"""What all built-in monitors together cost per message, early and late in a long run; and how fast `audit` reads."""

from __future__ import annotations

import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

from agentmesh.config.models import MonitorConfig
from agentmesh.events import Event, MessageDelivered, MessageProposed, RunStarted, ToolCallFinished, stamped
from agentmesh.monitors import registry
from agentmesh.team.watches import make_watches

WORDS = 200
"""Of each message."""
VOCABULARY = 5_000
LAST = 10_000
"""Messages of the long run."""
WINDOW = 400
"""Messages over which the cost is averaged: the first after a few to warm up, and the last."""
AGENTS = ("ann", "ben", "cem", "dee")
TRACES, EACH = 200, 100
"""Traces of the audited file, and messages of each."""


def main() -> None:
    """`python -m tests.benchmarks.monitors REPEATS`: print the figures as JSON."""
    repeats = int(sys.argv[1])
    samples = [per_message() for _ in range(repeats)]
    early, late = (statistics.median(sample[at] for sample in samples) for at in (0, 1))
    print(json.dumps({"early_us": early, "late_us": late, "audit_per_s": audited_per_s(repeats)}))


def texts(seed: int) -> Iterator[str]:
    """Messages of 200 words each, some of them numbers, in sentences; frequent words are frequent."""
    draw = Random(seed)
    known = ["".join(draw.choices("aeioubcdfglmnprst", k=draw.randint(3, 9))) for _ in range(VOCABULARY)]
    weights = [1 / (rank + 5) for rank in range(VOCABULARY)]
    while True:
        words = draw.choices(known, weights, k=WORDS)
        words[20::40] = [str(draw.randint(1, 9_999_999)) for _ in words[20::40]]
        words[15::16] = [f"{word}." for word in words[15::16]]
        yield " ".join(words)


def events(count: int) -> Iterator[Event]:
    """A run in which agents talk in turn, and work with a tool before every third message."""
    source = texts(1)
    yield stamped(RunStarted(team="talk", task=next(source)), 1, "r", 0.0)
    for number in range(count):
        sender, recipient = AGENTS[number % 4], AGENTS[(number + 1) % 4]
        if number % 3 == 0:
            found = f"{number * 7} rows in part_{number}.csv"
            done = ToolCallFinished(agent=sender, key="k", name="query", arguments={"part": number}, result=found)
            yield stamped(done, 4 * number + 2, "r", float(number))
        ends = {"message_id": f"m{number}", "sender": sender, "recipient": recipient, "content": next(source)}
        yield stamped(MessageProposed(agent=sender, **ends), 4 * number + 3, "r", float(number))
        yield stamped(MessageDelivered(agent=sender, **ends), 4 * number + 4, "r", float(number))


def per_message() -> tuple[float, float]:
    """Microseconds of CPU per message from the 10th on, and up to the 10,000th; events about tools are included."""
    watches = make_watches({name: (registry.load(name), MonitorConfig()) for name in registry.BUILT_IN})
    spent: list[float] = []
    gc.collect()
    for event in events(LAST):
        began = time.perf_counter()
        for watch in watches:
            watch.findings(event)
        if isinstance(event, MessageProposed):
            spent.append(0.0)
        if spent:
            spent[-1] += time.perf_counter() - began
    early, late = spent[10 : 10 + WINDOW], spent[-WINDOW:]
    return statistics.median(early) * 1e6, statistics.median(late) * 1e6


def audited_per_s(repeats: int) -> float:
    """Messages per second of `agentmesh audit`, as a whole process, the median."""
    source = texts(2)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "traces.jsonl"
        with file.open("w", encoding="utf-8") as lines:
            for number in range(TRACES):
                said = [
                    {"i": at, "sender": AGENTS[at % 2], "recipients": None, "role": "agent", "content": next(source)}
                    for at in range(EACH)
                ]
                lines.write(
                    json.dumps({"id": str(number), "task": "talk", "agents": AGENTS[:2], "events": said}) + "\n"
                )
        times = []
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        for _ in range(repeats):
            began = time.perf_counter()
            command = [sys.executable, "-m", "agentmesh", "audit", str(file), "--json"]
            done = subprocess.run(command, capture_output=True, text=True, env=environment)
            assert done.returncode == 0, done.stderr
            assert len(done.stdout.splitlines()) == TRACES
            times.append(time.perf_counter() - began)
    return TRACES * EACH / statistics.median(times)


if __name__ == "__main__":
    main()
