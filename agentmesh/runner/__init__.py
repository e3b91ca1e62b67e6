"""The asynchronous shell: one run from its first event to its last."""

from agentmesh.runner.member import Ask, Check, Delta, FailedAttempt, Member, RunPlan, Watcher
from agentmesh.runner.run import Runner

__all__ = ["Ask", "Check", "Delta", "FailedAttempt", "Member", "RunPlan", "Runner", "Watcher"]
