"""Group commit: a thread writes all that was appended while it wrote what was there before."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import os
import platform
import threading
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

    def write(self, batches: Sequence[Batch]) -> None:
        """One transaction. Sets `failed` of logs whose fence is gone. Raises: JournalError, for all of them."""
        ...

    def words(self) -> Iterable[tuple[str, Word]]:
        """What was said to runs since the last time, by run."""
        ...

    def give_back(self, run_id: str) -> None:
        """Let other processes have a run."""
        ...


@dataclass(eq=False)
class HeldLog:
    """The log of a run that this process holds."""

    run_id: str
    commits: Commits
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
    tell: tuple[asyncio.AbstractEventLoop, Callable[[Word], None]] | None = None

    def append(self, events: Sequence[Event]) -> None:
        """Put events at the end, all of them or none."""
        self.last = self.commits.put(Batch(self, tuple(events)))

    async def durable(self) -> None:
        """Wait until all is safe. Raises: JournalError, RunTaken."""
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
        if self.commits.done < self.last:
            await self.commits.reached(self.last)
        self.commits.store.give_back(self.run_id)


@dataclass(frozen=True)
class Batch:
    """Events that stand or fall together; of a new run, with what is known of it."""

    log: HeldLog
    events: tuple[Event, ...] = ()
    record: RunRecord | None = None


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
    _thread: threading.Thread | None = None
    _closing: bool = False

    def put(self, batch: Batch) -> int:
        """Queue a batch; its number."""
        with self._changed:
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
            elif self._listening:
                self._look()

    def _write(self, batches: list[Batch]) -> None:
        try:
            # Where one batch is lost, what comes after it in the same log must not stand in its place.
            self.store.write([batch for batch in batches if batch.log.failed is None])
        except JournalError as error:
            for batch in batches:
                batch.log.failed = batch.log.failed or error
        with self._changed:
            self.done += len(batches)
            reached: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
            while self._waiting and self._waiting[0][0] <= self.done:
                _, _, loop, place = heapq.heappop(self._waiting)
                reached.setdefault(loop, []).append(place)
        for loop, places in reached.items():
            _in_loop(loop, _set, places)

    def _look(self) -> None:
        try:
            words = list(self.store.words())
        except JournalError:
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
