"""`agentmesh run`: gives a team a task, shows it at work, prints the answer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from agentmesh.cli.driving import carried_out
from agentmesh.cli.journals import durability_option, journal_option, made_of, recorded_model, team_made
from agentmesh.cli.options import allow_option, json_flag, model_and_overrides
from agentmesh.cli.outcome import refused
from agentmesh.cli.terminal import say_json
from agentmesh.errors import ConfigError, Problem
from agentmesh.providers.cache import DEFAULT_CACHE


@click.command(name="run")
@click.argument("file", metavar="FILE")
@click.option("--task", metavar="TEXT", help="What the team is to do.")
@click.option("--task-file", metavar="PATH", help="Read the task from this file; `-` is standard input.")
@click.option("--seed", type=int, help="Seed of simulated models and of every draw; sent to models that take one.")
@allow_option
@click.option(
    "--cache",
    metavar="[PATH]",
    is_flag=False,
    flag_value=DEFAULT_CACHE,
    help=f"Answer requests that were answered before from this file, {DEFAULT_CACHE} if none is named, for nothing.",
)
@click.option("--events", is_flag=True, help="Print each event on stdout as it happens, one JSON object a line.")
@click.option("--no-journal", is_flag=True, help="Keep nothing: the run cannot be resumed, and asks nobody later.")
@journal_option
@durability_option
@json_flag
@model_and_overrides
def command(file: str, task: str | None, task_file: str | None, as_json: bool, **given: Any) -> None:
    """Give the team in FILE a task, watch it work, get its answer.

    The answer goes to stdout, everything else to stderr. With --json the result goes to stdout as one JSON object in
    place of the answer. With --events stdout holds the events and nothing else, or with --json the result as one more
    line at the end. Ctrl-C cancels everything in flight and still prints the result; a second one leaves at once.

    Every event is kept in the journal, so that the run can be resumed, forked and reported on. A question to a person
    is put on the terminal; where there is none the other agents go on, and when nothing else is left to do the command
    exits 5: `agentmesh answer`, then `agentmesh resume`.

    On a terminal the agents are shown at work; elsewhere, or with CI or NO_COLOR set, each event is one line.

    \b
    Examples:
      agentmesh run team.yaml --task "What is (3 + 4) * 12?"
      agentmesh run team.yaml --task-file task.md -m anthropic:MODEL
      agentmesh run team.yaml --task "..." -m openai:MODEL@http://127.0.0.1:8000/v1
      agentmesh run team.yaml --task "..." -O limits.tokens=50000 --json

    \b
    Exit codes: 0 verified or completed, 1 failed, 2 bad input, 3 halted by a
    monitor or a policy, 4 a limit or a stall, 5 waiting for a person,
    130 cancelled.
    """  # noqa: D301 - the escape tells click to keep the lines as they are
    try:
        text = _task(task, task_file)
        made = made_of(
            file, recorded_model(given["model"], given["journal"]), given["overrides"], given["allow"], given["cache"]
        )
        team = team_made({**made, "file": file}, given["journal"])  # whose faults are told as the file was named
        journal = None if given["no_journal"] else given["journal"]
        carried_out(
            team,
            lambda display: team.start(
                text,
                seed=given["seed"],
                journal=journal,
                durability=given["durability"],
                made=made,
                watch=display,
                ask=display.ask,
            ),
            file=file,
            events=given["events"],
            as_json=as_json,
            journalled=journal is not None,
        )
    except ConfigError as error:
        if as_json:
            say_json(refused(error, file), indent=None if given["events"] else 2)
        raise


def _task(task: str | None, task_file: str | None) -> str:
    if task is not None and task_file is not None:
        raise click.UsageError("Give the task as --task TEXT or as --task-file PATH, not both.")
    if task is None and task_file is None:
        raise click.UsageError("Give the task as --task TEXT or as --task-file PATH ('-' is standard input).")
    if task_file is not None:
        task = _read(task_file)
    if not task or not task.strip():
        raise click.UsageError("The task is empty.")
    return task


def _read(path: str) -> str:
    try:
        data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        return data.decode("utf-8")
    except OSError as error:
        raise _unread(path, f"the task cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise _unread(path, f"the task is no UTF-8 text: {error.reason} at byte {error.start}") from error


def _unread(path: str, why: str) -> ConfigError:
    return ConfigError([Problem(0, 0, "--task-file", why)], path)
