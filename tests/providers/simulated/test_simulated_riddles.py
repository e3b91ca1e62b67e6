"""Riddles, which give way to one way of going about them, and teams that are varied."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentmesh.evaluation.tasks.generators import generate
from agentmesh.providers.base import Request
from agentmesh.providers.simulated.provider import respond
from agentmesh.providers.simulated.riddles import KINDS
from agentmesh.providers.simulated.skill import profile_named

AGES = "In how many years will somebody of 30 be 3 times as old as somebody of 6?\nEnd with a line `Answer: NUMBER`."
RIGHT, TRAP = "6", "4"


def said(prompt: str, told: str = "", model: str = "worker", **more: Any) -> str:
    messages: list[Any] = [{"role": "system", "content": told}, {"role": "user", "content": prompt}]
    return respond(Request(agent="ann", messages=messages, **more), profile_named(model)).text


def answered(prompt: str, told: str = "", model: str = "worker", **more: Any) -> str:
    return said(prompt, told, model, **more).rpartition("Answer: ")[2]


def test_who_was_told_no_way_sets_up_an_equation() -> None:
    assert answered(AGES) == answered(AGES, "Set up an equation.") == RIGHT
    assert "and it checks" in said(AGES)


@pytest.mark.parametrize("way", ["Work backwards.", "List all cases.", "Look at the differences."])
def test_whoever_goes_another_way_falls_into_the_same_trap(way: str) -> None:
    assert {answered(AGES, way, seed=seed) for seed in range(20)} == {TRAP}
    assert "checks" not in said(AGES, way)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_gives_way_to_its_way_as_often_as_the_skill_says(kind: str) -> None:
    (task,) = generate(f"riddles:n=1,kinds={kind}")
    way = KINDS[kind].way
    assert answered(task.prompt, f"Please {way}.") == str(task.answer)
    right = sum(
        answered(task.prompt, way, "worker,judgement=0.6", seed=seed) == str(task.answer) for seed in range(300)
    )
    assert 150 < right < 210


def test_of_several_ways_the_further_ones_are_followed_less_and_what_checks_counts() -> None:
    told = "Work backwards. List all cases. Set up an equation."
    right = [answered(AGES, told, "worker,fading=0.5", seed=seed) == RIGHT for seed in range(300)]
    assert 50 < sum(right) < 105  # a quarter follows the third way
    assert answered(AGES, told, "worker,fading=1") == RIGHT


def test_what_others_found_and_checked_outweighs_the_own_trap() -> None:
    question = AGES.partition("\n")[0]
    heard = f'<message from="bob">\n{question}\n- set up an equation: 6, and it checks\nAnswer: 6\n</message>'
    trapped = f'<message from="cy">\n{question}\n- work backwards: 4\nAnswer: 4\n</message>'
    task = f'<message from="user">\n{AGES}\n</message>'
    assert answered(f"{task}\n{trapped}\n{heard}", 'Work backwards.\nYou are "ann".') == RIGHT
    assert answered(f"{task}\n{trapped}", 'Work backwards.\nYou are "ann".') == TRAP


def asked(**more: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"changes": {"type": "array"}, "why": {"type": "string"}}}
    first = {"name": "a", "solved": 0.1, "writes": {"p": "Find it. Work backwards.", "q": None}}
    shown = {"places": {"p": "any text", "q": [1, 2]}, "parents": [first], "tried_and_lost": [], **more}
    found: dict[str, Any] = json.loads(said(json.dumps(shown), response_schema=schema, seed=more.pop("seed", 0)))
    return found


def test_asked_for_a_variation_it_gives_an_agent_a_way_that_nobody_was_told() -> None:
    children = [asked(wish=str(n)) for n in range(40)]
    texts = {one["changes"][0]["value"] for one in children if one["changes"][0]["path"] == "p"}
    assert texts == {"Find it. Set up an equation.", "Find it. List all cases.", "Find it. Look at the differences."}
    assert {one["changes"][0]["value"] for one in children if one["changes"][0]["path"] == "q"} == {"1", "2"}
    assert all(one["why"] for one in children)


def test_of_several_parents_it_takes_over_what_another_one_writes() -> None:
    first = {"name": "a", "solved": 0.1, "writes": {"p": "Find it.", "q": 1}}
    other = {"name": "b", "solved": 0.9, "writes": {"p": "List all cases.", "q": 1}}
    children = [asked(parents=[first, other], wish=str(n)) for n in range(40)]
    taken = [one for one in children if one["why"].startswith("b has it")]
    assert 8 < len(taken) < 32
    assert all(one["changes"] == [{"path": "p", "value": "List all cases."}] for one in taken)
