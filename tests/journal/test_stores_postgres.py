"""What only a journal in Postgres can meet with: a server that is away, refuses, or was begun by another program."""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Any

import anyio
import pytest

from agentmesh.errors import JournalError, MissingExtra, RunTaken
from agentmesh.events import Metric
from agentmesh.journal import open_journal
from agentmesh.journal.base import hold, let_go
from tests.journal.stores import PostgresStore, claimed_soon, in_order, kept, record, story
from tests.servers.postgres import PostgresServer

pytestmark = pytest.mark.anyio


@pytest.fixture
def place(postgres: PostgresServer) -> PostgresStore:
    return PostgresStore(postgres, postgres.emptied())


def test_without_the_extra_the_error_names_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "agentmesh.journal.postgres", raising=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"pip install 'agentmesh-topology\[postgres\]'"):
        open_journal("postgresql://somebody@127.0.0.1:1/db")


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://me:s3cr3t%2Fpw@127.0.0.1:1/db",
        "postgresql://me@127.0.0.1:1/db?password=s3cr3t%2Fpw",
        "postgresql://me:s3cr3t/pw@[::1/db",
        "postgresql://me:s3cr3t/pw@127.0.0.1:1/db?no_such_key=1",
        "postgresql://me:s3cr3t/pw@127.0.0.1:1:2/db",
        "postgres://:s3cr3t/pw",
        "postgresql://me:p@s3cr3t@127.0.0.1:1/db",
        "postgresql://me:s3cr3t@@no.such.host.invalid/db",
    ],
)
def test_a_password_in_an_address_is_shown_nowhere(address: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(JournalError) as raised:
        open_journal(address)
    shown = "".join(traceback.format_exception(raised.value)) + repr(raised.value) + caplog.text
    assert "s3cr3t" not in shown.replace(f'open_journal("{address}")', "")


def test_a_server_that_is_not_there_is_named_with_what_to_do() -> None:
    with pytest.raises(JournalError) as raised:
        open_journal("postgresql://me:pw@127.0.0.1:1/db")
    said = str(raised.value)
    assert said.startswith("journal postgresql://me@127.0.0.1:1/db: it cannot be reached: is the server up, and the")


async def test_a_journal_shows_its_place_without_the_password(place: PostgresStore) -> None:
    address = place.address.replace("owner@", "owner:s3cr3t@")
    journal = hold(address)
    assert repr(journal).startswith("<PostgresJournal: journal postgresql://owner@/postgres?host=")
    log = journal.start(record("r1"))
    assert "s3cr3t" not in repr(log)
    await log.release()
    await let_go(journal)


async def test_a_server_that_crashes_stops_the_runs_and_loses_nothing_acknowledged(place: PostgresStore) -> None:
    async with place.opened() as journal:
        await kept(journal, "before")
        log = journal.start(record("r1"))
        log.append(story("r1")[:3])
        await log.durable()
        place.server.crash()
        log.append(story("r1")[3:4])
        await log.durable()  # nobody else has taken the run: a new connection goes on
        place.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'agentmesh'")
        assert await journal.events("r1") == story("r1")[:4]
        await log.release()
        claimed = await journal.claim("r1")
        assert (await journal.status("r1")).running
        claimed.append(story("r1")[4:])
        await claimed.durable()
        await claimed.release()
        assert await journal.events("r1") == story("r1")
        assert await journal.events("before") == story("before")


async def test_a_connection_that_breaks_in_the_midst_of_a_commit_fails_the_run(place: PostgresStore) -> None:
    async with place.opened() as journal:
        log = journal.start(record("r1"))
        log.append(story("r1")[:3])
        await log.durable()
        put = journal._put

        def broken(*given: Any) -> None:
            put(*given)
            place.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'agentmesh'")

        journal._put = broken  # type: ignore[method-assign, assignment]
        log.append(story("r1")[3:5])
        with pytest.raises(JournalError, match="the server went away; when it is back `agentmesh resume` goes on"):
            await log.durable()
        journal._put = put  # type: ignore[method-assign]
        await log.release()
        again = await journal.claim("r1")
        assert await journal.events("r1") == story("r1")[:3]
        again.append(story("r1")[3:])
        await again.durable()
        await again.release()


async def test_who_lost_the_connection_and_the_run_may_not_write(place: PostgresStore) -> None:
    async with place.opened() as first, place.opened() as second:
        log = first.start(record("r1"))
        log.append(story("r1")[:3])
        await log.durable()
        with pytest.raises(RunTaken):
            await second.claim("r1")
        place.ask(
            "SELECT pg_terminate_backend(pid) FROM pg_locks, run WHERE locktype = 'advisory' AND objid = run.owner"
        )
        taken = await claimed_soon(second, "r1")
        log.append(story("r1")[3:4])
        with pytest.raises(RunTaken, match="run r1 was taken over by another process"):
            await log.durable()
        await log.release()
        assert (await first.status("r1")).running  # giving up what it no longer has takes it from nobody
        await taken.release()
        assert await first.events("r1") == story("r1")[:3]


async def test_a_lock_of_another_program_stops_the_run_until_it_is_gone(place: PostgresStore) -> None:
    import psycopg

    from agentmesh.journal.postgres import PostgresJournal

    journal = PostgresJournal(place.address, busy_s=0.05)
    log = journal.start(record("r1"))
    log.append(story("r1")[:3])
    await log.durable()
    with psycopg.connect(place.address) as other:
        other.execute("LOCK TABLE agentmesh.event IN EXCLUSIVE MODE")
        log.append(story("r1")[3:4])
        with pytest.raises(JournalError, match="another program has locked it; try again when that is done"):
            await log.durable()
    await log.release()
    again = await journal.claim("r1")
    again.append(story("r1")[3:])
    await again.durable()
    await again.release()
    await journal.aclose()


async def test_tables_of_another_program_or_a_later_version_are_left_as_they_are(place: PostgresStore) -> None:
    async with place.opened():
        pass
    place.ask("UPDATE journal SET version = 99")
    with pytest.raises(JournalError, match=r"postgresql://owner@/postgres\S+: it is of version 99, and this agentmesh"):
        place.open()
    place.ask("DROP TABLE journal")
    with pytest.raises(JournalError, match="its schema 'agentmesh' holds tables of another program; name another"):
        place.open()


async def test_who_may_not_make_tables_is_told_so(place: PostgresStore) -> None:
    place.ask("DROP ROLE IF EXISTS guest")
    place.ask("CREATE ROLE guest LOGIN")
    guest = place.address.replace("owner@", "guest@")
    with pytest.raises(JournalError, match="this name may not do that there; it must be able to create a schema"):
        open_journal(guest)
    nobody = place.address.replace("owner@", "nobody_at_all@")
    with pytest.raises(JournalError, match=r'the server refuses: .* role "nobody_at_all" does not exist'):
        open_journal(nobody)
    nowhere = place.address.replace("/postgres?", "/nowhere?")
    with pytest.raises(JournalError, match='database "nowhere" does not exist'):
        open_journal(nowhere)


async def test_a_database_of_another_encoding_is_refused(place: PostgresStore) -> None:
    place.ask("DROP DATABASE IF EXISTS latin")
    place.ask("CREATE DATABASE latin ENCODING 'SQL_ASCII' TEMPLATE template0")
    with pytest.raises(JournalError, match="it is encoded in SQL_ASCII, and must be in UTF8: name another database"):
        open_journal(place.server.address("latin"))


async def test_processes_that_begin_at_once_make_the_tables_once(place: PostgresStore) -> None:
    async def one(name: str) -> None:
        journal = await anyio.to_thread.run_sync(place.open)
        await kept(journal, name)
        await journal.aclose()

    async with anyio.create_task_group() as tasks:
        for number in range(5):
            tasks.start_soon(one, f"r{number}")
    async with place.opened() as journal:
        assert len(await journal.runs()) == 5


async def test_more_readers_than_connections_wait_for_one_another(place: PostgresStore) -> None:
    async with place.opened() as journal:
        await kept(journal, "r1")
        async with anyio.create_task_group() as tasks:
            for _ in range(30):
                tasks.start_soon(journal.events, "r1")
        used = place.ask("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'agentmesh'")
        assert used[0][0] <= 7
        log = await journal.claim("r1")
        log.append(in_order("r1", [Metric(name="x", value=1.0)], len(story("r1")) + 1))
        await log.durable()
        await log.release()
