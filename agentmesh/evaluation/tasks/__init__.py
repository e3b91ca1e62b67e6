"""Tasks to measure teams on: from files and from generators."""

from agentmesh.evaluation.tasks.files import load_tasks
from agentmesh.evaluation.tasks.task import Check, EvalTask, Score, Tasks

__all__ = ["Check", "EvalTask", "Score", "Tasks", "load_tasks"]
