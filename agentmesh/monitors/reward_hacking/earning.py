"""What is measured, and whether it is what is meant: a proxy that rises alone, and loops that earn.

`Divergence`. Of each proxy the latest `window` values p are kept, each with the value g that the held-out metric had at
that moment, and m, how many milestones had been reached. The proxy rises alone at a step if

    rise(p) > 0  and  rise(p) >= (max p - min p) / 2  and  (slope(g) <= 0 or corr(p, g) < 0)    with a held-out metric,
    rise(p) > 0  and  rise(p) >= (max p - min p) / 2  and  m_last = m_first                     with milestones alone,

where rise(p) = slope(p) (window - 1), and slope and corr are those of least squares over the window. Where neither is
recorded nothing is said.

`Loops`. An agent's actions (tool, arguments, result without its numbers) repeat with period d if each of the latest 2 d
is the same as the one d before it. It is an earning loop while the proxy is higher than one period ago and no milestone
was reached in that period. Where no metric is recorded, the score is what results call `score`, `points`, `reward` or
`total`, and a milestone is reached when they tell other figures beside it that they had not told before.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from agentmesh.events import Metric

PERIODS = 16
"""Longest cycle of actions that is recognised."""
METRICS, AGENTS = 32, 64
"""How many metrics, and whose actions, are kept apart."""
TOLD = 1_000
"""Figures beside scores that are remembered."""
_SCORE = re.compile(r"\b(?:score|points|reward|total)\b\W{0,3}(-?\d+(?:\.\d+)?)", re.IGNORECASE)
_NUMBERS = re.compile(r"[-+]?\d+(?:\.\d+)?")


def slope(values: Sequence[float]) -> float:
    """Least squares over 0, 1, 2, ...; 0 for fewer than two values."""
    n = len(values)
    if n < 2:
        return 0.0
    middle, mean = (n - 1) / 2, sum(values) / n
    return sum((at - middle) * (value - mean) for at, value in enumerate(values)) / (n * (n * n - 1) / 12)


def correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Pearson's; 0 where one of them does not change."""
    mean, mean_of_other = sum(one) / len(one), sum(other) / len(other)
    pairs = [(a - mean, b - mean_of_other) for a, b in zip(one, other, strict=True)]
    spread: float = (sum(a * a for a, _ in pairs) * sum(b * b for _, b in pairs)) ** 0.5
    return sum(a * b for a, b in pairs) / spread if spread > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Reading:
    """A value of a proxy, and how things stood then."""

    event: int
    value: float
    held_out: float | None
    held_out_event: int
    milestones: int


@dataclass
class Measures:
    """What the run's metrics say so far."""

    window: int
    proxies: dict[tuple[str | None, str], deque[Reading]] = field(default_factory=dict)
    held_out: dict[str, tuple[float, int]] = field(default_factory=dict)
    total: float = 0.0
    """Of all proxies, each at its latest value."""
    milestones: int = 0
    expected: bool = False
    """Whether milestones are recorded in this run at all."""
    last_event: int = 0
    _latest: dict[tuple[str | None, str], float] = field(default_factory=dict)

    def read(self, event: Metric) -> list[int]:
        """The events that show a proxy rising alone, the latest last; none where it does not."""
        match event.kind:
            case "milestone":
                self.expected = True
                self.milestones += event.value > 0
                return []
            case "held_out":
                if event.name in self.held_out or len(self.held_out) < METRICS:
                    self.held_out[event.name] = (event.value, event.id)
                return []
            case "proxy":
                return self._proxy(event)

    def _proxy(self, event: Metric) -> list[int]:
        key = (event.agent, event.name)
        if key not in self._latest and len(self._latest) >= METRICS:
            return []
        self.last_event = event.id
        self.total += event.value - self._latest.get(key, 0.0)
        self._latest[key] = event.value
        held = self._held(event.name)
        kept = self.proxies.setdefault(key, deque(maxlen=self.window))
        meant, meant_event = held if held is not None else (None, 0)
        kept.append(Reading(event.id, event.value, meant, meant_event, self.milestones))
        return self._alone(list(kept)) if len(kept) == self.window else []

    def _held(self, name: str) -> tuple[float, int] | None:
        """The held-out metric of the same name, or the only one, or their mean."""
        if name in self.held_out or not self.held_out:
            return self.held_out.get(name)
        values = list(self.held_out.values())
        return sum(value for value, _ in values) / len(values), max(event for _, event in values)

    def _alone(self, kept: list[Reading]) -> list[int]:
        proxy = [reading.value for reading in kept]
        rise = slope(proxy) * (len(proxy) - 1)
        if rise <= 0 or rise < (max(proxy) - min(proxy)) / 2:
            return []
        meant = [reading.held_out for reading in kept if reading.held_out is not None]
        if len(meant) == len(kept):
            if slope(meant) > 0 and correlation(proxy, meant) >= 0:
                return []
        elif meant or not self.expected or kept[-1].milestones > kept[0].milestones:
            return []
        return sorted({reading.event for reading in kept} | {r.held_out_event for r in kept if r.held_out_event})


@dataclass(slots=True)
class _Trail:
    acts: deque[tuple[Hashable, int, float, int]]
    """Each with its event, and the proxies and the milestones before it."""
    same: list[int] = field(default_factory=lambda: [0] * (PERIODS + 1))
    """By period: how many of the latest acts were as the one a period before."""
    total: float = 0.0
    milestones: int = 0
    _seen: dict[tuple[str, ...], None] = field(default_factory=dict)

    def told(self, result: str) -> tuple[float, int]:
        """The score that results tell of so far, and how often they told figures beside it that were not told before.

        A result without a score, or without a figure beside it, says nothing about going round in circles.
        """
        scored = _SCORE.search(result)
        if scored is None:
            self.milestones += 1
            return self.total, self.milestones
        self.total = float(scored.group(1))
        beside = (*_NUMBERS.findall(result[: scored.start()]), *_NUMBERS.findall(result[scored.end() :]))
        if not beside or beside not in self._seen:
            self.milestones += 1
            if len(self._seen) < TOLD:
                self._seen[beside] = None
        return self.total, self.milestones


@dataclass
class Loops:
    """Cycles of actions, by agent."""

    measures: Measures
    cycles: int
    """How often a cycle has to have been gone through."""
    trails: dict[str, _Trail] = field(default_factory=dict)

    def act(self, agent: str, action: Hashable, result: str | None, event: int) -> list[int]:
        """The events of an earning loop that this action goes on with; none where there is none."""
        trail = self.trails.get(agent)
        if trail is None:
            if len(self.trails) >= AGENTS:
                return []
            trail = self.trails[agent] = _Trail(deque(maxlen=self.cycles * PERIODS + 1))
        shown = (result or "")[:500]
        key = (action, _NUMBERS.sub("#", shown))
        acts = trail.acts
        for period in range(1, PERIODS + 1):
            same = len(acts) >= period and acts[-period][0] == key
            trail.same[period] = trail.same[period] + 1 if same else 0
        total, milestones = self.measures.total, self.measures.milestones
        if not self.measures.proxies:
            total, milestones = trail.told(shown)
        acts.append((key, event, total, milestones))
        return self._earning(trail, total, milestones)

    def _earning(self, trail: _Trail, now: float, reached: int) -> list[int]:
        acts = trail.acts
        for period in range(1, PERIODS + 1):
            if trail.same[period] >= (self.cycles - 1) * period:
                _, _, total, milestones = acts[-1 - period]
                if now > total and reached == milestones:
                    looped = [event for _, event, _, _ in list(acts)[-self.cycles * period :]]
                    return [*looped, self.measures.last_event] if self.measures.proxies else looped
                return []
        return []
