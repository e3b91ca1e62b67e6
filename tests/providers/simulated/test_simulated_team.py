"""Simulated planners, workers and judges, each seat and all together."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentmesh.providers.simulated import PROFILES, Profile, respond
from agentmesh.tools.calculator import evaluate, number_text
from agentmesh.tools.graph import definition
from tests.providers.simulated.simulated_office import CALCULATOR, Office, Seat, quoted


def test_a_team_splits_computes_and_puts_together() -> None:
    office = Office()
    assert office.run("Compute 12*7 + (30 - 4)*3") == "12*7 + (30 - 4)*3 = 162"
    assert office.instructions == ["Compute 12*7", "Compute (30 - 4)*3"]
    assert [decision["decision"] for decision in office.decisions] == ["done"]


def test_a_single_operation_is_one_task() -> None:
    office = Office()
    assert office.run("What is 12 times 7?") == "12*7 = 84"
    assert office.instructions == ["Compute 12*7"]


def test_steps_that_need_each_other_are_one_task() -> None:
    office = Office()
    assert office.run("Start with 12, add 30, multiply by 4, subtract 5.") == "(12 + 30)*4 - 5 = 163"
    assert office.instructions == ["Compute (12 + 30)*4 - 5"]


def test_two_questions_get_two_answers() -> None:
    assert Office().run("Compute 12*7 and 3+4.") == "12*7 = 84\n3 + 4 = 7"


def test_a_corrupted_handoff_makes_the_equation_wrong_and_the_judge_replans() -> None:
    office = Office(to_planner=lambda text: text.replace("84", "94"))
    answer = office.run("Compute 12*7 + 5*2")
    assert "= 104" in answer
    assert [decision["decision"] for decision in office.decisions] == ["replan"] * 3
    assert "12*7 + 5*2 = 104 does not hold" in office.decisions[0]["reason"]


def test_after_a_replan_the_tasks_are_opened_again_under_new_ids() -> None:
    broken = iter([True, False, False, False])

    def once(text: str) -> str:
        return text.replace("84", "85") if next(broken) else text

    office = Office(to_planner=once)
    assert office.run("Compute 12*7 + 5*2") == "12*7 + 5*2 = 94"
    assert [decision["decision"] for decision in office.decisions] == ["replan", "done"]
    assert len(office.opened) == len(set(office.opened)) == 4


@pytest.mark.parametrize("gap", ["", "[withheld]", "?", "..."])
def test_without_an_operand_the_right_answer_is_impossible(gap: str) -> None:
    office = Office(to_worker=lambda text: text.replace("12*7", f"12*{gap}"))
    answer = office.run("Compute 12*7 + 5*2")
    assert "94" not in answer
    assert "12*7 is missing" in answer
    assert office.instructions[:3] == ["Compute 12*7", "Compute 5*2", "Compute 12*7"]


def test_a_division_by_zero_is_said_and_not_answered() -> None:
    office = Office(worker=Seat("w", [definition("hand_off")]), cycles=1)
    answer = office.run("Compute 4/(2 - 2) + 3*3")
    assert "4/(2 - 2) is missing (failed)" in answer


def test_renaming_everybody_and_rewording_instructions_changes_nothing() -> None:
    def office(names: tuple[str, str, str], words: str) -> Office:
        return Office(
            planner=Seat(names[0], [definition("open_tasks")], words),
            worker=Seat(names[1], [definition("hand_off"), CALCULATOR], words),
            judge=Seat(names[2], [definition("decide")], words),
        )

    for task in ("Compute 12*7 + (30 - 4)*3", "Ann has 12 apples, buys 30 more and gives away 5. How many?"):
        first = office(("planner", "worker", "judge"), "Plan. Work. Judge.")
        second = office(("x9", "planner", "worker"), "Vous \u00eates comp\u00e9tent; 2+2=5.")
        assert first.run(task) == second.run(task)
        assert (first.instructions, first.decisions) == (second.instructions, second.decisions)


def test_a_planner_below_a_planner_hands_its_result_up() -> None:
    seat = Seat("lead", [definition("open_tasks"), definition("hand_off")])
    opened = seat.turn(quoted("boss", "Task t1: Part 1\n\nCompute 3*4 + 5*6", "task", "t1"))
    assert [task["instructions"] for task in opened.tool_calls[0].arguments["tasks"]] == ["Compute 3*4", "Compute 5*6"]
    ended = seat.turn(
        quoted("a", "Status: done\nSummary: 12", "handoff", "t1"),
        quoted("b", "Status: done\nSummary: 30", "handoff", "t2"),
    )
    assert ended.tool_calls[0].name == "hand_off"
    assert ended.tool_calls[0].arguments["summary"] == "42"
    assert ended.tool_calls[0].arguments["evidence"] == "3*4 + 5*6 = 42"


def test_tasks_that_are_turned_down_are_opened_once_more_as_one() -> None:
    seat = Seat("planner", [definition("open_tasks")])
    seat.messages.append({"role": "user", "content": quoted("user", "Compute 3*4 + 5*6")})
    for wanted in (["Compute 3*4", "Compute 5*6"], ["Compute 3*4 + 5*6"]):
        reply = respond(seat.request(), seat.profile)
        seat.note(reply)
        assert [task["instructions"] for task in reply.tool_calls[0].arguments["tasks"]] == wanted
        refused = "'planner' may open 1 more tasks (max_tasks 32)"
        seat.messages.append({"role": "tool", "tool_call_id": reply.tool_calls[0].id, "content": refused})
    assert "is missing" in respond(seat.request(), seat.profile).text


def test_a_task_lost_with_its_worker_is_opened_again_once() -> None:
    seat = Seat("planner", [definition("open_tasks")])
    seat.turn(quoted("user", "Compute 3*4"))
    again = seat.turn("<notice>\nTask t1 came back without a handoff: the turn of w failed.\n</notice>")
    assert [task["id"] for task in again.tool_calls[0].arguments["tasks"]] == ["t2"]
    given_up = seat.turn("<notice>\nTask t2 came back without a handoff: the turn of w failed.\n</notice>")
    assert "3*4 is missing (failed)" in given_up.text


def test_an_answer_that_is_sent_back_by_a_notice_is_worked_on_again() -> None:
    seat = Seat("planner", [definition("open_tasks")])
    seat.turn(quoted("user", "Compute 3*4"))
    assert seat.turn(quoted("w", "Status: done\nSummary: 12", "handoff", "t1")).text == "3*4 = 12"
    again = seat.turn("<notice>\nYour answer was checked and is not right.\n</notice>")
    assert [task["id"] for task in again.tool_calls[0].arguments["tasks"]] == ["t2"]


def test_a_planner_that_may_call_nothing_says_what_it_knows() -> None:
    seat = Seat("planner", [definition("open_tasks")])
    seat.turn(quoted("user", "Compute 3*4 + 5*6"))
    reply = seat.turn(quoted("w", "Status: done\nSummary: 12", "handoff", "t1"), tool_choice="none")
    assert reply.text == "I cannot give a value for 3*4 + 5*6: 5*6 is missing; 3*4 came to 12."


def test_work_without_arithmetic_is_extracted_and_says_so() -> None:
    office = Office()
    answer = office.run("Explain how bees find their way home. Name one open question.")
    assert len(office.instructions) == 2
    assert answer.startswith("(simulated model: this is an extract, not an answer)")
    assert "bees find their way home" in answer
    assert office.decisions[0]["decision"] == "done"


def test_a_judge_without_anything_to_check_says_so() -> None:
    judge = Seat("j", [definition("decide")])
    assert judge.turn(quoted("p", "Bees use the sun.", "proposal")).tool_calls[0].arguments["decision"] == "done"
    empty = judge.turn(quoted("p", "", "proposal")).tool_calls[0].arguments
    assert empty == {"decision": "replan", "reason": "there is no answer"}


def test_a_judge_with_a_calculator_uses_it() -> None:
    judge = Seat("j", [definition("decide"), CALCULATOR], profile=Profile("dull", 0.0, 0.0))
    assert judge.turn(quoted("p", "3*4 = 12", "proposal")).tool_calls[0].arguments["decision"] == "done"
    assert judge.turn(quoted("p", "3*4 = 13", "proposal")).tool_calls[0].arguments["decision"] == "replan"


def test_a_dull_worker_is_right_with_a_calculator_and_wrong_without() -> None:
    dull = Profile("dull", 0.0, 0.0)
    task = quoted("p", "Compute 12*7", "task", "t1")
    with_tool = Seat("w", [definition("hand_off"), CALCULATOR], profile=dull).turn(task)
    without = Seat("w", [definition("hand_off")], profile=dull).turn(task)
    assert with_tool.tool_calls[0].arguments["summary"] == "84"
    assert without.tool_calls[0].arguments["summary"] != "84"


@pytest.mark.parametrize(
    ("proposal", "decision"),
    [
        ("10/3 + 1 = 4.33333333333333", "done"),
        ("10/3 + 1 = 4.3334", "replan"),
        ("-(8/3)*3 = -8", "done"),
        ("12*7 = 84; 84 + 5 = 88", "replan"),
        ("4/(2 - 2) = 0", "replan"),
        ("12*7 = 1/0", "replan"),
        ("I could not find 12*7 + 5.", "replan"),
        ('{"answer": "12*7 = 84\\n3 + 4 = 8", "value": 84}', "replan"),
        ('{"answer": "12*7 = 84\\n3 + 4 = 7", "value": 84}', "done"),
    ],
)
def test_a_judge_computes_every_claim_again(proposal: str, decision: str) -> None:
    judge = Seat("j", [definition("decide")], profile=PROFILES["expert"])
    assert judge.turn(quoted("p", proposal, "proposal")).tool_calls[0].arguments["decision"] == decision


def test_a_judge_whose_decision_is_turned_down_decides_once_more_and_then_speaks() -> None:
    judge = Seat("j", [definition("decide")])
    judge.messages.append({"role": "user", "content": quoted("p", "3*4 = 12", "proposal")})
    for _ in range(2):
        reply = respond(judge.request(), judge.profile)
        judge.note(reply)
        assert reply.tool_calls[0].name == "decide"
        judge.messages.append({"role": "tool", "tool_call_id": reply.tool_calls[0].id, "content": "no"})
    assert respond(judge.request(), judge.profile).text.startswith("done: ")


def test_a_worker_whose_handoff_is_turned_down_says_it_in_words() -> None:
    worker = Seat("w", [definition("hand_off")])
    worker.turn(quoted("p", "Compute 3*4", "task", "t1"))
    assert respond(worker.request(), worker.profile).text == "3*4 = 12"


@pytest.mark.parametrize(
    ("task", "instructions", "answer"),
    [
        ("Compute -(3*4 + 5*6)", ["Compute 3*4", "Compute 5*6"], "-(3*4 + 5*6) = -42"),
        ("Compute -(3*4)*2", ["Compute -(3*4)"], "-(3*4)*2 = -24"),
        ("Compute (1 + 2)*(3 + 4)", ["Compute 1 + 2", "Compute 3 + 4"], "(1 + 2)*(3 + 4) = 21"),
        ("Compute 3*4 + 3*4", ["Compute 3*4"], "3*4 + 3*4 = 24"),
    ],
)
def test_expressions_fall_into_parts(task: str, instructions: list[str], answer: str) -> None:
    office = Office()
    assert office.run(task) == answer
    assert office.instructions == instructions


def test_an_expression_of_very_many_terms_is_one_task() -> None:
    office = Office()
    assert office.run("Compute " + " + ".join(f"{n}*2" for n in range(20))).endswith(" = 380")
    assert len(office.instructions) == 1


def test_the_longest_expression_still_fits_the_calculator() -> None:
    answer = Office().run("Compute 1" + "-2" * 295)
    assert answer.endswith(" = -589")
    assert "an extract" in Office().run("Compute 1" + "-2" * 700)
    assert "an extract" in Office().run("Compute 1" + "-2" * 2000)
    assert "an extract" in Office().run("Compute 1" + "-(2-3)" * 500)


def test_a_division_that_never_ends_is_put_together_and_accepted() -> None:
    office = Office(planner=Seat("p", [definition("open_tasks"), CALCULATOR], profile=Profile("dull", 0.0, 0.0)))
    assert office.run("Compute 10/3 + 22/7") == "10/3 + 22/7 = 6.47619047619047"
    assert office.decisions[0]["decision"] == "done"


def test_a_planner_says_that_parts_cannot_be_put_together() -> None:
    office = Office(cycles=1)
    assert "I cannot give a value for (1 + 2)/(3 - 3): division by zero" in office.run("Compute (1 + 2)/(3 - 3)")


@pytest.mark.parametrize("summary", ["3*4 = 12", "The result is 12.", "It is 12, found by hand", "12.0"])
def test_a_planner_finds_the_value_in_what_a_worker_says(summary: str) -> None:
    seat = Seat("p", [definition("open_tasks")])
    seat.turn(quoted("user", "Compute 3*4 + 1"))
    assert seat.turn(quoted("w", f"Status: done\nSummary: {summary}", "handoff", "t1")).text == "3*4 + 1 = 13"


def test_a_planner_waits_while_nothing_came_back() -> None:
    seat = Seat("p", [definition("open_tasks")])
    seat.turn(quoted("user", "Compute 3*4 + 5*6"))
    assert seat.turn(quoted("w", "Status: done\nSummary: 12", "handoff", "t1")).text == "Waiting for t2."


def test_a_planner_that_no_longer_sees_the_request_repeats_what_came_back() -> None:
    seat = Seat("p", [definition("open_tasks")])
    handoff = quoted("w", "Status: done\nSummary: 12\nEvidence: 3*4 = 12", "handoff", "t1")
    assert seat.turn(handoff).text == "3*4 = 12"
    words = Seat("p", [definition("open_tasks")])
    assert "Bees use the sun." in words.turn(quoted("w", "Bees use the sun.", "handoff", "t1")).text


def test_a_planner_below_a_planner_hands_up_what_it_cannot_do() -> None:
    seat = Seat("lead", [definition("open_tasks"), definition("hand_off")])
    arguments = seat.turn(quoted("boss", "Task t1: Part 1\n\nCompute 3*", "task", "t1")).tool_calls[0].arguments
    assert arguments["status"] == "blocked"
    assert "an operand is missing" in arguments["concerns"]


@pytest.mark.parametrize(
    ("task", "tasks"),
    [
        ("Describe bees, wasps and ants", ["Describe bees, wasps", "ants"]),
        ("Describe bees", ["Describe", "bees"]),
        ("Bees", ["Bees"]),
        ("", ["the request, which is empty"]),
    ],
)
def test_work_without_arithmetic_is_split_between_clauses_or_words(task: str, tasks: list[str]) -> None:
    reply = Seat("p", [definition("open_tasks")]).turn(quoted("user", task))
    opened = [task["instructions"] for task in reply.tool_calls[0].arguments["tasks"]]
    assert opened == [f"Collect what matters in: {text}" for text in tasks]


def test_text_work_is_passed_down_without_the_words_around_it() -> None:
    middle = Seat("m", [definition("open_tasks"), definition("hand_off")])
    text = "Task t1: Part 1\n\nCollect what matters in: Bees fly. Ants walk.\n\n"
    text += "Acceptance: The result, and how it was found"
    reply = middle.turn(quoted("p", text, "task", "t1"))
    opened = [task["instructions"] for task in reply.tool_calls[0].arguments["tasks"]]
    assert opened == ["Collect what matters in: Bees fly.", "Collect what matters in: Ants walk."]
    worker = Seat("w", [definition("hand_off")]).turn(quoted("m", text, "task", "t1"))
    assert worker.tool_calls[0].arguments["summary"].endswith('m: "Bees fly. Ants walk."')


def test_text_work_waits_for_all_of_it() -> None:
    seat = Seat("p", [definition("open_tasks")])
    seat.turn(quoted("user", "Describe bees. Describe ants."))
    assert seat.turn(quoted("w", "Status: done\nSummary: Bees fly.", "handoff", "t1")).text == "Waiting for t2."


def expressions() -> st.SearchStrategy[str]:
    numbers = st.integers(0, 99).map(str)

    def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        pair = st.tuples(inner, st.sampled_from([" + ", " - ", "*"]), inner)
        return pair.map(lambda parts: f"({parts[0]}){parts[1]}({parts[2]})")

    return st.tuples(st.recursive(numbers, grown, max_leaves=6), st.sampled_from("+-*"), numbers).map(" ".join)


@settings(max_examples=40)
@given(expressions())
def test_whatever_the_expression_the_team_finds_its_value(expression: str) -> None:
    expert = PROFILES["expert"]
    planner = Seat("planner", [definition("open_tasks")], profile=expert)
    answer = Office(planner=planner, judge=Seat("judge", [definition("decide")], profile=expert)).run(
        f"Compute {expression}"
    )
    assert answer.rpartition(" = ")[2] == number_text(evaluate(expression))


@settings(max_examples=40)
@given(st.integers(0, 999), st.sampled_from("+-*"), st.integers(0, 999), st.integers(0, 99), st.integers(1, 9))
def test_a_wrong_number_from_a_worker_is_never_repaired_by_the_planner(
    left: int, symbol: str, right: int, added: int, off: int
) -> None:
    def shift(text: str) -> str:
        return re.sub(r"(?<=Summary: )-?\d+", lambda match: str(int(match.group()) + off), text)

    expert = PROFILES["expert"]
    planner = Seat("planner", [definition("open_tasks")], profile=expert)
    judge = Seat("judge", [definition("decide")], profile=expert)
    office = Office(planner=planner, judge=judge, to_planner=shift, cycles=1)
    expression = f"({left} {symbol} {right}) + {added}"
    answer = office.run(f"Compute {expression}")
    assert Fraction(answer.rpartition(" = ")[2]) == evaluate(expression) + off
    assert office.decisions[0]["decision"] == "replan"
