"""`agentmesh runs`: what a journal holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import anyio
import click

from agentmesh.cli.journals import existing, journal_option, status_of
from agentmesh.cli.options import json_flag
from agentmesh.cli.terminal import complain, one_line, say, say_json
from agentmesh.journal import RunStatus


@click.command(name="runs")
@click.option("--delete", metavar="RUN_ID", multiple=True, help="Forget this run, for good. Repeatable.")
@journal_option
@json_flag
def command(delete: tuple[str, ...], journal: str, as_json: bool) -> None:
    """List the runs of a journal, the newest first: how each ended, or what it waits for.

    A run without an outcome is running, waiting for people, or was cut off: `agentmesh resume` goes on with it.

    \b
    Examples:
      agentmesh runs
      agentmesh runs --delete 013df140921a
    """  # noqa: D301 - the escape tells click to keep the lines as they are
    runs, deleted = anyio.run(_listed, journal, delete)
    for run_id in deleted:
        complain(f"forgotten: {run_id}")
    if as_json:
        say_json({"runs": [_plain(run) for run in runs], **({"deleted": deleted} if delete else {})})
    elif runs:
        say("\n".join(_lines(runs)))
    else:
        complain("no runs")


async def _listed(journal: str, delete: Sequence[str]) -> tuple[list[RunStatus], list[str]]:
    deleted = []
    async with existing(journal) as store:
        found = [(await status_of(store, run_id)).record.run_id for run_id in delete]  # before any is deleted
        for whole in dict.fromkeys(found):
            await store.delete(whole)
            deleted.append(whole)
        return await store.runs(), deleted


def state_of(run: RunStatus) -> str:
    """The outcome of a run, or in a word how it is going."""
    if run.outcome is not None:
        return run.outcome
    if run.running:
        return "running"
    return "waiting" if run.waiting else "interrupted"


def _plain(run: RunStatus) -> dict[str, Any]:
    record = run.record
    return {
        "run_id": record.run_id,
        "outcome": run.outcome,
        "reason": run.reason,
        "state": state_of(run),
        "team": record.team,
        "task": record.task,
        "started": datetime.fromtimestamp(record.started, UTC).isoformat(timespec="seconds"),
        "events": run.events,
        "questions": run.waiting,
        "parent": record.parent,
        "at": record.at,
    }


def _lines(runs: Iterable[RunStatus]) -> Iterable[str]:
    for run in runs:
        record = run.record
        started = datetime.fromtimestamp(record.started).astimezone().strftime("%Y-%m-%d %H:%M")
        origin = f" (from {record.parent} at {record.at})" if record.parent else ""
        words = [record.run_id, started, f"{state_of(run):<11}", f"{run.events:>6} events", one_line(record.team, 24)]
        yield "  ".join([*words, one_line(record.task, 60) + origin])
