"""What stores in SQL databases have in common. Each adds how it connects, and how it knows who holds a run."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import anyio.to_thread
from pydantic import TypeAdapter, ValidationError

from agentmesh.errors import JournalError, RunNotFound, RunTaken
from agentmesh.events import Event
from agentmesh.journal.base import Durability, RunRecord, RunStatus, Word
from agentmesh.journal.commits import Batch, Commits, HeldLog, holder
from agentmesh.journal.rows import Brought, ContentRow, EventRow, Places, brought_by
from agentmesh.journal.statements import COLUMNS, EVENTS, RUNS, Session, forget_contents, inherit
from agentmesh.journal.stored import FIRST_CHECK, Stored, read, storable

_WORDS: TypeAdapter[Word] = TypeAdapter(Word)


class SqlJournal(ABC):
    """Runs in tables."""

    where: str

    def __init__(self, where: str, durability: Durability) -> None:
        self.where = where
        self._durability = durability
        self._commits = Commits(self)
        self._last_word = 0
        self._places = Places()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.where}>"

    # What each store adds

    @abstractmethod
    def start(self, record: RunRecord) -> HeldLog:
        """Hold a new run."""

    @abstractmethod
    def _reading(self) -> AbstractContextManager[Session]:
        """All that is read here is of one moment."""

    @abstractmethod
    def _changing(self) -> AbstractContextManager[Session]:
        """All that is changed here is changed together, or not at all."""

    @abstractmethod
    def _take(self, session: Session, run_id: str) -> bool:
        """Hold a run of the store, unless somebody does."""

    @abstractmethod
    def _held(self, session: Session, run_ids: Sequence[str]) -> set[str]:
        """Those of the runs that a process holds now."""

    @abstractmethod
    def _close(self) -> None:
        """Let go of everything, once all is written."""

    @abstractmethod
    def give_back(self, logs: Sequence[HeldLog]) -> None:
        """Let other processes have these runs."""

    @abstractmethod
    def words(self) -> Iterable[tuple[str, Word]]:
        """What was said to runs since the last time."""

    @abstractmethod
    def _writing(self) -> AbstractContextManager[Session]:
        """As `_changing`, in the thread of the commits."""

    @abstractmethod
    def _insert_run(self, session: Session, columns: Sequence[str], values: Sequence[Any]) -> int | None:
        """Number of a new run; None if there is one of its id."""

    @abstractmethod
    def _pass_fence(self, session: Session, brought: Sequence[Brought]) -> None:
        """Bring runs up to date, and fail the logs of those that another process has taken over."""

    @abstractmethod
    def _free_places(self, session: Session) -> Iterator[int]:
        """Where no content stands."""

    @abstractmethod
    def _put(self, session: Session, contents: Sequence[ContentRow], events: Sequence[EventRow]) -> None:
        """Write what has been made ready."""

    @abstractmethod
    def _alone_with(self, session: Session, table: str) -> None:
        """Nobody else changes a table until the transaction is over."""

    def _kept(self, text: str) -> str:
        """A text as the store can keep it."""
        return storable(text)

    def _as_it_was(self, kept: str) -> str:
        """The text that was kept."""
        return kept

    # Held runs

    async def claim(self, run_id: str) -> HeldLog:
        """Hold a run of the store. Raises: RunNotFound, RunTaken, JournalError."""
        return await anyio.to_thread.run_sync(self._claim, run_id)

    def _claim(self, run_id: str) -> HeldLog:
        taken = HeldLog(run_id, self._commits)
        try:
            with self._changing() as session:
                self._claim_in(session, taken)
        except BaseException:
            if taken.number:
                self.give_back([taken])
            raise
        return taken

    def _claim_in(self, session: Session, log: HeldLog) -> None:
        """Within a transaction: the run is this process's, and who held it before may not write any more."""
        run_id = log.run_id
        found = session.execute("SELECT holder FROM run WHERE run_id = ?", (run_id,)).fetchone()
        if found is None:
            raise self._unknown(run_id)
        if not self._take(session, run_id):
            raise RunTaken(f"run {run_id} is being run by {found[0]}; stop that, or wait for its end")
        session.execute("UPDATE run SET epoch = epoch + 1, holder = ? WHERE run_id = ?", (holder(), run_id))
        log.number, log.family, log.epoch, log.count = session.execute(
            "SELECT number, family, epoch, events FROM run WHERE run_id = ?", (run_id,)
        ).fetchone()
        last = session.execute(
            "SELECT checksum FROM event WHERE run = ? AND id = ?", (log.number, log.count)
        ).fetchone()
        log.checksum = bytes(last[0]) if last else FIRST_CHECK

    # Writing, in the thread of the commits

    def write(self, batches: Sequence[Batch]) -> None:
        """One transaction. Raises: JournalError."""
        try:
            with self._writing() as session:
                for batch in batches:
                    if batch.record is not None:
                        self._insert(session, batch.log, batch.record)
                brought = brought_by(batches)
                self._pass_fence(session, brought)
                self._put(session, *self._places.rows(brought, self._free_places(session)))
                for one in brought:
                    if one.end is not None and one.log.failed is None:
                        outcome, reason = one.end
                        values = (outcome, self._kept(reason), one.log.number)
                        session.execute("UPDATE run SET outcome = ?, reason = ? WHERE number = ?", values)
        except BaseException:
            self._places.forget()
            raise

    def _insert(self, session: Session, log: HeldLog, record: RunRecord) -> None:
        parent = None
        if record.parent is not None:
            parent = self._parent(session, record.parent)
            if parent is None or (record.at or 0) > parent[2]:
                log.failed = self._unknown(f"{record.parent} with an event {record.at}")
                return
        values = (
            record.run_id, record.team, self._kept(record.task), record.started, json.dumps(record.made),
            record.team_hash, record.parent, record.at, 1, holder(),
        )  # fmt: skip
        number = self._insert_run(session, COLUMNS, values)
        if number is None:
            log.failed = RunTaken(f"{self.where} holds a run {record.run_id} already")
            return
        if record.description:
            team = (record.team_hash, self._kept(record.description))
            session.execute("INSERT INTO team VALUES (?, ?) ON CONFLICT DO NOTHING", team)
        log.number, log.family = number, parent[1] if parent else number
        session.execute("UPDATE run SET family = ? WHERE number = ?", (log.family, number))
        if parent is not None:
            inherit(session, log, parent[0], record.at or 0)

    def _parent(self, session: Session, run_id: str) -> Any:
        """Number, family and count of events of a run that stays until the transaction is over."""
        return session.execute("SELECT number, family, events FROM run WHERE run_id = ?", (run_id,)).fetchone()

    # Reading

    async def events(self, run_id: str) -> list[Event]:
        """The log of a run. Raises: RunNotFound, JournalError."""
        return await anyio.to_thread.run_sync(self._read_events, run_id)

    def _read_events(self, run_id: str) -> list[Event]:
        return [self._event(run_id, id_, what) for id_, _, what, _ in self._stored(run_id)[1]]

    def _event(self, run_id: str, id_: int, what: Stored) -> Event:
        try:
            return read(run_id, what)
        except ValidationError as error:
            raise JournalError(
                f"{self.where}: event {id_} of run {run_id} is damaged and cannot be read: {error.errors()[0]['msg']}; "
                f"`agentmesh fork {run_id} --at {max(1, id_ - 1)}` goes on from before it"
            ) from error

    def _stored(self, run_id: str) -> tuple[int, list[tuple[int, str, Stored, bytes]]]:
        """How many events a run has; and those that are there, each with its id, its type and its checksum."""
        with self._reading() as session:
            found = session.execute("SELECT number, events FROM run WHERE run_id = ?", (run_id,)).fetchone()
            if found is None:
                raise self._unknown(run_id)
            rows = session.execute(EVENTS, found[:1]).fetchall()
        return found[1], [
            (id_, type_, Stored(body, tuple((name, text) for name, text in pairs if name is not None)), bytes(checksum))
            for id_, type_, body, *fields, checksum in rows
            for pairs in [(fields[:2], fields[2:])]
        ]

    async def first_damage(self, run_id: str) -> int | None:
        """Id of the first event that is missing, or not as it was written. Raises: RunNotFound."""
        return await anyio.to_thread.run_sync(self._first_damage, run_id)

    def _first_damage(self, run_id: str) -> int | None:
        checksum, expected = FIRST_CHECK, 1
        count, rows = self._stored(run_id)
        for id_, type_, what, written in rows:
            if id_ != expected or not what.says(id_, type_) or (checksum := what.check(checksum)) != written:
                return expected
            expected += 1
        return expected if count != expected - 1 else None

    async def status(self, run_id: str) -> RunStatus:
        """What is known of a run, by its id or the beginning of it. Raises: RunNotFound."""
        return await anyio.to_thread.run_sync(self._status, run_id)

    def _status(self, run_id: str) -> RunStatus:
        with self._reading() as session:
            rows = session.execute(f"{RUNS} WHERE run_id = ?", (run_id,)).fetchall()
            if not rows and run_id:
                like = f"{RUNS} WHERE substr(run_id, 1, ?) = ? ORDER BY run_id LIMIT 4"
                rows = session.execute(like, (len(run_id), run_id)).fetchall()
            if len(rows) != 1:
                raise self._unknown(run_id, [row[0] for row in rows])
            return self._as_statuses(session, rows)[0]

    async def runs(self) -> list[RunStatus]:
        """All runs, the newest first."""
        return await anyio.to_thread.run_sync(self._runs)

    def _runs(self) -> list[RunStatus]:
        with self._reading() as session:
            rows = session.execute(f"{RUNS} ORDER BY started DESC, number DESC").fetchall()
            return self._as_statuses(session, rows)

    def _as_statuses(self, session: Session, rows: Sequence[Any]) -> list[RunStatus]:
        # Columns 10 and 0: outcome and run_id.
        held = self._held(session, [row[0] for row in rows if row[10] is None])
        return [self._as_status(row, row[0] in held) for row in rows]

    def _as_status(self, row: Sequence[Any], running: bool) -> RunStatus:
        run_id, team, task, started, made, team_hash, description, parent, at, events, outcome, reason, asked = row
        record = RunRecord(
            run_id,
            team,
            self._as_it_was(task),
            started,
            json.loads(made),
            team_hash,
            self._as_it_was(description or ""),
            parent,
            at,
        )
        return RunStatus(record, events, outcome, self._as_it_was(reason), running, 0 if outcome else asked)

    # Words

    async def say(self, run_id: str, word: Word) -> None:
        """Put a word to a run. Raises: RunNotFound."""
        await anyio.to_thread.run_sync(self._say, run_id, word)

    def _say(self, run_id: str, word: Word) -> None:
        with self._changing() as session:
            if session.execute("SELECT 1 FROM run WHERE run_id = ?", (run_id,)).fetchone() is None:
                raise self._unknown(run_id)
            self._alone_with(session, "word")  # else words may come in by another order than that of their ids
            session.execute("INSERT INTO word (run_id, body) VALUES (?, ?)", (run_id, word.model_dump_json()))

    async def said(self, run_id: str) -> list[Word]:
        """All words that were put to a run, in order. Raises: JournalError."""
        return await anyio.to_thread.run_sync(self._said, run_id)

    def _said(self, run_id: str) -> list[Word]:
        with self._reading() as session:
            rows = session.execute("SELECT body FROM word WHERE run_id = ? ORDER BY id", (run_id,)).fetchall()
        try:
            return [_WORDS.validate_json(body) for (body,) in rows]
        except ValidationError as error:
            raise JournalError(f"{self.where}: a word that was put to run {run_id} is damaged: {error}") from error

    def _words(self, session: Session) -> Iterable[tuple[str, Word]]:
        rows = session.execute(
            "SELECT id, run_id, body FROM word WHERE id > ? ORDER BY id", (self._last_word,)
        ).fetchall()
        for id_, run_id, body in rows:
            self._last_word = id_
            try:
                yield run_id, _WORDS.validate_json(body)
            except ValidationError:
                continue  # `said` tells whoever asks for it

    def _hear_from_now(self, session: Session) -> None:
        self._last_word = session.execute("SELECT coalesce(max(id), 0) FROM word").fetchone()[0]

    # Deletion and the end

    async def delete(self, run_id: str) -> None:
        """Forget a run. Raises: RunNotFound, RunTaken."""
        await anyio.to_thread.run_sync(self._delete, run_id)

    def _delete(self, run_id: str) -> None:
        log = HeldLog(run_id, self._commits)
        try:
            with self._changing() as session:
                self._claim_in(session, log)
                self._alone_with(session, "orphan")
                forget_contents(session, log)
                session.execute("DELETE FROM event WHERE run = ?", (log.number,))
                session.execute("DELETE FROM word WHERE run_id = ?", (run_id,))
                session.execute("DELETE FROM run WHERE number = ?", (log.number,))
                session.execute("DELETE FROM team WHERE hash NOT IN (SELECT team_hash FROM run)")
        finally:
            if log.number:
                self.give_back([log])

    async def aclose(self) -> None:
        """Wait for what was appended, and let go of the store."""
        await anyio.to_thread.run_sync(self._end)

    def _end(self) -> None:
        self._commits.close()
        self._close()

    def _unknown(self, run_id: str, like: Sequence[str] = ()) -> RunNotFound:
        if like:
            more = ", ..." if len(like) > 3 else ""
            return RunNotFound(f"'{run_id}' may be {', '.join(like[:3])}{more}: give more of the id")
        return RunNotFound(f"{self.where} holds no run '{run_id}'; `agentmesh runs` lists those it holds")
