"""The factor by which a normaliser scales an agent's squared gradient, against the definitions of Dr. MAS."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from statistics import fmean, pvariance

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.errors import AgentMeshError
from agentmesh.learning.advantages import MODES, Mode, inflation
from agentmesh.learning.episodes import Episode
from tests.learning.batches import batches, run
from tests.sizes import examples


def routed(runs: int = 200, seed: int = 7) -> list[Episode]:
    """A verifier routes: it searches until it succeeds, so that failing runs hold most of the searcher's steps."""
    rng = Random(seed)
    found = []
    for number in range(runs):
        searches, chance = (8, 0.05) if rng.random() < 1 / 6 else (1, 0.9)
        reward = float(rng.random() < chance) + rng.gauss(0, 0.1)
        found.append(run(str(number), "v" + "s" * searches + "a", reward=reward))
    return found


def rewards_of(batch: Sequence[Episode], agent: str) -> list[float]:
    return [one.rewards["reward"] for one in batch for step in one.steps if step.agent == agent]


def test_the_global_factor_is_that_of_the_lemma() -> None:
    batch = routed()
    rewards = [one.rewards["reward"] for one in batch]
    mu, variance = fmean(rewards), pvariance(rewards)
    found = inflation(batch, "global")
    assert set(found) == {"v", "s", "a"}
    for agent, factor in found.items():
        own = rewards_of(batch, agent)
        assert factor == pytest.approx((pvariance(own) + (fmean(own) - mu) ** 2) / variance)
    assert found["a"] == found["v"] == pytest.approx(1), "they act once in each run"
    assert found["s"] > 1.5, "the searcher does not"


def test_the_second_moment_of_the_gradient_is_the_factor_and_a_covariance() -> None:
    """E|A z|^2 = E|z|^2 I_k + Delta_k, Delta_k = Cov(|z|^2, A^2): of scores that go with rewards, and that do not."""
    batch, rng = routed(), Random(3)
    rewards = [one.rewards["reward"] for one in batch]
    mu, sigma = fmean(rewards), math.sqrt(pvariance(rewards))
    for agent in "vs":
        own = rewards_of(batch, agent)
        for together in (0.0, 1.5):
            advantages = [(reward - mu) / sigma for reward in own]
            scores = [[rng.gauss(0, 1) * (1 + together * a * a) for _ in range(3)] for a in advantages]
            norms = [math.fsum(part * part for part in score) for score in scores]
            gradients = [[a * part for part in score] for a, score in zip(advantages, scores, strict=True)]
            second = fmean(math.fsum(part * part for part in gradient) for gradient in gradients)
            mean, factor = fmean(norms), inflation(batch, "global")[agent]
            squares = [a * a for a in advantages]
            delta = fmean((n - mean) * (s - fmean(squares)) for n, s in zip(norms, squares, strict=True))
            assert second == pytest.approx(mean * factor + delta)
            assert abs(delta) > 0.2 * second if together else abs(delta) < 0.15 * second


def test_every_factor_is_one_where_agents_are_normalised_apart() -> None:
    batch = routed()
    for mode in ("per_agent", "per_agent_reward"):
        assert inflation(batch, mode) == pytest.approx(dict.fromkeys("vsa", 1.0), abs=1e-12)


@given(batches())
@examples(12, nightly=300)
def test_where_agents_are_normalised_apart_every_factor_is_one_or_there_is_none(batch: list[Episode]) -> None:
    for mode in ("per_agent", "per_agent_reward"):
        found = inflation(batch, mode)
        assert set(found) == {step.agent for one in batch for step in one.steps}
        assert all(math.isnan(factor) or factor == pytest.approx(1, abs=1e-9) for factor in found.values())


@given(st.lists(st.integers(0, 8), min_size=2, max_size=8), st.sampled_from(["vsa", "vvs", "vsvsa"]))
@examples(12, nightly=300)
def test_nothing_changes_where_all_act_equally_often_in_every_run(rewards: list[int], steps: str) -> None:
    """One shared reward, and of each agent as many steps in one run as in any other: the plain case."""
    batch = [run(str(number), steps, reward=reward / 8) for number, reward in enumerate(rewards)]
    for factor in inflation(batch, "global").values():
        assert math.isnan(factor) if len(set(rewards)) == 1 else factor == pytest.approx(1, abs=1e-9)


@given(st.lists(st.tuples(st.integers(0, 8), st.sampled_from(["v", "vs", "vsss"])), min_size=2, max_size=8))
@examples(12, nightly=300)
def test_a_group_of_n_runs_inflates_by_n_less_one_at_most(drawn: list[tuple[int, str]]) -> None:
    batch = [run(str(number), steps, reward=float(reward)) for number, (reward, steps) in enumerate(drawn)]
    for factor in inflation(batch, "global").values():
        assert math.isnan(factor) or factor <= len(batch) - 1 + 1e-9


def test_an_agent_that_acts_only_in_the_one_good_run_is_inflated_as_much_as_can_be() -> None:
    batch = [run("0", "vs", reward=1.0), *(run(str(number), "v", reward=0.0) for number in range(1, 9))]
    assert inflation(batch, "global")["s"] == pytest.approx(8)


def test_the_case_that_has_no_deviation_is_left_out() -> None:
    batch = [run("1", "vs", reward=1.0), run("2", "v", reward=0.0), run("3", "vs", "same", reward=1.0)]
    assert inflation(batch, "global") == pytest.approx({"v": 1.0, "s": 1.0})
    assert math.isnan(inflation(batch[:1], "global")["v"])
    assert math.isnan(inflation([run("1", "v")], "global")["v"])


def test_modes_that_divide_by_nothing_keep_the_unit_of_the_reward() -> None:
    batch = [run("1", "vs", reward=6.0), run("2", "v", reward=2.0)]
    assert inflation(batch, "mean") == pytest.approx({"v": 4.0, "s": 4.0})
    assert inflation(batch, "leave_one_out") == pytest.approx({"v": 16.0, "s": 16.0})


def test_weights_of_normalised_rewards_do_not_inflate() -> None:
    batch = [run("1", "vs", a=1.0, b=0.0), run("2", "vs", a=0.0, b=0.0), run("3", "vs", a=0.0, b=1.0)]
    for mode in ("per_reward", "per_agent_reward"):
        assert inflation(batch, mode, weights={"a": 5}) == pytest.approx({"v": 1.0, "s": 1.0})


def test_an_unknown_mode_names_the_modes() -> None:
    unknown: Mode = "rank"  # type: ignore[assignment]
    with pytest.raises(AgentMeshError, match=f"no mode 'rank'; modes: {', '.join(MODES)}"):
        inflation([run("1", "v", r=1.0)], unknown)
