"""What a run has used so far, to which the bounds of what may come are added when its graph changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agentmesh.events import BoundsChanged, Event
from agentmesh.messages import Usage
from agentmesh.topology.bounds import Bounds
from agentmesh.topology.phases import Phase

BoundsOf = Callable[[Sequence[Phase], Bounds], Bounds]
"""The bounds of a run of which so much was used and which goes on through these phases, by what its team knows."""


@dataclass
class Used:
    """Counted from the events."""

    turns: int = 0
    messages: int = 0
    calls: int = 0
    tokens: int = 0
    cost_usd: float | None = 0.0

    def count(self, event: Event) -> None:
        """Take an event into account."""
        match event.type:  # a look at the class would cost more, on the path of every event
            case "turn_started":
                self.turns += 1
            case "message_delivered":
                self.messages += 1
            case "model_call_started":
                self.calls += 1
            case "model_call_finished":
                self._spend(event.usage)
            case _:
                pass

    def _spend(self, usage: Usage) -> None:
        self.tokens += usage.tokens
        known = self.cost_usd is not None and usage.cost_usd is not None
        self.cost_usd = (self.cost_usd or 0.0) + (usage.cost_usd or 0.0) if known else None

    def changed(self, bounds: BoundsOf, phases: Sequence[Phase], under_way: int) -> BoundsChanged:
        """The new bounds of the whole run: what was used, and what may come in these phases.

        `under_way`: messages that may come from turns in flight, or that are kept. What the model calls of those turns
        still use is part of what may come: a turn in flight is counted there once more.
        """
        used = Bounds(self.turns, self.calls, self.messages + under_way, self.tokens, self.cost_usd)
        return BoundsChanged(bounds=bounds(phases, used).as_dict())
