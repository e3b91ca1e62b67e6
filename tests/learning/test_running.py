from __future__ import annotations

import math
from random import Random
from statistics import fmean, stdev
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.errors import AgentMeshError
from agentmesh.learning.advantages import Mode, advantages
from agentmesh.learning.episodes import Episode, Step
from agentmesh.learning.running import STREAMED, Moments, Running
from tests.learning.batches import batches, run
from tests.sizes import examples

VALUE = st.floats(-1e6, 1e6)


@given(batches(tasks=1), st.sampled_from(STREAMED))
@examples(15, nightly=300)
def test_the_last_run_gets_what_all_runs_as_one_group_give_it(batch: list[Episode], mode: Mode) -> None:
    running, given_last = Running(mode), dict[tuple[str, int], float]()
    for one in batch:
        given_last = running.add(one)
    whole = advantages(batch, mode, whiten=False)
    last = batch[-1].run_id
    assert given_last == pytest.approx({place: value for place, value in whole.items() if place[0] == last}, abs=1e-9)


@given(batches(tasks=1), batches(tasks=1), st.sampled_from(STREAMED))
@examples(15, nightly=300)
def test_two_that_are_merged_are_one_that_saw_all(one: list[Episode], two: list[Episode], mode: Mode) -> None:
    left, right, whole = Running(mode), Running(mode), Running(mode)
    for episode in one:
        left.add(episode)
        whole.add(episode)
    for episode in two:
        right.add(episode)
        whole.add(episode)
    both = left.merged(right)
    assert both.moments.keys() == whole.moments.keys()
    for key, moments in whole.moments.items():
        assert vars(both.moments[key]) == pytest.approx(vars(moments), abs=1e-9)
    probe = run("probe", "vsw", a=0.5, b=-1.0)
    assert both.add(probe) == pytest.approx(whole.add(probe), abs=1e-9)


@given(st.lists(VALUE, min_size=2, max_size=20), st.integers(0, 20))
@examples(15, nightly=300)
def test_moments_are_those_of_the_values_however_they_are_split(values: list[float], at: int) -> None:
    parts = []
    for some in (values[:at], values[at:]):
        moments = Moments()
        for value in some:
            moments = moments.with_value(value)
        parts.append(moments)
    both = parts[0].merged(parts[1])
    assert (both.count, both.mean) == pytest.approx((len(values), fmean(values)), abs=1e-6)
    assert both.deviation == pytest.approx(stdev(values), rel=1e-6, abs=1e-6)


def test_small_differences_of_large_values_are_not_lost() -> None:
    rng, moments = Random(1), Moments()
    values = [1e9 + rng.gauss(0, 1e-2) for _ in range(5000)]
    for value in values:
        moments = moments.with_value(value)
    naive = fmean(value * value for value in values) - fmean(values) ** 2
    assert moments.deviation == pytest.approx(stdev(values), rel=1e-3)
    assert not math.isclose(max(naive, 0) ** 0.5, stdev(values), rel_tol=0.5), "the sum of squares loses them"


def test_memory_grows_with_agents_and_rewards_alone() -> None:
    running = Running("per_agent_reward")
    for number in range(500):
        running.add(run(str(number), "vsva", f"task {number}", right=number % 2, brief=number % 3))
    assert set(running.moments) == {(agent, name) for agent in "vsa" for name in ("right", "brief")}
    shared = Running("global")
    for number in range(50):
        shared.add(run(str(number), "vsva", right=number % 2))
    assert (list(shared.moments), shared.moments["", ""].count) == ([("", "")], 50)


def test_a_reward_that_comes_late_counted_zero_before() -> None:
    batch = [run("1", "vv", a=1.0), run("2", "vvv", a=0.0), Episode("3", "t", (Step("v", {"b": 1.0}),) * 2, {"a": 0.5})]
    running = Running("per_agent_reward")
    found = [running.add(one) for one in batch]
    assert running.moments["v", "b"].count == running.moments["v", "a"].count == 7
    whole = advantages(batch, "per_agent_reward", whiten=False)
    assert found[-1] == pytest.approx({place: value for place, value in whole.items() if place[0] == "3"})


def test_a_reward_that_only_one_of_two_has_seen_counted_zero_in_the_other() -> None:
    left, right = Running("per_agent_reward"), Running("per_agent_reward")
    left.add(run("1", "vv", a=1.0))
    right.add(run("2", "v", b=1.0))
    both = left.merged(right).moments
    assert (both["v", "a"].count, both["v", "a"].mean) == pytest.approx((3, 2 / 3))
    assert (both["v", "b"].count, both["v", "b"].mean) == pytest.approx((3, 1 / 3))


def test_the_first_run_is_what_is_usual() -> None:
    assert Running().add(run("1", "vs", reward=3.0)) == {("1", 0): 0.0, ("1", 1): 0.0}


def test_rewards_are_weighted() -> None:
    plain, heavy = Running("per_reward"), Running("per_reward", weights={"a": 3.0})
    for running in (plain, heavy):
        running.add(run("1", "v", a=0.0))
    one = run("2", "v", a=1.0)
    assert heavy.add(one)["2", 0] == pytest.approx(3 * plain.add(one)["2", 0])


def test_what_cannot_be_streamed_names_what_can() -> None:
    for mode in set(get_args(Mode)) - set(STREAMED):
        with pytest.raises(
            AgentMeshError, match=f"'{mode}' cannot be streamed; modes that can: global, per_agent, per_reward"
        ):
            Running(mode)


def test_only_what_normalises_alike_is_merged() -> None:
    with pytest.raises(AgentMeshError, match=r"only what normalises alike can be merged; found per_agent .*global"):
        Running("per_agent").merged(Running("global"))
    with pytest.raises(AgentMeshError, match=r"found per_agent with weights \{'a': 2\}, and per_agent with weights"):
        Running("per_agent", weights={"a": 2}).merged(Running("per_agent"))
