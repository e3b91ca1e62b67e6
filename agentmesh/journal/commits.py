"""Group commit: a thread writes all that was appended while it wrote what was there before."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import os
import platform
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from agentmesh.errors import JournalError
from agentmesh.events import Event
from agentmesh.journal.base import RunRecord, Word

LOOK_SECONDS = 0.25
"""How often a store is asked what other processes have said to the runs that are held here."""


def holder() -> str:
    """What another process calls this one to somebody who wants the same run."""
    return f"process {os.getpid()} on {platform.node() or 'this machine'}"


class Store(Protocol):
    """What a store does in the thread that writes to it."""

    where: str
    """The store, in the words of an error."""

    def write(self, batches: Sequence[Batch]) -> None:
        """One transaction. Sets `failed` of logs that alone are at fault. Raises: JournalError, for all of them."""
        ...

    def give_back(self, logs: Sequence[HeldLog]) -> None:
        """Let other processes have these runs. Raises: JournalError."""
        ...

    def words(self) -> Iterable[tuple[str, Word]]:
        """What was said to runs since the last time, by run. Raises: JournalError."""
        ...


@dataclass(eq=False)
class HeldLog:
    """The log of a run that this process holds."""

    run_id: str
    commits: Commits = field(repr=False)
    epoch: int = 1
    number: int = 0
    """Of the run in its store; 0 until it is there."""
    family: int = 0
    count: int = 0
    """Events that are written."""
    checksum: bytes = b""
    """Of the last one."""
    failed: JournalError | None = None
    last: int = 0
    """Number of the last batch that was put in."""
    tell: tuple[asyncio.AbstractEventLoop, Callable[[Word], None]] | None = field(default=None, repr=False)
    record: RunRecord | None = None
    """Of a new run, until it is put in with its first events: a run that has not begun is in no store."""

    def append(self, events: Sequence[Event]) -> None:
        """Put events at the end, all of them or none."""
        if events:
            record, self.record = self.record, None
            self.last = self.commits.put(Batch(self, tuple(events), record))

    async def durable(self) -> None:
        """Wait until all is safe. Raises: JournalError, RunTaken."""
        if self.record is not None and self.record.parent is not None:  # a fork begins with what it inherits
            record, self.record = self.record, None
            self.last = self.commits.put(Batch(self, (), record))
        if self.commits.done < self.last:
            await self.commits.reached(self.last)
        if self.failed is not None:
            raise self.failed

    def listen(self, tell: Callable[[Word], None]) -> None:
        """Call `tell` in the running event loop with what other processes say."""
        self.tell = (asyncio.get_running_loop(), tell)
        self.commits.listening(self)

    async def release(self) -> None:
        """Give the run up."""
        self.commits.deaf(self)
        self.last = self.commits.put(Batch(self, ends=True))
        if self.commits.done < self.last:
            await self.commits.reached(self.last)


@dataclass(frozen=True)
class Batch:
    """Events that stand or fall together."""

    log: HeldLog
    events: tuple[Event, ...] = ()
    record: RunRecord | None = None
    """Of a new run: what is known of it."""
    ends: bool = False
    """Whether the log is given up after it."""


@dataclass
class Commits:
    """The queue of a store, its thread, and those who wait for it."""

    store: Store
    done: int = 0
    """Number of the last batch that was written, or failed."""
    _put: int = 0
    _queue: list[Batch] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _waiting: list[tuple[int, int, asyncio.AbstractEventLoop, asyncio.Future[None]]] = field(default_factory=list)
    _order: itertools.count[int] = field(default_factory=itertools.count)
    _listening: dict[str, HeldLog] = field(default_factory=dict)
    _next_look: float = 0.0
    _thread: threading.Thread | None = None
    _closing: bool = False

    def put(self, batch: Batch) -> int:
        """Queue a batch; its number. Once the store is closed it fails instead."""
        with self._changed:
            if self._closing:
                batch.log.failed = batch.log.failed or JournalError(f"{self.store.where} is closed already")
                self._give_back([batch.log] * batch.ends)
                return self._put
            self._queue.append(batch)
            self._put += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="agentmesh-journal", daemon=True)
                self._thread.start()
            self._changed.notify()
            return self._put

    async def reached(self, number: int) -> None:
        """Wait until the batch of that number is written, or has failed."""
        loop = asyncio.get_running_loop()
        place: asyncio.Future[None] = loop.create_future()
        with self._changed:
            if self.done >= number:
                return
            heapq.heappush(self._waiting, (number, next(self._order), loop, place))
        await place

    def listening(self, log: HeldLog) -> None:
        """Ask the store from now on what is said to this run."""
        with self._changed:
            self._listening[log.run_id] = log
            self._changed.notify()

    def deaf(self, log: HeldLog) -> None:
        """The run hears nothing more."""
        with self._changed:
            self._listening.pop(log.run_id, None)

    def close(self) -> None:
        """Write what is left, and end the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._queue and not self._closing:
                    self._changed.wait(LOOK_SECONDS if self._listening else None)
                batches, self._queue = self._queue, []
                if self._closing and not batches:
                    return
            if batches:
                self._write(batches)
            # However busy the store is: who stops a run must be heard.
            if self._listening and time.monotonic() >= self._next_look:
                self._look()
                self._next_look = time.monotonic() + LOOK_SECONDS

    def _write(self, batches: list[Batch]) -> None:
        # Where one batch is lost, what comes after it in the same log must not stand in its place.
        wanted = [batch for batch in batches if batch.log.failed is None and (batch.events or batch.record)]
        try:
            if wanted:
                self.store.write(wanted)
        except Exception as error:  # whatever it is: an exception that ended this thread would hang all who wait for it
            failure = error if isinstance(error, JournalError) else self._unforeseen(error)
            for batch in wanted:
                batch.log.failed = batch.log.failed or failure
        self._give_back([batch.log for batch in batches if batch.ends])
        with self._changed:
            self.done += len(batches)
            reached: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
            while self._waiting and self._waiting[0][0] <= self.done:
                _, _, loop, place = heapq.heappop(self._waiting)
                reached.setdefault(loop, []).append(place)
        for loop, places in reached.items():
            _in_loop(loop, _set, places)

    def _give_back(self, logs: list[HeldLog]) -> None:
        try:
            if logs:
                self.store.give_back(logs)
        except Exception:
            return  # the store cannot be reached: it gives them back itself, when this process ends at the latest

    def _unforeseen(self, error: Exception) -> JournalError:
        failure = JournalError(f"{self.store.where} cannot be written: {type(error).__name__}: {error}")
        failure.__cause__ = error
        return failure

    def _look(self) -> None:
        try:
            words = list(self.store.words())
        except Exception:
            return  # whoever appends next is told
        for run_id, word in words:
            log = self._listening.get(run_id)
            if log is not None and log.tell is not None:
                loop, tell = log.tell
                _in_loop(loop, tell, word)


def _in_loop(loop: asyncio.AbstractEventLoop, call: Callable[..., object], *arguments: object) -> None:
    try:
        loop.call_soon_threadsafe(call, *arguments)
    except RuntimeError:
        return  # the loop is closed: nobody waits there any more


def _set(places: list[asyncio.Future[None]]) -> None:
    for place in places:
        if not place.done():
            place.set_result(None)
