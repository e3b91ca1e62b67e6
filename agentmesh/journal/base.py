"""What every store of events can do, and how one is opened by its address."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from agentmesh.errors import JournalError, MissingExtra
from agentmesh.events import Answered, Event, StopRequested
from agentmesh.messages import Outcome

DEFAULT_JOURNAL = ".agentmesh/journal.db"
Durability = Literal["full", "normal"]
"""`full`: what is acknowledged survives a power cut; `normal`: it survives the end of the process, however it comes."""

Word = Answered | StopRequested
"""What another process may say to a run."""


@dataclass(frozen=True)
class RunRecord:
    """What is known of a run before its first event."""

    run_id: str
    team: str
    task: str
    started: float
    """Seconds since the epoch."""
    made: Mapping[str, Any] = field(default_factory=dict)
    """How its team was made: JSON values from which the command line makes it again."""
    team_hash: str = ""
    description: str = ""
    """The team in JSON, to show what has changed since. Stored once for all runs of the same hash."""
    parent: str | None = None
    """Of a fork: the run that it inherits from."""
    at: int | None = None
    """Of a fork: the last event that it inherits."""


@dataclass(frozen=True)
class RunStatus:
    """What a journal knows of a run without reading its events."""

    record: RunRecord
    events: int
    """Events in its log, inherited ones included."""
    outcome: Outcome | None
    """None while it runs, waits, or can be resumed."""
    reason: str
    running: bool
    """Whether a process holds it now."""
    waiting: int
    """Questions that nobody has answered, where the run has not ended."""


class Log(Protocol):
    """The log of one run, held by the one process that may append to it."""

    @property
    def run_id(self) -> str: ...

    def append(self, events: Sequence[Event]) -> None:
        """Put events at the end, all of them or none: they are one consequence, and a crash must not part them."""
        ...

    async def durable(self) -> None:
        """Wait until everything that was appended is safe. Raises: JournalError, RunTaken."""
        ...

    def listen(self, tell: Callable[[Word], None]) -> None:
        """Call `tell`, in the running event loop, with what other processes say to the run from now on."""
        ...

    async def release(self) -> None:
        """Give the run up: another process may take it. Waits until everything appended is safe, or failed."""
        ...


@runtime_checkable
class Journal(Protocol):
    """A store of runs. Every store passes the same tests."""

    def start(self, record: RunRecord) -> Log:
        """Hold a new run; a fork begins with the events that it inherits. Durable with the first append."""
        ...

    async def claim(self, run_id: str) -> Log:
        """Hold a run of the store, shutting out whoever held it. Raises: RunNotFound, RunTaken."""
        ...

    async def events(self, run_id: str) -> list[Event]:
        """The log of a run. Raises: RunNotFound, JournalError."""
        ...

    async def first_damage(self, run_id: str) -> int | None:
        """Id of the first event that is missing, or not as it was written. Raises: RunNotFound."""
        ...

    async def status(self, run_id: str) -> RunStatus:
        """What is known of a run. `run_id` may be shortened as long as it is unmistakable. Raises: RunNotFound."""
        ...

    async def runs(self) -> list[RunStatus]:
        """All runs, the newest first."""
        ...

    async def say(self, run_id: str, word: Word) -> None:
        """Put a word to a run, for the process that holds it, or will. Raises: RunNotFound."""
        ...

    async def said(self, run_id: str) -> list[Word]:
        """All words that were put to a run, in order."""
        ...

    async def delete(self, run_id: str) -> None:
        """Forget a run. Raises: RunNotFound, RunTaken if a process holds it."""
        ...

    async def aclose(self) -> None:
        """Wait for what was appended, and let go of the store."""
        ...


_lock = threading.Lock()
_opening: dict[tuple[str, Durability], threading.Lock] = {}
_held: dict[tuple[str, Durability], tuple[Journal, int]] = {}
"""Open stores and how many hold them: runs of one process that name one store share its connection and commits."""


def open_journal(address: str | os.PathLike[str], durability: Durability = "full") -> Journal:
    """A store by its address: a path of a SQLite file, or `postgresql://...`. Raises: JournalError, MissingExtra."""
    text = os.fspath(address)
    if text.startswith(("postgresql://", "postgres://")):
        try:
            from agentmesh.journal.postgres import PostgresJournal
        except ImportError as error:
            raise MissingExtra("a journal in Postgres", "postgres") from error
        return PostgresJournal(text, durability)
    if "://" in text:
        raise JournalError(f"journal {text}: it is neither a path of a file nor postgresql://...; give one of the two")
    from agentmesh.journal.sqlite import SqliteJournal

    return SqliteJournal(Path(text), durability)


def hold(address: str | os.PathLike[str], durability: Durability = "full") -> Journal:
    """The open store of an address, opened if nobody holds it, which may take a while. Each call needs one `let_go`."""
    name = _name(address, durability)
    with _lock:
        opening = _opening.setdefault(name, threading.Lock())
    with opening:
        held = hold_open(address, durability)
        if held is None:
            held = open_journal(address, durability)
            with _lock:
                _held[name] = (held, 1)
    return held


def hold_open(address: str | os.PathLike[str], durability: Durability = "full") -> Journal | None:
    """As `hold`, at once; None where nobody holds the store yet."""
    name = _name(address, durability)
    with _lock:
        journal, holders = _held.get(name, (None, 0))
        if journal is not None:
            _held[name] = (journal, holders + 1)
    return journal


def _name(address: str | os.PathLike[str], durability: Durability) -> tuple[str, Durability]:
    text = os.fspath(address)
    return (text if "://" in text else str(Path(text).resolve()), durability)


async def let_go(journal: Journal) -> None:
    """Give a store back; it closes with the last who holds it."""
    with _lock:
        name, holders = next((name, held[1]) for name, held in _held.items() if held[0] is journal)
        if holders > 1:
            _held[name] = (journal, holders - 1)
            return
        del _held[name]
    await journal.aclose()
