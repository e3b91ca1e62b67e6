"""What has to go together where finished work is merged."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from agentmesh.config.language import did_you_mean, one_of
from agentmesh.config.models import AgentConfig, VerifyConfig
from agentmesh.config.remarks import Remark
from agentmesh.config.workspaces import MergeConfig

_HERE = ("merge",)


def check_merge(
    agents: Mapping[str, AgentConfig],
    merge: MergeConfig | None,
    verify: VerifyConfig | None,
    orders: Iterable[str],
    workers: Collection[str] | None = None,
) -> Iterator[Remark]:
    """Everything wrong about how work is merged.

    `orders`: of the phases in which agents work; `workers`: who may be given any task there, where that is known.
    """
    if merge is None:
        return
    trees = {
        name: agent.workspace
        for name, agent in agents.items()
        if agent.workspace is not None and agent.workspace.kind == "git_worktree"
    }
    if not trees:
        message = "nothing can be merged: no agent has a worktree; give one `workspace: {kind: git_worktree}`"
        yield Remark("error", _HERE, message, at_key=True)
        return
    first, *others = trees
    for name in others:
        for key in ("path", "base"):
            here, there = getattr(trees[first], key), getattr(trees[name], key)
            if here != there:
                found = f"'{first}' has {key} {here!r} and '{name}' {there!r}"
                message = f"{found}; what is merged comes from one repository and one branch"
                yield Remark("error", ("agents", name, "workspace", key), message)
    if merge.verify is None and verify is None and set(orders) != {"tasks"}:
        message = "nothing says whether what was merged is right; add `verify` here, or to the team"
        yield Remark("error", _HERE, message, at_key=True)
    if merge.resolver is not None and merge.resolver not in trees:
        message = f"'{merge.resolver}' has no worktree in which to resolve a conflict; allowed: {one_of(trees)}"
        yield Remark("error", (*_HERE, "resolver"), message + did_you_mean(merge.resolver, trees))
    elif merge.resolver is not None and workers is not None and merge.resolver not in workers:
        message = f"'{merge.resolver}' is no worker to whom a planner could give what conflicts"
        fix = f"allowed: {one_of(name for name in workers if name in trees)}"
        yield Remark("error", (*_HERE, "resolver"), f"{message}; {fix}{did_you_mean(merge.resolver, workers)}")
