"""The verdict: who has to be better than whom, and what is said where it cannot be told."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from agentmesh.evaluation.comparison.entrants import Kind
from agentmesh.evaluation.comparison.rows import Row
from agentmesh.evaluation.comparison.summary import Standing, outcomes_of
from agentmesh.evaluation.comparison.verdict import verdict_on
from agentmesh.evaluation.measures import Measures
from agentmesh.evaluation.statistics import by_task, success

NOTHING = Measures(1, 0, 0, 0, 0, (), (), None)


def standing(name: str, kind: Kind, right: list[list[bool]], tokens: int = 100) -> Standing:
    """`right`: by task, by seed."""
    rows = [
        Row(
            key=f"{name}{task}{seed}", team=name, task=f"t{task}", seed=seed, samples=1, run_id="", outcome="completed",
            reason="", answer="", correct=correct, value=float(correct), why="", tokens=tokens, cost_usd=0.0,
            model_calls=1, seconds=0.0, scoring_tokens=0, measures=NOTHING,
        )
        for task, seeds in enumerate(right)
        for seed, correct in enumerate(seeds)
    ]  # fmt: skip
    told = outcomes_of(rows)
    return Standing(name, kind, rows, success(told), by_task(told), float(tokens))


def once(*right: bool) -> list[list[bool]]:
    return [[one] for one in right]


YES, NO = once(*[True] * 12), once(*[False] * 12)


def test_a_team_has_to_be_better_than_everything_that_one_agent_can_do() -> None:
    alone, majority = standing("a alone", "member", NO), standing("majority of a", "majority", YES)
    assert verdict_on([standing("team", "team", YES), alone]).verdict == "team"
    told = verdict_on([standing("team", "team", YES), alone, majority])
    assert told.verdict == "unclear"
    assert told.alone == "majority of a"


def test_one_agent_has_to_be_better_than_every_team() -> None:
    alone = standing("a alone", "member", YES)
    assert verdict_on([standing("bad", "team", NO), alone]).verdict == "solo"
    assert verdict_on([standing("good", "team", YES), standing("bad", "team", NO), alone]).verdict == "unclear"


def test_ways_that_were_right_in_the_same_runs_are_one_test() -> None:
    six = once(*[True] * 6)
    ways: list[Kind] = ["member", "majority", "best_of", "refine"]
    told = verdict_on([standing("team", "team", once(*[False] * 6)), *(standing(kind, kind, six) for kind in ways)])
    assert told.verdict == "solo"
    assert told.pairs[0].p == pytest.approx(2 / 2**6)


def test_several_teams_are_held_to_more_each() -> None:
    alone = standing("a alone", "member", once(*[False] * 6))
    first = once(*[True] * 6)
    assert verdict_on([standing("one", "team", first), alone]).verdict == "team"
    others = [
        standing(f"other{at}", "team", once(*[True] * (5 - at), *[False] * (1 + at))) for at in range(2)
    ]  # fmt: skip
    assert verdict_on([standing("one", "team", first), *others, alone]).verdict == "unclear"


def test_where_it_cannot_be_told_the_number_of_tasks_that_would_tell_is_given() -> None:
    rng = random.Random(3)
    team = once(*(rng.random() < 0.7 for _ in range(20)))
    alone = once(*(rng.random() < 0.5 for _ in range(20)))
    told = verdict_on([standing("team", "team", team), standing("a alone", "member", alone)])
    assert told.verdict == "unclear"
    assert "cannot tell with 20 tasks" in told.why
    assert "would tell a difference of" in told.why


def test_where_nothing_differs_the_cheaper_one_is_named() -> None:
    told = verdict_on([standing("team", "team", YES, 900), standing("a alone", "member", YES, 100)])
    assert "no task came out differently" in told.why
    assert "a alone uses 100 tokens a run and team 900" in told.why


def test_what_came_out_alike_on_a_few_tasks_is_not_said_to_be_alike_on_all() -> None:
    few = verdict_on([standing("team", "team", once(True)), standing("a alone", "member", once(True))])
    assert "about 59 without any would show that they are within 5 points" in few.why
    many = once(*[True] * 60)
    told = verdict_on([standing("team", "team", many), standing("a alone", "member", many)])
    assert "cannot tell with 60 tasks" in told.why
    assert "so they are within 5 points of each other" in told.why


def test_three_tasks_of_three_are_a_difference_that_six_would_tell() -> None:
    told = verdict_on([standing("team", "team", once(*[True] * 3)), standing("a alone", "member", once(*[False] * 3))])
    assert "difference 100 points [100, 100]); about 6 would tell a difference of 100 points" in told.why


def test_where_many_tasks_show_hardly_a_difference_no_more_of_them_are_asked_for() -> None:
    team = once(*[True] * 101, *[False] * 99)
    alone = once(*[True] * 98, *[False] * 4, *[True] * 2, *[False] * 96)
    told = verdict_on([standing("team", "team", team), standing("a alone", "member", alone)])
    assert told.verdict == "unclear"
    assert told.why.endswith("one of 5 points would have been seen with so many, 4 times in 5")


def test_of_runs_that_all_came_to_nothing_nothing_is_concluded() -> None:
    both = [standing("team", "team", NO), standing("a alone", "member", NO)]
    stopped = [replace(one, rows=[replace(row, outcome="limit") for row in one.rows]) for one in both]
    assert verdict_on(stopped).why.endswith("no run of either was completed")


def test_the_pair_that_is_spoken_of_is_the_one_that_stands_in_the_way() -> None:
    team = once(*[True] * 16, *[False] * 4)
    near = once(*[True] * 10, *[False] * 10)
    far = once(*[False] * 9, *[True] * 5, *[False] * 2, *[True] * 4)
    told = verdict_on(
        [standing("team", "team", team), standing("near", "member", near), standing("far", "member", far)]
    )
    assert [pair.p < 0.05 for pair in told.pairs] == [True, False]
    assert (told.verdict, told.alone) == ("unclear", "far")


def test_that_the_budget_was_not_the_same_is_part_of_the_sentence() -> None:
    both = [standing("team", "team", YES), standing("a alone", "member", NO)]
    assert "does with the same budget" in verdict_on(both).why
    assert "does though not" not in verdict_on(both).why
    assert "does, though not with the same budget" in verdict_on(both, equal_budget=False).why


def test_without_a_team_there_is_nothing_to_say() -> None:
    told = verdict_on([standing("a alone", "member", YES)])
    assert (told.verdict, told.pairs) == ("unclear", ())
    assert "no team" in told.why


def test_teams_are_told_apart_though_no_member_was_run_alone() -> None:
    told = verdict_on([standing("best", "team", YES), standing("as written", "team", NO)])
    assert [(pair.a, pair.b, pair.estimate.value) for pair in told.pairs] == [("best", "as written", 1.0)]
    assert told.verdict == "unclear"
    alike = verdict_on([standing("one", "team", YES), standing("two", "team", YES)])
    assert "of the teams one is right no more often than two (100 % against 100 %" in alike.why
    assert "of the teams best is right 100 points [100, 100] more often than as written (100 % against 0 %" in told.why


def test_beside_members_teams_are_the_last_pairs_and_change_no_verdict() -> None:
    teams, alone = [standing("one", "team", YES), standing("two", "team", YES)], standing("a alone", "member", NO)
    told, of_one = verdict_on([*teams, alone]), verdict_on([teams[0], alone])
    assert [(pair.a, pair.b) for pair in told.pairs] == [("one", "a alone"), ("two", "a alone"), ("one", "two")]
    assert (told.verdict, told.team, told.alone) == (of_one.verdict, "one", "a alone") == ("team", "one", "a alone")
