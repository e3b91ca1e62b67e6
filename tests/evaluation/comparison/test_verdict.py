"""The verdict: who has to be better than whom, and what is said where it cannot be told."""

from __future__ import annotations

import random

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


def test_without_a_team_there_is_nothing_to_say() -> None:
    told = verdict_on([standing("a alone", "member", YES)])
    assert (told.verdict, told.pairs) == ("unclear", ())
    assert "no team" in told.why
