"""The routed team: numpy and agentmesh agree on its runs, and normalisers differ only where they can."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agentmesh.learning.advantages import MODES, advantages
from examples.learning.lemma import BOTH, By, terms
from examples.learning.routing import AGENTS, World, asked, episodes_of, play
from examples.learning.team import Run
from examples.learning.training import Setting, train
from tests.learning.demonstration.deeds import likely

SETTING = replace(Setting(), updates=6)
WORLD, SKILL = SETTING.world, SETTING.skill
FAIR = dict.fromkeys(AGENTS, 0.0)


def test_a_real_team_of_these_policies_acts_step_by_step_as_the_arrays_say_and_has_the_same_advantages() -> None:
    world = World(facts=(0, 0, 1, 2), turns=3)
    tables = world.new({**SKILL, "searcher": 1.0})
    questions = asked(world, 3, 4, np.random.default_rng(4))
    played = play(world, tables, questions)
    expected = episodes_of(world, questions, played)
    real = []
    for at, one in enumerate(expected):
        run = Run(world, tables, questions, at)
        result = run.result()
        assert result.outcome == ("completed" if played.answered[at] else "limit")
        real.append(replace(run.episode(result), run_id=one.run_id, task=one.task))
    assert [[step.agent for step in run.steps] for run in real] == [
        [step.agent for step in run.steps] for run in expected
    ]
    assert [run.rewards for run in real] == [run.rewards for run in expected]
    assert {len(run.steps) for run in real} > {2}, "runs of several lengths"
    assert not played.answered.all(), "and some that end unanswered"
    for mode in MODES:
        assert advantages(real, mode) == advantages(expected, mode)


def test_arms_with_one_seed_differ_in_the_normaliser_alone() -> None:
    arms = {mode: train(SETTING, mode, 3)[0] for mode in MODES}
    assert len({arm.reward[0] for arm in arms.values()}) == 1
    assert len({arm.norms[0, 1] for arm in arms.values()}) > 2
    again = train(SETTING, "global", 3)[0]
    assert np.array_equal(again.reward, arms["global"].reward)


def test_where_each_agent_acts_once_in_each_run_a_shared_mean_changes_nothing() -> None:
    equal = replace(SETTING, world=World(routed=False), updates=15)
    (shared, policies), (own, others) = (train(equal, mode, 5) for mode in BOTH)
    for agent in AGENTS:
        assert likely(policies, agent) == pytest.approx(likely(others, agent), abs=1e-9)
    assert shared.norms == pytest.approx(own.norms, abs=1e-9)
    assert shared.factors[0] == pytest.approx([1, 1, 1])
    begun = equal.world.new(equal.skill)
    assert np.abs(likely(policies, "answerer") - likely(begun, "answerer")).max() > 0.1, "it has learned"


def test_where_agents_act_as_it_comes_it_changes_what_is_learned() -> None:
    (_, policies), (_, others) = (train(SETTING, mode, 5) for mode in BOTH)
    assert np.abs(likely(policies, "searcher") - likely(others, "searcher")).max() > 0.1


@pytest.mark.parametrize("by", BOTH)
def test_the_second_moment_of_the_gradient_is_that_of_the_score_times_i_k_and_delta_k(by: By) -> None:
    found = [one for seed in range(30) for one in terms(WORLD, WORLD.new(SKILL), by, seed).values()]
    assert len(found) > 50
    assert max(one.gap for one in found) < 1e-9
    assert max(abs(one.residual) for one in found) > 0.01, "Delta_k is not nothing"
    factors = [one.inflation for one in found]
    assert factors == pytest.approx([1.0] * len(found)) if by == "per_agent" else max(factors) > 2


def test_a_searcher_that_acts_once_in_a_group_is_moved_by_the_shared_mean_and_not_by_its_own() -> None:
    rare = replace(SETTING, updates=20, skill={**SKILL, "verifier": 0.0})
    spikes = {mode: train(rare, mode, 7)[0].norms[:, 1].max() for mode in BOTH}
    assert spikes["global"] > 2 * spikes["per_agent"]


def test_a_team_that_prefers_what_is_right_is_right_more_often() -> None:
    questions = asked(WORLD, 50, 8, np.random.default_rng(0))
    skilled = play(WORLD, WORLD.new(dict.fromkeys(AGENTS, 6.0)), questions).right.mean()
    assert skilled > 0.95 > 0.4 > play(WORLD, WORLD.new(FAIR), questions).right.mean()
