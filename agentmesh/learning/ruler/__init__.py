"""Relative judging of groups of runs by a model: `await ruler(runs, judge)` gives a score and a reason for each."""

from agentmesh.learning.ruler.asking import RUBRIC
from agentmesh.learning.ruler.judging import Ruled, Score, Unfinished, ruler, ruler_sync
from agentmesh.learning.ruler.ranks import Agreement, agreement, kendall, spearman

__all__ = [
    "RUBRIC",
    "Agreement",
    "Ruled",
    "Score",
    "Unfinished",
    "agreement",
    "kendall",
    "ruler",
    "ruler_sync",
    "spearman",
]
