"""Teams that keep their runs in a store: what becomes of them when it fails, and how much they put there."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from agentmesh import Agent, Team, Topology
from agentmesh.errors import JournalError
from agentmesh.events import ModelCallFinished
from agentmesh.journal.base import Journal
from agentmesh.journal.sql import SqlJournal
from agentmesh.journal.sqlite import SqliteJournal
from tests.journal.killing import nightly
from tests.journal.stores import PostgresStore, Store, in_order, record, story
from tests.servers.postgres import PostgresServer

pytestmark = pytest.mark.anyio
Break = Callable[[], AbstractContextManager[None]]


def chain(at_call: Callable[[str], None]) -> Team:
    """Three agents; `at_call` is told of each call while it is in flight."""

    def model(request: Any) -> str:
        at_call(request.agent)
        return f"what {request.agent} makes of it, at some length: " + "so it is, " * 20

    agents = [Agent(name=name, model=model, instructions="Go on.") for name in "abc"]
    return Team(agents=agents, topology=Topology.chain(list("abc")))


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another program writes to a file, and takes its time."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield


@contextmanager
def refusing(store: PostgresStore) -> Iterator[None]:
    """A server that writes no more."""
    place = store.server.address("template1")
    cut_off = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'agentmesh'"
    store.server.ask(place, "ALTER DATABASE postgres ALLOW_CONNECTIONS false")
    try:
        store.server.ask(place, cut_off)
        yield
    finally:
        store.server.ask(place, "ALTER DATABASE postgres ALLOW_CONNECTIONS true")


async def stops_and_goes_on(journal: Journal, breaks: Break) -> None:
    """A run whose store fails while its second agent's model is asked ends there, and is resumed once it is mended."""
    asked: list[str] = []
    unhurt = await chain(lambda agent: None).run("what to do?")
    with anyio.fail_after(60):
        broken = breaks()

        def at_call(agent: str) -> None:
            asked.append(agent)
            if asked == ["a", "b"]:
                broken.__enter__()

        team = chain(at_call)
        with pytest.raises(JournalError) as raised:
            await team.run("what to do?", journal=journal)
        assert asked == ["a", "b"], "what could not be written did not happen"
        broken.__exit__(None, None, None)
        assert "journal" in str(raised.value)
        (status,) = await journal.runs()
        assert (status.outcome, status.running) == (None, False)
        result = await team.resume(status.record.run_id, journal=journal)
    assert asked == ["a", "b", "b", "c"], "the call that was in flight alone is made again"
    assert (result.outcome, result.answer) == (unhurt.outcome, unhurt.answer)
    finished = [event.agent for event in result.events if isinstance(event, ModelCallFinished) and event.error is None]
    assert finished == ["a", "b", "c"]
    assert (await team.replay(status.record.run_id, journal=journal)).identical


async def test_a_team_stops_when_its_file_is_locked_and_is_resumed_later(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path, busy_s=0.05)
    await stops_and_goes_on(journal, lambda: locked(path))
    await journal.aclose()


async def test_a_team_stops_when_its_server_refuses_and_is_resumed_later(postgres: PostgresServer) -> None:
    store = PostgresStore(postgres, postgres.emptied())
    async with store.opened() as journal:
        await stops_and_goes_on(journal, lambda: refusing(store))


async def test_a_team_says_at_once_that_a_file_is_no_journal(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a journal, by any means " * 9)
    asked: list[str] = []
    with pytest.raises(JournalError, match="it is no journal, or damaged; move it away, or use another --journal"):
        await chain(asked.append).run("what to do?", journal=tmp_path / "notes.txt")
    assert asked == []


async def bytes_of(path: Path, rounds: int) -> tuple[int, int]:
    """What a talk of so many rounds takes in the file, and how many messages were delivered in it."""
    journal = SqliteJournal(path)
    said = iter(range(10_000))

    def model(request: Any) -> str:
        return f"{request.agent} says for the {next(said)}th time: " + "many words " * 40

    agents = [Agent(name=name, model=model, instructions="Talk.") for name in "ab"]
    team = Team(agents=agents, topology=Topology.flat(["a", "b"], rounds=rounds))
    result = await team.run("what to do?", journal=journal)
    assert result.outcome == "completed"
    await journal.aclose()
    with closing(sqlite3.connect(path)) as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    return pages * size, sum(event.type == "message_delivered" for event in result.events)


async def test_the_file_grows_with_what_is_said_and_not_with_what_is_read_again(tmp_path: Path) -> None:
    (small, few), (middle, more), (large, most) = [
        await bytes_of(tmp_path / f"{rounds}.db", rounds) for rounds in (10, 20, 40)
    ]
    assert most > 2 * few
    first, then = (middle - small) / (more - few), (large - middle) / (most - more)
    assert then < first * 1.15, "a message late in the talk takes no more room than an early one"
    assert then < 6_000, "440 characters of text, with all events of its turn"


def test_thousands_of_runs_are_held_at_once(tmp_path: Path) -> None:
    runs = 5_000 if nightly() else 500

    async def all_of_them() -> None:
        journal = SqliteJournal(tmp_path / "journal.db", "normal")

        async def one(name: str) -> None:
            log = journal.start(record(name))
            log.append(in_order(name, story(name)[:1]))
            await log.durable()
            begun.append(name)
            await everybody.wait()
            await log.release()

        begun: list[str] = []
        everybody = anyio.Event()
        async with anyio.create_task_group() as tasks:
            for number in range(runs):
                tasks.start_soon(one, f"r{number}")
            while len(begun) < runs:
                await anyio.sleep(0.01)
            assert (await journal.status(f"r{runs - 1}")).running
            everybody.set()
        assert len(await journal.runs()) == runs
        assert not (await journal.status(f"r{runs - 1}")).running
        await journal.aclose()

    anyio.run(all_of_them)


async def test_stores_are_shared_by_those_who_name_them(store: Store) -> None:
    from agentmesh.journal import hold, let_go

    one, same, other = hold(store.address, "normal"), hold(store.address, "normal"), hold(store.address, "full")
    assert one is same
    assert one is not other
    for journal in (one, other):
        assert isinstance(journal, SqlJournal)
        await let_go(journal)
    log = same.start(record("r1"))
    log.append(story("r1"))
    await log.durable()
    await log.release()
    await let_go(same)
