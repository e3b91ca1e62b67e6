"""What policies do: one of them by chance, to learn from, and those of the routed team in all there is."""

from __future__ import annotations

import numpy as np

from examples.learning.policies import Acts, Floats
from examples.learning.routing import Policies
from examples.learning.study import MAIN


def drawn(seed: int, moved: float) -> tuple[Floats, Floats, Acts, Floats]:
    """A policy, the one that acted, what it did and the advantages of that."""
    chance = np.random.default_rng(seed)
    before = chance.normal(size=(4, 3))
    seen, taken = chance.integers(4, size=30), chance.integers(3, size=30)
    step = np.arange(30)
    return before + moved * chance.normal(size=(4, 3)), before, Acts(step, step, seen, taken), chance.normal(size=30)


def likely(policies: Policies, agent: str) -> Floats:
    """The probabilities of an agent's choices, a row for each thing that it can see."""
    return policies[agent].probabilities(np.arange(len(MAIN.world.new(MAIN.skill)[agent].preferences)))
