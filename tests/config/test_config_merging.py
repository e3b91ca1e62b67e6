"""Who may be named to resolve what cannot be merged."""

from __future__ import annotations

import pytest

from agentmesh.config.merging import check_merge
from agentmesh.config.models import AgentConfig
from agentmesh.config.workspaces import MergeConfig, WorkspaceConfig

TREE = AgentConfig(workspace=WorkspaceConfig(kind="git_worktree"))
AGENTS = {"planner": TREE, "writer": TREE, "tester": AgentConfig()}


@pytest.mark.parametrize(
    ("resolver", "said"),
    [
        ("writer", []),
        ("planner", ["'planner' is no worker to whom a planner could give what conflicts; allowed: writer"]),
        ("tester", ["'tester' has no worktree in which to resolve a conflict; allowed: planner, writer"]),
        ("writr", ["'writr' has no worktree in which to resolve a conflict; allowed: planner, writer; did you mean"]),
    ],
)
def test_a_resolver_is_a_worker_with_a_worktree(resolver: str, said: list[str]) -> None:
    found = list(check_merge(AGENTS, MergeConfig(resolver=resolver), None, ["tasks"], ["writer", "tester"]))
    assert [remark.path for remark in found] == [("merge", "resolver")] * len(said)
    assert all(remark.message.startswith(beginning) for remark, beginning in zip(found, said, strict=True))
