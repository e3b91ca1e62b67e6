from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.errors import AgentMeshError
from agentmesh.learning.advantages import MODES, Mode, inflation
from agentmesh.learning.diagnostics import BLOWS_UP, ENOUGH, diagnostics
from agentmesh.learning.episodes import Episode
from tests.learning.batches import batches, run
from tests.sizes import examples

EARLY_EXIT = [
    *(run(f"bad{number}", "va", reward=0.0) for number in range(7)),
    run("good", "v" + "s" * ENOUGH + "a", reward=1.0),
]
"""The searcher acts in the one run that succeeds, and often."""


def test_each_agent_has_its_moments_and_its_factor() -> None:
    found = diagnostics(EARLY_EXIT, "per_agent").agents
    assert list(found) == ["v", "a", "s"]
    answerer, searcher = found["a"], found["s"]
    assert (answerer.steps, answerer.mean, answerer.deviation) == pytest.approx((8, 1 / 8, math.sqrt(7) / 8))
    assert (answerer.inflation, answerer.global_inflation) == pytest.approx((1, 1))
    assert (searcher.steps, searcher.mean, searcher.deviation) == (ENOUGH, 1, 0)
    assert math.isnan(searcher.inflation), "by itself it has nothing to differ from"
    assert (searcher.spread, searcher.shift) == pytest.approx((0, math.sqrt(7)))
    assert searcher.global_inflation == pytest.approx(7)


def test_it_is_said_in_words_where_the_global_form_blows_up() -> None:
    (warning,) = diagnostics(EARLY_EXIT, "global").warnings
    assert warning == (
        "the global form scales the squared gradient of 's' by 7.0: its mean lies 2.6 deviations from that of the "
        "runs, its variance is 0.0 times theirs; above 2 counts as inflated; per_agent makes it 1"
    )
    assert "would scale the squared gradient of 's' by 7.0" in diagnostics(EARLY_EXIT, "per_agent").warnings[0]
    apart = diagnostics(EARLY_EXIT, "per_reward").warnings[0]
    assert apart.startswith("the per_reward form scales")
    assert apart.endswith("per_agent_reward makes it 1")


def test_nothing_is_said_of_an_agent_with_few_steps_or_little_inflation() -> None:
    few = [*EARLY_EXIT[:-1], run("good", "v" + "s" * (ENOUGH - 1) + "a", reward=1.0)]
    assert diagnostics(few).agents["s"].global_inflation > BLOWS_UP
    assert diagnostics(few).warnings == ()
    equal = [run(str(number), "vsa" * 6, reward=number % 2) for number in range(8)]
    assert diagnostics(equal).warnings == ()
    assert diagnostics(equal).agents["s"].global_inflation == pytest.approx(1)


def test_rewards_that_collapse_into_one_advantage_are_counted() -> None:
    group = [run("1", "v", a=1.0, b=0.0), run("2", "v", a=0.0, b=1.0), run("3", "v", a=0.0, b=0.0), run("4", "v")]
    summed = diagnostics(group, "global")
    assert (summed.reward_vectors, summed.distinct) == (3, 2)
    assert summed.collapse_ratio == pytest.approx(2 / 3)
    assert summed.warnings == ("3 combinations of rewards come to 2 advantages; per_reward tells more apart",)
    harder = [*group, run("5", "v", a=0.0, b=1.0)]
    apart = diagnostics(harder, "per_reward")
    assert (apart.distinct, apart.collapse_ratio) == (3, 1.0)


def test_agents_that_are_normalised_apart_are_counted_apart() -> None:
    group = [run("1", "vs", a=1.0), run("2", "vsss", a=0.0), run("3", "v", a=0.5)]
    apart = diagnostics(group, "per_agent")
    assert (apart.reward_vectors, apart.distinct) == (5, 5), "a reward of 0 is not the same to both"
    assert diagnostics(group, "global").reward_vectors == 3


def test_groups_in_which_nothing_differs_are_counted() -> None:
    same = [run(f"{task}{number}", "vs", task, reward=1.0) for task in "xyz" for number in range(3)]
    some = [*same, run("1", "vs", reward=1.0), run("2", "v", reward=0.0)]
    assert diagnostics(some, "global").zero_variance == 0.75
    assert diagnostics(some, "per_agent").zero_variance == 7 / 8, "the searcher of the last task acts once"
    (warning,) = diagnostics(some, "global").warnings
    assert warning == "nothing differs in 75% of what is normalised together: nothing is learned from it"


def test_runs_without_rewards_are_said_to_have_none() -> None:
    assert diagnostics([run("1", "v"), run("2", "v")]).warnings == ("no run has a reward: every advantage is 0",)
    nothing = diagnostics([])
    assert (dict(nothing.agents), nothing.collapse_ratio, nothing.zero_variance) == ({}, 1.0, 0.0)


def test_tasks_that_differ_do_not_pass_for_inflation() -> None:
    easy = [run(f"e{number}", "v" + "s" * 3, "easy", reward=0.9 + 0.1 * (number % 2)) for number in range(8)]
    hard = [run(f"h{number}", "v" + "s" * 1, "hard", reward=0.1 * (number % 2)) for number in range(8)]
    found = diagnostics([*easy, *hard]).agents["s"]
    assert (found.global_inflation, found.shift) == pytest.approx((1, 0), abs=1e-9)
    assert found.deviation > 0.3, "which of the tasks it was is in its deviation"


@given(batches(), st.sampled_from(MODES))
@examples(12, nightly=300)
def test_the_parts_of_the_factor_make_it_up(batch: list[Episode], mode: Mode) -> None:
    found = diagnostics(batch, mode)
    assert {one.agent: one.inflation for one in found.agents.values()} == pytest.approx(
        inflation(batch, mode), nan_ok=True
    )
    shared: Mode = "per_reward" if mode in ("per_reward", "per_agent_reward") else "global"
    whole = inflation(batch, shared)
    for agent, one in found.agents.items():
        assert one.spread + one.shift**2 == pytest.approx(whole[agent], nan_ok=True, abs=1e-9)
    assert 0 <= found.zero_variance <= 1


def test_what_is_no_mode_and_no_reward_is_refused() -> None:
    with pytest.raises(AgentMeshError, match="there is no mode 'all'; modes: global"):
        diagnostics([run("1", "v", r=1.0)], "all")  # type: ignore[arg-type]
    with pytest.raises(AgentMeshError, match="no run has a reward 'x'; rewards: r"):
        diagnostics([run("1", "v", r=1.0)], weights={"x": 1.0})
