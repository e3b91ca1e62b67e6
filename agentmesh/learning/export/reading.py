"""A recorded run, gone through once more: so it is known what each of its models was asked, byte for byte."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agentmesh.errors import RunChanged
from agentmesh.events import Event, RunStarted
from agentmesh.journal import Journal
from agentmesh.journal.base import DEFAULT_JOURNAL
from agentmesh.learning.episodes import Rewards
from agentmesh.learning.export.batch import Exported, exported
from agentmesh.learning.export.transcripts import listener
from agentmesh.team import Team
from agentmesh.team.kept import Address, opened


async def read(
    team: Team,
    run_id: str,
    rewards: Rewards | None = None,
    *,
    task: str | None = None,
    steps: Mapping[int, Rewards] | None = None,
    journal: Address = DEFAULT_JOURNAL,
) -> Exported:
    """A run of the team, as it stands in the journal. Rewards and `task` as of `episode_of`; no model is asked.

    Raises: RunNotFound, JournalError; RunChanged where the log does not follow from the team as it is now.
    """
    told, hear = listener()
    async with opened(journal) as store:
        found = await team.replay(run_id, journal=store, asked=hear)
        events = await store.events((await store.status(run_id)).record.run_id)
        before = await _tasks_before(store, events)
    if found.difference is not None:
        at = found.difference
        raise RunChanged(f"it does not follow from its team as it is now: {at['why']}", at["event"], at["type"] or "")
    return exported(events, told, rewards, task=task, steps=steps, before=before)


async def _tasks_before(store: Journal, events: Sequence[Event]) -> list[str]:
    """The tasks of the runs that this one continues, the latest first."""
    found: list[str] = []
    while isinstance(started := events[0], RunStarted) and started.continues:
        events = await store.events(started.continues)
        found += [event.task for event in events if isinstance(event, RunStarted)]
    return found
