"""One pacer for each server, key and model: how many requests leave, how fast, and whose is next.

A model without `pace` has none until the server refuses a request for speed.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, partial

from agentmesh.config.models import Pace
from agentmesh.errors import ProviderError
from agentmesh.providers.adapting import Adaptive, Span
from agentmesh.providers.retry import Clock, OutOfTime
from agentmesh.providers.timetable import AHEAD_SECONDS, MARGIN, Rates, Timetable
from agentmesh.providers.waiting import FairLine, Waiter

LONGEST_SLEEP_SECONDS = 1.0
AT_ONCE = 64
"""Requests whose departures are booked in one transaction."""


@dataclass(slots=True, eq=False)
class Ticket:
    """A request that has left, with what was set aside for it."""

    span: Span
    tokens: int


class Pacer:
    """Lets requests to one model out, whichever run, thread or event loop they come from.

    Args:
        name: The model, for the words of an error.
        key: What it is called where processes share what is booked; holds no secret.
        in_flight: Requests that left before there was a pacer.

    """

    def __init__(self, name: str, key: str, in_flight: int = 0) -> None:
        self._name = name
        self._key = key
        self._lock = threading.Lock()
        self._pace = Pace()
        self._rates: Rates | None = None
        self._adaptive = Adaptive(time.monotonic(), in_flight)
        self._line = FairLine()
        self._in_flight = 0
        self._paused_until = 0.0
        self._booking = False
        self._again_at = 0.0
        self._returned = 0
        """Tokens that were set aside and not used, and that the timetable does not know of yet."""
        self._timers: dict[asyncio.AbstractEventLoop, tuple[float, asyncio.TimerHandle]] = {}
        self._waiting: dict[asyncio.AbstractEventLoop, int] = {}

    def configure(self, pace: Pace) -> None:
        """Keep to this pace from now on; what it leaves open stays as it is."""
        with self._lock:
            self._pace = self._pace.model_copy(update=pace.model_dump(exclude_none=True))
            requests, tokens = self._pace.requests_per_minute, self._pace.tokens_per_minute
            if requests or tokens:
                self._rates = Rates(requests and requests * MARGIN / 60, tokens and tokens * MARGIN / 60)

    async def enter(self, run: str, agent: str, tokens: int, clock: Clock) -> Ticket:
        """Wait for a place; `leave` gives it back. Raises: OutOfTime."""
        with self._lock:
            now = time.monotonic()
            if self._free(now):
                self._in_flight += 1
                return Ticket(self._adaptive.sent(now), tokens)
            loop = asyncio.get_running_loop()
            waiter = Waiter(run, agent, tokens, clock.latest(), loop, loop.create_future())
            if self._paused_until > waiter.latest:
                raise self._out_of_time(now)
            self._line.add(waiter)
            self._waiting[loop] = self._waiting.get(loop, 0) + 1
            self._pump(loop)
        try:
            async with asyncio.timeout(clock.left_s()):
                await self._wait(waiter)
        except BaseException as error:
            with self._lock:
                self._give_up(waiter)
                if isinstance(error, TimeoutError):
                    raise self._out_of_time(time.monotonic()) from None
            raise
        finally:
            with self._lock:
                self._count_out(loop)
        with self._lock:
            return Ticket(self._adaptive.sent(time.monotonic()), tokens)

    def leave(self, ticket: Ticket, used: int) -> None:
        """A request is over, and has used so many tokens."""
        with self._lock:
            self._in_flight -= 1
            if self._rates and self._rates.tokens:
                self._returned += ticket.tokens - used
                if self._returned > self._rates.tokens * AHEAD_SECONDS:
                    self._again_at = 0.0
                    if not self._line and not self._booking:
                        self._book([])
            if self._line:
                self._pump(_running_loop())

    def refused(self, ticket: Ticket | None, retry_after_s: float | None) -> None:
        """The server refused a request for speed: all who wait do so for as long as it says."""
        with self._lock:
            now = time.monotonic()
            self._adaptive.refused(now, None if ticket is None else ticket.span)
            until = now + (retry_after_s or 0.0)
            if until <= self._paused_until or not retry_after_s:
                return
            self._paused_until = until
            for waiter in self._line.all():
                if waiter.latest < until:
                    self._tell(waiter, partial(waiter.fail, self._out_of_time(now)))

    def _free(self, now: float) -> bool:
        """Whether a request may leave without a thought."""
        if self._line or self._rates or now < self._paused_until:
            return False
        bound = self._pace.concurrency
        return (bound is None or self._in_flight < bound) and self._adaptive.rate(now) is None

    async def _wait(self, waiter: Waiter) -> None:
        at = await waiter.future
        while (seconds := max(at, self._paused_until) - time.monotonic()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(seconds)  # meanwhile a pause may begin, or grow

    def _give_up(self, waiter: Waiter) -> None:
        """Whoever holds a place gives it back; for one that is being booked, `_booked` does."""
        waiter.gone = True
        if waiter.granted:
            self._in_flight -= 1
            self._returned += waiter.tokens if self._rates and self._rates.tokens else 0
            self._pump(_running_loop())

    def _count_out(self, loop: asyncio.AbstractEventLoop) -> None:
        self._waiting[loop] -= 1
        if not self._waiting[loop]:
            del self._waiting[loop]
            if loop in self._timers:
                self._timers.pop(loop)[1].cancel()

    def _pump(self, here: asyncio.AbstractEventLoop | None) -> None:
        """Let out whoever may leave, and see to it that somebody looks again when the next may."""
        now = time.monotonic()
        due = max(self._paused_until, self._again_at)
        if self._booking:
            due = now + LONGEST_SLEEP_SECONDS  # whoever has booked looks at once
        elif now >= due:
            offered, due = self._take(now)
            if offered and self._rates:
                self._book(offered)
                due = now + LONGEST_SLEEP_SECONDS
            else:
                for waiter, at in offered:
                    self._grant(waiter, at, here)
        if here in self._waiting and self._line:
            self._look_again(here, min(max(due, now + 0.001), now + LONGEST_SLEEP_SECONDS))

    def _take(self, now: float) -> tuple[list[tuple[Waiter, float]], float]:
        """Those who may leave next, and when refusals let them; and when somebody should look again."""
        taken: list[tuple[Waiter, float]] = []
        bound = self._pace.concurrency
        while self._line and len(taken) < AT_ONCE:
            if bound is not None and self._in_flight >= bound:
                return taken, now + LONGEST_SLEEP_SECONDS  # whoever comes back looks at once
            at = self._adaptive.next_at(now)
            if at > now + AHEAD_SECONDS:
                return taken, at - AHEAD_SECONDS / 2
            if (waiter := self._line.take()) is None:
                break
            self._in_flight += 1
            taken.append((waiter, self._adaptive.book(now)))
        return taken, now

    def _book(self, offered: list[tuple[Waiter, float]]) -> None:
        assert self._rates is not None
        returned, self._returned = self._returned, 0
        tokens = [waiter.tokens for waiter, _ in offered]
        self._booking = True
        _clerk().submit(self._booked, offered, self._rates, tokens, returned)

    def _booked(self, offered: list[tuple[Waiter, float]], rates: Rates, tokens: Sequence[int], returned: int) -> None:
        """The clerk's part: book, and pass on what was booked."""
        times, again_at = _timetable().book(self._key, rates, tokens, returned)
        with self._lock:
            self._booking = False
            self._again_at = again_at if len(times) < len(offered) else 0.0
            for (waiter, earliest), at in zip(offered, times, strict=False):
                self._grant(waiter, max(earliest, at), None)
            rest = offered[len(times) :]
            self._in_flight -= len(rest)
            self._adaptive.unbook(time.monotonic(), len(rest))
            for waiter, _ in reversed(rest):
                self._line.put_back(waiter)
            for loop in self._waiting if self._line else ():
                with suppress(RuntimeError):  # that loop is closed, and its waiters with it
                    loop.call_soon_threadsafe(self._look, loop)

    def _grant(self, waiter: Waiter, at: float, here: asyncio.AbstractEventLoop | None) -> None:
        waiter.granted = not waiter.gone
        if waiter.gone or not self._tell(waiter, partial(waiter.tell, at), here):
            self._in_flight -= 1

    def _tell(self, waiter: Waiter, what: Callable[[], None], here: asyncio.AbstractEventLoop | None = None) -> bool:
        """Whether the waiter's loop is still there to hear it."""
        if waiter.loop is here:
            what()
            return True
        try:
            waiter.loop.call_soon_threadsafe(what)
        except RuntimeError:
            waiter.gone = True
            return False
        return True

    def _look_again(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        known = self._timers.get(loop)
        if known is not None:
            if known[0] <= due:
                return
            known[1].cancel()
        self._timers[loop] = (due, loop.call_later(due - time.monotonic(), self._look, loop))

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            if loop in self._timers:
                self._timers.pop(loop)[1].cancel()
            if self._line and loop in self._waiting:
                self._pump(loop)

    def _out_of_time(self, now: float) -> ProviderError:
        rate, pace = self._adaptive.rate(now), self._pace
        if now < self._paused_until:
            why = f"the server asked for a pause of which {self._paused_until - now:.1f} s are left"
        elif rate is not None:
            why = f"after refusals for speed requests leave at {rate:.2g} a second"
        elif pace.concurrency is not None and self._in_flight >= pace.concurrency:
            why = f"`pace` lets {pace.concurrency} requests be in flight at once"
        else:
            bounds = {"requests": pace.requests_per_minute, "tokens": pace.tokens_per_minute}
            told = " and ".join(f"{bound} {what}" for what, bound in bounds.items() if bound)
            why = f"`pace` lets {told} a minute out"
        return OutOfTime(f"{self._name} was not asked in time: {why}", max(0.0, self._paused_until - now) or None)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


@dataclass(frozen=True, slots=True)
class Pacers:
    """The pacers of one server and key, by model: of all that the process asks, whichever run does.

    Args:
        key: SDK, address and key.
        by_model: Those that are needed so far.

    """

    key: tuple[str, ...] = field(repr=False)
    by_model: dict[str, Pacer]

    def need(self, model: str, in_flight: int = 0) -> Pacer:
        """The pacer of a model, made where there is none yet."""
        pacer = self.by_model.get(model)
        if pacer is None:
            secret = "\n".join((*self.key, model))
            key = hashlib.sha256(secret.encode()).hexdigest()[:32]
            pacer = self.by_model[model] = Pacer(f"{self.key[0]}:{model}", key, in_flight)
        return pacer


_known: dict[tuple[str, ...], Pacers] = {}


def pacers_of(*key: str) -> Pacers:
    """The pacers of one server and key."""
    return _known.setdefault(key, Pacers(key, {}))


@cache
def _clerk() -> ThreadPoolExecutor:
    """The thread that books: a locked file holds up no event loop."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forget)
    return ThreadPoolExecutor(1, thread_name_prefix="agentmesh-pace")


@cache
def _timetable() -> Timetable:
    return Timetable()


def close() -> None:
    """Close the file in which processes share what is booked; whoever books next opens it again."""
    _clerk().submit(_timetable().close).result()


def forget() -> None:
    """Start anew, as a process does that was forked: threads and open files are not its own."""
    _known.clear()
    _clerk.cache_clear()
    _timetable.cache_clear()
