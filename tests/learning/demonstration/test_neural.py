"""Policies in PyTorch beside those in numpy: the same gradients and curves of a linear one, and what networks learn."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from examples.learning.lemma import BOTH, By
from examples.learning.policies import CLIP, Policy, Table, gradient, probabilities
from examples.learning.routing import AGENTS, asked, play
from examples.learning.study import MAIN
from examples.learning.training import train
from tests.learning.demonstration.deeds import drawn, likely

torch: Any = pytest.importorskip("torch", reason="torch is in the extra of this name: make trainers")
neural: Any = import_module("examples.learning.neural")


def one_hot(begins: Table, chance: np.random.Generator) -> Policy:
    """A linear layer on a vector with a 1 for what is seen: autograd's twin of the table."""
    layer = torch.nn.Embedding(*begins.preferences.shape, dtype=torch.float64)
    torch.nn.init.zeros_(layer.weight)
    return neural.Network(begins, layer)  # type: ignore[no-any-return]


@pytest.mark.parametrize("moved", [0.0, 0.05, 0.5, 2.0])
def test_autograd_finds_the_gradient_that_is_written_by_hand_clipped_or_not(moved: float) -> None:
    clipped = 0
    for seed in range(20):
        table, before, acts, advantage = drawn(seed, moved)
        now, then = torch.tensor(table, requires_grad=True), torch.tensor(before)
        done = torch.from_numpy(acts.seen), torch.from_numpy(acts.taken)
        logarithms = (each.log_softmax(dim=-1)[done] for each in (now, then))
        neural.objective(*logarithms, torch.from_numpy(advantage)).backward()
        by_hand = gradient(table, before, acts, advantage)
        assert np.asarray(now.grad) == pytest.approx(by_hand, abs=1e-9)
        assert np.abs(by_hand).max() > 1e-3
        at = np.arange(len(acts.taken))
        ratio = np.divide(*(probabilities(each, acts.seen)[at, acts.taken] for each in (table, before)))
        clipped += int((np.abs(ratio - 1) > CLIP).sum())
    assert (clipped > 0) == (moved > 0.05)


@pytest.mark.parametrize("by", BOTH)
def test_a_linear_layer_in_pytorch_has_the_curves_of_the_table(by: By) -> None:
    short = replace(MAIN, updates=9, epochs=3)
    (curves, tables), (others, twins) = (train(replace(short, kind=kind), by, 3) for kind in (MAIN.kind, one_hot))
    for mine, theirs in zip(curves, others, strict=True):
        assert theirs == pytest.approx(mine, abs=1e-9, nan_ok=True)
    for agent in AGENTS:
        assert likely(twins, agent) == pytest.approx(likely(tables, agent), abs=1e-9)
    assert np.ptp(curves.reward) > 0.2, "and there is something to see"


def test_an_untrained_network_does_what_the_table_does_and_two_arms_begin_alike() -> None:
    begins, questions = MAIN.world.new(MAIN.skill), asked(MAIN.world, 4, 8, np.random.default_rng(1))
    networks = {agent: neural.network(table, np.random.default_rng(2)) for agent, table in begins.items()}
    tables, twins = (play(MAIN.world, each, questions).right for each in (begins, networks))
    assert np.array_equal(tables, twins)
    arms = [train(replace(MAIN, kind=neural.network, updates=3), by, 1)[0] for by in (*BOTH, "global")]
    assert arms[0].reward[0] == arms[1].reward[0]
    table = train(replace(MAIN, updates=1), "global", 1)[0]
    assert np.array_equal(arms[0].calls[0], table.calls[0]), "asked the same, with the same luck"
    assert arms[0].reward[0] == table.reward[0]
    assert not np.array_equal(arms[0].norms, arms[1].norms)
    assert np.array_equal(arms[0].norms, arms[2].norms), "the same seed, the same training"


def test_what_a_network_learns_of_one_thing_moves_what_it_does_about_others() -> None:
    begins, (_, _, acts, advantage) = Table(np.zeros((4, 3))), drawn(1, 0.0)
    network = neural.network(begins, np.random.default_rng(1))
    first = acts.seen == 0
    of_one = acts._replace(**{name: getattr(acts, name)[first] for name in acts._fields})
    assert network.ascend(of_one, advantage[first], 10.0) > 0
    assert np.abs(network.probabilities(np.array([1, 2, 3])) - 1 / 3).max() > 1e-3


def test_teams_of_networks_learn_on_every_seed() -> None:
    rewards = [train(replace(MAIN, kind=neural.network), "per_agent", seed)[0].reward for seed in range(3)]
    for reward in rewards:
        assert reward[-10:].mean() > reward[:5].mean() + 0.15
