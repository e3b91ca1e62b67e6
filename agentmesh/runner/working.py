"""What a run asks of its workspaces: they are got ready for a turn, and what was made there is taken in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from agentmesh.errors import AgentMeshError
from agentmesh.events import Event, RunEnded
from agentmesh.messages import Task

if TYPE_CHECKING:
    from agentmesh.runner.member import RunPlan
    from agentmesh.scheduler.commands import Accept, StartTurn
    from agentmesh.tools.workspaces.base import Workspace


async def prepared(plan: RunPlan, command: StartTurn, *, again: bool) -> Workspace | None:
    """Where the agent works in this turn, if it works on files. Raises: ToolError."""
    if plan.works is None:
        return None
    task = None if command.task is None else _named(plan, *command.task)
    return await plan.works.prepared(command.agent, task, again)


async def accepted(plan: RunPlan, command: Accept) -> tuple[bool, str]:
    """Whether what was made of a task could be merged and holds, and what was said to that. Raises: ToolError."""
    assert plan.works is not None, "nobody accepts what was made nowhere"
    found = await plan.works.accept(command.worker, _named(plan, command.planner, command.task), command.attempt)
    return found.passed, found.detail


async def put_away(plan: RunPlan, events: Sequence[Event]) -> Mapping[str, Sequence[str]]:
    """What the agents of a run that has ended worked in goes; by agent, the branches and folders that stay for people.

    What git cannot put away stays as it is.
    """
    ended = events[-1] if events else None
    if plan.works is None or not isinstance(ended, RunEnded):
        return {}
    try:
        return await plan.works.close(ended.outcome)
    except AgentMeshError as error:
        return {"": (str(error),)}


def _named(plan: RunPlan, planner: str, task: Task) -> Task:
    """The task under a name that no task of another planner has."""
    roots = {phase.planning.root for phase in plan.phases if phase.planning is not None}
    return task if planner in roots else task.model_copy(update={"id": f"{planner}/{task.id}"})
