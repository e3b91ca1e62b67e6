"""What commands share that run teams on tasks: options, progress, and what is kept when they are stopped."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import click

from agentmesh.cli import INTERRUPTED
from agentmesh.cli.display import wants_live_view
from agentmesh.cli.options import Decorated, allow_option
from agentmesh.cli.signals import Interruption
from agentmesh.cli.terminal import complain
from agentmesh.errors import AgentMeshError, ConfigError
from agentmesh.journal.owners import Owners

if TYPE_CHECKING:
    from agentmesh.evaluation.tasks import Tasks
    from agentmesh.team import Team

Progress = Callable[[int, int], None]
"""Told how much is done, of how much."""
Made = TypeVar("Made")

_TASKS = (
    click.option("--tasks", "source", metavar="FILE|GENERATOR", required=True, help="A file of tasks, or kind:args."),
    click.option("--tasks-format", "form", metavar="FORM", help="Of the file: native, gsm8k, mmlu or humaneval."),
    click.option("--first", type=click.IntRange(min=1), metavar="N", help="Take only so many of the tasks."),
)
_RUNS = (
    click.option("--seeds", type=click.IntRange(1, 1000), default=1, show_default=True, help="Runs of each task."),
    click.option("--concurrency", type=click.IntRange(1, 1000), default=8, show_default=True, help="Runs at a time."),
    click.option("--judge", metavar="MODEL", help="Who scores answers of tasks that are checked by a judge."),
    allow_option,
    click.option(
        "--results",
        metavar="PATH",
        help="Where finished runs are kept and looked for. Default: .agentmesh/comparisons.",
    ),
    click.option("--fresh", is_flag=True, help="Run everything anew: drop the finished runs that are kept."),
    click.option("--journal", metavar="PATH", help="Journal of runs. Default: beside the results, none if simulated."),
)


def task_options(function: Decorated) -> Decorated:
    """Which tasks."""
    return reduce(lambda decorated, option: option(decorated), reversed(_TASKS), function)


def run_options(function: Decorated) -> Decorated:
    """How they are run, and where what was run is kept."""
    return reduce(lambda decorated, option: option(decorated), reversed(_RUNS), function)


def tasks_of(source: str, given: dict[str, Any]) -> Tasks:
    """The tasks. Raises: ConfigError."""
    from agentmesh.evaluation.tasks import load_tasks

    return load_tasks(source, format=given["form"], limit=given["first"])


def kept_in(default: Path, given: dict[str, Any]) -> Path:
    """The file of finished runs, which no other process may use until the command ends; gone if all is to be run anew.

    Raises: ConfigError, JournalError.
    """
    results = Path(given["results"] or default)
    _hold(results)
    if given["fresh"]:
        _drop(results, given["journal"])
    return results


def owners_of_results() -> Owners:
    """Who uses which results. Not beside them, since bad input leaves nothing behind."""
    return Owners.of(Path(tempfile.gettempdir(), f"agentmesh-{getattr(os, 'getuid', int)()}.owners"))


def _hold(results: Path) -> None:
    owners, place = owners_of_results(), str(results.resolve())
    if not owners.take(place):
        raise ConfigError("another process is at work on these results; wait for it, or name others", str(results))
    click.get_current_context().call_on_close(lambda: owners.give_back(place))


def _drop(results: Path, journal: str | None) -> None:
    """The rows, and the journal beside them: what it holds would be gone on with, and so not be run anew."""
    from agentmesh.evaluation.comparison.rows import KeptRows

    if journal is not None and ("://" in journal or Path(journal).exists()):
        raise ConfigError("--fresh runs everything anew, and a journal that is given is kept: name a new one", journal)
    KeptRows(results)  # a file of anything else is refused
    for path in (results, *(results.with_suffix(f".db{end}") for end in ("", "-wal", "-shm"))):
        path.unlink(missing_ok=True)


def journal_of(teams: list[Team], results: Path, given: dict[str, Any]) -> str | None:
    """Where runs are recorded: what costs nothing is not."""
    if given["journal"] is None and not all(team.simulated for team in teams):
        return str(results.with_suffix(".db"))
    return str(given["journal"]) if given["journal"] is not None else None


def carried_out(work: Callable[[Progress], Awaitable[Made]], results: Path, what: str = "runs") -> Made:
    """What comes of the work, or an exit with 130 where it was stopped. Raises: AgentMeshError."""
    made: list[Made] = []

    async def carry_out(progress: Progress) -> None:
        refusal: Exception | None = None
        interruption = Interruption()
        async with anyio.create_task_group() as beside:
            await beside.start(interruption.on_signals, lambda: None)
            with anyio.CancelScope() as scope:
                interruption.applies_to(lambda reason: scope.cancel())
                try:
                    made.append(await work(progress))
                except AgentMeshError as error:  # raised below as it is: the task group would wrap it
                    refusal = error
            beside.cancel_scope.cancel()
        if refusal is not None:
            raise refusal

    with _progress(what) as progress:
        anyio.run(carry_out, progress)
    if not made:
        complain(f"stopped; finished runs are kept in {results}: the same command goes on from there")
        raise click.exceptions.Exit(INTERRUPTED)
    return made[0]


@contextmanager
def _progress(what: str) -> Iterator[Progress]:
    """A bar on a terminal; elsewhere a line for each tenth."""
    if not wants_live_view(sys.stderr, os.environ):
        yield _in_lines(what)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, known: bar.update(task, completed=done, total=known)


def _in_lines(what: str) -> Progress:
    told = 0

    def tell(done: int, known: int) -> None:
        nonlocal told
        if done * 10 // known > told * 10 // known or done == known:
            complain(f"{done:,} of {known:,} {what}")
        told = done

    return tell


def refuse_unwritable_report(path: str) -> None:
    """Before anything is paid for. Raises: ConfigError."""
    output = Path(path)
    if output.is_dir() or not output.parent.is_dir():
        what = "it is a folder" if output.is_dir() else f"there is no folder {output.parent}; make it first"
        raise ConfigError(f"the report cannot be written there: {what}", path)


def write_report(path: str, page: str) -> None:
    """A file of HTML. Raises: ConfigError."""
    try:
        Path(path).write_text(page, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"the report cannot be written there: {error.strerror}", path) from error
    complain(f"report: {path}")
