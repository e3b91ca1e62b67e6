"""What a run has used so far, to which the bounds of what may come are added when its graph changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from agentmesh.events import BoundsChanged, Event, MessageDelivered, ModelCallFinished, ModelCallStarted, TurnStarted
from agentmesh.messages import Usage
from agentmesh.topology.bounds import Bounds
from agentmesh.topology.phases import Phase

BoundsOf = Callable[[Sequence[Phase]], Bounds]
"""The bounds of a run through these phases, by the team's own knowledge of its agents."""


@dataclass
class Used:
    """Counted from the events."""

    turns: int = 0
    messages: int = 0
    calls: int = 0
    usage: Usage = field(default_factory=Usage)

    def count(self, event: Event) -> None:
        """Take an event into account."""
        match event:
            case TurnStarted():
                self.turns += 1
            case MessageDelivered():
                self.messages += 1
            case ModelCallStarted():
                self.calls += 1
            case ModelCallFinished():
                self.usage = self.usage + event.usage
            case _:
                pass

    def changed(self, bounds: Bounds, under_way: int) -> BoundsChanged:
        """The new bounds of the whole run: what was used, and what may come.

        `under_way`: messages that may come from turns in flight, or that are kept. What the model calls of those turns
        still use is part of what may come: a turn in flight is counted there once more.
        """
        cost = self.usage.cost_usd
        return BoundsChanged(
            bounds={
                "turns": _sum(bounds.turns, self.turns),
                "model_calls": _sum(bounds.model_calls, self.calls),
                "messages": _sum(bounds.messages, self.messages + under_way),
                "tokens": _sum(bounds.tokens, self.usage.tokens),
                "usd": None if cost is None or bounds.usd is None else round(bounds.usd + cost, 6),
            }
        )


def _sum(bound: int | None, used: int) -> int | None:
    return None if bound is None else bound + used
