"""Simulated models with votes, boards, the floor to give, a promise to keep, and a message to shorten."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from agentmesh.agents.prompt import summary_request
from agentmesh.messages import Position, Reply
from agentmesh.providers.simulated import PROFILES, Profile, respond
from agentmesh.tools.graph import READING, WRITING, definition
from tests.providers.simulated.simulated_office import CALCULATOR, Seat, quoted

DULL = Profile("dull", 0.0, 0.0)
TASK = quoted("user", "Compute 12*7 + 5")
RIGHT, WRONG = "12*7 + 5 = 89", "12*7 + 5 = 98"
VOTE_NOW = "<notice>\nIt is time to vote.\n</notice>"


def vote(*options: str) -> dict[str, Any]:
    return definition("vote", {"ranking": options})


def board_tools(*boards: str, names: Sequence[str] = (*READING, *WRITING)) -> list[dict[str, Any]]:
    return [definition(name, {"board": boards}) for name in names]


def shown(content: str, version: int = 0, entries: Sequence[dict[str, Any]] = (), board: str = "notes") -> str:
    return json.dumps({"board": board, "version": version, "content": content, "entries": list(entries)})


def calls(reply: Reply) -> list[tuple[str, dict[str, Any]]]:
    return [(call.name, dict(call.arguments)) for call in reply.tool_calls]


def replies(one: Seat, block: str, *results: str) -> list[Reply]:
    """The replies of one turn, whose calls bring these results one after the other."""
    one.messages.append({"role": "user", "content": block})
    left = list(results)
    found: list[Reply] = []
    while True:
        reply = respond(one.request(), one.profile)
        one.note(reply)
        found.append(reply)
        if not reply.tool_calls or not left:
            return found
        for call in reply.tool_calls:
            one.messages.append({"role": "tool", "tool_call_id": call.id, "content": left.pop(0)})


# Votes


def test_without_options_a_ballot_is_the_own_answer_alone() -> None:
    one = Seat("ann", [vote()])
    assert calls(one.turn(TASK, quoted("bob", RIGHT))) == [("vote", {"ranking": [RIGHT]})]


def test_the_ballot_says_the_answer_in_the_words_of_the_position() -> None:
    ballots = {
        json.dumps(calls(Seat(name, [vote(), *more]).turn(TASK))) for name, more in (("ann", []), ("bob", [CALCULATOR]))
    }
    assert len(ballots) == 1


@pytest.mark.parametrize(
    ("options", "first"),
    [
        (("98", "89", "90"), "89"),
        (("it is 98", "it is 89"), "it is 89"),
        ((WRONG, f" {RIGHT}. "), f" {RIGHT}. "),
    ],
)
def test_the_option_that_fits_the_own_answer_is_ranked_first(options: tuple[str, ...], first: str) -> None:
    ((_, arguments),) = calls(Seat("ann", [vote(*options)]).turn(TASK))
    assert arguments["ranking"][0] == first
    assert sorted(arguments["ranking"]) == sorted(options)


@pytest.mark.parametrize(("claim", "first"), [(RIGHT, "approve"), (WRONG, "reject")])
def test_a_vote_on_a_claim_is_for_it_where_it_holds(claim: str, first: str) -> None:
    ((_, arguments),) = calls(Seat("ann", [vote("reject", "approve")]).turn(quoted("bob", claim)))
    assert arguments["ranking"][0] == first


def test_a_vote_on_words_is_for_those_that_were_said() -> None:
    ((_, arguments),) = calls(Seat("ann", [vote("whales", "bees")]).turn(quoted("user", "Are bees the best fliers?")))
    assert arguments["ranking"] == ["bees", "whales"]


def test_a_judge_ranks_candidates_by_what_it_computes_itself() -> None:
    one = Seat("judge", [vote("ann", "bob", "cy"), CALCULATOR], profile=DULL)
    entries = (quoted("ann", WRONG), quoted("bob", RIGHT), quoted("cy", "12*7 + 5 = 98"))
    assert calls(one.turn(TASK, *entries)) == [("vote", {"ranking": ["bob", "ann", "cy"]})]


def test_among_those_who_are_equally_right_the_order_is_that_of_the_options() -> None:
    one = Seat("judge", [vote("cy", "ann", "bob")])
    entries = (quoted("ann", RIGHT), quoted("bob", WRONG), quoted("cy", RIGHT))
    assert calls(one.turn(TASK, *entries)) == [("vote", {"ranking": ["cy", "ann", "bob"]})]


def test_a_candidate_first_says_what_it_stands_for() -> None:
    one = Seat("ann", [vote("ann", "bob")])
    reply = one.turn(TASK)
    assert (calls(reply), reply.text.split("\n")[0]) == ([], RIGHT)
    assert calls(one.turn(quoted("bob", RIGHT))) == [("vote", {"ranking": ["bob", "ann"]})]


def test_a_ballot_that_is_not_taken_is_no_reason_to_vote_for_ever() -> None:
    first, second = replies(Seat("ann", [vote()]), f"{TASK}\n{VOTE_NOW}", "error: the vote 'v' is closed")
    assert [name for name, _ in calls(first)] == ["vote"]
    assert (calls(second), second.text) == ([], RIGHT)


def test_who_has_voted_before_votes_again_when_asked_again() -> None:
    one = Seat("ann", [vote()])
    one.turn(TASK)
    assert calls(one.turn(VOTE_NOW)) == [("vote", {"ranking": [RIGHT]})]


def test_where_a_reply_reaches_others_beside_the_vote_it_is_the_answer_alone() -> None:
    one = Seat("ann", [vote()])
    one.messages[0]["content"] = 'You are "ann". Your reply goes to: ballot, bob. You have a vote.'
    reply = one.turn(TASK)
    assert (calls(reply), reply.text) == ([], RIGHT)


def test_options_are_voted_on_and_what_others_should_hear_is_sent_beside_the_ballot() -> None:
    tools = [vote("89", "98"), definition("send_message", {"recipients": ["ballot", "bob"]})]
    ballot, message = calls(Seat("ann", tools).turn(TASK, quoted("bob", RIGHT)))
    assert ballot == ("vote", {"ranking": ["89", "98"]})
    assert message[1]["recipients"] == ["bob"]
    assert message[1]["content"].startswith(RIGHT)


def test_what_must_not_be_called_is_answered_in_text() -> None:
    assert Seat("ann", [vote()]).turn(TASK, tool_choice="none").text == RIGHT


# The floor


def floor(*names: str) -> Seat:
    return Seat("chair", [definition("next_speaker", {"agent": names})])


def test_the_floor_goes_to_whoever_has_spoken_least() -> None:
    chair = floor("ann", "bob", "cy")
    assert calls(chair.turn(TASK)) == [("next_speaker", {"agent": "ann"})]
    assert calls(chair.turn(quoted("ann", RIGHT))) == [("next_speaker", {"agent": "bob"})]
    assert calls(chair.turn(quoted("cy", RIGHT), quoted("bob", WRONG))) == [("next_speaker", {"agent": "cy"})]


def test_who_was_called_upon_and_said_nothing_is_not_called_again_at_once() -> None:
    chair = floor("ann", "bob")
    chair.turn(TASK)
    assert calls(chair.turn("<notice>\nChoose who speaks next.\n</notice>")) == [("next_speaker", {"agent": "bob"})]


def test_when_all_have_spoken_and_agree_the_moderator_says_so_in_plain_text() -> None:
    chair = floor("ann", "bob")
    chair.turn(TASK)
    reply = chair.turn(quoted("ann", RIGHT), quoted("bob", RIGHT))
    assert (calls(reply), reply.text.split("\n")[:2]) == (
        [],
        [RIGHT, "I agree with ann, bob. Step by step: 84, then 89."],
    )


def test_a_disagreement_goes_on_but_not_for_ever() -> None:
    chair = floor("ann", "bob")
    called = []
    reply = chair.turn(TASK)
    while reply.tool_calls:
        called.append(reply.tool_calls[0].arguments["agent"])
        assert len(called) < 20
        reply = chair.turn(quoted("ann", RIGHT), quoted("bob", WRONG))
    assert called == ["ann", "bob"] * 4


def test_a_refused_call_is_not_repeated_in_the_same_turn() -> None:
    first, second = replies(floor("ann"), TASK, "error: 'ann' cannot be called upon")
    assert [name for name, _ in calls(first)] == ["next_speaker"]
    assert second.text.startswith(RIGHT)


# Boards


def test_a_board_is_read_once_and_the_result_is_added_below_what_stands_there() -> None:
    one = Seat("ann", board_tools("notes"))
    read, write, said = replies(one, TASK, shown("bob: it rains", 4), "'notes' is at version 5")
    assert calls(read) == [("read_board", {"board": "notes"})]
    content = f"bob: it rains\nann: {RIGHT}"
    assert calls(write) == [("write_board", {"board": "notes", "content": content, "version": 4})]
    assert (calls(said), said.text.split("\n")[0]) == ([], RIGHT)


def test_what_stands_on_the_board_already_is_not_written_again() -> None:
    _, said = replies(Seat("ann", board_tools("notes")), TASK, shown(f"ann: {RIGHT}", 1))
    assert (calls(said), said.text.split("\n")[0]) == ([], RIGHT)


def test_an_own_line_that_no_longer_holds_is_replaced() -> None:
    _, write = replies(Seat("ann", board_tools("notes")), TASK, shown(f"ann: {WRONG}\nbob: {WRONG}", 2))
    ((_, arguments),) = calls(write)
    assert arguments["content"] == f"bob: {WRONG}\nann: {RIGHT}"


def test_a_stale_write_is_tried_once_more_on_what_stands_there_by_then() -> None:
    stale = "error: 'notes' is at version 1, and you wrote on version 0; changed since, by bob:"
    one = Seat("ann", board_tools("notes"))
    results = (shown(""), stale, shown(f"bob: {RIGHT}", 1), stale, "unused")
    _, first, again, second, said = replies(one, TASK, *results)
    assert calls(first)[0][1]["version"] == 0
    assert calls(again) == [("read_board", {"board": "notes"})]
    assert calls(second)[0][1] == {"board": "notes", "content": f"bob: {RIGHT}\nann: {RIGHT}", "version": 1}
    assert said.text.startswith(f"{RIGHT}\nI agree with bob.")


def test_what_others_wrote_on_a_board_is_weighed_like_what_they_say() -> None:
    _, said = replies(Seat("ann", board_tools("notes", names=READING)), TASK, shown(f"bob: {WRONG}\ncy: {RIGHT}", 2))
    assert "I agree with cy. I do not agree with bob (98)." in said.text


def test_a_question_that_stands_on_a_board_alone_is_answered() -> None:
    _, said = replies(Seat("ann", board_tools("notes", names=READING)), quoted("bob", "Look."), shown("Compute 6*7", 0))
    assert said.text.startswith("6*7 = 42")


def test_a_board_that_cannot_be_read_in_full_is_left_as_it_is() -> None:
    cut = shown("x" * 50)[:40] + "\n[cut: characters 0 to 40 of 90; read on with read_result: id r1, start 40]"
    _, said = replies(Seat("ann", board_tools("notes")), TASK, cut)
    assert (calls(said), said.text.split("\n")[0]) == ([], RIGHT)


def test_a_board_that_may_only_be_written_to_gets_the_result_once() -> None:
    one = Seat("ann", board_tools("notes", names=["write_board"]))
    first, second, said = replies(one, TASK, "error: 'notes' is at version 3, and you wrote on version 0", "done")
    assert [calls(reply)[0][1]["version"] for reply in (first, second)] == [0, 3]
    assert said.text.startswith(RIGHT)
    assert replies(one, quoted("bob", RIGHT))[0].tool_calls == ()


def test_every_board_is_read_and_written() -> None:
    one = Seat("ann", board_tools("notes", "plan"))
    read, write, _ = replies(one, TASK, shown(""), shown("", board="plan"), "ok", "ok")
    assert [arguments["board"] for _, arguments in (*calls(read), *calls(write))] == ["notes", "plan"] * 2


def test_of_several_parts_one_is_claimed_and_those_of_others_are_left_alone() -> None:
    claimed = {"id": "c1", "kind": "claim", "owner": "bob", "path": "12*7", "start": 1, "end": 1}
    one = Seat("ann", board_tools("notes"))
    results = (shown("", 0, [claimed]), "claim c2 stands on 'notes'", "'notes' is at version 1")
    _, claim, write, said = replies(one, quoted("user", "Compute 12*7; 45*3; 8*2."), *results)
    assert calls(claim) == [("claim", {"board": "notes", "path": "45*3", "start": 2, "end": 2})]
    assert calls(write)[0][1]["content"] == "ann: 45*3 = 135"
    assert said.text.split("\n") == [
        "45*3 = 135",
        "Step by step: 135.",
        "12*7 is claimed by bob.",
        "8*2 is still open.",
    ]


def test_a_claim_that_somebody_else_holds_leads_to_the_next_part() -> None:
    one = Seat("ann", board_tools("notes"))
    held = "error: 1-1 of '12*7' is claimed by 'bob' (c1); claim what does not overlap with it"
    _, first, second, write = replies(one, quoted("user", "Compute 12*7; 45*3."), shown(""), held, "claim c2 stands")
    assert [calls(claim)[0][1]["path"] for claim in (first, second)] == ["12*7", "45*3"]
    assert calls(write)[0][1]["content"] == "ann: 45*3 = 135"


def test_who_answers_the_user_solves_what_is_only_claimed() -> None:
    claimed = {"id": "c1", "kind": "claim", "owner": "bob", "path": "12*7", "start": 1, "end": 1}
    one = Seat("ann", board_tools("notes"))
    one.messages[0]["content"] = 'You are "ann". Your reply goes to: user. You may read a board.'
    *_, said = replies(one, quoted("user", "Compute 12*7; 45*3."), shown("", 0, [claimed]), "ok")
    assert said.text.split("\n")[:2] == ["12*7 = 84", "45*3 = 135"]


def test_no_turn_with_a_board_needs_more_than_eight_calls_whatever_comes_back() -> None:
    board, held = shown("", 0), "error: claimed by 'bob'"
    stale = "error: 'notes' is at version 1, and you wrote on version 0"
    worst = (board, held, "claim c1 stands", "135", stale, board)
    task = quoted("user", "Compute 12*7; 45*3; 8*2.")
    tools = [*board_tools("notes"), CALCULATOR]
    for more, last in (((), stale), ((vote(),), "error: closed")):
        turn = replies(Seat("ann", [*tools, *more]), task, *worst, last)
        assert (len(turn), turn[-1].tool_calls) == (8, ())
    turn = replies(Seat("ann", tools), task, *["error: no"] * 12)
    assert len(turn) <= 8
    assert turn[-1].text


def test_a_worker_puts_its_result_on_the_board_before_it_hands_off() -> None:
    one = Seat("w", [definition("hand_off"), *board_tools("notes")])
    _, write, done = replies(one, quoted("p", "Compute 12*7", "task", "t1"), shown(""), "ok")
    assert calls(write)[0][1]["content"] == "w: 12*7 = 84"
    assert calls(done)[0][0] == "hand_off"


# A promise, and a summary


def test_a_promise_is_given_when_the_answer_is_complete() -> None:
    told = "Work on it. When all is right, write <promise>ALL DONE</promise>."
    assert Seat("ann", instructions=told).turn(TASK).text.endswith("\n<promise>ALL DONE</promise>")
    assert "<promise>" not in Seat("ann", instructions=told).turn(quoted("user", "Write about bees.")).text
    assert "<promise>" not in Seat("ann", instructions=told).turn(quoted("user", "Compute 1/0 and 3*4")).text
    assert "<promise>" not in Seat("ann").turn(TASK).text


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_a_summary_keeps_the_answer_as_it_was_given_even_if_it_is_wrong(profile: str) -> None:
    text = f"{WRONG}\nStep by step: 84, then 98.\n\n{Position(answer=WRONG, confidence=0.5).text()}"
    assert respond(summary_request("bob", text, 500), PROFILES[profile]).text == WRONG


def test_a_summary_of_words_is_their_beginning() -> None:
    text = "Bees fly far. They find home. " + "Nobody knows everything. " * 50
    assert respond(summary_request("bob", text, 500), PROFILES["worker"]).text == "Bees fly far. They find home."


def test_an_agent_whose_instructions_speak_of_summaries_is_no_summary() -> None:
    assert Seat("ann", instructions="Summarise what others say.").turn(TASK).text.startswith(RIGHT)
