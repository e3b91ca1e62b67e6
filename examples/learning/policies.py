"""Softmax policies: what every policy can do, and those in a table, a row of preferences for each thing seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
CLIP = 0.2
"""How far the probability of a deed may move, as a ratio, before its gradient is switched off."""


class Acts(NamedTuple):
    """What an agent did in a batch of runs, one entry for each of its steps."""

    run: Ints
    step: Ints
    """Its number in the run."""
    seen: Ints
    taken: Ints


class Policy(Protocol):
    """Of one agent."""

    def probabilities(self, seen: Ints) -> Floats:
        """Of each choice, a row for each thing seen."""

    def ascend(self, acts: Acts, advantage: Floats, rate: float, epochs: int = 1) -> float:
        """Take so many steps of gradient ascent on `objective`. Returns the norm of the first gradient."""


class Table:
    """A policy whose gradient is written by hand."""

    def __init__(self, preferences: Floats) -> None:
        self.preferences = preferences

    def probabilities(self, seen: Ints) -> Floats:
        return probabilities(self.preferences, seen)

    def ascend(self, acts: Acts, advantage: Floats, rate: float, epochs: int = 1) -> float:
        before = self.preferences
        first = gradient(before, before, acts, advantage)
        self.preferences = before + rate * first
        for _ in range(epochs - 1):
            self.preferences = self.preferences + rate * gradient(self.preferences, before, acts, advantage)
        return float(np.linalg.norm(first))


Kind = Callable[[Table, np.random.Generator], Policy]
"""Makes the policy that learns of the preferences that an agent begins with, and of chance."""


def tabular(begins: Table, chance: np.random.Generator) -> Policy:
    """The table itself."""
    return begins


def probabilities(table: Floats, seen: Ints) -> Floats:
    """Of each choice, a row for each thing seen."""
    rows = table[seen]
    weights = np.exp(rows - rows.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def chosen(policy: Policy, seen: Ints, drawn: Floats) -> Ints:
    """The choice that a number drawn from 0 to 1 comes to."""
    below = policy.probabilities(seen).cumsum(axis=-1)[..., :-1] <= drawn[..., None]
    return np.asarray(below.sum(axis=-1), dtype=np.int64)


def objective(table: Floats, before: Floats, acts: Acts, advantage: Floats) -> float:
    """J_k = 1/|Y_k| sum min(rho A, clip(rho, 1 - eps, 1 + eps) A), rho the ratio to the policy that acted.

    Source: Dr. MAS (arXiv 2602.08847).
    """
    ratio = _ratio(table, before, acts)
    return float(np.minimum(ratio * advantage, ratio.clip(1 - CLIP, 1 + CLIP) * advantage).mean())


def gradient(table: Floats, before: Floats, acts: Acts, advantage: Floats) -> Floats:
    """Of `objective`, by the table. What is clipped has none."""
    ratio = _ratio(table, before, acts)
    clipped = np.where(advantage > 0, ratio > 1 + CLIP, ratio < 1 - CLIP)
    weight = np.where(clipped, 0.0, ratio * advantage) / len(advantage)
    found = np.zeros_like(table)
    np.add.at(found, acts.seen, weight[:, None] * scores(table, acts))
    return found


def scores(table: Floats, acts: Acts) -> Floats:
    """The gradient of the logarithm of each deed's probability, by the row of what was seen; elsewhere it is 0."""
    found = -probabilities(table, acts.seen)
    found[np.arange(len(acts.taken)), acts.taken] += 1
    return found


def _ratio(table: Floats, before: Floats, acts: Acts) -> Floats:
    at = np.arange(len(acts.taken))
    now, then = (probabilities(each, acts.seen)[at, acts.taken] for each in (table, before))
    return np.asarray(now / then)
