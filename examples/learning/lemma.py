"""Lemma 4.2 of Dr. MAS, term by term, on the gradients of a batch of runs.

    E ||g||^2 = E ||z||^2 I_k + Delta_k

over the steps of agent k, where z is the score of a step, g = z A, and A the advantage. Here the left side is of the
gradients themselves, I_k is what `agentmesh.learning.advantages.inflation` says, and Delta_k is the covariance of
||z||^2 and A^2, A normalised by hand, with population moments.

Source: Dr. MAS (arXiv 2602.08847).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np

from agentmesh.learning.advantages import inflation
from examples.learning.policies import Floats, Table, scores
from examples.learning.routing import AGENTS, World, asked, episodes_of, play

By = Literal["global", "per_agent"]
BOTH: tuple[By, ...] = ("global", "per_agent")


class Terms(NamedTuple):
    """Of one agent in one group of runs."""

    squared: float
    """E ||g||^2."""
    score: float
    """E ||z||^2."""
    inflation: float
    residual: float
    """Delta_k."""

    @property
    def gap(self) -> float:
        """How far the identity is from holding, as a share of its left side."""
        return abs(self.squared - self.score * self.inflation - self.residual) / self.squared


def terms(
    world: World, tables: Mapping[str, Table], mode: By, seed: int, runs: int = 8, brief: float = 0.05
) -> dict[str, Terms]:
    """Of each agent that acts, in one group of runs; empty where all runs come to the same."""
    questions = asked(world, 1, runs, np.random.default_rng(seed))
    played = play(world, tables, questions)
    episodes = episodes_of(world, questions, played)
    rewards = np.array([run.rewards["right"] + brief * run.rewards["brief"] for run in episodes])
    factors = inflation(episodes, mode, weights={"brief": brief})
    found = {}
    for agent in AGENTS:
        acts = played.acts[agent]
        own = rewards[acts.run]
        usual = own if mode == "per_agent" else rewards
        if not len(own) or np.ptp(usual) == 0:
            continue
        advantage = (own - usual.mean()) / usual.std()
        found[agent] = _terms(scores(tables[agent].preferences, acts), advantage, factors[agent])
    return found


def _terms(score: Floats, advantage: Floats, factor: float) -> Terms:
    gradients = score * advantage[:, None]
    lengths, squares = (score**2).sum(axis=1), advantage**2
    residual = ((lengths - lengths.mean()) * (squares - squares.mean())).mean()
    return Terms(float((gradients**2).sum(axis=1).mean()), float(lengths.mean()), factor, float(residual))
