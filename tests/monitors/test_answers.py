"""The answers that texts state, and when two answers are the same one."""

from __future__ import annotations

import pytest

from agentmesh.monitors.signals.answers import canonical, claimed_answer, options_in, stated_answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"So 6 + 6 is 12, hence \boxed{12}.", "12"),
        (r"First \boxed{3}. No: \boxed{4}.", "4"),
        (r"A share of \boxed{\frac{1}{2}}", "0.5"),
        ("<answer> Lisbon </answer>", "lisbon"),
        ("**Answer:** 0.50", "0.5"),
        ("My position: B - they are larger", "b"),
        ("Therefore the answer is (C) Oslo, because it is colder.", "c"),
        ("Therefore, the correct answer is:\n\n(B) Rome", "b"),
        ("The total to be paid is 1,250 euro.", "1250"),
        ("The answer remains 7 trips.", "7"),
        ("After all this I vote for Lisbon.", "lisbon"),
        ("The tallest of them is (D) Marta.", "d"),
        ("It must be the last one. (A)", "a"),
    ],
)
def test_an_answer_is_read_wherever_it_is_marked_as_one(text: str, answer: str) -> None:
    assert stated_answer(text) == answer


@pytest.mark.parametrize(
    "text",
    [
        "The answer is clear to me.",
        "The answer is that there are many.",
        "Their answer is 12, which I doubt.",
        "My confidence in this answer is 9 out of 10.",
        "I looked at 12 rows and 4 columns.",
        "A result of this is that we wait.",
        "",
    ],
)
def test_a_remark_about_an_answer_is_none(text: str) -> None:
    assert stated_answer(text) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("0.50", ".5"), ("1/2", "0.5"), (r"\frac{3}{4}", "0.75"), ("2 trips", "2"), ("$1,200", "1200"), ("-3.0", "-3"),
        ("(B) Paris", "b"), ("B: Paris", "B"), ("  Lisbon. ", "lisbon"), ("50 %", "50%"),
    ],
)  # fmt: skip
def test_one_answer_written_in_two_ways_is_one(one: str, other: str) -> None:
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    ("one", "other"), [("1.5", "15"), ("50%", "50"), ("(A)", "(B)"), ("A good plan", "a"), ("3/0", "3")]
)
def test_two_answers_are_two(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


def test_a_text_without_a_marked_answer_is_guessed_from_its_conclusion() -> None:
    assert claimed_answer("There are 4 boxes of 6. So we have 24 in all.") == "24"
    assert claimed_answer("4 * 6 = 24") == "24"
    assert claimed_answer("I make it 24.") == "24"
    assert claimed_answer("I saw 4 boxes and 6 bags.") is None


def test_the_options_of_a_task_are_known_by_their_text() -> None:
    task = "Which city?\nOptions:\nA: Lisbon\n(b) New York\nC. Oslo"
    assert options_in(task) == {"lisbon": "a", "new york": "b", "oslo": "c"}
