"""Runs in a journal: begun, gone on with, forked, gone through once more."""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypedDict

import anyio
import anyio.to_thread

from agentmesh.config.language import did_you_mean
from agentmesh.errors import ConfigError, RunChanged
from agentmesh.events import Event, FindingRecorded, RunEnded, RunResumed, RunStarted, stamped
from agentmesh.journal import Journal, Log, RunRecord, hold, hold_open, let_go
from agentmesh.journal.base import Durability
from agentmesh.runner.fold import heard_later, whole_bursts
from agentmesh.runner.past import effective, inherited, resume_point
from agentmesh.team.description import difference

Address = str | os.PathLike[str] | Journal
"""A journal: a path of a SQLite file, `postgresql://...`, or one that is open already."""


class Added(TypedDict, total=False):
    """What a run may use beyond its limits so far."""

    tokens: int
    usd: float
    seconds: float


def raised_by(added: Mapping[str, Any]) -> dict[str, float]:
    """By limit, how much more is allowed; without those of which it is nothing. Raises: ConfigError."""
    allowed = list(Added.__annotations__)
    for name, more in added.items():
        if name not in allowed:
            raise ConfigError(
                f"nothing can be added to '{name}'{did_you_mean(name, allowed)}; allowed: {', '.join(allowed)}"
            )
        if isinstance(more, bool) or not isinstance(more, int | float) or not 0 <= more < math.inf:
            raise ConfigError(f"what is added to {name} is a number of 0 or more; found {more!r}")
    return {name: float(more) for name, more in added.items() if more}


@dataclass(frozen=True)
class Kept:
    """What a run is begun or gone on with."""

    run_id: str
    log: Log | None = None
    journal: Journal | None = None
    recorded: Sequence[Event] = ()
    resumed: RunResumed | None = None
    heard_later: Sequence[FindingRecorded] = ()
    """See `RunPlan`."""

    @property
    def started(self) -> RunStarted:
        """How the run began, by its log."""
        first = self.recorded[0]
        assert isinstance(first, RunStarted), "a log begins with run_started"
        return first

    @property
    def added(self) -> Added:
        """By how much each limit was raised since the run began."""
        total: dict[str, float] = defaultdict(float)
        for event in [*self.recorded, *([self.resumed] if self.resumed else [])]:
            if isinstance(event, RunResumed):
                for name, more in event.added.items():
                    total[name] += more
        return {"tokens": int(total["tokens"]), "usd": total["usd"], "seconds": total["seconds"]}


@asynccontextmanager
async def opened(address: Address, durability: Durability = "full") -> AsyncIterator[Journal]:
    """The journal of an address, shared with all who use it at the same time. Raises: JournalError."""
    if isinstance(address, Journal) and not isinstance(address, str | os.PathLike):
        yield address
        return
    # A store that is locked, or whose server does not answer, must not hold up what else goes on.
    journal = hold_open(address, durability)
    if journal is None:
        journal = await anyio.to_thread.run_sync(hold, address, durability)
    try:
        yield journal
    finally:
        with anyio.CancelScope(shield=True):
            await let_go(journal)


@asynccontextmanager
async def begun(address: Address | None, durability: Durability, record: RunRecord) -> AsyncIterator[Kept]:
    """A new run, in the journal if there is an address of one."""
    if address is None:
        yield Kept(record.run_id)
        return
    async with opened(address, durability) as journal:
        log = journal.start(record)
        async with _released(log):
            yield Kept(record.run_id, log, journal)


@asynccontextmanager
async def gone_on_with(
    address: Address, durability: Durability, run_id: str, team_hash: str, description: str, added: Mapping[str, float]
) -> AsyncIterator[Kept]:
    """A recorded run; without a log if it has ended for good. Raises: RunNotFound, RunTaken, RunChanged."""
    async with opened(address, durability) as journal:
        status = await journal.status(run_id)
        run_id = status.record.run_id
        recorded = await journal.events(run_id)
        if recorded and resume_point(recorded, added) is None:
            yield Kept(run_id, None, journal, recorded)
            return
        refuse_changed(run_id, status.record, team_hash, description)
        async with _released(await journal.claim(run_id)) as log:
            if (await journal.status(run_id)).events != len(recorded):
                recorded = await journal.events(run_id)  # as they are now that nobody else writes any
            if not recorded:
                raise RunChanged(f"run {run_id} had not begun when its process ended: run it anew")
            at = resume_point(recorded, added)
            if at is None:  # another process has ended it between the two looks at it
                yield Kept(run_id, None, journal, recorded)
                return
            # A fork whose process ended at once has not even said what it inherits.
            begins = status.record.parent if not inherited(recorded) else None
            yield Kept(run_id, log, journal, recorded, RunResumed(at=at, parent=begins, added=dict(added)))


@asynccontextmanager
async def forked(
    address: Address, durability: Durability, record: RunRecord, parent: str, at: int
) -> AsyncIterator[Kept]:
    """A new run that inherits another one's events up to one of them. Raises: RunNotFound, ConfigError."""
    async with opened(address, durability) as journal:
        status = await journal.status(parent)
        parent = status.record.run_id
        events = await journal.events(parent)
        if not 1 <= at <= len(events):
            raise ConfigError(f"run {parent} has events 1 to {len(events)}; found {at}")
        at = whole_bursts(events, at)
        counting = effective(events[:at])
        if any(isinstance(event, RunEnded) for event in counting):
            raise ConfigError(f"at event {at} run {parent} has ended: fork from an earlier event")
        started = events[0]
        assert isinstance(started, RunStarted), "a log begins with run_started"
        record = RunRecord(**{**vars(record), "task": started.task, "parent": parent, "at": at})
        async with _released(journal.start(record)) as log:
            await log.durable()
            recorded = [stamped(event, event.id, record.run_id, event.ts) for event in events[:at]]
            yield Kept(record.run_id, log, journal, recorded, RunResumed(at=at, parent=parent), heard_later(events, at))


@asynccontextmanager
async def _released(log: Log) -> AsyncIterator[Log]:
    try:
        yield log
    finally:
        with anyio.CancelScope(shield=True):
            await log.release()


def refuse_changed(run_id: str, record: RunRecord, team_hash: str, description: str) -> None:
    """A run goes on only with the team that it began with. Raises: RunChanged with the difference."""
    if record.team_hash != team_hash:
        raise RunChanged(
            f"run {run_id} cannot go on: its team has changed since (`fork` starts a new run from any of its events):\n"
            + difference(record.description, description)
        )
