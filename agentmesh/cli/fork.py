"""`agentmesh fork`: a new run from any point of an old one."""

from __future__ import annotations

import anyio
import click

from agentmesh.cli.driving import carried_out
from agentmesh.cli.journals import durability_option, journal_option, made_of, record_of, team_of
from agentmesh.cli.options import json_flag, model_and_overrides
from agentmesh.journal.base import Durability


@click.command(name="fork")
@click.argument("run_id", metavar="RUN_ID")
@click.option("--at", type=click.IntRange(min=1), required=True, metavar="EVENT", help="The last event it inherits.")
@click.option("--events", is_flag=True, help="Print each new event on stdout, one JSON object a line.")
@journal_option
@durability_option
@json_flag
@model_and_overrides
def command(
    run_id: str,
    at: int,
    events: bool,
    journal: str,
    durability: Durability,
    as_json: bool,
    model: str | None,
    overrides: tuple[str, ...],
) -> None:
    """Start a new run that goes on from event EVENT of an old one, whose log stays as it is.

    What it inherits is shown, not charged again. With -m and -O the team goes on changed, as long as what it inherits
    could have come of it too. Ids of events: agentmesh report RUN_ID -o report.html, or the journal's view `events`.

    \b
    Examples:
      agentmesh fork 013df140921a --at 57
      agentmesh fork 013d --at 57 -m openai:MODEL -O limits.turns=20
    """  # noqa: D301 - the escape tells click to keep the lines as they are
    record = anyio.run(record_of, journal, run_id)
    team = team_of(record, journal, model, overrides)
    before = record.made
    made = made_of(
        before["file"],
        model or before["model"],
        [*before["overrides"], *overrides],
        before["allow"],
        before.get("cache"),
    )
    carried_out(
        team,
        lambda display: team.forking(
            record.run_id,
            at,
            journal=journal,
            durability=durability,
            made=made,
            watch=display,
            ask=display.ask,
        ),
        file=str(before["file"]),
        events=events,
        as_json=as_json,
    )
