"""Advice in worlds where it is known who is right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agentmesh import ConfigError
from agentmesh.evaluation.advice import Advice, Prompt
from agentmesh.evaluation.advice.room import split
from tests.evaluation.advice.worlds import World, advised, tasks

TWICE = Prompt("twice", "Check it twice.")
FEW: dict[str, Any] = {"prompts": (TWICE,), "sizes": (3,), "shapes": ("star", "chain"), "tasks": tasks(12)}
"""Options with which a search is over soon."""


def four_hear_each_other(task: int, others: int, system: str) -> bool:
    return others >= 3


def nobody_disturbs(task: int, others: int, system: str) -> bool:
    return others == 0


def everybody(task: int, others: int, system: str) -> bool:
    return True


def prompts_and_company_help(task: int, others: int, system: str) -> bool:
    """One task in four; with the prompt two; in company three; with both all."""
    return task % 4 < (1 + ("twice" in system)) * (1 if others < 2 else 2) + (others >= 2 and "twice" not in system)


def without_clocks(advice: Advice) -> dict[str, Any]:
    told = advice.to_json()
    for one in [*told["held_out"]["teams"], *told["held_out"]["runs"]]:
        one.pop("seconds")
        one.pop("run_id", None)
    return told


def test_the_only_topology_that_works_is_found_with_its_size(tmp_path: Path) -> None:
    advice = advised(tmp_path, World(four_hear_each_other), sizes=(2, 4), tasks=tasks(16))
    assert (advice.recommendation.topology, advice.recommendation.agents) == ("star", 4)
    assert advice.held_out.verdict.verdict == "team"
    assert "this team helps" in advice.recommendation.why
    (first, *_, last) = advice.search.rungs
    assert first.places[0].success == last.places[0].success == 1
    assert {place.candidate.name for place in first.places if place.success == 0} >= {
        "worker alone",
        "flat of 2",
        "star of 2",
    }
    assert advice.rule.suggests == "centralised"


def test_where_one_agent_does_best_no_team_is_advised(tmp_path: Path) -> None:
    advice = advised(tmp_path, World(nobody_disturbs), sizes=(3,), tasks=tasks(12))
    # The vote disturbs nobody either, and costs three times as much.
    assert (advice.recommendation.topology, advice.recommendation.agents) == ("solo", 1)
    assert advice.rule.suggests == "solo"
    assert any("above the 45 %" in reason for reason in advice.reasons)
    told = advised(tmp_path, World(nobody_disturbs), shapes=("team", "star"), sizes=(3,), tasks=tasks(12))
    assert told.held_out.verdict.verdict == "solo"
    assert "solo is better" in told.recommendation.why


def test_without_a_difference_nothing_is_said_to_help(tmp_path: Path) -> None:
    advice = advised(tmp_path, World(everybody), sizes=(3,), tasks=tasks(12))
    assert advice.recommendation.topology == "solo"
    assert "nothing shows that a team is worth it" in advice.recommendation.why
    assert advice.gain.total.value == 0


def test_the_gain_is_split_into_that_of_the_prompt_and_that_of_the_graph(tmp_path: Path) -> None:
    advice = advised(
        tmp_path, World(prompts_and_company_help), prompts=(TWICE,), tasks=tasks(32), sizes=(3,), shapes=("star",)
    )
    assert (advice.recommendation.topology, advice.recommendation.prompt) == ("star", "twice")
    right = {one.name: one.success.value or 0.0 for one in advice.held_out.standings}
    names = ("star of 3 (twice)", "worker (twice) alone", "worker alone")
    team, prompted, alone = (right[name] for name in names)
    assert 1 == team > prompted > alone
    parts = (advice.gain.total, advice.gain.prompt, advice.gain.graph)
    assert [part.value for part in parts] == pytest.approx([team - alone, prompted - alone, team - prompted])
    for part in parts:
        assert part.low is not None
        assert part.value is not None
        assert part.high is not None
        assert part.low < part.value < part.high
    assert any("came from the prompt (twice)" in reason for reason in advice.reasons)


@pytest.mark.parametrize("budget", [14_000, 40_000])
def test_no_more_is_spent_than_the_budget(budget: int, tmp_path: Path) -> None:
    world = World(prompts_and_company_help)
    advice = advised(tmp_path, world, budget_tokens=budget, prompts=(TWICE,), sizes=(3,), tasks=tasks(8))
    assert world.tokens == advice.ledger.spent <= budget
    assert max(row.tokens for row in advice.held_out.rows) <= advice.run_tokens
    assert len({row.task for row in advice.held_out.rows}) >= 2


def test_a_budget_that_is_too_small_is_refused_before_anything_is_spent(tmp_path: Path) -> None:
    world = World(everybody)
    with pytest.raises(ConfigError, match=r"5,000 tokens is too small to try \d+ candidates") as refused:
        advised(tmp_path, world, budget_tokens=5_000)
    assert world.calls == 0
    enough = int(str(refused.value).partition("Give ")[2].partition(" or more")[0].replace(",", ""))
    assert advised(tmp_path, World(everybody), budget_tokens=enough).ledger.spent <= enough
    with pytest.raises(ConfigError, match="too small"):
        advised(tmp_path, world, budget_tokens=enough - 1)


def test_the_same_seed_gives_the_same_advice_and_another_one_other_tasks(tmp_path: Path) -> None:
    first, again = (
        advised(tmp_path, World(prompts_and_company_help), **FEW, seed=1, concurrency=many) for many in (1, 7)
    )
    assert without_clocks(first) == without_clocks(again)
    aside = [{task.id for task in split(FEW["tasks"], 0.5, seed)[1]} for seed in (1, 1, 2)]
    assert {row.task for row in first.held_out.rows} == aside[0] == aside[1] != aside[2]


def test_what_was_run_before_is_not_paid_for_again(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    whole = World(prompts_and_company_help)
    expected = advised(tmp_path, whole, **FEW)

    def killed(spent: int, limit: int) -> None:
        if spent > expected.ledger.spent // 2:
            raise KeyboardInterrupt

    broken = World(prompts_and_company_help)
    with pytest.raises(KeyboardInterrupt):
        advised(tmp_path, broken, **FEW, results=rows, progress=killed)
    assert 0 < broken.calls < whole.calls
    resumed = advised(tmp_path, broken, **FEW, results=rows)
    assert broken.calls == whole.calls
    assert without_clocks(resumed) == without_clocks(expected)
    assert without_clocks(advised(tmp_path, broken, **FEW, results=rows)) == without_clocks(expected)
    assert broken.calls == whole.calls


def test_held_out_tasks_are_not_those_of_the_search(tmp_path: Path) -> None:
    advice = advised(tmp_path, World(everybody), shapes=("chain",), sizes=(2,), held_out=0.25)
    searched = {row.task for rung in advice.search.rungs for place in rung.places for row in place.rows}
    held = {row.task for row in advice.held_out.rows}
    assert not searched & held
    assert len(held) == 6


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"tasks": tasks(3)}, "of 3 tasks 2 are to be kept aside; at least 2 are needed there"),
        ({"shapes": ("flatt",)}, "there is no topology 'flatt' to try"),
        ({"shapes": ("solo",)}, "nobody but members alone"),
        ({"sizes": (1,)}, "a team of 1 is none to try"),
        ({"prompts": (Prompt("as written", "x"),)}, "no prompt can be named 'as written'"),
    ],
)
def test_what_cannot_be_searched_is_refused(options: dict[str, Any], found: str, tmp_path: Path) -> None:
    world = World(everybody)
    with pytest.raises(ConfigError, match=found):
        advised(tmp_path, world, **options)
    assert world.calls == 0
