"""`agentmesh replay`: does each event of a run follow from those before it."""

from __future__ import annotations

import anyio
import click

from agentmesh.cli.journals import journal_option, record_of, team_of
from agentmesh.cli.options import json_flag
from agentmesh.cli.terminal import complain, printable, say, say_json


@click.command(name="replay")
@click.argument("run_id", metavar="RUN_ID")
@journal_option
@json_flag
def command(run_id: str, journal: str, as_json: bool) -> None:
    """Go through a recorded run without any model: scheduler, monitors and agents once more, each event compared.

    Finds an event of the journal that was altered, lost or moved, and what a change of the team, of a monitor or of
    agentmesh itself would have made different. Exits 0 if all is identical, 1 if not. No model is asked, no tool
    called.

    \b
    Example:
      agentmesh replay 013df140921a
    """  # noqa: D301 - the escape tells click to keep the lines as they are
    record = anyio.run(record_of, journal, run_id)
    team = team_of(record, journal)
    if team.hash != record.team_hash:
        complain("the team has changed since the run began")

    async def replayed() -> tuple[bool, dict[str, object] | None]:
        found = await team.replay(record.run_id, journal=journal)
        return found.identical, found.difference

    identical, difference = anyio.run(replayed)
    if as_json:
        say_json({"identical": identical, "first_difference": difference})
    elif difference is None:
        say("identical")
    else:
        say(printable(f"differs at event {difference['event']}: {difference['why']}"))
    raise click.exceptions.Exit(0 if identical else 1)
