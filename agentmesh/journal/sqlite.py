"""The default journal: one SQLite file for many runs and many processes."""

from __future__ import annotations

import itertools
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agentmesh.errors import JournalError, RunTaken
from agentmesh.journal.base import Durability, RunRecord, Word
from agentmesh.journal.commits import HeldLog
from agentmesh.journal.owners import Owners
from agentmesh.journal.rows import Brought, ContentRow, EventRow
from agentmesh.journal.schema import migrate
from agentmesh.journal.sql import SqlJournal
from agentmesh.journal.statements import Session

_ROWS = (64, 16, 4, 1)
"""How many rows are put in at a time: few numbers, so that few statements have to be prepared."""
BUSY_SECONDS = 30.0
"""How long to wait for another program that writes to the file."""
_SETTINGS = (
    "PRAGMA wal_autocheckpoint = 4000",  # a page that is written again and again is copied to its place less often
    "PRAGMA cache_size = -32000",
)
_MEANS = {
    sqlite3.SQLITE_BUSY: "another program has locked it; try again when that is done, or use another --journal",
    sqlite3.SQLITE_LOCKED: "another program has locked it; try again when that is done, or use another --journal",
    sqlite3.SQLITE_FULL: "the disk is full; make room, then `agentmesh resume` goes on from what is safe",
    sqlite3.SQLITE_READONLY: "it may not be written to; mend that, or use another --journal",
    sqlite3.SQLITE_PERM: "it may not be written to; mend that, or use another --journal",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: is its directory there and writable? --journal names another",
    sqlite3.SQLITE_NOTADB: "it is no journal, or damaged; move it away, or use another --journal",
    sqlite3.SQLITE_CORRUPT: "it is damaged; `sqlite3 FILE .recover` saves what can be read, another --journal starts "
    "afresh",
    sqlite3.SQLITE_IOERR: "the disk could not be read or written; mend that, then `agentmesh resume` goes on from what "
    "is safe",
}


class SqliteJournal(SqlJournal):
    """Runs in a SQLite file, made if it is not there. Raises: JournalError if it cannot be written."""

    def __init__(self, path: Path, durability: Durability = "full", busy_s: float = BUSY_SECONDS) -> None:
        super().__init__(f"journal {path}", durability)
        self.path = path
        self._busy_s = busy_s
        self._make_directory()
        with self._in_words():
            self._connection = self._connect()
            try:
                migrate(self._connection)
                for setting in _SETTINGS:
                    self._connection.execute(setting)
                self._hear_from_now(self._connection)
                self._file = path.stat().st_ino
            except BaseException:
                self._connection.close()
                raise
        self._owners = Owners.of(path.resolve().with_name(path.name + ".owners"))

    def start(self, record: RunRecord) -> HeldLog:
        """Hold a new run. Raises: RunTaken here if somebody holds one of that id, else at the first `durable`."""
        if not self._owners.take(record.run_id):
            raise RunTaken(f"{self.where} holds a run {record.run_id} already")
        return HeldLog(record.run_id, self._commits, record=record)

    # Who holds what

    def _take(self, session: Session, run_id: str) -> bool:
        return self._owners.take(run_id)

    def _held(self, session: Session, run_ids: Sequence[str]) -> set[str]:
        return {run_id for run_id in run_ids if self._owners.is_taken(run_id)}

    def give_back(self, logs: Sequence[HeldLog]) -> None:
        """Let other processes have these runs."""
        for log in logs:
            self._owners.give_back(log.run_id)

    # Writing

    def _alone_with(self, session: Session, table: str) -> None:
        """Nobody else changes anything during a transaction anyway."""

    def _insert_run(self, session: Session, columns: Sequence[str], values: Sequence[Any]) -> int | None:
        marks = ", ".join("?" * len(columns))
        cursor = self._connection.execute(
            f"INSERT INTO run ({', '.join(columns)}) VALUES ({marks}) ON CONFLICT DO NOTHING", values
        )
        return cursor.lastrowid if cursor.rowcount else None

    def _pass_fence(self, session: Session, brought: Sequence[Brought]) -> None:
        passed = self._connection.executemany(
            "UPDATE run SET events = ?, questions = max(0, questions + ?) WHERE number = ? AND epoch = ?",
            [(one.log.count + len(one.events), one.asked, one.log.number, one.log.epoch) for one in brought],
        ).rowcount
        if passed == len(brought):
            return
        for log in (one.log for one in brought):
            fence = "SELECT 1 FROM run WHERE number = ? AND epoch = ?"
            if session.execute(fence, (log.number, log.epoch)).fetchone() is None:
                log.failed = RunTaken(f"run {log.run_id} was taken over by another process")

    def _free_places(self, session: Session) -> Iterator[int]:
        return itertools.count(session.execute("SELECT coalesce(max(id), 0) FROM content").fetchone()[0] + 1)

    def _put(self, session: Session, contents: Sequence[ContentRow], events: Sequence[EventRow]) -> None:
        _insert(self._connection, "content", contents)
        _insert(self._connection, "event", events)

    def words(self) -> Iterable[tuple[str, Word]]:
        """What was said to runs since the last time; called in the thread of the commits."""
        with self._in_words():
            yield from self._words(self._connection)

    # Connections

    def _make_directory(self) -> None:
        missing = [directory for directory in self.path.absolute().parents if not directory.exists()]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            for directory in missing:
                _sync(directory.parent)  # else a power cut may take away the directory with all that is in it
        except OSError as error:
            raise JournalError(f"{self.where}: its directory cannot be made: {error.strerror}") from error

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=self._busy_s, isolation_level=None, check_same_thread=False, cached_statements=64
        )
        connection.execute(f"PRAGMA synchronous = {self._durability.upper()}")
        return connection

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        with self._own() as connection, _transaction(connection, "BEGIN", "ROLLBACK"):
            yield connection

    @contextmanager
    def _changing(self) -> Iterator[Session]:
        with self._own() as connection, _transaction(connection, "BEGIN IMMEDIATE"):
            yield connection

    @contextmanager
    def _own(self) -> Iterator[sqlite3.Connection]:
        """A connection for a moment, and for one thread."""
        with self._in_words():
            connection = self._connect()
            try:
                yield connection
            finally:
                connection.close()

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        with self._in_words():
            self._refuse_moved()
            with _transaction(self._connection, "BEGIN IMMEDIATE"):
                yield self._connection

    def _refuse_moved(self) -> None:
        """SQLite would go on to write to a file that nobody finds any more."""
        try:
            there = os.stat(self.path).st_ino == self._file  # noqa: PTH116 - half the time, at each commit
        except OSError:
            there = False
        if not there:
            raise JournalError("it was moved away or deleted while it was in use; put it back, or begin anew")

    def _close(self) -> None:
        with self._in_words():
            self._connection.close()

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            means = _MEANS.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
            raise JournalError(f"{self.where}: {f'{means} ({error})' if means else error}") from error
        except JournalError as error:
            if type(error) is not JournalError or self.where in str(error):
                raise
            raise JournalError(f"{self.where}: {error}") from error.__cause__


def _insert(connection: sqlite3.Connection, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """As `executemany`, many rows at a time: at each step of a statement SQLite waits for Python's lock."""
    at = 0
    for size in _ROWS:
        while len(rows) - at >= size:
            several = rows[at : at + size]
            marks = f"({', '.join('?' * len(several[0]))})"
            connection.execute(
                f"INSERT INTO {table} VALUES {', '.join([marks] * size)}", list(itertools.chain.from_iterable(several))
            )
            at += size


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str, end: str = "COMMIT") -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
        connection.execute(end)
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _sync(directory: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
