"""The asynchronous shell: one run from its first event to its last."""

from agentmesh.runner.member import Ask, Check, Delta, Member, RunPlan, Watcher
from agentmesh.runner.run import Runner

__all__ = ["Ask", "Check", "Delta", "Member", "RunPlan", "Runner", "Watcher"]
