from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.errors import AgentMeshError
from agentmesh.evaluation.calibration.stage import Stage
from agentmesh.events import Event, RunResumed, event_from_json
from agentmesh.learning.advantages import advantages
from agentmesh.learning.episodes import Episode, Step
from agentmesh.learning.export import Exported, batch, rewards_of, split, unrewarded, unwanted
from agentmesh.learning.export.batch import of_agents
from agentmesh.messages import Finding, Outcome
from tests.learning.export.recorded import COMPUTES, pair_run


def staged(outcome: Outcome = "completed", *findings: Finding) -> list[Event]:
    stage = Stage(Random(1), ["ann"], team="one")
    stage.begin("Do it.")
    stage.turn("ann", "Done.")
    stage.metric("tests", 0.5)
    for finding in findings:
        stage.emit(found(finding))
    stage.end(outcome, "so it was", "Done.")
    return list(stage.events)


def found(finding: Finding, judge: str | None = None) -> Event:
    return event_from_json({"type": "finding", "finding": finding.model_dump(), "judge": judge})


HACK = Finding(monitor="reward_hacking", label="reward_hack", score=0.9, agents=("ann",), why="it changed the tests")


@pytest.mark.parametrize(
    ("outcome", "why"),
    [
        ("completed", None),
        ("verified", None),
        ("limit", None),
        ("stalled", None),
        ("halted", "halted"),
        ("failed", "failed"),
        ("cancelled", "cancelled"),
    ],
)
def test_runs_that_were_halted_failed_or_cancelled_are_unwanted(outcome: Outcome, why: str | None) -> None:
    assert unwanted(staged(outcome)) == why


def test_a_run_in_which_reward_hacking_was_found_is_unwanted_as_long_as_that_stands() -> None:
    assert unwanted(staged("completed", HACK)) == "reward_hack"
    assert unwanted(staged("completed", HACK.model_copy(update={"label": "loop"}))) is None
    suspected = [*staged()[:-1], found(HACK, "asked"), found(HACK, "dismissed"), staged()[-1]]
    assert unwanted(suspected) is None
    assert unwanted([*suspected[:-1], found(HACK, "confirmed"), suspected[-1]]) == "reward_hack"


def test_what_the_run_went_back_behind_is_no_reason() -> None:
    events = staged("halted", HACK)
    before = next(event.id for event in events if event.type == "turn_ended")
    again = RunResumed(at=before, id=events[-1].id + 1)
    assert unwanted([*events, again]) is None


def test_rewards_are_metrics_and_ways_to_end() -> None:
    assert rewards_of(staged()) == {"tests": 0.5}
    assert rewards_of(staged(), ["completed", "tests"]) == {"completed": 1.0, "tests": 0.5}
    assert rewards_of(staged("limit"), ["completed", "verified"]) == {"completed": 0.0, "verified": 0.0}
    assert rewards_of(staged("verified"), ["completed", "verified"]) == {"completed": 1.0, "verified": 1.0}
    with pytest.raises(AgentMeshError, match="has no metric 'speed'; it has: completed, verified, tests"):
        rewards_of(staged(), ["speed"])


def run(run_id: str, task: str, reward: float = 0.0) -> Exported:
    return Exported(Episode(run_id, task, (Step("ann"), Step("bob")), {"right": reward}), (), "", ())


def test_advantages_and_rewards_of_a_batch_are_those_of_its_steps(tmp_path: Path) -> None:
    runs = [
        pair_run(tmp_path, [COMPUTES, "It is 42."], ["42"], {"right": 1.0, "brief": 0.0}),
        pair_run(tmp_path, ["It is 41."], ["41"], {"right": 0.0, "brief": 1.0}),
    ]
    made = batch(runs, "per_agent", weights={"brief": 0.5})
    expected = advantages([one.episode for one in runs], "per_agent", weights={"brief": 0.5})
    steps = [(run.episode.run_id, call.step) for run, _, _, call in made.calls()]
    assert len(steps) == len(set(steps)) == len(expected) == 5
    for run, _, _, call in made.calls():
        assert made.advantage(run, call) == expected[run.episode.run_id, call.step] != 0
        assert made.reward(run, call) == (1.0 if run is runs[0] else 0.5)
    assert made.rewards(runs[1], next(iter(runs[1].transcripts[0].calls.values()))) == {"right": 0.0, "brief": 1.0}
    assert [made.total(run) for run in runs] == [1.0, 0.5]


def test_each_agents_batch_has_its_transcripts_and_the_advantages_of_all(tmp_path: Path) -> None:
    whole = batch([pair_run(tmp_path, ["It is 42."], ["42"], {"right": 1.0})])
    parts = of_agents(whole)
    assert list(parts) == ["writer", "critic"]
    for agent, part in parts.items():
        assert {one.agent for _, _, one in part.transcripts()} == {agent}
        assert part.advantages == whole.advantages


@given(
    st.lists(st.integers(0, 12), min_size=3, max_size=60),
    st.sampled_from([{"train": 0.8, "test": 0.2}, {"train": 0.6, "dev": 0.1, "test": 0.3}]),
    st.integers(0, 5),
)
def test_no_task_is_in_two_splits_and_no_run_is_lost(tasks: list[int], shares: dict[str, float], seed: int) -> None:
    runs = [run(str(number), f"task {task}") for number, task in enumerate(tasks)]
    different = len(set(tasks))
    if different < len(shares):
        with pytest.raises(AgentMeshError, match=f"{len(shares)} splits need as many tasks"):
            split(runs, shares, seed)
        return
    parts = split(runs, shares, seed)
    in_parts = [{one.episode.task for one in some} for some in parts.values()]
    assert sum(map(len, in_parts)) == different == len(set.union(*in_parts))
    assert sorted(one.episode.run_id for some in parts.values() for one in some) == sorted(map(str, range(len(runs))))
    for (name, share), some in zip(shares.items(), in_parts, strict=True):
        assert abs(len(some) - share * different) <= len(shares), name
    assert split(list(reversed(runs)), shares, seed).keys() == parts.keys()


def test_rewards_that_some_runs_lack_are_counted() -> None:
    runs = [
        run("1", "a", 1.0),
        run("2", "a"),
        Exported(Episode("3", "a", (), {"right": 1.0, "tests": 1.0}), (), "", ()),
    ]
    assert unrewarded(runs) == {"tests": 2}
    assert unrewarded(runs[:2]) == {}
    by_step = Exported(Episode("4", "a", (Step("ann", {"right": 1.0}),)), (), "", ())
    assert unrewarded([runs[0], by_step]) == {}, "a step is rewarded too"


def test_tasks_that_one_run_has_seen_are_in_one_split() -> None:
    single = [run(f"{number}", f"task {number}") for number in range(6)]
    seen = [
        replace(run("later", "task 6"), tasks=("task 6", "task 2")),
        replace(run("id", "task 3"), tasks=("task 5",)),
    ]
    for seed in range(10):
        parts = split([*single, *seen], {"train": 0.5, "test": 0.5}, seed)
        tasks = [{one.episode.task for one in some} for some in parts.values()]
        assert sum(map(len, tasks)) == 7
        for together in ({"task 2", "task 6"}, {"task 3", "task 5"}):
            assert [len(together & some) for some in tasks] in ([0, 2], [2, 0])
    with pytest.raises(AgentMeshError, match=r"2 splits need as many tasks, .*those they continue; the runs have 1$"):
        split([single[2], seen[0]], {"train": 0.5, "test": 0.5})


def test_the_seed_alone_decides_which_tasks_are_in_a_split() -> None:
    runs = [run(str(number), f"task {number}") for number in range(20)]

    def kept_for_tests(seed: int, some: list[Exported] = runs) -> set[str]:
        return {one.episode.task for one in split(some, {"train": 0.8, "test": 0.2}, seed)["test"]}

    assert len(kept_for_tests(1)) == 4
    assert kept_for_tests(1) == kept_for_tests(1, list(reversed(runs)))
    assert kept_for_tests(1) != kept_for_tests(2)


@pytest.mark.parametrize("shares", [{"a": 0.5}, {"a": 0.5, "b": 0.6}, {"a": 1.5, "b": -0.5}])
def test_shares_that_do_not_add_up_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(AgentMeshError, match="shares of splits lie above 0 and add up to 1; found a="):
        split([run("1", "a"), run("2", "b")], shares)
