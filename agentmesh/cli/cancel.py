"""`agentmesh cancel`: a run ends for good."""

from __future__ import annotations

import anyio
import click

from agentmesh.cli.driving import carried_out, tell
from agentmesh.cli.journals import existing, journal_option, person, record_of, team_of
from agentmesh.cli.options import json_flag
from agentmesh.cli.terminal import complain
from agentmesh.events import StopRequested
from agentmesh.journal import RunStatus
from agentmesh.runner.past import INTERRUPTED

PATIENCE_S = 10.0
"""How long the process that runs it may take to end it."""


@click.command(name="cancel")
@click.argument("run_id", metavar="RUN_ID")
@journal_option
@json_flag
def command(run_id: str, journal: str, as_json: bool) -> None:
    """End a run for good: what is in flight is cancelled, and it can be forked, but not resumed.

    A run that another process is at work on ends there, within a second; one that nobody is at work on ends here.

    \b
    Example:
      agentmesh cancel 013df140921a
    """  # noqa: D301 - the escape tells click to keep the lines as they are
    record = anyio.run(record_of, journal, run_id)
    status = anyio.run(_asked_to_stop, journal, record.run_id)
    if status.running:
        complain(f"run {record.run_id} has been told to stop, and has not done so within {PATIENCE_S:g} s")
        raise click.exceptions.Exit(1)
    if _can_go_on(status):
        team = team_of(record, journal)
        carried_out(
            team,
            lambda display: team.resuming(record.run_id, journal=journal, watch=display),
            file=str(record.made["file"]),
            events=False,
            as_json=as_json,
        )
    raise click.exceptions.Exit(anyio.run(_told, journal, record.run_id, as_json))


def _can_go_on(status: RunStatus) -> bool:
    return status.outcome is None or (status.outcome == "cancelled" and status.reason.startswith(INTERRUPTED))


async def _asked_to_stop(journal: str, run_id: str) -> RunStatus:
    async with existing(journal) as store:
        status = await store.status(run_id)
        if _can_go_on(status):
            by = person()
            await store.say(run_id, StopRequested(outcome="cancelled", reason=f"cancelled by {by}", by=by))
        with anyio.move_on_after(PATIENCE_S):
            while status.running:
                await anyio.sleep(0.1)
                status = await store.status(run_id)
        return status


async def _told(journal: str, run_id: str, as_json: bool) -> int:
    async with existing(journal) as store:
        return tell(await store.events(run_id), as_json=as_json)
