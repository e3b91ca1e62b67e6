"""A run at the terminal: shown while it goes on, cancelled by signals, told of when it is over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

import anyio
import click

from agentmesh.cli.display import Display
from agentmesh.cli.outcome import describe, exit_code, next_step
from agentmesh.cli.signals import Interruption
from agentmesh.cli.terminal import complain, printable, say, say_json, warning
from agentmesh.errors import ConfigError, ModelRequestsBlocked, ReplayMiss
from agentmesh.events import Event
from agentmesh.reporting import summary
from agentmesh.team import Run, Team

SIMULATED = "agentmesh: simulated models, no key used. Real ones: AGENTMESH_MODEL=openai:MODEL, or -m anthropic:MODEL"

Begin = Callable[[Display], AbstractAsyncContextManager[Run]]
"""Opens the run that is to be shown."""


def carried_out(team: Team, begin: Begin, *, file: str, events: bool, as_json: bool, journalled: bool = True) -> None:
    """Carry out a run and print how it ended. Raises: click's Exit, with the code for that."""
    for problem in team.warnings:
        complain(warning(problem, file))
    if team.simulated:
        complain(SIMULATED)
    display = Display(team.topology.nodes, events=events)
    log = anyio.run(_drive, begin, file, display)
    code = tell(log, as_json=as_json, after_events=events, journalled=journalled)
    if code == 0:
        team.assert_scripts_complete()
    raise click.exceptions.Exit(code)


def tell(events: Sequence[Event], *, as_json: bool, after_events: bool = False, journalled: bool = True) -> int:
    """Print how a run ended, and how it can go on; the exit code for it."""
    facts = summary(events)
    try:
        if as_json:
            say_json(facts, indent=None if after_events else 2)
        elif facts["answer"] is not None:
            (complain if after_events else say)(printable(facts["answer"]))
    finally:
        further = next_step(facts) if journalled else None
        complain("\n".join(filter(None, [describe(facts), further])))
    return exit_code(facts["outcome"])


async def _drive(begin: Begin, file: str, display: Display) -> Sequence[Event]:
    interruption = Interruption()
    display.abandoned = interruption.wish
    refusal: Exception | None = None
    ended_by: Exception | None = None
    events: Sequence[Event] = ()
    kept: Mapping[str, Sequence[str]] = {}
    async with anyio.create_task_group() as beside:
        await beside.start(interruption.on_signals, display.close)
        try:
            async with begin(display) as run:
                with display:
                    interruption.applies_to(run.cancel)
                    beside.start_soon(display.keep_drawing)
                    # Where requests are blocked the log ends as it must, and says so.
                    try:
                        kept = (await run.result()).kept
                    except (ModelRequestsBlocked, ReplayMiss) as error:
                        ended_by = error
            events = run.events
        except ConfigError as error:  # raised below as it is: the task group would wrap it
            refusal = ConfigError(error.problems, file)
        except Exception as error:
            refusal = error
        beside.cancel_scope.cancel()
    if refusal is not None:
        raise refusal
    if isinstance(ended_by, ReplayMiss):
        complain(printable(str(ended_by)))  # the difference takes more lines than an outcome has
    for agent, places in kept.items():
        complain(printable(f"  not merged: {agent or 'workspaces'}: {', '.join(places)}"))
    return events
