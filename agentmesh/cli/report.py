"""`agentmesh report`: a run as one file of HTML, from its events."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import click
from pydantic import ValidationError

from agentmesh.cli.journals import existing, journal_option, status_of
from agentmesh.cli.options import json_flag
from agentmesh.cli.terminal import complain, one_line, say, say_json
from agentmesh.errors import AgentMeshError, RunNotFound
from agentmesh.events import Event, event_from_json
from agentmesh.reporting import html, summary


@click.command(name="report")
@click.argument("run_id", metavar="RUN_ID")
@click.option("-o", "--output", metavar="FILE", help="Where the report goes; `-` is stdout.")
@journal_option
@json_flag
def command(run_id: str, output: str | None, journal: str, as_json: bool) -> None:
    """Write what happened in a run as one self-contained file of HTML.

    It begins with how the run ended, why, what it cost and what to do next; then come the graph with its traffic, the
    timeline, what monitors found, and what each agent was shown and did. It loads nothing and needs no script.

    RUN_ID is the id of a run in the journal, or the beginning of one; or a file with events, one a line, as
    `agentmesh run --events` prints them. With --json the numbers of the report go to stdout, the same as those of
    `agentmesh run --json`.

    \b
    Examples:
      agentmesh report 013df140921a -o report.html
      agentmesh report events.jsonl -o report.html
      agentmesh report 013df140921a --json
    """  # noqa: D301 - the escape tells click to keep the lines as they are
    if output is None and not as_json:
        raise click.UsageError("Say where the report goes: -o FILE, or -o - for stdout; or --json for its numbers.")
    if output == "-" and as_json:
        raise click.UsageError("-o - and --json both want stdout: give a file, or leave one of them out.")
    events = load_events(run_id, journal)
    if output == "-":
        say(html(events, journal=journal).rstrip("\n"))
    elif output is not None:
        _write(output, html(events, journal=journal))
    if as_json:
        say_json(summary(events))


def load_events(run_id: str, journal: str) -> Sequence[Event]:
    """The log of a run, from a file of events or from the journal. Raises: AgentMeshError."""
    path = Path(run_id)
    if run_id == "-" or path.is_file():
        return _from_lines(run_id)
    return anyio.run(_from_journal, run_id, journal)


async def _from_journal(run_id: str, journal: str) -> Sequence[Event]:
    async with existing(journal) as store:
        status = await status_of(store, run_id)
        events = await store.events(status.record.run_id)
    if not events:
        raise RunNotFound(f"run {status.record.run_id} has no events yet")
    return events


def _from_lines(path: str) -> Sequence[Event]:
    try:
        data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise AgentMeshError(f"{path}: the events cannot be read: {error.strerror}") from error
    events = [_event(path, number, text) for number, text in enumerate(data.splitlines(), 1) if text.strip()]
    found = [event for event in events if event is not None]
    if not found:
        raise AgentMeshError(f"{path}: there are no events in it; `agentmesh run --events` prints them, one a line")
    runs = dict.fromkeys(event.run_id for event in found)
    if len(runs) > 1:
        named = ", ".join(list(runs)[:4])
        raise AgentMeshError(f"{path}: the events are those of several runs ({named}); a report is of one")
    return found


def _event(path: str, number: int, text: bytes) -> Event | None:
    """One line as an event; the last one of `run --events --json`, which is the result, as nothing."""
    try:
        return event_from_json(text)
    except ValidationError as error:
        if text.startswith(b'{"run_id"') and b'"usage"' in text and b'"outcome"' in text:
            return None
        first: Any = error.errors()[0]
        raise AgentMeshError(
            f"{path}:{number}: this line is no event: {one_line(first['msg'], 120)}; "
            "expected one JSON object a line, as `agentmesh run --events` prints them"
        ) from error


def _write(path: str, text: str) -> None:
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise AgentMeshError(f"the report cannot be written to {path}: {error.strerror}") from error
    complain(f"report: {path}")
