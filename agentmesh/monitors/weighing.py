"""Evidence is weighed: each kind of it adds mass, more of the same kind adds less, and the score saturates."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import exp

from agentmesh.messages import Finding

EVENTS_OF_A_KIND = 16
EVENTS = 64
SOFT = 0.5
"""What all soft evidence weighs together at most: a score of 0.4. It can all be honest, however much of it there is."""
WEAK = 0.4
"""Kinds of evidence that weigh less than this are soft."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One piece of evidence: what it is called in a finding, and its mass, of which 0.7 is a score of one half."""

    kind: str
    weight: float


@dataclass(slots=True)
class Kind:
    """All evidence of one kind."""

    weight: float
    soft: bool
    count: int = 0
    events: deque[int] = field(default_factory=lambda: deque(maxlen=EVENTS_OF_A_KIND))
    agents: dict[str, None] = field(default_factory=dict)

    @property
    def mass(self) -> float:
        """The first piece weighs in full, each further one half as much as the one before."""
        return self.weight * (2 - 0.5 ** (self.count - 1))


class Evidence:
    """What speaks for one label in one run: score = 1 - exp(-mass), whatever else happens in the run."""

    def __init__(self) -> None:
        self._kinds: dict[str, Kind] = {}

    def add(self, kind: str, weight: float, event: int, agents: tuple[str, ...], *, soft: bool = False) -> None:
        """One more piece of evidence. `kind` is one of a bounded set."""
        soft = soft or weight < WEAK
        known = self._kinds.setdefault(kind, Kind(weight, soft))
        known.weight, known.soft = max(known.weight, weight), known.soft and soft
        known.count += 1
        self._note(known, event, agents)

    def repeat(self, kind: str, event: int, agents: tuple[str, ...] = ()) -> None:
        """The same piece once more, as when a call is followed by its result: it weighs nothing, but is named."""
        if kind in self._kinds:
            self._note(self._kinds[kind], event, agents)

    @property
    def score(self) -> float:
        """How strongly the evidence so far speaks for the label, from 0 to 1."""
        soft = sum(kind.mass for kind in self._kinds.values() if kind.soft)
        firm = sum(kind.mass for kind in self._kinds.values() if not kind.soft)
        # Saturates without a corner: one more soft piece always counts for a little.
        return 1 - exp(-firm - SOFT * (1 - exp(-soft / SOFT)))

    @property
    def events(self) -> tuple[int, ...]:
        """Ids of the events that carry it, the latest of each kind first in line."""
        heaviest = sorted(self._kinds.values(), key=lambda kind: -kind.weight)
        named = dict.fromkeys(event for kind in heaviest for event in reversed(kind.events))
        return tuple(sorted(list(named)[:EVENTS]))

    def finding(self, label: str, threshold: float, why: str) -> Iterator[Finding]:
        """What all of it comes to, if that is enough."""
        if self.score >= threshold:
            yield Finding(label=label, score=self.score, agents=self.agents, evidence=self.events, why=why)

    @property
    def agents(self) -> tuple[str, ...]:
        """Whom it names."""
        return tuple(dict.fromkeys(agent for kind in self._kinds.values() for agent in kind.agents))

    def _note(self, kind: Kind, event: int, agents: tuple[str, ...]) -> None:
        if event not in kind.events:
            kind.events.append(event)
        for agent in agents:
            if len(kind.agents) < EVENTS_OF_A_KIND:
                kind.agents[agent] = None
