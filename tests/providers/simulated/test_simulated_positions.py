"""Simulated models that state a position beside their text: what they hold, how sure they are, and what changed it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentmesh.agents.positions import contribution_schema, read_contribution
from agentmesh.config.topologies import Positions
from agentmesh.messages import Position
from agentmesh.providers.schema import validate_json
from agentmesh.providers.simulated import PROFILES, Profile, respond
from agentmesh.providers.simulated.reading import read
from tests.providers.simulated.simulated_office import CALCULATOR, Seat, quoted

DULL = Profile("dull", 0.0, 0.0)
TASK = quoted("user", "What is (3+4)*12+90/6?")
ANSWER = "(3 + 4)*12 + 90/6 = 99"


def seat(name: str = "ann", positions: Positions = "required", **fields: Any) -> Seat:
    return Seat(name, schema=contribution_schema(positions), **fields)


def stated(one: Seat, *blocks: str) -> Position:
    """The position of a turn, read as an agent reads it."""
    position = read_contribution(one.turn(*blocks).text, "required").position
    assert position is not None
    return position


def with_position(sender: str, text: str, **fields: Any) -> str:
    """A message with a position, as it stands in a prompt."""
    return quoted(sender, f"{text}\n\n{Position(**fields).text()}")


@pytest.mark.parametrize("positions", ["required", "optional"])
@pytest.mark.parametrize("task", ["Compute 3*4", "Write about bees.", "Compute 4/(2-2)", "", "3*4 and 5*6"])
def test_a_contribution_has_the_form_that_was_asked_for(positions: Positions, task: str) -> None:
    one = seat(positions=positions)
    reply = one.turn(quoted("user", task))
    assert validate_json(one.schema or {}, json.loads(reply.text)) == []
    position = read_contribution(reply.text, "required").position
    assert position is not None
    assert position.changed_because == ""


def test_the_position_is_the_equation_alone_and_the_text_is_the_usual_contribution() -> None:
    plain = Seat("ann").turn(TASK).text
    read_back = read_contribution(seat().turn(TASK).text, "required")
    assert read_back.text == plain
    assert read_back.position is not None
    assert read_back.position.answer == ANSWER


def test_those_who_agree_state_the_same_answer_in_the_same_words() -> None:
    one, other = seat("ann"), seat("bob", tools=[CALCULATOR])
    heard = quoted("eve", f"{ANSWER}\nI agree with nobody.")
    assert stated(one, TASK).key == stated(other, TASK, heard).key


def test_what_the_calculator_found_is_nearly_sure_and_names_its_result() -> None:
    one = seat(tools=[CALCULATOR], profile=DULL)
    position = stated(one, TASK)
    assert position.confidence == 0.99
    ids = [call["id"] for message in one.messages for call in message.get("tool_calls") or ()]
    assert position.evidence == tuple(ids) != ()


def test_in_the_head_the_steps_are_the_evidence_and_skill_is_how_sure_one_is() -> None:
    sure, unsure = stated(seat(), TASK), stated(seat(profile=PROFILES["novice"]), TASK)
    assert sure.evidence == ("7", "84", "15", "99")
    assert sure.confidence == 0.99
    assert unsure.confidence == round(0.6**4, 2)


def test_whoever_hears_its_own_value_from_others_is_more_sure_of_it() -> None:
    novice = PROFILES["novice"]
    seeds = [seed for seed in range(60) if stated(seat(seed=seed, profile=novice), TASK).answer == ANSWER]
    seconded = stated(seat(seed=seeds[0], profile=novice), TASK, quoted("bob", ANSWER), quoted("cy", ANSWER))
    assert seconded.confidence == round(1 - (1 - 0.6**4) / 4, 2)


def test_a_changed_answer_says_whom_it_follows() -> None:
    one = seat(profile=DULL)
    before = stated(one, TASK)
    assert before.answer != ANSWER
    after = stated(one, *(with_position(name, ANSWER, answer=ANSWER) for name in ("bob", "cy", "dee")))
    assert after.answer == ANSWER
    assert after.changed_because == "bob, cy, dee say 99"
    assert after.evidence == ("bob", "cy", "dee")


def test_an_answer_that_stays_gives_no_reason_for_a_change() -> None:
    one = seat(profile=DULL)
    before = stated(one, TASK)
    after = stated(one, quoted("bob", "(3+4)*12+90/6 = 7"))
    assert (after.answer, after.changed_because) == (before.answer, "")


def test_a_change_is_measured_against_plain_text_too() -> None:
    one = Seat("ann", profile=DULL)
    one.turn(TASK)
    one.schema = contribution_schema("required")
    others = [quoted(name, ANSWER) for name in ("bob", "cy", "dee")]
    assert stated(one, *others).changed_because == "bob, cy, dee say 99"


def test_the_calculator_changes_a_mind_and_is_named_as_the_reason() -> None:
    one = seat(profile=DULL)
    stated(one, TASK)
    one.tools = [CALCULATOR]
    assert stated(one, quoted("bob", "Use the calculator.")).changed_because == "the calculator gives 99"


def test_another_question_is_a_reason_too() -> None:
    one = seat()
    stated(one, TASK)
    position = stated(one, quoted("user", "And what is 2*3?"))
    assert position.answer == "2*3 = 6"
    assert position.changed_because == "more was asked, or is known, than before"


def test_a_slip_found_by_computing_again_is_the_reason() -> None:
    reasons = set()
    for seed in range(40):
        one = seat(seed=seed, profile=PROFILES["novice"])
        stated(one, quoted("user", "Compute 21*19"))
        reasons.add(stated(one, quoted("bob", "21*19 = 399")).changed_because)
    assert {"", "computing again gave 399, as bob said"} <= reasons


def test_where_nothing_is_to_be_computed_all_who_saw_the_task_hold_the_same() -> None:
    task = quoted("user", "Bees fly far. They find home.")
    one, other = stated(seat("ann"), task), stated(seat("bob"), task, quoted("eve", "Bees sting."))
    assert one.answer == other.answer == '(extract) user: "Bees fly far. They find home."'
    assert one.confidence == 0.1


def test_a_position_below_a_message_is_read_as_its_writers_answer() -> None:
    text = with_position(
        "bob", "I have it.", answer=ANSWER, confidence=0.5, evidence=("84", "15"), changed_because="cy"
    )
    request = Seat("ann")
    request.messages.append({"role": "user", "content": text})
    (block,) = read(request.request()).messages
    assert (block.text, block.position) == ("I have it.", ANSWER)
    assert "I agree with bob." in Seat("ann").turn(TASK, text).text


def test_a_message_that_is_only_a_position_is_its_answer() -> None:
    assert (
        Seat("ann")
        .turn(TASK, quoted("bob", Position(answer=ANSWER, confidence=1).text()))
        .text.startswith(f"{ANSWER}\nI agree with bob.")
    )


def test_a_request_to_repair_a_contribution_gets_one_again() -> None:
    one = seat()
    one.turn(TASK)
    again = stated(one, "Your answer could not be used: position.answer: a position is required (1 + 1)")
    assert again.answer == ANSWER


def test_another_schema_with_a_text_and_a_position_is_filled_as_any_other() -> None:
    position = {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]}
    schema = {
        "type": "object",
        "properties": {"text": {"type": "string"}, "position": position},
        "required": ["text", "position"],
    }
    reply = json.loads(respond(Seat("ann", schema=schema).request(), PROFILES["worker"]).text)
    assert validate_json(schema, reply) == []
    assert reply["position"] == {"x": 0}
