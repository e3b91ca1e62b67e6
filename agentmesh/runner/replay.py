"""Going through a recorded run without a model, to see whether each event follows from those before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agentmesh.errors import RunChanged
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


def damage(id_: int) -> dict[str, Any]:
    """The difference where the journal itself does not hold what was written."""
    return {"event": id_, "type": None, "why": "it is not as it was written: altered, lost or moved"}


async def replayed(plan: RunPlan) -> Replayed:
    """Compare a whole log with what scheduler, monitors and agents make of it."""
    from agentmesh.runner.resume import gone_through
    from agentmesh.runner.run import Runner

    try:
        await gone_through(Runner(plan))
    except RunChanged as error:
        return Replayed({"event": error.event, "type": error.type, "why": str(error)})
    return Replayed()
