"""All commands, each a module of its own that is imported when it is called: `agentmesh --help` stays quick."""

from __future__ import annotations

import errno
import sys
import threading
from importlib import import_module
from typing import Any, NamedTuple

import click

from agentmesh import __version__
from agentmesh.cli import INTERRUPTED
from agentmesh.cli.terminal import complain, leave_at_once, let_go, printable
from agentmesh.errors import AgentMeshError

_PATIENCE_S = 0.1
"""How long each thread that has nothing left to do may take to end."""
_UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
"""What goes wrong with output that cannot be written: no room for it, or a broken device."""


class Entry(NamedTuple):
    """Where a command lives, and the line that the list of commands shows for it."""

    module: str
    help: str


COMMANDS = {
    "check": Entry("check", "Find every mistake in team files, and what a run could use, before anything is spent."),
    "show": Entry("show", "Draw who may speak to whom."),
    "run": Entry("run", "Give a team a task, watch it work, get its answer."),
    "report": Entry("report", "Write what happened in a run as one file of HTML."),
    "tasks": Entry("tasks", "Show the task board of a run, and how it changes while the run goes on."),
    "resume": Entry("resume", "Go on with a run: after a crash, Ctrl-C, an answer, or a limit that is added to."),
    "runs": Entry("runs", "List the runs of a journal, or forget some."),
    "answer": Entry("answer", "Answer a question that a run has put to a person."),
    "cancel": Entry("cancel", "End a run for good, whatever process is at work on it."),
    "fork": Entry("fork", "Start a new run from any point of an old one."),
    "replay": Entry("replay", "Go through a run once more without a model, and compare each event."),
    "audit": Entry("audit", "Show traces of any framework, or recorded runs, to the monitors."),
    "monitors": Entry("monitors", "List the monitors that a team file can name."),
    "calibrate": Entry("calibrate", "Measure how well monitors find what is there, and how seldom what is not."),
    "compare": Entry("compare", "Measure teams against their best member at the same budget, and say which is better."),
    "advise": Entry("advise", "Find the topology, the size and the prompt that help, or that none does."),
    "evolve": Entry("evolve", "Evolve a population of teams under one budget, beside one agent with as much."),
    "games": Entry("games", "Let agents play games on any graph, and measure what comes of it."),
    "export": Entry("export", "Write recorded runs as files that trainers read, with rewards and advantages."),
    "new": Entry("new", "Write a commented starter file that runs as it is."),
    "schema": Entry("schema", "Print the JSON Schema of team files, for editors."),
    "serve-mcp": Entry("serve_mcp", "Serve a team as one tool to clients of the Model Context Protocol (MCP)."),
    "serve-simulated": Entry("serve", "Serve the simulated models over HTTP, as an OpenAI-compatible server."),
}


class Commands(click.Group):
    """A group that imports a command on its first use and turns every error into its exit code."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run as the process: a function that was abandoned in its thread does not keep it alive."""
        try:
            return super().__call__(*args, **kwargs)
        except SystemExit as end:
            # While Python tidies up, a second interruption would kill the process instead of ending it.
            if end.code == INTERRUPTED or _threads_that_stay():
                leave_at_once(end.code if isinstance(end.code, int) else 1)
            raise
        except OSError as error:
            if error.errno not in _UNWRITABLE or error.filename is not None:
                raise
            let_go(sys.stdout)
            complain(f"the output cannot be written: {error.strerror}")
            leave_at_once(1)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order of a first tour."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command: click.Command = import_module(f"agentmesh.cli.{entry.module}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments begin with, or an error that names the closest one."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            did_you_mean = import_module("agentmesh.config.language").did_you_mean
            ctx.fail(f"there is no command {name!r}; there are: {', '.join(COMMANDS)}{did_you_mean(name, COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Bad input exits 2."""
        try:
            return super().invoke(ctx)
        except AgentMeshError as error:
            complain(printable(str(error)))
            raise click.exceptions.Exit(2) from error


def _threads_that_stay() -> bool:
    """Whether a thread that the process would wait for is still busy after a short wait."""
    others = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    for thread in others:
        if not thread.daemon:
            thread.join(_PATIENCE_S)
    return any(thread.is_alive() and not thread.daemon for thread in others)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="agentmesh")
def commands() -> None:
    """Teams of LLM agents on a declared, enforced topology.

    \b
    A first tour, without any key:
      agentmesh new team
      agentmesh check team.yaml
      agentmesh run team.yaml --task "What is (3 + 4) * 12?"

    More on each command: agentmesh COMMAND --help

    \b
    Exit codes: 0 verified or completed, 1 failed, 2 bad input, 3 halted by a
    monitor or a policy, 4 a limit or a stall, 5 waiting for a person,
    130 cancelled.
    """  # noqa: D301 - the escape tells click to keep the lines as they are
