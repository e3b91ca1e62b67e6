"""Answers that are a word, a number, an option, an order or a list of ideas."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.evaluation.scoring.lists import ideas, ranking
from agentmesh.evaluation.scoring.numeric import numeric
from agentmesh.evaluation.scoring.texts import choice, exact
from agentmesh.evaluation.tasks import Check, EvalTask, Score
from tests.evaluation.scoring.answers import scored, task

CITIES = ("Rome", "Paris", "Paris, Texas", "Bern")
CRATES = ["oak", "ash", "elm", "fir"]
USES = ["a doorstop", "a paperweight", "a bookend", "item 12"]


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["exact", "numeric", "choice", "ranking", "ideas"])
@pytest.mark.parametrize(("answer", "why"), [(None, "there is no answer"), (" \n", "the answer is empty")])
async def test_a_run_without_an_answer_is_wrong(kind: str, answer: str | None, why: str) -> None:
    gold: Any = ["1", "2"] if kind in ("ranking", "ideas") else "A" if kind == "choice" else 1
    assert await scored(task(gold, kind), answer) == Score(False, 0.0, why)


@pytest.mark.parametrize(
    ("gold", "answer", "correct"),
    [
        ("Paris", "  paris. ", True),
        ("Paris", "**Paris**", True),
        ("Paris", "\u201cParis\u201d", True),
        ("Paris", "I thought of Lyon.\nAnswer: Paris", True),
        ("Paris", "It is Paris", False),
        ("New York", "new\n york", True),
        (["Paris", "Lutetia"], "Lutetia", True),
        ("C", "C++", False),
        (True, "Yes", True),
        (True, "false", False),
        ("4 apples", "4 apples!", True),
    ],
)
def test_exact_forgives_case_space_and_what_stands_around(gold: Any, answer: str, correct: bool) -> None:
    found = exact(task(gold, "exact"), answer)
    assert (found.correct, found.value) == (correct, float(correct))
    assert correct or "right is" in found.why


@pytest.mark.parametrize(
    ("gold", "answer", "keys", "correct"),
    [
        (395, "17*23 + 4 = 395", {}, True),
        (395, "17*23 + 4 = 394", {}, False),
        (1234.5, "It comes to 1,234.50 in all", {}, True),
        (0.75, "3/4", {}, True),
        ("3/4", "0.75", {}, True),
        (1 / 3, "1/3", {}, True),
        (0.12, "12 %", {}, True),
        (12, "12 %", {}, True),
        ("12%", "0.12", {}, True),
        ("12%", "12", {}, True),
        ("12%", "13 %", {}, False),
        (100, "98", {"tolerance": 2}, True),
        (100, "97.9", {"tolerance": 2}, False),
        (1000, "1,049", {"relative": 0.05}, True),
        (1000, "1,051", {"relative": 0.05}, False),
        (["3", "4"], "4", {}, True),
        (4, "four", {}, False),
        (10**30, f"{10**30}", {}, True),
        (10**30, f"{10**30 + 1}", {}, False),
    ],
)
def test_numeric_compares_exactly_or_within_its_tolerance(gold: Any, answer: str, keys: Any, correct: bool) -> None:
    one = task(gold, "numeric", **keys)
    found = numeric(one, answer, one.scored_by)
    assert (found.correct, found.value) == (correct, float(correct))


@pytest.mark.parametrize(
    "answer",
    ["B", "(b)", "b.", "B) Paris", "Paris", "paris.", "The answer is B.", "The answer is (B), not far from Rome.",
     "I choose option B", "It must be Paris, I think", "Rome is out.\nAnswer: B", "**B**", "B\nParis",
     "\\boxed{B}", "A good one: Paris", "B. Paris is the capital of France"],
)  # fmt: skip
def test_a_choice_is_made_by_letter_or_text(answer: str) -> None:
    for gold in ("B", "Paris"):
        one = task(gold, "choice", choices=CITIES)
        assert choice(one, answer, one.scored_by) == Score(True, 1.0, "it chooses B")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("A", "it chooses A; right is 'B'"),
        ("Paris, Texas", "it chooses C; right is 'B'"),
        ("Rome or Paris", "names A, B, where one is to be chosen"),
        ("A) Paris", "names A, B, where one is to be chosen"),
        ("A or B", "names A, B, where one is to be chosen"),
        ("Answer: A, B", "names A, B, where one is to be chosen"),
        ("Oslo", "names no option"),
        ("E", "names no option"),
        ("A good question", "names no option"),
    ],
)
def test_a_wrong_or_unclear_choice_says_why(answer: str, why: str) -> None:
    one = task("B", "choice", choices=CITIES)
    found = choice(one, answer, one.scored_by)
    assert (found.correct, found.value) == (False, 0.0)
    assert why in found.why


def test_options_without_texts_are_chosen_by_letter() -> None:
    one = task("C", "choice")
    assert choice(one, "I say (C).", one.scored_by).correct
    assert not choice(one, "I say (D).", one.scored_by).correct


@given(st.permutations(list("ABCD")), st.sampled_from(["{}", "({})", "Answer: {}", "{}.", "The answer is {}"]))
def test_whichever_option_is_right_only_its_letter_is(letters: list[str], form: str) -> None:
    right, wrong = letters[:2]
    one = task(right, "choice", choices=CITIES)
    assert choice(one, form.format(right), one.scored_by).correct
    assert not choice(one, form.format(wrong), one.scored_by).correct


@pytest.mark.parametrize(
    "answer",
    [
        "oak, ash, elm, fir",
        "Oak > Ash > Elm > Fir",
        "1. oak\n2. ash\n3. elm\n4. fir",
        "fir is light, and oak heavy.\n\n- **oak**: heavier than fir\n- ash\n- elm\n- fir\nOf these fir floats.",
        '["oak", "ash", "elm", "fir"]',
        "First fir, elm, ash, oak; no: Answer: oak, ash, elm, fir",
        "elm or fir?\nRanking: oak ash elm fir",
    ],
)
def test_an_order_is_read_from_the_last_list_of_an_answer(answer: str) -> None:
    one = task(CRATES, "ranking")
    found = ranking(one, answer, one.scored_by)
    assert (found.correct, found.value) == (True, 1.0)


@pytest.mark.parametrize(
    ("answer", "tolerance", "correct", "value"),
    [
        ("ash, oak, elm, fir", 0, False, 0.75),
        ("ash, oak, elm, fir", 0.5, True, 0.75),
        ("fir, elm, ash, oak", 0.5, False, 0.0),
        ("oak, ash, elm", 3, False, 0.625),
        ("no idea", 3, False, 0.0),
    ],
)
def test_an_order_is_graded_by_its_mean_distance(answer: str, tolerance: float, correct: bool, value: float) -> None:
    one = task(CRATES, "ranking", tolerance=tolerance)
    found = ranking(one, answer, one.scored_by)
    assert found.correct is correct
    assert found.value == pytest.approx(value)


def test_an_item_within_another_name_is_not_named_by_it() -> None:
    one = task(["water bottle", "map", "water"], "ranking")
    assert ranking(one, "water bottle, map, water", one.scored_by).correct
    assert "not ranked: water" in ranking(one, "water bottle, map", one.scored_by).why


@given(st.permutations(CRATES), st.permutations(CRATES))
def test_an_order_is_graded_alike_whoever_of_two_is_the_expert(one: list[str], other: list[str]) -> None:
    def value(gold: list[str], said: list[str]) -> float:
        return ranking(task(gold, "ranking"), ", ".join(said), Check(kind="ranking")).value

    assert value(one, other) == value(other, one)
    assert (value(one, other) == 1) == (one == other)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("1. A doorstop\n2) a paper weight: it is heavy\n- bookends", 2),
        ("a bookend, a doorstop; a paperweight", 3),
        ("Uses: a doorstop, a bookend", 2),
        ('["a doorstop", "A DOORSTOP", "a dorstop"]', 1),
        ("item 13", 0),
        ("Item 12", 1),
        ("nothing", 0),
    ],
)
def test_ideas_count_once_each_and_may_be_misspelt(answer: str, found: int) -> None:
    one = task(USES, "ideas", enough=2)
    result = ideas(one, answer, one.scored_by)
    assert (result.correct, result.value) == (found >= 2, min(1.0, found / 2))


def test_without_a_number_all_valid_ideas_are_needed() -> None:
    one = task(USES, "ideas")
    assert ideas(one, "\n".join(USES), one.scored_by).correct
    assert ideas(one, "\n".join(USES[1:]), one.scored_by).value == 0.75


EVERY: list[tuple[EvalTask, Callable[[EvalTask, str, Check], Score]]] = [
    (task("x", "exact"), lambda one, answer, check: exact(one, answer)),
    (task(4, "numeric"), numeric),
    (task("B", "choice", choices=CITIES), choice),
    (task(CRATES, "ranking"), ranking),
    (task(USES, "ideas"), ideas),
]


@given(st.text(max_size=200))
def test_no_answer_is_too_strange_to_be_scored(answer: str) -> None:
    found = [scorer(one, answer, one.scored_by) for one, scorer in EVERY]
    assert all(0 <= one.value <= 1 and one.why and one.usage.model_calls == 0 for one in found)


@pytest.mark.parametrize("piece", ["\n", " ", "=", "1,", "- oak\n", "answer: ", "\\boxed{", "(", "```\n"])
def test_a_long_and_strange_answer_is_scored_at_once(piece: str) -> None:
    started = time.monotonic()
    for one, scorer in EVERY:
        scorer(one, f"{piece * (20_000 // len(piece))}x", one.scored_by)
    assert time.monotonic() - started < 3
