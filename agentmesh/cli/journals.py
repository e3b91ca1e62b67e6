"""The journal that commands read and write, and the teams of the runs in it."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, TypeVar

import anyio
import click

from agentmesh.errors import AgentMeshError, RunNotFound
from agentmesh.journal import Journal, RunRecord, RunStatus
from agentmesh.journal.base import DEFAULT_JOURNAL
from agentmesh.team import Team
from agentmesh.team.kept import opened

LAST = "last"
"""In place of an id: the run that was begun last."""
Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def journal_option(function: Decorated) -> Decorated:
    """`--journal PATH`, for commands on runs that are in one."""
    return click.option(
        "--journal",
        metavar="PATH",
        default=DEFAULT_JOURNAL,
        envvar="AGENTMESH_JOURNAL",
        help="The journal that holds the run: a file, or postgresql://...; if not given what AGENTMESH_JOURNAL names, "
        f"or {DEFAULT_JOURNAL}.",
    )(function)


def durability_option(function: Decorated) -> Decorated:
    """`--durability`, for commands that write to a journal."""
    return click.option(
        "--durability",
        type=click.Choice(["full", "normal"]),
        default="full",
        help="full: what is paid for survives a power cut. normal: a little faster, and survives any crash.",
    )(function)


def existing(journal: str) -> AbstractAsyncContextManager[Journal]:
    """A journal to read from. Raises: RunNotFound if there is none at that place, and makes none."""
    if "://" not in journal and not Path(journal).exists():
        raise RunNotFound(f"there is no journal {journal}; --journal PATH names another one")
    return opened(journal)


async def status_of(store: Journal, run_id: str) -> RunStatus:
    """What a journal knows of a run: by its id, the beginning of it, or as the `last` one. Raises: RunNotFound."""
    if run_id != LAST:
        return await store.status(run_id)
    runs = await store.runs()
    if not runs:
        raise RunNotFound("the journal holds no run yet")
    return runs[0]


async def record_of(journal: str, run_id: str) -> RunRecord:
    """As `status_of`, what was known of the run before its first event. Raises: RunNotFound, JournalError."""
    async with existing(journal) as store:
        return (await status_of(store, run_id)).record


def team_of(record: RunRecord, journal: str, model: str | None = None, overrides: tuple[str, ...] = ()) -> Team:
    """The team of a recorded run, made again from its file, or a variation of it. Raises: ConfigError."""
    made = record.made
    if "file" not in made:
        raise AgentMeshError(
            f"run {record.run_id} was begun from Python, by a team that stands in no file: go on with it there, "
            f'with `await team.resume("{record.run_id}", journal=...)`'
        )
    return team_made({**made, "model": model or made["model"], "overrides": [*made["overrides"], *overrides]}, journal)


def team_made(made: Mapping[str, Any], journal: str) -> Team:
    """A team as `made_of` says; a run whose recorded answers it takes is in the journal. Raises: ConfigError."""
    team = Team.from_yaml(
        made["file"], model=made["model"], overrides=made["overrides"], allow=made["allow"], journal=journal
    )
    return team.cached(made["cache"]) if made.get("cache") else team


def recorded_model(model: str | None, journal: str) -> str | None:
    """`replay:last` with the id of that run: later on another one is the last."""
    if model != f"replay:{LAST}":
        return model
    return f"replay:{anyio.run(record_of, journal, LAST).run_id}"


def made_of(
    file: str, model: str | None, overrides: Sequence[str], allow: Sequence[str], cache: str | None = None
) -> dict[str, Any]:
    """What the journal keeps so that the team can be made again."""
    made = {"file": str(Path(file).resolve()), "model": model, "overrides": list(overrides), "allow": list(allow)}
    return {**made, "cache": str(Path(cache).resolve())} if cache else made


def person() -> str:
    """Who sits at this terminal, as the system knows them."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "somebody at the terminal"
