"""The same policies as small networks in PyTorch: the same objective, and autograd instead of the gradient by hand.

A network adds to the preferences that its agent begins with, which stay as they are: as an adapter does to a model. Its
last layer begins as nothing, so it begins by doing what the table does. What it learns of one thing seen moves what it
does about others, as it does in models and does not in tables.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from agentmesh.errors import MissingExtra
from examples.learning.policies import CLIP, Acts, Floats, Ints, Policy, Table

try:
    import torch
    from torch import nn
except ImportError as error:
    raise MissingExtra("a policy in PyTorch", "torch") from error

torch.set_num_threads(1)  # more are slower with layers as small, and a study has a process for each core

WIDTH = 16
"""Of the hidden layer."""
PACE = 0.25
"""Steps as a share of those of tables: as long as theirs they are too long, where two layers learn at once."""


def network(begins: Table, chance: np.random.Generator) -> Policy:
    """An embedding of what is seen, which begins as vectors of about length 1, tanh, and a linear layer."""
    things, choices = begins.preferences.shape
    embedding = nn.Embedding(things, WIDTH, dtype=torch.float64)
    head = nn.Linear(WIDTH, choices, bias=False, dtype=torch.float64)
    with torch.no_grad():
        embedding.weight.copy_(torch.from_numpy(chance.normal(scale=WIDTH**-0.5, size=(things, WIDTH))))
        head.weight.zero_()
    return Network(begins, nn.Sequential(embedding, nn.Tanh(), head), PACE)


class Network:
    """A policy whose `layers` make, of the numbers of things seen, what is added to the preferences for each choice."""

    def __init__(self, begins: Table, layers: nn.Module, pace: float = 1.0) -> None:
        self._begins, self._layers, self._pace = torch.from_numpy(begins.preferences), layers, pace

    def probabilities(self, seen: Ints) -> Floats:
        with torch.no_grad():
            return np.asarray(self._logarithms(torch.from_numpy(seen)).exp())

    def ascend(self, acts: Acts, advantage: Floats, rate: float, epochs: int = 1) -> float:
        seen, taken, worth = (torch.from_numpy(each) for each in (acts.seen, acts.taken, advantage))
        at, norms = torch.arange(len(seen)), []
        before = self._logarithms(seen)[at, taken].detach()
        weights = list(self._layers.parameters())
        for _ in range(epochs):
            gradients = torch.autograd.grad(objective(self._logarithms(seen)[at, taken], before, worth), weights)
            norms.append(float(nn.utils.get_total_norm(gradients)))
            with torch.no_grad():
                for weight, by in zip(weights, gradients, strict=True):
                    weight.add_(by, alpha=self._pace * rate)
        return norms[0]

    def _logarithms(self, seen: Any) -> Any:
        """Of the probability of each choice."""
        return (self._begins[seen] + self._layers(seen)).log_softmax(dim=-1)


def objective(now: Any, before: Any, advantage: Any) -> Any:
    """That of `policies`, of the logarithms of the probabilities of what was done, now and when it was done."""
    ratio = (now - before).exp()
    return torch.minimum(ratio * advantage, ratio.clamp(1 - CLIP, 1 + CLIP) * advantage).mean()
