"""Evidence counts where it comes in bursts: what happens now and then in any long run adds up to nothing."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

EVENTS = 64
"""Ids of events that are kept as evidence, the latest."""


@dataclass(slots=True)
class Burst:
    """A sum of weights that forgets at a steady rate: level = max(0, level + weight - drift), after Page's CUSUM.

    A weight counts once the level has reached the gate, so that what is spread thin never does.
    """

    drift: float
    gate: float
    first: float = 1.0
    """What the first weight that counts in a burst counts for, as a share."""
    level: float = 0.0
    events: deque[int] = field(default_factory=lambda: deque(maxlen=EVENTS))
    """Ids of the events of all bursts that counted."""
    agents: dict[str, None] = field(default_factory=dict)
    """Who took part in the burst that goes on, in order; empty between bursts."""
    _pending: list[int] = field(default_factory=list)
    _counting: bool = False

    def add(self, weight: float, agent: str, events: tuple[int, ...]) -> float:
        """One more act; how much of it counts."""
        before = self.level
        self.level = max(0.0, self.level + weight - self.drift)
        if self.level == 0:
            self.end()
            return 0.0
        if weight <= 0:
            return 0.0
        self._pending += events
        self.agents[agent] = None
        if max(self.level, before) < self.gate:
            del self._pending[:-EVENTS]
            return 0.0
        counted = weight if self._counting else self.first * weight
        self._counting = True
        self.events.extend(event for event in self._pending if event not in self.events)
        self._pending.clear()
        return counted

    def end(self) -> None:
        """Something has changed: what comes is no part of what was."""
        self.level, self._counting = 0.0, False
        self._pending.clear()
        self.agents.clear()
