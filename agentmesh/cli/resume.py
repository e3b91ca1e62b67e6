"""`agentmesh resume`: a run goes on after a crash, an interruption, a limit or an answer."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import click

from agentmesh.cli.driving import carried_out, tell
from agentmesh.cli.journals import durability_option, existing, journal_option, status_of, team_of
from agentmesh.cli.options import json_flag
from agentmesh.events import Event
from agentmesh.journal.base import Durability, RunRecord
from agentmesh.runner.past import resume_point
from agentmesh.team.kept import Added, raised_by


@click.command(name="resume")
@click.argument("run_id", metavar="RUN_ID")
@click.option("--add-tokens", type=click.IntRange(min=1), help="Let it use so many more tokens.")
@click.option("--add-usd", type=click.FloatRange(min=0, min_open=True), help="Let it cost so much more.")
@click.option("--add-seconds", type=click.FloatRange(min=0, min_open=True), help="Let it go on so much longer.")
@click.option("--events", is_flag=True, help="Print each new event on stdout, one JSON object a line.")
@journal_option
@durability_option
@json_flag
def command(
    run_id: str,
    add_tokens: int | None,
    add_usd: float | None,
    add_seconds: float | None,
    events: bool,
    journal: str,
    durability: Durability,
    as_json: bool,
) -> None:
    """Go on with a run: after a crash, Ctrl-C, an answer to its questions, or a limit that is added to.

    No finished model call is paid for twice, and no finished tool called twice. The team is made again from the
    recorded file, -m and -O; if it has changed since, nothing is done and the difference is shown. A run that has
    ended prints its result, and calls nothing. RUN_ID may be shortened, or `last`.

    \b
    Examples:
      agentmesh resume last
      agentmesh resume 013d --add-tokens 50000
    """  # noqa: D301 - the escape tells click to keep the lines as they are
    added: Added = {"tokens": add_tokens or 0, "usd": add_usd or 0.0, "seconds": add_seconds or 0.0}
    record, log = anyio.run(_found, journal, run_id)
    if log and resume_point(log, raised_by(added)) is None:
        raise click.exceptions.Exit(tell(log, as_json=as_json))
    team = team_of(record, journal)
    carried_out(
        team,
        lambda display: team.resuming(
            record.run_id,
            added=added,
            journal=journal,
            durability=durability,
            watch=display,
            ask=display.ask,
        ),
        file=str(record.made["file"]),
        events=events,
        as_json=as_json,
    )


async def _found(journal: str, run_id: str) -> tuple[RunRecord, Sequence[Event]]:
    async with existing(journal) as store:
        record = (await status_of(store, run_id)).record
        return record, await store.events(record.run_id)
