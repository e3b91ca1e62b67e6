"""The composition root: names become objects, and objects a team that runs."""

from agentmesh.team.agent import Agent
from agentmesh.team.result import RunResult
from agentmesh.team.run import Run
from agentmesh.team.team import Team

__all__ = ["Agent", "Run", "RunResult", "Team"]
