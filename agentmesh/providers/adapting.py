"""How fast a model is asked after it refused for speed: down to what it took, then slowly up again."""

from __future__ import annotations

import math
from dataclasses import dataclass

SPAN_SECONDS = 1.0
"""Refusals are counted against all that was sent within at least so long ..."""
SPAN_REQUESTS = 20
"""... and at least so many requests, unless they took `LONGEST_SPAN_SECONDS`."""
LONGEST_SPAN_SECONDS = 10.0
TOLERATED = 0.1
"""Share of refusals that is no reason to slow down: they are sent again, and a server may refuse at random."""
BACK = 0.85
"""After too many refusals: this share of what the server took ..."""
DEEPEST = 0.5
"""... but for one span no less than this share of the rate before: the first of them is an estimate."""
GROWTH = 0.05
"""Right after a cut the rate grows by this share a second ..."""
HASTE = 0.02
"""... and each second without a refusal by so much more: far below what the server takes, it is soon back."""
SLOWEST = 0.5
"""Requests a second that are always tried: what comes less often is held by `Retry-After` and by backing off."""
CALM_SECONDS = 30.0
"""After so long without a refusal the rate is free again."""
BURST_SECONDS = 0.1
"""What was not used within so long may be made up for."""


@dataclass(slots=True, eq=False)
class Span:
    """What was sent within a stretch of time, and what of it was refused."""

    start: float
    rate: float | None
    """Requests a second that were let out when it began."""
    sent: int = 0
    refused: int = 0
    end: float | None = None


class Adaptive:
    """The rate that one server takes, learnt from what it refuses. Times are of `time.monotonic`.

    A cut is multiplicative and relative to what the server accepted of the requests that left together; answers may
    take minutes while refusals come at once, so whatever was not refused counts as accepted.
    """

    def __init__(self, now: float, sent: int = 0) -> None:
        self._span = Span(now, None, sent)
        self._cut: tuple[float, float] | None = None
        """Requests a second, and when the rate was cut to that."""
        self._free_at = now

    def rate(self, now: float) -> float | None:
        """Requests a second; None where there is no bound."""
        if self._cut is None:
            return None
        rate, since = self._cut
        calm = max(0.0, now - since)
        if calm > CALM_SECONDS:
            self._cut = None
            return None
        return rate * math.exp(GROWTH * calm + HASTE * calm * calm / 2)

    def next_at(self, now: float) -> float:
        """When the next request may leave."""
        return now if self.rate(now) is None else max(now, self._free_at)

    def book(self, now: float) -> float:
        """When the next request may leave, which it then does."""
        rate = self.rate(now)
        if rate is None:
            return now
        at = max(now, self._free_at)
        self._free_at = max(self._free_at, at - BURST_SECONDS) + 1 / rate
        return at

    def unbook(self, now: float, count: int) -> None:
        """So many requests did not leave after all."""
        if rate := self.rate(now):
            self._free_at -= count / rate

    def sent(self, now: float) -> Span:
        """A request leaves; a refusal of it is told with what this returns."""
        span = self._span
        age = now - span.start
        if age >= LONGEST_SPAN_SECONDS or (age >= SPAN_SECONDS and span.sent >= SPAN_REQUESTS):
            span.end = now
            span = self._span = Span(now, self.rate(now))
        span.sent += 1
        return span

    def refused(self, now: float, span: Span | None = None) -> None:
        """A request was refused for speed."""
        span = span or self._span
        span.refused += 1
        rate = self.rate(now)
        if rate is not None:
            self._cut = (rate, now)  # no haste where there are refusals
        if span.refused <= TOLERATED * max(span.sent, SPAN_REQUESTS):
            return
        seconds = max(SPAN_SECONDS, (span.end or now) - span.start)
        before = max(span.sent, SPAN_REQUESTS) / seconds if span.rate is None else span.rate
        taken = max(SLOWEST, DEEPEST * before, BACK * (span.sent - span.refused) / seconds)
        if rate is None or taken < rate:
            self._cut = (taken, now)
            self._free_at = max(self._free_at, now) if rate is None else min(self._free_at, now + 1 / taken)
