"""`agentmesh tasks`: the task boards of a run, once or for as long as it goes on."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio
import click

from agentmesh.cli import INTERRUPTED
from agentmesh.cli.display import wants_live_view
from agentmesh.cli.journals import existing, journal_option, status_of
from agentmesh.cli.options import json_flag
from agentmesh.cli.runs import state_of
from agentmesh.cli.tasktext import Seen, lines, row
from agentmesh.cli.terminal import complain, say, say_json
from agentmesh.errors import AgentMeshError
from agentmesh.journal import Journal
from agentmesh.reporting.taskboard import boards_of, shared_of

POLL_S, RARELY_S = 0.3, 3.0
"""How long is waited, at least and at most, before a run is looked at again."""
SHARE = 5
"""How many times as long as looking took: a long log is read less often."""


@click.command(name="tasks")
@click.argument("run_id", metavar="RUN_ID")
@click.option("--watch", is_flag=True, help="Follow the run, whatever process drives it, until it ends.")
@journal_option
@json_flag
def command(run_id: str, watch: bool, journal: str, as_json: bool) -> None:
    """Show the tasks of a run: their state, who has them, how often they were tried, what the last check said.

    Below them stand the claims, commitments and offers on its boards. RUN_ID is an id, the beginning of one, or `last`.
    With --json and --watch there is one object a line, a new one whenever something has changed.

    \b
    Examples:
      agentmesh tasks last
      agentmesh tasks 013df140921a --watch
    """  # noqa: D301 - the escape tells click to keep the lines as they are
    if watch:
        _follow(run_id, journal, as_json)
        return
    seen = anyio.run(_once, run_id, journal)
    if as_json:
        say_json(seen.plain)
    else:
        _tell(seen)


def _follow(run_id: str, journal: str, as_json: bool) -> None:
    show = _print_changes if as_json else _draw if wants_live_view(sys.stdout, os.environ) else _tell_changes
    if not anyio.run(_to_the_end, run_id, journal, show):
        raise click.exceptions.Exit(INTERRUPTED)


async def _once(run_id: str, journal: str) -> Seen:
    async with existing(journal) as store:
        return await _read(store, run_id)


async def _to_the_end(run_id: str, journal: str, show: Callable[[AsyncIterator[Seen]], Awaitable[None]]) -> bool:
    """Whether nobody has interrupted it."""
    ended = False
    refusal: Exception | None = None
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with anyio.create_task_group() as beside:

            async def give_way() -> None:
                async for _ in signals:
                    beside.cancel_scope.cancel()

            beside.start_soon(give_way)
            try:
                async with existing(journal) as store:
                    await show(_watched(store, run_id))
                ended = True
            except AgentMeshError as error:  # raised below as it is: the task group would wrap it
                refusal = error
            beside.cancel_scope.cancel()
    if refusal is not None:
        raise refusal
    return ended


async def _read(store: Journal, run_id: str) -> Seen:
    status = await status_of(store, run_id)
    events = await store.events(status.record.run_id) if status.events else []
    boards, shared = boards_of(events), shared_of(events)
    return Seen(status.record.run_id, state_of(status), status.outcome, status.events, tuple(boards), tuple(shared))


async def _watched(store: Journal, run_id: str) -> AsyncIterator[Seen]:
    """What there is to see, anew whenever the log has grown, until the run ends or no process is at work on it."""
    seen = await _read(store, run_id)
    yield seen
    while seen.outcome is None and seen.state == "running":
        began = time.monotonic()
        status = await store.status(seen.run_id)
        if (status.events, state_of(status)) != (seen.events, seen.state):
            seen = await _read(store, seen.run_id)
            yield seen
        await anyio.sleep(min(max(POLL_S, SHARE * (time.monotonic() - began)), RARELY_S))
    if seen.outcome is None:
        complain(f"run {seen.run_id} is {seen.state}, and no process is at work on it: agentmesh resume {seen.run_id}")


async def _print_changes(watched: AsyncIterator[Seen]) -> None:
    last: dict[str, Any] = {}
    async for seen in watched:
        if seen.plain != last:
            last = seen.plain
            if not say_json(last, indent=None):
                return


async def _tell_changes(watched: AsyncIterator[Seen]) -> None:
    """A line for each task that has changed, and at the end all of it."""
    last: set[str] = set()
    seen: Seen | None = None
    async for seen in watched:
        told = ["  ".join((board.planner, *row(state))) for board in seen.boards for state in board.tasks]
        if not all(say(line) for line in told if line not in last):
            return
        last = set(told)
    if seen is not None:
        _tell(seen)


async def _draw(watched: AsyncIterator[Seen]) -> None:
    # rich is imported only where there is a terminal to draw on.
    from rich.console import Console
    from rich.live import Live

    from agentmesh.cli.taskview import picture

    console = Console()
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        async for seen in watched:
            live.update(picture(seen, console.size.height), refresh=True)
    _say_if_none(seen)


def _tell(seen: Seen) -> None:
    _say_if_none(seen)
    if not (seen.boards or seen.shared):
        return
    if wants_live_view(sys.stdout, os.environ):
        from rich.console import Console

        from agentmesh.cli.taskview import picture

        Console().print(picture(seen))
        return
    say("\n".join(lines(seen)))


def _say_if_none(seen: Seen) -> None:
    if not seen.boards:
        complain(f"run {seen.run_id} has no tasks ({seen.state})")
