from __future__ import annotations

import math
from itertools import product
from statistics import fmean, stdev
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.errors import AgentMeshError
from agentmesh.learning.advantages import MODES, Mode, advantages
from agentmesh.learning.episodes import Episode, Step
from tests.learning.batches import batches, run
from tests.sizes import examples

NORMALISING: tuple[Mode, ...] = ("global", "per_agent", "per_reward", "per_agent_reward")


def magnitudes(mode: Mode) -> set[float]:
    """Of the advantages of all groups of two runs with two binary rewards, to three digits."""
    vectors = list(product((0.0, 1.0), repeat=2))
    return {
        abs(round(value, 3))
        for one, two in product(vectors, vectors)
        for value in advantages(
            [run("1", "v", a=one[0], b=one[1]), run("2", "v", a=two[0], b=two[1])], mode
        ).values()
    }  # fmt: skip


def test_two_binary_rewards_of_two_runs_come_to_two_magnitudes_when_they_are_summed_first() -> None:
    assert magnitudes("global") == {0.0, 0.707}


def test_two_binary_rewards_of_two_runs_come_to_three_magnitudes_when_each_is_normalised() -> None:
    assert magnitudes("per_reward") == {0.0, 0.707, 1.414}
    assert magnitudes("per_agent_reward") == {0.0, 0.707, 1.414}


def test_each_mode_is_its_formula() -> None:
    group = [run("1", "vsa", r=1.0), run("2", "vssa", r=0.0), run("3", "va", r=0.5)]
    shared, searched = [1.0, 0.0, 0.5], [1.0, 0.0, 0.0]
    mean, sigma = fmean(shared), stdev(shared)

    assert advantages(group, "global")["2", 1] == pytest.approx((0 - mean) / sigma)
    assert advantages(group, "mean")["1", 0] == pytest.approx(1 - mean)
    assert advantages(group, "leave_one_out")["1", 0] == pytest.approx(1 - fmean([0.0, 0.5]))
    own = advantages(group, "per_agent")
    assert own["1", 1] == pytest.approx((1 - fmean(searched)) / stdev(searched))
    assert own["3", 1] == pytest.approx((0.5 - mean) / sigma), "the answerer acts once in each run"


def test_rewards_are_weighted_before_they_are_summed_and_after_they_are_normalised() -> None:
    group = [run("1", "v", a=1.0, b=0.0), run("2", "v", a=0.0, b=0.0), run("3", "v", a=0.0, b=1.0)]
    summed = advantages(group, "mean", weights={"a": 3})
    assert summed["1", 0] == pytest.approx(3 - 4 / 3)
    apart, plain = (advantages(group, "per_reward", weights={"a": weight, "b": 0}) for weight in (3, 1))
    assert apart["1", 0] == pytest.approx(3 * plain["1", 0])


@pytest.mark.parametrize("often", [1, 2, 7])
def test_agents_that_act_equally_often_get_the_global_advantages_but_for_one_factor(often: int) -> None:
    group = [run(str(number), "v" * often + "s", reward=float(number**2)) for number in range(4)]
    shared, own = advantages(group, "global"), advantages(group, "per_agent")
    factors = {round(own[place] / shared[place], 9) for place in shared if place[1] < often}
    assert len(factors) == 1
    assert 1 <= factors.pop() <= math.sqrt(4 / 3)
    assert [own[str(number), often] for number in range(4)] == pytest.approx(
        [shared[str(number), often] for number in range(4)]
    )


def test_a_step_counts_its_own_reward_beside_that_of_the_run() -> None:
    steps = (Step("v", {"right": 1.0}), Step("v"))
    group = [Episode("1", "t", steps, {"success": 1.0}), run("2", "vv", success=0.0)]
    found = advantages(group, "mean")
    assert (found["1", 0], found["1", 1]) == pytest.approx((2 - 0.75, 1 - 0.75))


def test_a_value_that_stands_alone_has_the_advantage_zero() -> None:
    for mode in MODES:
        assert advantages([run("1", "vs", r=5.0)], mode) == {("1", 0): 0.0, ("1", 1): 0.0}
    alone = advantages([run("1", "vs", r=1.0), run("2", "v", r=0.0)], "per_agent")
    assert alone["1", 1] == 0.0
    assert alone["1", 0] > 0


def test_groups_in_which_nothing_differs_teach_nothing() -> None:
    # A tenth, thrice added, is not three tenths: a mean may differ from what it is a mean of.
    group = [run(str(number), "vsv", r=0.1 + 0.2) for number in range(7)] + [run("7", "s", r=0.3)]
    for mode in MODES:
        assert max(map(abs, advantages(group, mode).values())) < 1e-12


def test_what_is_no_number_counts_zero() -> None:
    told = [run("1", "v", a=math.nan, b=1.0), run("2", "v", a=1.0, b=math.inf)]
    meant = [run("1", "v", a=0.0, b=1.0), run("2", "v", a=1.0, b=0.0)]
    for mode in MODES:
        assert advantages(told, mode) == advantages(meant, mode)
    with_nan = Episode("1", "t", (Step("v", {"a": 0.5}),), {"a": math.nan})
    assert with_nan.reward(0, "a") == 0.5, "the step keeps what it earned itself"


def test_without_rewards_every_step_has_the_advantage_zero() -> None:
    for mode in MODES:
        assert advantages([run("1", "vs"), run("2", "v")], mode) == {("1", 0): 0, ("1", 1): 0, ("2", 0): 0}
        assert advantages([], mode) == {}


def test_whitening_is_left_out_where_there_is_one_group_unless_asked_for() -> None:
    group = [run("1", "v", a=1.0, b=1.0), run("2", "v", a=0.0, b=0.0)]
    other = [run("3", "v", "u", a=1.0, b=0.0), run("4", "v", "u", a=0.0, b=0.0)]
    assert abs(advantages(group, "per_reward")["1", 0]) == pytest.approx(1.414, abs=1e-3)
    asked = list(advantages(group, "per_reward", whiten=True).values())
    assert (fmean(asked), stdev(asked)) == pytest.approx((0, 1), abs=1e-5)
    by_default = list(advantages([*group, *other], "per_reward").values())
    assert (fmean(by_default), stdev(by_default)) == pytest.approx((0, 1), abs=1e-5)
    refused = advantages([*group, *other], "per_reward", whiten=False)
    assert abs(refused["1", 0]) == pytest.approx(1.414, abs=1e-3)


def test_rewards_that_cancel_each_other_are_not_whitened_into_something() -> None:
    opposed = [run("1", "v", a=0.0, b=0.0), run("2", "v", a=0.125, b=-0.25), run("3", "v", "u", a=0.0, b=0.0)]
    assert set(advantages(opposed, "per_reward").values()) == {0.0}


def test_whitening_leaves_each_agent_its_own_deviation() -> None:
    # The two rewards of `s` go together, those of `w` are opposed: their sums spread differently.
    group = [
        run("1", "ss", a=1.0, b=1.0), run("2", "s", a=0.0, b=0.0), run("3", "ww", a=1.0, b=0.0),
        run("4", "w", a=0.0, b=1.0), run("5", "w", a=1.0, b=0.5),
    ]  # fmt: skip
    found = advantages(group, "per_agent_reward", whiten=True)
    for runs in (("1", "2"), ("3", "4", "5")):
        own = [value for (run_id, _), value in found.items() if run_id in runs]
        assert (fmean(own), stdev(own)) == pytest.approx((0, 1), abs=1e-4)


@given(batches(), st.sampled_from(MODES), st.floats(-100, 100))
@examples(12, nightly=300)
def test_a_reward_that_all_runs_get_changes_nothing(batch: list[Episode], mode: Mode, more: float) -> None:
    shifted = [Episode(r.run_id, r.task, r.steps, {**r.rewards, "a": r.rewards["a"] + more}) for r in batch]
    assert advantages(shifted, mode) == pytest.approx(advantages(batch, mode), abs=1e-6)


@given(batches(), st.sampled_from(NORMALISING), st.floats(0.5, 1000))
@examples(12, nightly=300)
def test_modes_that_divide_by_a_deviation_do_not_ask_for_the_unit(
    batch: list[Episode], mode: Mode, factor: float
) -> None:
    def scaled(rewards: Any) -> dict[str, float]:
        return {name: factor * value for name, value in rewards.items()}

    larger = [
        Episode(r.run_id, r.task, tuple(Step(s.agent, scaled(s.rewards)) for s in r.steps), scaled(r.rewards))
        for r in batch
    ]
    assert advantages(larger, mode) == pytest.approx(advantages(batch, mode), abs=1e-6)


@given(batches(), st.sampled_from(MODES), st.randoms())
@examples(12, nightly=300)
def test_the_order_of_runs_changes_nothing(batch: list[Episode], mode: Mode, rng: Any) -> None:
    mixed = list(batch)
    rng.shuffle(mixed)
    assert advantages(mixed, mode) == pytest.approx(advantages(batch, mode), abs=1e-9)


@given(batches(tasks=1), batches(tasks=1), st.sampled_from(MODES))
@examples(12, nightly=300)
def test_groups_do_not_influence_each_other_but_for_whitening(
    one: list[Episode], two: list[Episode], mode: Mode
) -> None:
    other = [Episode(f"o{r.run_id}", "other", r.steps, r.rewards) for r in two]
    both = advantages([*one, *other], mode, whiten=False)
    assert both == pytest.approx({**advantages(one, mode), **advantages(other, mode)}, abs=1e-12)


@given(batches(), st.sampled_from(MODES))
@examples(12, nightly=300)
def test_every_step_has_an_advantage_that_is_a_number(batch: list[Episode], mode: Mode) -> None:
    found = advantages(batch, mode)
    assert set(found) == {(r.run_id, at) for r in batch for at in range(len(r.steps))}
    assert all(map(math.isfinite, found.values()))


@given(batches(tasks=1))
@examples(12, nightly=300)
def test_the_advantages_of_an_agent_in_its_group_come_to_nothing(batch: list[Episode]) -> None:
    found = advantages(batch, "per_agent")
    for agent in "vsw":
        own = [found[r.run_id, at] for r in batch for at, step in enumerate(r.steps) if step.agent == agent]
        assert math.fsum(own) == pytest.approx(0, abs=1e-9)


def test_rewards_of_any_size_are_normalised() -> None:
    for size in (1e-9, 1e200):
        found = advantages([run("1", "v", r=0.0), run("2", "v", r=size)], "leave_one_out")
        assert found["2", 0] == size
    huge = advantages([run("1", "v", r=-1e200), run("2", "v", r=1e200)], "global")
    assert huge["2", 0] == pytest.approx(0.7071, abs=1e-4)


def test_an_unknown_mode_names_the_modes() -> None:
    with pytest.raises(AgentMeshError, match=r"no mode 'grpo'; modes: global, per_agent, .*leave_one_out, mean"):
        advantages([run("1", "v", r=1.0)], "grpo")  # type: ignore[arg-type]


def test_a_weight_of_no_reward_names_the_rewards() -> None:
    with pytest.raises(AgentMeshError, match="no run has a reward 'speed'; rewards: right, brief"):
        advantages([run("1", "v", right=1.0, brief=0.5)], weights={"speed": 1})
    with pytest.raises(AgentMeshError, match="rewards: none"):
        advantages([run("1", "v")], weights={"speed": 1})
    with pytest.raises(AgentMeshError, match="the weight of 'right' is nan; a weight is a finite number"):
        advantages([run("1", "v", right=1.0)], weights={"right": math.nan})
