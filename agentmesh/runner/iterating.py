"""The end of an iteration: what it changed is committed, and what it was to come to is checked where it was made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentmesh.runner.member import RunPlan
from agentmesh.scheduler.commands import Verify
from agentmesh.tools.programs import ProgramKilled
from agentmesh.topology.phases import Phase

if TYPE_CHECKING:
    from agentmesh.tools.workspaces.works import Works

_LONGEST = 100
"""Characters of what was said that stand in the message of a commit."""


async def iterated(plan: RunPlan, command: Verify) -> tuple[bool, str, str]:
    """Whether what the phase demands holds, what was said to that, and a digest of the files.

    Raises: ToolError, or whatever the function of the check raises.
    """
    phase = next(phase for phase in plan.phases if phase.name == command.phase)
    works, agent = plan.works, _worker(plan.works, phase, command)
    if works is None or agent is None:
        return *await _checked(plan, phase, command), ""
    from agentmesh.tools.workspaces.worktrees import EmbeddedError

    try:
        if phase.loop is not None and phase.loop.commit:
            await works.commit(agent, _message(command))
    except EmbeddedError as error:  # whoever made them can take them away
        return False, str(error), await works.state(agent)
    state = await works.state(agent)
    return *await _checked(plan, phase, command, agent), state


async def _checked(plan: RunPlan, phase: Phase, command: Verify, agent: str | None = None) -> tuple[bool, str]:
    """What program or function say to it. `agent`: in whose workspace a program runs."""
    until, works = phase.until, plan.works
    assert until is not None, "nobody asks for what nobody checks"
    if not command.promised:
        return False, f"<promise>{until.promise}</promise> was not written."
    try:
        if works is None or agent is None or until.command is None:
            return await plan.untils[phase.name](command.answer)
        if phase.planning is not None and works.merges:
            return await works.check(until.command, until.timeout_s, command.answer)
        return await works.check_in(agent, until.command, until.timeout_s, command.answer)
    except ProgramKilled as error:  # what was made hangs: the next iteration can mend that
        return False, str(error)


def _worker(works: Works | None, phase: Phase, command: Verify) -> str | None:
    """In whose workspace it is checked: of whoever acted last among those who have one."""
    latest_first = dict.fromkeys((*reversed(command.acted), *phase.participants))
    return next((name for name in latest_first if works is not None and works.has(name)), None)


def _message(command: Verify) -> str:
    """What the commit of an iteration says: which it was, and the beginning of what was said in it."""
    said = command.answer.strip().partition("\n")[0].strip()[:_LONGEST]
    return f"iteration {command.attempt} of {command.phase}" + (f": {said}" if said else "")
