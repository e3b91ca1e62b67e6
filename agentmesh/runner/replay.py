"""Going through a recorded run without a model, to see whether each event follows from those before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agentmesh.errors import RunChanged
from agentmesh.events import Event
from agentmesh.runner.member import RunPlan


@dataclass(frozen=True)
class Replayed:
    """What came of it."""

    difference: dict[str, Any] | None = None
    """The first event that does not follow: `event` (its id), `type`, and `why`."""

    @property
    def identical(self) -> bool:
        """Whether every event follows."""
        return self.difference is None


def damage(id_: int, events: Sequence[Event]) -> dict[str, Any]:
    """The difference where the journal itself does not hold what was written."""
    found = next((event.type for event in events if event.id == id_), None)
    why = "it is not as it was written" if found else "it was written, and is missing"
    return {"event": id_, "type": found, "why": why}


async def replayed(plan: RunPlan) -> Replayed:
    """Compare a whole log with what scheduler, monitors and agents make of it."""
    from agentmesh.runner.resume import gone_through
    from agentmesh.runner.run import Runner

    try:
        await gone_through(Runner(plan))
    except RunChanged as error:
        return Replayed({"event": error.event, "type": error.type, "why": str(error)})
    return Replayed()
