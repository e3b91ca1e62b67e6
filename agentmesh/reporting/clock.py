"""From the times of a log to places on an axis; long stretches in which nobody was at work are cut short."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from agentmesh.events import Event, RunResumed, TurnEnded, TurnFailed, TurnStarted
from agentmesh.reporting.words import span

_LONG = 0.25
"""An idle stretch is cut short if it is longer than this share of the time at work."""
_CUT, _ALL_CUT = 0.03, 0.3
"""What is left of it on the axis, and of all of them together at most."""
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400, 604_800)


class Break(NamedTuple):
    """A stretch that is cut short: its ends on the axis, and how long it was."""

    left: float
    right: float
    seconds: float


class Clock:
    """Places between 0 and 1. A log without times is laid out by the order of its events."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.start = events[0].ts if events else 0.0
        self.end = max((event.ts for event in events), default=0.0)
        self._order = {event.id: at for at, event in enumerate(events)}
        self._timed = self.end > self.start
        idle = _long(list(_idle(events)), self.end - self.start)
        self._times, self._places = [self.start], [0.0]
        self.breaks: list[Break] = []
        if self._timed:
            self._measure(idle)

    def at(self, event: Event) -> float:
        """Where an event stands."""
        return self.at_time(event.ts) if self._timed else self._order.get(event.id, 0) / max(len(self._order) - 1, 1)

    def at_time(self, ts: float) -> float:
        """Where a moment stands."""
        index = min(bisect_right(self._times, ts), len(self._times) - 1)
        if index == 0:
            return 0.0
        (t0, t1), (x0, x1) = self._times[index - 1 : index + 1], self._places[index - 1 : index + 1]
        return min(max(x0 + (x1 - x0) * (ts - t0) / (t1 - t0), 0.0), 1.0) if t1 > t0 else x1

    def ticks(self, most: int = 8) -> Iterator[tuple[float, str]]:
        """Round times along the axis, with what is written on them."""
        if not self._timed:
            return
        total = self.end - self.start - sum(gap.seconds for gap in self.breaks)
        step = _step(total / most)
        number, last = 0, -1.0
        while number <= 40 * most and (ts := self.start + number * step) <= self.end:
            place = self.at_time(ts)
            if place - last >= 0.6 / most and not any(gap.left < place < gap.right for gap in self.breaks):
                last = place
                yield place, span(number * step) if number else "0"
            number += 1

    def _measure(self, idle: Sequence[tuple[float, float]]) -> None:
        """Spread the time at work over what cut stretches leave of the axis."""
        width = min(_CUT, _ALL_CUT / len(idle)) if idle else 0.0
        work = self.end - self.start - sum(right - left for left, right in idle)
        scale = (1 - width * len(idle)) / work if work > 0 else 0.0
        place, now = 0.0, self.start
        for left, right in idle:
            place += (left - now) * scale
            self.breaks.append(Break(place, place + width, right - left))
            self._times += [left, right]
            self._places += [place, place + width]
            place, now = place + width, right
        self._times.append(self.end)
        self._places.append(1.0)


def _step(wanted: float) -> float:
    if wanted < 1:
        step = 0.001
        while step < wanted:
            step *= 2.5 if f"{step:e}"[0] == "2" else 2
        return step
    return next((step for step in _STEPS if step >= wanted), wanted)


def _idle(events: Sequence[Event]) -> Iterator[tuple[float, float]]:
    """Stretches in which nobody had a turn, or no process was there."""
    acting: set[str | None] = set()
    for before, after in pairwise(events):
        if isinstance(before, TurnStarted):
            acting.add(before.agent)
        elif isinstance(before, TurnEnded | TurnFailed):
            acting.discard(before.agent)
        if (not acting or isinstance(after, RunResumed)) and after.ts > before.ts:
            yield before.ts, after.ts


def _long(idle: Sequence[tuple[float, float]], total: float) -> list[tuple[float, float]]:
    """Those that would leave too little of the axis to the rest; the longest is decided on first."""
    found: list[tuple[float, float]] = []
    rest = total
    for left, right in sorted(idle, key=lambda gap: gap[0] - gap[1]):
        if right - left <= _LONG * (rest - (right - left)) or right - left >= rest:
            break
        found.append((left, right))
        rest -= right - left
    return sorted(found)
