"""Places for journals as tests need them, and runs to put there."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio

from agentmesh.errors import RunTaken
from agentmesh.events import (
    Answered,
    Event,
    MessageDelivered,
    ModelCallFinished,
    ModelCallStarted,
    Question,
    RunEnded,
    RunStarted,
    stamped,
)
from agentmesh.journal import Journal, Log, RunRecord, open_journal
from agentmesh.journal.base import Durability
from agentmesh.journal.sql import SqlJournal
from agentmesh.messages import Usage
from tests.servers.postgres import PostgresServer

ROOT = Path(__file__).parents[2]


@dataclass
class Store(ABC):
    """A place for a journal, and what a test does there behind its back."""

    address: str

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[SqlJournal]:
        """A journal there."""
        journal = self.open()
        try:
            yield journal
        finally:
            await journal.aclose()

    def open(self) -> SqlJournal:
        """A journal there, for the test to close."""
        journal: Journal = open_journal(self.address, self.durability)
        assert isinstance(journal, SqlJournal)
        return journal

    @property
    def durability(self) -> Durability:
        """How it writes."""
        return "full"

    @abstractmethod
    def ask(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a statement of SQL gives."""

    @abstractmethod
    def lose(self, log: Log, journal: SqlJournal) -> None:
        """Let it look as if the process that holds a run were gone."""

    def count(self, table: str) -> int:
        """How many rows a table has."""
        return int(self.ask(f"SELECT count(*) FROM {table}")[0][0])


@dataclass
class SqliteStore(Store):
    """A file."""

    how: str = "full"

    @property
    def durability(self) -> Durability:
        return "normal" if self.how == "normal" else "full"

    def ask(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.address, isolation_level=None)) as connection:
            return connection.execute(statement, values).fetchall()

    def lose(self, log: Log, journal: SqlJournal) -> None:
        self.journal_owners(journal).give_back(log.run_id)

    def journal_owners(self, journal: SqlJournal) -> Any:
        """The locks of its process."""
        return journal._owners  # type: ignore[attr-defined]


@dataclass
class PostgresStore(Store):
    """A database of a server."""

    server: PostgresServer

    def __init__(self, server: PostgresServer, address: str) -> None:
        super().__init__(address)
        self.server = server

    def ask(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.server.ask(self.address, statement.replace("?", "%s"), *values)

    def lose(self, log: Log, journal: SqlJournal) -> None:
        self.ask("UPDATE run SET owner = NULL WHERE run_id = ?", log.run_id)


def record(run_id: str, **more: Any) -> RunRecord:
    """What is known of a new run."""
    return RunRecord(
        run_id, more.pop("team", "team"), more.pop("task", "task"), more.pop("started", time.time()), **more
    )


def in_order(run_id: str, events: Sequence[Event], first: int = 1) -> list[Event]:
    """Events with their places in the log of a run."""
    return [stamped(event, number, run_id, 1.5 + number) for number, event in enumerate(events, first)]


def story(run_id: str, steps: int = 2) -> list[Event]:
    """The log of a small run that has ended."""
    events: list[Event] = [RunStarted(team="team", task="task")]
    for step in range(steps):
        key, content = f"{run_id}/main#1/a/1/{step}", f"{step} of what {run_id} said, " + "at length " * 20
        events += [
            ModelCallStarted(agent="a", key=key, model="m", request_hash="h" * 32, reserved=9),
            ModelCallFinished(agent="a", key=key, model="m", usage=Usage(input_tokens=3), content=content),
            MessageDelivered(agent="b", message_id=f"m{step}", sender="a", recipient="b", content=content),
        ]
    return in_order(run_id, [*events, RunEnded(outcome="completed", reason="answered", answer="so it is")])


def question(number: int) -> Question:
    """Something that a person is asked."""
    return Question(agent="a", question_id=f"q{number}", content="which way?")


def answer(number: int) -> Answered:
    """What the person says."""
    return Answered(agent="a", question_id=f"q{number}", content="left", by="somebody")


async def claimed_soon(journal: Journal, run_id: str) -> Log:
    """The log of a run whose process is dead: a server may need a moment to see that."""
    with anyio.fail_after(5):
        while True:
            try:
                return await journal.claim(run_id)
            except RunTaken:
                await anyio.sleep(0.01)


async def kept(journal: Journal, run_id: str, events: Sequence[Event] | None = None, **more: Any) -> list[Event]:
    """Write a run, and give it up."""
    events = story(run_id) if events is None else list(events)
    log = journal.start(record(run_id, **more))
    try:
        log.append(events)
        await log.durable()
    finally:
        await log.release()
    return list(events)


_PROGRAM = """
import anyio, json, sys, time
from agentmesh.journal import open_journal
from tests.journal.stores import record, story

async def main(address, durability, act, run_ids):
    journal = open_journal(address, durability)
    logs = []
    if act == "write":
        print("holds", flush=True)  # what it writes comes while the other one writes too
    for run_id in run_ids:
        if act == "claim":
            logs.append(await journal.claim(run_id))
            continue
        log = journal.start(record(run_id))
        logs.append(log)
        for event in story(run_id, 4):
            log.append([event])
            await log.durable()
    assert ("psycopg" in sys.modules) == address.startswith("postgres"), "who keeps files needs no library for servers"
    if act == "write":
        for log in logs:
            await log.release()
        await journal.aclose()
    else:
        print("holds", flush=True)
        sys.stdin.read()

anyio.run(main, *json.loads(sys.argv[1]))
"""


@contextmanager
def another_process(store: Store, act: str, *run_ids: str) -> Iterator[subprocess.Popen[str]]:
    """A process that starts or claims runs and holds them, or writes some and ends; it has printed a line by now."""
    order = json.dumps([store.address, store.durability, act, run_ids])
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, order], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        assert process.stdout.readline() == "holds\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stdin.close()
