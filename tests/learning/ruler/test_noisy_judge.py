"""A judge that errs and prefers what stands first: what averaging orders does, against one order by position."""

from __future__ import annotations

import json
from statistics import fmean

import anyio
import pytest

from agentmesh.learning.ruler import kendall, ruler_sync
from agentmesh.learning.ruler.asking import Question
from agentmesh.learning.ruler.flattening import flat
from agentmesh.learning.ruler.judging import MOST
from agentmesh.providers.registry import make_provider, parse_model
from tests.learning.ruler.groups import Group, suites, sums
from tests.sizes import NIGHTLY

NOISY = "simulated:judge,noise=0.2,position=0.3"
GROUPS: list[Group] = [make(seed) for seed in range(60 if NIGHTLY else 10) for make in (sums, suites)]


def zipped(group: Group) -> dict[str, float]:
    """The naive way: one order, and scores that are taken to come in it."""
    runs, _ = group
    flats = [flat(run) for run in runs]
    question = Question(flats[0].task, [], "- Better is better.", 4096)
    request = question.request([(str(n), list(one.lines)) for n, one in enumerate(flats, start=1)])
    provider = make_provider(parse_model(NOISY))
    scores = json.loads(anyio.run(provider.complete, request).text)["scores"]
    return {one.run_id: said["score"] for one, said in zip(flats, scores, strict=True)}


def tau(scores: dict[str, float], gold: dict[str, float]) -> float:
    found = kendall([scores[one] for one in gold], [gold[one] for one in gold])
    assert found is not None
    return found


def judged(orders: int | None = None, judge: str = NOISY) -> tuple[float, float]:
    """Mean tau with the truth, and in how many orders a group was judged for it."""
    taus, asked = [], []
    for seed, (runs, gold) in enumerate(GROUPS):
        ruled = ruler_sync(runs, judge, orders=orders, seed=seed)
        taus.append(tau({run_id: one.score for run_id, one in ruled.items()}, gold))
        asked.append(ruled.orders)
    return fmean(taus), fmean(asked)


def test_a_judge_without_faults_orders_runs_as_they_are_in_one_order_and_is_asked_twice_to_be_sure() -> None:
    assert judged(1, "simulated:judge") == (1, 1)
    assert judged(None, "simulated:judge") == (1, 2)


def test_by_default_a_noisy_biased_judge_agrees_with_the_truth_and_beats_one_order_by_position() -> None:
    naive, (two, _), (default, asked) = fmean(tau(zipped(group), group[1]) for group in GROUPS), judged(2), judged()
    assert default >= 0.8
    assert naive < two < default
    assert default - naive > 0.2
    assert 6 < asked <= MOST


def test_the_better_a_judge_the_fewer_orders_it_is_asked_for() -> None:
    for better in ("simulated:judge,noise=0.2", "simulated:judge,position=0.3"):
        agrees, asked = judged(None, better)
        assert agrees >= 0.8
        assert 2 < asked < 6


@pytest.mark.parametrize(
    ("judge", "flips"),
    [("simulated:judge", (0, 0)), ("simulated:judge,noise=0.2", (0.1, 0.25)), (NOISY, (0.25, 0.45))],
)
def test_how_often_its_orders_flip_tells_a_judge_that_is_worse(judge: str, flips: tuple[float, float]) -> None:
    found = [ruler_sync(runs, judge, orders=4).flips for runs, _ in GROUPS[:6]]
    assert flips[0] <= fmean(one for one in found if one is not None) <= flips[1]


def test_of_two_equal_runs_a_biased_judge_prefers_the_first_and_both_orders_even_it_out() -> None:
    # Equal in worth, not in words: what is equal in words is judged once.
    runs = [{"run_id": name, "task": "What is 6*7?", "messages": [f"{name}: 6*7 = 42"]} for name in ("ann", "bob")]
    one = ruler_sync(runs, "simulated:judge,position=1", orders=1)
    both = ruler_sync(runs, "simulated:judge,position=1", orders=2)
    assert sorted(score.score for score in one.values()) == [0, 1]
    assert [score.score for score in both.values()] == [0.5, 0.5]
    assert both.warnings


def test_any_profile_can_judge_as_far_as_it_has_judgement() -> None:
    poor, good = (judged(1, f"simulated:worker,judgement={chance}")[0] for chance in (0.6, 0.9))
    assert poor < good < 1


def test_a_judge_weighs_what_was_handed_in_and_how_a_run_ended() -> None:
    def handed(status: str, outcome: str, answer: str = "It is there.") -> dict[str, object]:
        said = {"from": "bob", "to": "ann", "kind": "handoff", "text": f"Status: {status}\nSummary: so it is"}
        end = {"outcome": outcome, "answer": answer}
        return {"run_id": f"{status} {outcome}", "task": "Write it.", "messages": [said, end]}

    runs = [
        handed("done", "verified"),
        handed("blocked", "verified"),
        handed("done", "failed"),
        handed("failed", "limit"),
    ]
    ruled = ruler_sync(runs, "simulated:judge")
    assert [score.score for score in ruled.values()] == [1, 0.6667, 0.3333, 0]
    assert ruled["done failed"].explanation == "tasks handed in: 100% right; outcome failed: 0% right"


def test_who_cannot_compute_finds_nothing_to_check_in_sums() -> None:
    runs = [{"run_id": str(n), "task": "What is 6*7?", "messages": [f"6*7 = {n}"]} for n in (41, 42)]
    ruled = ruler_sync(runs, "simulated:parrot,skill=1")
    assert {score.score for score in ruled.values()} == {0.5}
    assert ruled["42"].explanation == "nothing in it can be checked"
