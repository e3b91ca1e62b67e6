"""The default journal: one SQLite file for many runs and many processes."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio.to_thread
from pydantic import TypeAdapter, ValidationError

from agentmesh.errors import JournalError, RunNotFound, RunTaken
from agentmesh.events import Answered, Event, Question, RunEnded, RunResumed
from agentmesh.journal.base import Durability, RunRecord, RunStatus, Word
from agentmesh.journal.commits import Batch, Commits, HeldLog, holder
from agentmesh.journal.owners import Owners
from agentmesh.journal.schema import migrate
from agentmesh.journal.stored import FIRST_CHECK, Stored, read, stored

BUSY_SECONDS = 30.0
"""How long to wait for another program that writes to the file."""
_REMEMBERED = 20_000
"""Contents whose places are known without looking."""
_WORDS: TypeAdapter[Word] = TypeAdapter(Word)
_EVENTS = """
    SELECT event.body, event.field1, one.text, event.field2, two.text, event.id, event.checksum FROM event
    LEFT JOIN content one ON one.id = event.content1 LEFT JOIN content two ON two.id = event.content2
    WHERE event.run = ? ORDER BY event.id
"""
_RUNS = """
    SELECT run_id, run.team, task, started, made, team_hash, team.description, parent, at, events, outcome, reason,
        questions
    FROM run LEFT JOIN team ON team.hash = run.team_hash
"""


class SqliteJournal:
    """Runs in a SQLite file, made if it is not there. Raises: JournalError if it cannot be written."""

    def __init__(self, path: Path, durability: Durability = "full", busy_s: float = BUSY_SECONDS) -> None:
        self.path = path
        self._durability = durability
        self._busy_s = busy_s
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise JournalError(f"journal {path}: its directory cannot be made: {error.strerror}") from error
        with self._in_words():
            self._connection = self._connect()
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                migrate(self._connection)
                self._last_word = self._last("word")
            except BaseException:
                self._connection.close()
                raise
        self._owners = Owners.of(path.resolve().with_name(path.name + ".owners"))
        self._commits = Commits(self)
        self._places: OrderedDict[tuple[int, bytes], int] = OrderedDict()

    # Held runs

    def start(self, record: RunRecord) -> HeldLog:
        """Hold a new run. Raises: JournalError if this process holds one of that id."""
        if not self._owners.take(record.run_id):
            raise RunTaken(f"run {record.run_id} is there already")
        log = HeldLog(record.run_id, self._commits)
        log.last = self._commits.put(Batch(log, record=record))
        return log

    async def claim(self, run_id: str) -> HeldLog:
        """Hold a run of the file. Raises: RunNotFound, RunTaken, JournalError."""
        return await anyio.to_thread.run_sync(self._claim, run_id)

    def _claim(self, run_id: str) -> HeldLog:
        with self._reading() as connection:
            found = connection.execute("SELECT holder FROM run WHERE run_id = ?", (run_id,)).fetchone()
            if found is None:
                raise self._unknown(run_id)
            if not self._owners.take(run_id):
                raise RunTaken(f"run {run_id} is being run by {found[0]}")
            try:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("UPDATE run SET epoch = epoch + 1, holder = ? WHERE run_id = ?", (holder(), run_id))
                number, family, epoch, events = connection.execute(
                    "SELECT number, family, epoch, events FROM run WHERE run_id = ?", (run_id,)
                ).fetchone()
                last = connection.execute(
                    "SELECT checksum FROM event WHERE run = ? AND id = ?", (number, events)
                ).fetchone()
                connection.execute("COMMIT")
            except BaseException:
                self._owners.give_back(run_id)
                raise
        return HeldLog(run_id, self._commits, epoch, number, family, events, last[0] if last else FIRST_CHECK)

    def give_back(self, run_id: str) -> None:
        """Let other processes have the run."""
        self._owners.give_back(run_id)

    # Writing, in the thread of the commits

    def write(self, batches: Sequence[Batch]) -> None:
        """One transaction. Raises: JournalError."""
        connection = self._connection
        with self._in_words():
            connection.execute("BEGIN IMMEDIATE")
            try:
                contents: list[tuple[int, int, str]] = []
                self._next_content = self._last("content") + 1
                rows = [row for log, several in _by_log(batches).items() for row in self._rows(log, several, contents)]
                connection.executemany("INSERT INTO content VALUES (?, ?, ?)", contents)
                connection.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
                connection.execute("COMMIT")
            except BaseException:
                self._places.clear()
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _rows(
        self, log: HeldLog, batches: Sequence[Batch], contents: list[tuple[int, int, str]]
    ) -> Iterator[tuple[Any, ...]]:
        for batch in batches:
            if batch.record is not None:
                self._insert(log, batch.record)
        events = [event for batch in batches for event in batch.events]
        if not self._passes_fence(log, events):
            log.failed = RunTaken(f"run {log.run_id} was taken over by another process")
            return
        for event in events:
            what = stored(event)
            log.checksum = what.check(log.checksum)
            places = [(name, self._place(log.family, text, contents)) for name, text in what.long]
            (one, first), (two, second) = (*places, (None, None), (None, None))[:2]
            yield (log.number, event.id, event.type, what.body, one, first, two, second, log.checksum)
        log.count += len(events)

    def _insert(self, log: HeldLog, record: RunRecord) -> None:
        connection = self._connection
        if record.description:
            connection.execute("INSERT OR IGNORE INTO team VALUES (?, ?)", (record.team_hash, record.description))
        made = json.dumps(record.made, ensure_ascii=False)
        cursor = connection.execute(
            "INSERT INTO run (run_id, team, task, started, made, team_hash, parent, at, epoch, holder) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, ?)",
            (record.run_id, record.team, record.task, record.started, made, record.team_hash, record.parent, record.at,
             holder()),
        )  # fmt: skip
        log.number = log.family = cursor.lastrowid or 0
        if record.parent is not None:
            self._inherit(log, record.parent, record.at or 0)
        connection.execute("UPDATE run SET family = ? WHERE number = ?", (log.family, log.number))

    def _inherit(self, log: HeldLog, parent: str, at: int) -> None:
        """The events of another run up to one of them. What they hold that is long is stored no second time."""
        connection = self._connection
        number, log.family = connection.execute("SELECT number, family FROM run WHERE run_id = ?", (parent,)).fetchone()
        connection.execute(
            "INSERT INTO event SELECT ?, id, type, body, field1, content1, field2, content2, checksum "
            "FROM event WHERE run = ? AND id <= ?",
            (log.number, number, at),
        )
        last = connection.execute("SELECT checksum FROM event WHERE run = ? AND id = ?", (log.number, at)).fetchone()
        log.count, log.checksum = at, last[0]
        asked = connection.execute(
            "SELECT sum(type = 'question') - sum(type = 'answered') FROM event WHERE run = ?", (log.number,)
        ).fetchone()
        connection.execute("UPDATE run SET questions = ? WHERE number = ?", (max(0, asked[0] or 0), log.number))

    def _passes_fence(self, log: HeldLog, events: Sequence[Event]) -> bool:
        """Whether this log may still be written to; if so, what is known of the run is brought up to date."""
        cursor = self._connection.execute(
            "UPDATE run SET events = ?, questions = max(0, questions + ?) WHERE number = ? AND epoch = ?",
            (log.count + len(events), sum(map(_asks, events)), log.number, log.epoch),
        )
        for event in events:
            if isinstance(event, RunEnded | RunResumed):
                end = (event.outcome, event.reason) if isinstance(event, RunEnded) else (None, "")
                self._connection.execute(
                    "UPDATE run SET outcome = ?, reason = ? WHERE number = ? AND epoch = ?",
                    (*end, log.number, log.epoch),
                )
        return cursor.rowcount == 1

    def _place(self, family: int, text: str, contents: list[tuple[int, int, str]]) -> int:
        """Where a content stands; it is put there if it is not known to be there."""
        name = (family, hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest())
        place = self._places.get(name)
        if place is None:
            place = self._places[name] = self._next_content
            self._next_content += 1
            contents.append((place, family, text))
            if len(self._places) > _REMEMBERED:
                self._places.popitem(last=False)
        else:
            self._places.move_to_end(name)
        return place

    # Reading

    async def events(self, run_id: str) -> list[Event]:
        """The log of a run. Raises: RunNotFound, JournalError."""
        return await anyio.to_thread.run_sync(self._read_events, run_id)

    def _read_events(self, run_id: str) -> list[Event]:
        return [self._event(run_id, id_, what) for what, id_, _ in self._stored(run_id)]

    def _event(self, run_id: str, id_: int, what: Stored) -> Event:
        try:
            return read(run_id, what)
        except ValidationError as error:
            raise JournalError(
                f"journal {self.path}: event {id_} of run {run_id} cannot be read: {error.errors()[0]['msg']}"
            ) from error

    def _stored(self, run_id: str) -> list[tuple[Stored, int, bytes]]:
        with self._reading() as connection:
            number = connection.execute("SELECT number FROM run WHERE run_id = ?", (run_id,)).fetchone()
            if number is None:
                raise self._unknown(run_id)
            rows = connection.execute(_EVENTS, number).fetchall()
        return [
            (Stored(body, tuple(pair for pair in ((one, first), (two, second)) if pair[0] is not None)), id_, checksum)
            for body, one, first, two, second, id_, checksum in rows
        ]

    async def first_damage(self, run_id: str) -> int | None:
        """Id of the first event that is missing, or not as it was written. Raises: RunNotFound."""
        return await anyio.to_thread.run_sync(self._first_damage, run_id)

    def _first_damage(self, run_id: str) -> int | None:
        checksum, expected = FIRST_CHECK, 1
        for what, id_, written in self._stored(run_id):
            broken = any(text is None for _, text in what.long)
            if id_ != expected or broken or (checksum := what.check(checksum)) != written:
                return expected
            expected += 1
        with self._reading() as connection:
            (count,) = connection.execute("SELECT events FROM run WHERE run_id = ?", (run_id,)).fetchone()
        return expected if count != expected - 1 else None

    async def status(self, run_id: str) -> RunStatus:
        """What is known of a run, by its id or the beginning of it. Raises: RunNotFound."""
        return await anyio.to_thread.run_sync(self._status, run_id)

    def _status(self, run_id: str) -> RunStatus:
        with self._reading() as connection:
            rows = connection.execute(f"{_RUNS} WHERE run_id = ?", (run_id,)).fetchall()
            rows = (
                rows
                or connection.execute(
                    f"{_RUNS} WHERE substr(run_id, 1, ?) = ? LIMIT 3", (len(run_id), run_id)
                ).fetchall()
            )
        if len(rows) != 1 or not run_id:
            raise self._unknown(run_id, [row[0] for row in rows])
        return self._as_status(rows[0])

    async def runs(self) -> list[RunStatus]:
        """All runs, the newest first."""
        return await anyio.to_thread.run_sync(self._runs)

    def _runs(self) -> list[RunStatus]:
        with self._reading() as connection:
            rows = connection.execute(f"{_RUNS} ORDER BY started DESC, number DESC").fetchall()
        return [self._as_status(row) for row in rows]

    def _as_status(self, row: tuple[Any, ...]) -> RunStatus:
        run_id, team, task, started, made, team_hash, description, parent, at, events, outcome, reason, asked = row
        record = RunRecord(run_id, team, task, started, json.loads(made), team_hash, description or "", parent, at)
        running = outcome is None and self._owners.is_taken(run_id)
        return RunStatus(record, events, outcome, reason, running, 0 if outcome else asked)

    # Words and deletion

    async def say(self, run_id: str, word: Word) -> None:
        """Put a word to a run. Raises: RunNotFound."""
        await anyio.to_thread.run_sync(self._say, run_id, word)

    def _say(self, run_id: str, word: Word) -> None:
        with self._reading() as connection:
            if connection.execute("SELECT 1 FROM run WHERE run_id = ?", (run_id,)).fetchone() is None:
                raise self._unknown(run_id)
            connection.execute("INSERT INTO word (run_id, body) VALUES (?, ?)", (run_id, word.model_dump_json()))

    async def said(self, run_id: str) -> list[Word]:
        """All words that were put to a run, in order."""
        return await anyio.to_thread.run_sync(self._said, run_id)

    def _said(self, run_id: str) -> list[Word]:
        with self._reading() as connection:
            rows = connection.execute("SELECT body FROM word WHERE run_id = ? ORDER BY id", (run_id,)).fetchall()
        return [_WORDS.validate_json(body) for (body,) in rows]

    def words(self) -> Iterable[tuple[str, Word]]:
        """What was said to runs since the last time; called in the thread of the commits."""
        with self._in_words():
            rows = self._connection.execute(
                "SELECT id, run_id, body FROM word WHERE id > ? ORDER BY id", (self._last_word,)
            ).fetchall()
        for self._last_word, run_id, body in rows:
            yield run_id, _WORDS.validate_json(body)

    async def delete(self, run_id: str) -> None:
        """Forget a run. Raises: RunNotFound, RunTaken."""
        await anyio.to_thread.run_sync(self._delete, run_id)

    def _delete(self, run_id: str) -> None:
        log = self._claim(run_id)
        try:
            with self._reading() as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("DELETE FROM event WHERE run = ?", (log.number,))
                connection.execute("DELETE FROM word WHERE run_id = ?", (run_id,))
                connection.execute("DELETE FROM run WHERE number = ?", (log.number,))
                family = (log.family,)
                if connection.execute("SELECT 1 FROM run WHERE family = ?", family).fetchone() is None:
                    connection.execute("DELETE FROM content WHERE family = ?", family)
                connection.execute("DELETE FROM team WHERE hash NOT IN (SELECT team_hash FROM run)")
                connection.execute("COMMIT")
        finally:
            self._owners.give_back(run_id)

    async def aclose(self) -> None:
        """Wait for what was appended, and close the file."""
        await anyio.to_thread.run_sync(self._commits.close)
        self._connection.close()

    # Connections

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=self._busy_s, isolation_level=None, check_same_thread=False, cached_statements=64
        )
        connection.execute(f"PRAGMA synchronous = {self._durability.upper()}")
        return connection

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """A connection of one's own, for a moment."""
        with self._in_words():
            connection = self._connect()
            try:
                yield connection
            finally:
                connection.close()

    def _last(self, table: str) -> int:
        return int(self._connection.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0])

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise JournalError(f"journal {self.path}: {_words(error)}") from error

    def _unknown(self, run_id: str, like: Sequence[str] = ()) -> RunNotFound:
        if like:
            return RunNotFound(f"'{run_id}' may be {', '.join(like)}: give more of the id")
        return RunNotFound(f"journal {self.path} holds no run '{run_id}'; `agentmesh runs` lists those it holds")


def _by_log(batches: Sequence[Batch]) -> dict[HeldLog, list[Batch]]:
    found: dict[HeldLog, list[Batch]] = {}
    for batch in batches:
        found.setdefault(batch.log, []).append(batch)
    return found


def _asks(event: Event) -> int:
    return isinstance(event, Question) - isinstance(event, Answered)


def _words(error: sqlite3.Error) -> str:
    """What a failure of SQLite means, and what to do about it."""
    text = str(error)
    told = {
        "locked": "another program has locked it; try again when that is done, or use another --journal",
        "full": "the disk is full; make room, then `agentmesh resume` goes on from what is safe",
        "readonly": "it may not be written to; use another --journal",
        "unable to open": "it cannot be opened: is its directory there and writable? --journal names another",
        "not a database": "it is no journal, or damaged; move it away, or use another --journal",
        "malformed": "it is damaged; `sqlite3 FILE .recover` saves what can be read, another --journal starts afresh",
        "disk I/O": "the disk could not be read or written",
    }
    for sign, words in told.items():
        if sign in text:
            return f"{words} ({text})"
    return text
