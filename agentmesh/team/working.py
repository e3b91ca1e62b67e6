"""Where the agents of a team work on files in one run, and how what they made there is checked."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from agentmesh.config.models import AgentConfig, VerifyConfig
from agentmesh.config.workspaces import MergeConfig
from agentmesh.topology.graph import Topology
from agentmesh.topology.phases import Phase

if TYPE_CHECKING:
    from agentmesh.runner import Check
    from agentmesh.tools.workspaces.works import Works


def works_of(
    agents: Mapping[str, AgentConfig],
    merge: MergeConfig | None,
    run_id: str,
    folder: str | os.PathLike[str] | None = None,
) -> Works | None:
    """The workspaces of one run, if its agents have any. `folder`: in place of the path that each of them names."""
    configs = {name: agent.workspace for name, agent in agents.items() if agent.workspace is not None}
    if not configs:
        return None
    from agentmesh.tools.workspaces.works import Works

    if folder is not None:
        here = {"path": os.fspath(folder)}
        configs = {name: config.model_copy(update=here) for name, config in configs.items()}
    return Works(run_id, configs, merge)


def accepted_in(topology: Topology, agents: Mapping[str, AgentConfig], merge: MergeConfig | None) -> Topology:
    """The topology in which a task counts once what was made of it is merged, where work is merged."""
    trees = [
        name for name, agent in agents.items() if agent.workspace is not None and agent.workspace.kind == "git_worktree"
    ]
    return topology if merge is None or not trees else topology.accepting(trees, merge.retries, merge.resolver)


def checks_merged(phases: Sequence[Phase], merge: MergeConfig | None) -> bool:
    """Whether an answer has to wait for work to be merged: of tasks each was merged by itself before."""
    return merge is not None and any(phase.order != "tasks" for phase in phases)


def check_of_merged(works: Works, order: Sequence[str], verify: VerifyConfig | None, check: Check | None) -> Check:
    """How an answer is checked of those whose work is merged: what they all made, in the tree where it stands."""

    async def whole(answer: str) -> tuple[bool, str]:
        merged = await works.finish(order)
        if not merged.passed:
            return False, merged.detail
        if verify is not None and verify.command is not None:
            return await works.check(verify.command, verify.timeout_s, answer)
        return (True, merged.detail) if check is None else await check(answer)

    return whole
