"""How good an answer to a task is."""

from agentmesh.evaluation.scoring.scorer import Scorer, score
from agentmesh.evaluation.tasks.task import Score

__all__ = ["Score", "Scorer", "score"]
