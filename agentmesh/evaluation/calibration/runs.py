"""Runs whose truth is known: which pathology each event shows, and from where on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from agentmesh.events import Event, MessageDelivered, MessageProposed

Half = Literal["a", "b"]
"""Of the wordings: thresholds are chosen on runs of half `a`, and figures reported on runs of half `b`."""

LABELS = (
    "agreement_loop",
    "conformity",
    "work_stop",
    "repetition",
    "stall",
    "premature_termination",
    "coordination_failure",
    "reward_hack",
    "diversity_collapse",
    "injection",
)


@dataclass(frozen=True)
class LabelledRun:
    """The events of one run, and for each the labels of what it shows."""

    name: str
    """Of the scenario, or of the trace."""
    events: Sequence[Event]
    labels: Sequence[frozenset[str]]
    """One set for each event."""
    onsets: Mapping[str, int | None] = field(default_factory=dict)
    """By label that the run shows: index of the first event that shows it; None where nobody knows from where on."""
    unclear: Mapping[str, int] = field(default_factory=dict)
    """By label: index of the event from which on nothing is claimed about it, neither that it is there nor not."""
    half: Half | None = None
    seed: int = 0

    def shows(self, label: str, at: int) -> bool | None:
        """Whether the event at this index shows the label; None where nothing is claimed.

        After a pathology is over nothing is claimed about it: who finds it then is late, but not wrong.
        """
        if label in self.labels[at]:
            return True
        known = min(self.unclear.get(label, len(self.labels)), self.onsets.get(label) or len(self.labels))
        return False if at < known else None

    def messages(self) -> Iterator[int]:
        """Indices of the events by which messages come up: one to three recipients is three messages."""
        proposed: set[str] = set()
        for at, event in enumerate(self.events):
            if isinstance(event, MessageProposed):
                proposed.add(event.message_id)
                yield at
            elif isinstance(event, MessageDelivered) and event.message_id not in proposed:
                yield at  # a foreign trace knows of no proposals
