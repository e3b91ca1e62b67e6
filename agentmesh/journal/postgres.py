"""A journal in Postgres: one database for many machines. Needs the extra `postgres`."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg import Connection

from agentmesh.errors import JournalError, RunTaken
from agentmesh.journal.base import Durability, RunRecord, Word
from agentmesh.journal.commits import HeldLog
from agentmesh.journal.postgres_schema import LOCKS, SCHEMA, migrate
from agentmesh.journal.rows import Brought, ContentRow, EventRow
from agentmesh.journal.sql import SqlJournal
from agentmesh.journal.statements import Rows, Session

BUSY_SECONDS = 30.0
"""How long to wait for another program that has locked a table."""
CONNECT_SECONDS = 10
_CONNECTIONS = 6
"""Beside the one that writes: reading and claiming wait for one of these."""
_BLOCK = 1000
"""Places of contents that a process sets aside at once: the step of the sequence."""
_SHOWN = frozenset({"host", "port", "dbname", "user"})
"""What of the query of an address may be shown."""
_ALIVE = """
    SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND classid = ? AND objsubid = 2 AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_MEANS = {
    "28": "access is refused: check name and password (PGPASSWORD, or ~/.pgpass)",
    "3D": "there is no such database; create it, or name another",
    "42501": "this name may not do that there; it must be able to create a schema, or own the one named agentmesh",
    "25006": "it may not be written to: is it a standby?",
    "53100": "the disk of the server is full; make room, then `agentmesh resume` goes on from what is safe",
    "53300": "the server has no connection left; try again later, or let it have more",
    "55P03": "another program has locked it; try again when that is done",
    "57P": "the server went away; when it is back `agentmesh resume` goes on from what is safe",
    "08": "the server went away; when it is back `agentmesh resume` goes on from what is safe",
    "XX00": "it is damaged; restore it, or use another --journal",
}
"""What states of SQL mean, by how they begin."""


class PostgresJournal(SqlJournal):
    """Runs in a database, whose tables are made if they are not there. Raises: JournalError if it cannot be used."""

    def __init__(self, address: str, durability: Durability = "full", busy_s: float = BUSY_SECONDS) -> None:
        super().__init__(f"journal {without_password(address)}", durability)
        self._address = address
        self._busy_s = busy_s
        self._writer_lock = threading.Lock()
        self._idle: list[Connection[Any]] = []
        self._permits = threading.BoundedSemaphore(_CONNECTIONS)
        self._places_left: Iterator[int] = iter(())
        self._owner = 0
        self._closed = False
        self._owed: list[HeldLog] = []
        """What was given up while the server could not be told."""
        self._owed_lock = threading.Lock()
        with self._in_words():
            self._writer = self._opened_writer()
            try:
                self._hear_from_now(_Session(self._writer))
            except BaseException:
                self._writer.close()
                raise

    def start(self, record: RunRecord) -> HeldLog:
        """Hold a new run. The first `durable` raises RunTaken if there is one of that id."""
        return HeldLog(record.run_id, self._commits, record=record)

    # Who holds what: a run has an owner, and that is alive as long as its connection

    def _take(self, session: Session, run_id: str) -> bool:
        self._see_to_owner(session)
        alive = f"SELECT owner, owner IN ({_ALIVE}) FROM run WHERE run_id = ? FOR UPDATE OF run"
        owner, held = session.execute(alive, (LOCKS, run_id)).fetchone()
        if owner is not None and held:
            return False
        session.execute("UPDATE run SET owner = ? WHERE run_id = ?", (self._owner, run_id))
        return True

    def _see_to_owner(self, session: Session) -> None:
        """Others must find this process alive before it takes a run: its connection may have gone since."""
        if session.execute(f"SELECT ? IN ({_ALIVE})", (self._owner, LOCKS)).fetchone()[0]:
            return
        with self._writer_lock:
            self._writer.close()
            self._writer = self._opened_writer()

    def _held(self, session: Session, run_ids: Sequence[str]) -> set[str]:
        held = f"SELECT run_id FROM run WHERE run_id = ANY(?) AND owner IN ({_ALIVE})"
        return {run_id for (run_id,) in session.execute(held, (list(run_ids), LOCKS)).fetchall()}

    def give_back(self, logs: Sequence[HeldLog]) -> None:
        """Let other processes have these runs; if the server cannot be told now, as soon as it is spoken to again."""
        if self._closed:  # and with that they are free
            return
        with self._owed_lock:
            self._owed.extend(logs)
        with self._changing() as session:
            given = self._give_back_owed(session)
        self._forget_owed(given)

    def _give_back_owed(self, session: Session) -> list[HeldLog]:
        with self._owed_lock:
            owed = list(self._owed)
        for log in owed:
            free = "UPDATE run SET owner = NULL WHERE number = ? AND epoch = ? AND owner = ?"
            session.execute(free, (log.number, log.epoch, self._owner))
        return owed

    def _forget_owed(self, given: Sequence[HeldLog]) -> None:
        with self._owed_lock:
            self._owed = [log for log in self._owed if log not in given]

    # Writing

    def _alone_with(self, session: Session, table: str) -> None:
        session.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")

    def _insert_run(self, session: Session, columns: Sequence[str], values: Sequence[Any]) -> int | None:
        marks = ", ".join("?" * (len(columns) + 1))
        insert = (
            f"INSERT INTO run (owner, {', '.join(columns)}) VALUES ({marks}) ON CONFLICT DO NOTHING RETURNING number"
        )
        found = session.execute(insert, (self._owner, *values)).fetchone()
        return None if found is None else int(found[0])

    def _parent(self, session: Session, run_id: str) -> Any:
        return session.execute(
            "SELECT number, family, events FROM run WHERE run_id = ? FOR SHARE", (run_id,)
        ).fetchone()

    def _pass_fence(self, session: Session, brought: Sequence[Brought]) -> None:
        rows = [(one.log.number, one.log.epoch, one.log.count + len(one.events), one.asked) for one in brought]
        passed = session.execute(
            """
            UPDATE run SET events = new.events, questions = greatest(0, questions + new.asked)
            FROM unnest(?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[]) AS new (number, epoch, events, asked)
            WHERE run.number = new.number AND run.epoch = new.epoch RETURNING run.number
            """,
            [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []],
        ).fetchall()
        numbers = {number for (number,) in passed}
        for log in (one.log for one in brought):
            if log.number not in numbers:
                log.failed = RunTaken(f"run {log.run_id} was taken over by another process")

    def _free_places(self, session: Session) -> Iterator[int]:
        while True:
            yield from self._places_left
            first = session.execute("SELECT nextval('place')").fetchone()[0]
            self._places_left = iter(range(first, first + _BLOCK))

    def _put(self, session: Session, contents: Sequence[ContentRow], events: Sequence[EventRow]) -> None:
        for table, rows in (("content", contents), ("event", events)):
            if rows:
                with self._writer.cursor() as cursor, cursor.copy(_sql(f"COPY {table} FROM STDIN")) as copy:
                    for row in rows:
                        copy.write_row(row)

    def words(self) -> Iterable[tuple[str, Word]]:
        """What was said to runs since the last time; called in the thread of the commits."""
        with self._reading() as session:
            yield from self._words(session)

    def _kept(self, text: str) -> str:
        return super()._kept(text).replace("\\", "\\\\").replace("\0", "\\0")

    def _as_it_was(self, kept: str) -> str:
        return re.sub(r"\\(.)", lambda found: "\0" if found[1] == "0" else found[1], kept)

    # Connections

    def _connect(self) -> Connection[Any]:
        connection = psycopg.connect(
            self._address, autocommit=True, connect_timeout=CONNECT_SECONDS, client_encoding="utf8",
            fallback_application_name="agentmesh",
        )  # fmt: skip
        connection.execute(_sql(f"SET search_path TO {SCHEMA}"))
        connection.execute(_sql(f"SET lock_timeout TO {int(self._busy_s * 1000)}"))
        connection.execute(_sql(f"SET synchronous_commit TO {'on' if self._durability == 'full' else 'off'}"))
        return connection

    def _opened_writer(self) -> Connection[Any]:
        connection = self._connect()
        try:
            _refuse_encoding(connection.info.parameter_status("server_encoding"))
            migrate(connection)
            # A machine that is gone must not hold its runs for hours.
            for name, value in (("idle", 15), ("interval", 5), ("count", 3)):
                connection.execute(_sql(f"SET tcp_keepalives_{name} TO {value}"))
            if not self._owner:
                (self._owner,) = connection.execute("SELECT nextval('owner')").fetchone() or (0,)
            connection.execute("SELECT pg_advisory_lock(%s, %s)", (LOCKS, self._owner))
            self._forget_owed(self._give_back_owed(_Session(connection)))
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def _own(self) -> Iterator[Connection[Any]]:
        """A connection for a moment, and for one thread."""
        with self._permits, self._in_words():
            connection = self._usable() or self._connect()
            try:
                yield connection
            except psycopg.OperationalError:
                connection.close()
                raise
            finally:
                if not connection.closed:
                    self._idle.append(connection)

    def _usable(self) -> Connection[Any] | None:
        while self._idle:
            connection = self._idle.pop()
            try:
                connection.execute("SELECT 1")
            except psycopg.OperationalError:  # the server has been away
                connection.close()
                continue
            return connection
        return None

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        with self._own() as connection, _transaction(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"):
            yield _Session(connection)

    @contextmanager
    def _changing(self) -> Iterator[Session]:
        with self._own() as connection, _transaction(connection, "BEGIN ISOLATION LEVEL READ COMMITTED"):
            yield _Session(connection)

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        with self._writer_lock, self._in_words():
            try:
                self._writer.execute("SELECT 1")
            except psycopg.OperationalError:  # the server has been away; who took a run meanwhile holds its fence
                self._writer.close()
                self._writer = self._opened_writer()
            with _transaction(self._writer, "BEGIN ISOLATION LEVEL READ COMMITTED"):
                yield _Session(self._writer)

    def _close(self) -> None:
        self._closed = True
        for connection in (self._writer, *self._idle):
            connection.close()
        self._idle.clear()

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            # Its own words may hold the whole address: they are not chained to it either.
            raise JournalError(f"{self.where}: {self._told(error)}") from None
        except JournalError as error:
            if type(error) is not JournalError or self.where in str(error):
                raise
            raise JournalError(f"{self.where}: {error}") from None

    def _told(self, error: psycopg.Error) -> str:
        text = " ".join((error.diag.message_primary or str(error)).split())
        for secret in _secrets(self._address):
            text = text.replace(secret, "***")
        if error.sqlstate is None and not self._owner:
            return _not_connected(text)
        state = error.sqlstate or "08"
        means = next((words for start, words in _MEANS.items() if state.startswith(start)), None)
        return f"{means} ({text})" if means else text


class _Session:
    """A connection that takes `?` for a value."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> Rows:
        return self._connection.execute(_sql(statement.replace("?", "%s")), values)


@contextmanager
def _transaction(connection: Connection[Any], begin: str) -> Iterator[None]:
    connection.execute(_sql(begin))
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.info.transaction_status != psycopg.pq.TransactionStatus.UNKNOWN:
            connection.execute("ROLLBACK")
        raise


def _not_connected(text: str) -> str:
    """Why there is no connection. What the library says is shown only where it cannot be made of half a password."""
    if "FATAL:" in text:
        return f"the server refuses: check name, password (PGPASSWORD, or ~/.pgpass) and database ({text})"
    if "connection to server" in text:
        return f"it cannot be reached: is the server up, and the address right? ({text})"
    return "it cannot be reached: is the address right? postgresql://NAME@HOST:PORT/DATABASE is one"


def _refuse_encoding(encoding: str | None) -> None:
    if encoding != "UTF8":
        raise JournalError(f"it is encoded in {encoding}, and must be in UTF8: name another database")


def _sql(statement: str) -> Any:
    """A statement that is made of constants of this package alone: psycopg's types want literals."""
    return statement


def without_password(address: str) -> str:
    """An address of Postgres as it may be shown."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
    except ValueError:
        return "in Postgres"
    name = f"{parts.username}@" if parts.username else ""
    query = "&".join(part for part in parts.query.split("&") if part.partition("=")[0] in _SHOWN)
    return f"{parts.scheme}://{name}{host}{port}{parts.path}{query and '?'}{query}"


def _secrets(address: str) -> Iterator[str]:
    """Whatever in an address could be a password, the longest first."""
    rest = address.partition("://")[2]
    found = {rest}
    access = rest.rpartition("@")[0]
    if ":" in access:
        found |= {access, access.partition(":")[2]}
    found |= set(re.findall(r"password=([^&]*)", address))
    yield from sorted({*found, *map(unquote, found)} - {""}, key=len, reverse=True)
