"""`agentmesh check`: every mistake in a team file, and what a run could use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import click

from agentmesh.cli.options import json_flag, model_and_overrides
from agentmesh.cli.outcome import listed
from agentmesh.cli.terminal import count, printable, say, say_json, usd, warning
from agentmesh.errors import ConfigError
from agentmesh.team import Team
from agentmesh.team.references import UNLOADED

UNKNOWN = dict.fromkeys(("turns", "model_calls", "messages", "tokens", "usd"))
"""The bounds of a team that cannot run."""


@click.command(name="check")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@json_flag
@model_and_overrides
def command(files: tuple[str, ...], as_json: bool, model: str | None, overrides: tuple[str, ...]) -> None:
    """Find every mistake in team files before anything is spent.

    Also says the most that a run could use, and which programs and imports it would execute. Runs no code of the
    file. Exits 2 if any file has a mistake.
    """
    checked = [_check(file, model, overrides) for file in files]
    if as_json:
        say_json({"files": [_plain(entry) for entry in checked]})
    else:
        for entry in checked:
            say("\n".join(_lines(entry)))
    raise click.exceptions.Exit(0 if all(entry["ok"] for entry in checked) else 2)


def _check(file: str, model: str | None, overrides: tuple[str, ...]) -> dict[str, Any]:
    entry: dict[str, Any] = {"file": file, "ok": False, "errors": [], "warnings": [], "bounds": UNKNOWN, "executes": []}
    try:
        team = Team.from_yaml(file, model=model, overrides=overrides, allow=UNLOADED)
    except ConfigError as error:
        return {**entry, "errors": list(error.problems)}
    return {
        **entry,
        "ok": True,
        "warnings": list(team.warnings),
        "bounds": team.bounds.as_dict(),
        "executes": list(team.executes),
    }


def _plain(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {**entry, **{key: listed(entry[key]) for key in ("errors", "warnings")}}


def _lines(entry: Mapping[str, Any]) -> Iterable[str]:
    file = entry["file"]
    for problem in entry["errors"]:
        yield printable(problem.at(file))
    for problem in entry["warnings"]:
        yield warning(problem, file)
    if not entry["ok"]:
        return
    bounds = entry["bounds"]
    yield f"{file}: ok"
    yield "  at most   " + ", ".join(
        (
            _bound(bounds["turns"], "turn"),
            _bound(bounds["model_calls"], "model call"),
            _bound(bounds["messages"], "message"),
            _bound(bounds["tokens"], "token"),
            f"cost {usd(bounds['usd'])}",
        )
    )
    executes = [printable(line).replace("\n", " ") for line in entry["executes"]] or ["nothing"]
    yield "  executes  " + ("\n" + " " * 12).join(executes)


def _bound(number: int | None, noun: str) -> str:
    return f"? {noun}s" if number is None else count(number, noun)
