"""Monitors made of monitors: any of several, all of several, one after another, one for each edge."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from agentmesh.events import Event, MessageEvent
from agentmesh.messages import Finding
from agentmesh.monitors.base import Monitor, MonitorFunction, Observed

Part = Monitor | MonitorFunction | type[Monitor]
EDGES = 1_000
"""Edges that `per_edge` keeps a monitor for: the one unused for longest is forgotten first."""


def any_of(*parts: Part) -> Monitor:
    """Whatever any of the monitors finds."""
    return _AnyOf(parts)


def all_of(*parts: Part, label: str, within: int = 50) -> Monitor:
    """Finds `label` when every one of the monitors has found something in the latest `within` events.

    The score is the lowest of theirs; agents and evidence are all of theirs.
    """
    return _AllOf(parts, label, within)


def after(first: Part, then: Part) -> Monitor:
    """What the second finds, once the first has found something. The second sees every event from the beginning."""
    return _After((first, then))


def per_edge(part: Callable[[], Monitor]) -> Monitor:
    """A monitor of its own for each edge, which sees the messages of that edge and nothing else."""
    return _PerEdge(part)


class _Combined:
    """Several monitors as one."""

    def __init__(self, parts: Iterable[Part]) -> None:
        self._parts: list[Any] = [part() if isinstance(part, type) else part for part in parts]

    @property
    def scores(self) -> dict[str, float]:
        """By label: the highest score of any of them."""
        return _highest(getattr(part, "scores", {}) for part in self._parts)

    def _seen(self, at: int, event: Event) -> list[Finding]:
        part = self._parts[at]
        return _listed(getattr(part, "observe", part)(event))


class _AnyOf(_Combined):
    def observe(self, event: Event, /) -> list[Finding]:
        return [finding for at in range(len(self._parts)) for finding in self._seen(at, event)]


class _AllOf(_Combined):
    def __init__(self, parts: Iterable[Part], label: str, within: int) -> None:
        super().__init__(parts)
        self._label, self._within = label, within
        self._events = 0
        self._latest: dict[int, tuple[int, Finding]] = {}

    @property
    def scores(self) -> dict[str, float]:
        return {}

    def observe(self, event: Event, /) -> list[Finding]:
        self._events += 1
        found = [(at, finding) for at in range(len(self._parts)) for finding in self._seen(at, event)]
        self._latest.update({at: (self._events, finding) for at, finding in found})
        since = self._events - self._within
        fresh = [finding for when, finding in self._latest.values() if when > since]
        if not found or len(fresh) < len(self._parts):
            return []
        return [
            Finding(
                label=self._label,
                score=min(finding.score for finding in fresh),
                agents=tuple(dict.fromkeys(name for finding in fresh for name in finding.agents)),
                evidence=tuple(sorted({id_ for finding in fresh for id_ in finding.evidence})),
                why="; and ".join(finding.why or finding.label for finding in fresh),
            )
        ]


class _After(_Combined):
    def __init__(self, parts: Iterable[Part]) -> None:
        super().__init__(parts)
        self._begun = False

    @property
    def scores(self) -> dict[str, float]:
        return _highest([getattr(self._parts[1], "scores", {})]) if self._begun else {}

    def observe(self, event: Event, /) -> list[Finding]:
        begun, found = self._begun, self._seen(1, event)
        self._begun = begun or bool(self._seen(0, event))
        return found if begun else []


class _PerEdge:
    def __init__(self, part: Callable[[], Monitor]) -> None:
        self._part = part
        self._edges: dict[tuple[str, str], Any] = {}
        self._kept: dict[str, float] = {}

    @property
    def scores(self) -> dict[str, float]:
        """By label: the highest score on any edge, those forgotten included."""
        return _highest([self._kept, *(getattr(part, "scores", {}) for part in self._edges.values())])

    def observe(self, event: Event, /) -> list[Finding]:
        if not isinstance(event, MessageEvent):
            return []
        pair = (event.sender, event.recipient)
        part = self._edges.pop(pair, None) or self._part()
        self._edges[pair] = part
        if len(self._edges) > EDGES:
            forgotten = self._edges.pop(next(iter(self._edges)))
            self._kept = _highest([self._kept, getattr(forgotten, "scores", {})])
        return _listed(part.observe(event))


def _listed(observed: Observed) -> list[Finding]:
    if observed is None:
        return []
    return [observed] if isinstance(observed, Finding) else list(observed)


def _highest(all_scores: Iterable[Mapping[str, float]]) -> dict[str, float]:
    highest: dict[str, float] = {}
    for scores in all_scores:
        for label, score in scores.items():
            highest[label] = max(score, highest.get(label, 0.0))
    return highest
