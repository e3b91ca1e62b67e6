"""A program that runs teams in processes of its own, which may be killed at any moment.

It has imported everything before it is asked for anything, and forks for each run: a process is there in milliseconds.
Orders come as lines of JSON on standard input, each answered by a line on standard output:

    {"do": "run" | "resume" | "fork" | "write", "team", "model", "journal", "box", ...}   its process id
    {"do": "wait", "pid"}                                                       its exit status, -9 where it was killed

`box` is a file in which the process leaves a line of JSON for all that it does, at once: it outlives a kill. `kill`
says after how many commits of the process it kills itself: [3, "before"] is right before its third COMMIT.
With an order as its argument the program carries out that one alone, without a process more.
"""

from __future__ import annotations

import gc
import hashlib
import importlib
import itertools
import json
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from agentmesh import RunResult, Team
from agentmesh.events import Event, ModelCallFinished, ModelCallStarted, RunEnded, stamped
from agentmesh.journal import RunRecord, open_journal
from agentmesh.journal.commits import Batch, HeldLog
from agentmesh.journal.sqlite import SqliteJournal
from agentmesh.messages import Usage
from agentmesh.providers.base import Request
from agentmesh.providers.openai import OpenAIProvider
from agentmesh.providers.wire import tls_context

LONGEST_SECONDS = 120
"""Of a life: nobody waits for ever for a process that hangs."""
TEAM = Path(__file__).parents[2] / "topologies" / "blind_then_discuss.yaml"
Order = dict[str, Any]


class Box:
    """What a process did, line by line; what is written is there for others even if the process dies at once."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def note(self, what: str, value: Any) -> None:
        """Leave a line."""
        os.write(self._file, json.dumps([what, value]).encode() + b"\n")


def main() -> None:
    """Carry out orders until there are no more."""
    warm_up()
    for line in sys.stdin:
        order = json.loads(line)
        if order["do"] == "wait":
            said = os.waitstatus_to_exitcode(os.waitpid(order["pid"], 0)[1])
        elif (said := os.fork()) == 0:
            os.close(sys.stdin.fileno())
            os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
            signal.alarm(LONGEST_SECONDS)
            try:
                carry_out(order)
            finally:
                os._exit(0)
        print(said, flush=True)


def warm_up() -> None:
    """Import what a run imports on its way."""
    importlib.import_module("openai")
    tls_context()
    Team.from_yaml(TEAM, model="openai:worker@http://127.0.0.1:1/v1")
    assert Team.from_yaml(TEAM, model="simulated:worker").run_sync("What is 1 + 1?").outcome == "completed"
    assert threading.active_count() == 1, "a process that forks has no other threads"
    gc.freeze()


def carry_out(order: Order) -> None:
    """Run, resume or fork, and tell how it ended."""
    box = Box(order["box"])
    note_what_happens(box, order.get("kill"))
    try:
        result = anyio.run(ACTS[order["do"]], order)
    except Exception as error:  # whoever gave the order expects one, or says what it was
        box.note("raised", [type(error).__name__, str(error)])
    else:
        box.note("ended", [result.run_id, result.outcome, result.answer])


def team_of(order: Order) -> Team:
    """The team of an order. What is cut off counts as spent: no run of these tests may end for that."""
    return Team.from_yaml(order["team"], model=order["model"], overrides=["limits.tokens=1_000_000_000"])


async def run(order: Order) -> RunResult:
    """A new run."""
    return await team_of(order).run(order["task"], journal=order["journal"], seed=order["seed"])


async def resume(order: Order) -> RunResult:
    """A run that goes on."""
    return await team_of(order).resume(order["run_id"], journal=order["journal"])


async def fork(order: Order) -> RunResult:
    """A run that begins in the midst of another."""
    return await team_of(order).fork(order["run_id"], order["at"], journal=order["journal"])


async def write(order: Order) -> RunResult:
    """As many writers at the same time as the order says, each of whom waits for each of its steps to be safe."""
    journal = open_journal(order["journal"])

    async def writer(name: str) -> None:
        log = journal.start(RunRecord(name, "team", "task", 0.0))
        ids = itertools.count(1)
        for step in range(order["steps"]):
            key = f"{name}/p#1/a/{step}"
            started = ModelCallStarted(agent="a", key=key, model="m", request_hash="h", reserved=1)
            log.append([stamped(started, next(ids), name, 0.0)])
            await log.durable()
            finished = ModelCallFinished(agent="a", key=key, model="m", usage=Usage(), content="word " * 200)
            log.append([stamped(finished, next(ids), name, 0.0)])
        await log.release()

    async with anyio.create_task_group() as group:
        for number in range(order["writers"]):
            group.start_soon(writer, f"w{number}")
    await journal.aclose()
    return RunResult("", [RunEnded(outcome="completed", reason="")])


ACTS: dict[str, Callable[[Order], Any]] = {"run": run, "resume": resume, "fork": fork, "write": write}


def note_what_happens(box: Box, kill: tuple[int, str] | None) -> None:
    """Let this process leave lines in the box: calls that begin, leave and are over, and what is committed."""
    Counted.box, Counted.kill = box, tuple(kill or (0, ""))
    append, write, encode = HeldLog.append, SqliteJournal.write, OpenAIProvider.encode

    def noted_append(log: HeldLog, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, ModelCallStarted):
                box.note("begins", event.key)
        append(log, events)
        for event in events:
            if isinstance(event, ModelCallFinished):
                box.note("over", event.key)

    def noted_write(journal: SqliteJournal, batches: Sequence[Batch]) -> None:
        box.note("writes", answers_in(batches))
        write(journal, batches)
        box.note("wrote", answers_in(batch for batch in batches if batch.log.failed is None))

    def noted_encode(provider: OpenAIProvider, request: Request, *rest: Any, **more: Any) -> bytes:
        body = encode(provider, request, *rest, **more)
        box.note("sends", [request.key, hashlib.sha256(body).hexdigest()])
        return body

    for owner, name, noted in (
        (sqlite3, "connect", partial(sqlite3.connect, factory=Counted)),
        (HeldLog, "append", noted_append),
        (SqliteJournal, "write", noted_write),
        (OpenAIProvider, "encode", noted_encode),
    ):
        setattr(owner, name, noted)


def answers_in(batches: Iterable[Batch]) -> list[str]:
    """The calls whose answers are in there."""
    return [event.key for batch in batches for event in batch.events if isinstance(event, ModelCallFinished)]


class Counted(sqlite3.Connection):
    """Counts the commits of this process, and kills it around one of them."""

    box: Box
    kill: tuple[Any, ...] = (0, "")
    commits = 0

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if sql != "COMMIT":
            return super().execute(sql, *values)
        Counted.commits += 1
        self._die("before")
        cursor = super().execute(sql)
        self._die("after")
        self.box.note("committed", Counted.commits)
        return cursor

    def _die(self, when: str) -> None:
        if Counted.kill == (Counted.commits, when):
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        carry_out(json.loads(Path(sys.argv[1]).read_text()))
    else:
        main()
