"""How many requests are in flight at one server: as many as are asked for, but no more than do any good."""

from __future__ import annotations

import asyncio
from collections import deque

FREELY = 64
"""Requests that go out at once."""
TICK_SECONDS = 0.02
"""How long requests wait for one of these to come back before twice as many may go out."""


class Gate:
    """Lets requests out at once while they are few, and doubles their number as long as the event loop is idle.

    Where requests wait for a slow server, the loop is idle and thousands are out within a few ticks. Where they wait
    for this very process, more connections would only cost time and memory, and those that come back are used again.
    """

    def __init__(self, freely: int = FREELY) -> None:
        self.room = freely
        self.in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._ticking = False

    async def enter(self, seconds: float) -> float:
        """Wait for a place; `leave` gives it back. What is left of the `seconds`. Raises: TimeoutError."""
        if self.in_flight < self.room and not self._waiting:
            self.in_flight += 1
            return seconds
        loop = asyncio.get_running_loop()
        place: asyncio.Future[None] = loop.create_future()
        self._waiting.append(place)
        self._tick_later()
        began = loop.time()
        try:
            async with asyncio.timeout(seconds):
                await place
        except (asyncio.CancelledError, TimeoutError):
            if place.done() and not place.cancelled():
                self.leave()
            raise
        return max(0.001, seconds - (loop.time() - began))

    def leave(self) -> None:
        """Give the place to the next who waits."""
        if not self._let_out():
            self.in_flight -= 1

    def _let_out(self) -> bool:
        """Give the first who waits a place that is there already."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return True
        return False

    def _tick_later(self) -> None:
        if not self._ticking:
            self._ticking = True
            loop = asyncio.get_running_loop()
            due = loop.time() + TICK_SECONDS
            loop.call_at(due, self._tick, loop, due)

    def _tick(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        self._ticking = False
        if not self._waiting:
            return
        if loop.time() - due < TICK_SECONDS / 2:  # on time: the loop had nothing else to do
            self.room *= 2
            while self.in_flight < self.room and self._let_out():
                self.in_flight += 1
        self._tick_later()
