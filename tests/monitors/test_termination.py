"""Premature termination: what was asked for is compared with what was done; talk of it is not enough."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.events import Event, RunStarted, Verification
from agentmesh.messages import Finding
from agentmesh.monitors.termination import Termination
from agentmesh.monitors.termination.requests import asks_in, items_in
from tests.monitors.acted import Acts, did, ended, said, stream, task, turned, watched, without, work

BOOK = {"room": "R12", "nights": 2}
ITEMS = "Audit the shops: Lisbon, Porto, Braga, Faro."


def found(events: list[Event], label: str = "premature_termination") -> list[Finding]:
    return [finding for finding in watched(Termination(), events)[0] if finding.label == label]


def score(events: list[Event]) -> float:
    return watched(Termination(), events)[1]["premature_termination"]


def guest(text: str) -> Acts:
    return said("guest", text, "desk")


def desk(text: str) -> Acts:
    return said("desk", text, "guest")


def served(*acts: Acts) -> list[Event]:
    """A conversation with a client that is no user, from its first look at the records to its end."""
    look = did("desk", "get_guest", {"name": "Ito"}, "room R11")
    return stream(guest("Hello, I am Ito."), look, desk("Hello."), *acts, ended(), task="Serve a guest")


def live(
    *acts: Acts, asked: str = "Plan the trip. Compare three trains. Estimate the costs. Write a packing list."
) -> list[Event]:
    """A run that shows its turns, with the task that its user gave."""
    return stream(said("user", asked, "ann"), *acts, task=asked)


def call(agent: str, name: str, **arguments: Any) -> Acts:
    return did(agent, name, arguments, "ok")


def answer(text: str, agent: str = "ann") -> Acts:
    return turned(agent, said(agent, text, "user", "answer"))


ASKED = [
    *guest("I would like to extend my stay by 2 nights. Could you add breakfast for a child?"),
    *desk("Which room is that, please?"),
]
TWO_OPEN = served(
    ASKED, guest("R11. Please cancel the parking as well."), desk("Once I have the contract, I will see.")
)


def test_asks_that_nobody_took_up_make_an_ending_premature() -> None:
    findings = found(TWO_OPEN)

    assert findings[-1].agents == ("desk",)
    assert findings[-1].evidence[-1] == TWO_OPEN[-1].id
    assert "open: I would like to extend my stay by 2 nights" in findings[-1].why


def test_asks_that_calls_met_are_closed() -> None:
    calls = [
        *did("desk", "extend_stay", {"room": "R11", "nights": 2}, "extended"),
        *did("desk", "book_breakfast", {"room": "R11", "children": 1}, "booked"),
    ]

    assert score(served(ASKED, guest("R11."), calls, desk("Your stay was extended, and breakfast is booked."))) == 0


def test_a_call_that_fails_or_only_reads_meets_nothing() -> None:
    fails = did("desk", "extend_stay", {"room": "R11"}, None, "no room is free")
    reads = did("desk", "get_breakfast_prices", {"child": True}, "8 euro")

    assert score(served(ASKED, fails, reads)) == score(served(ASKED))


def test_what_is_refused_with_a_reason_is_not_open() -> None:
    asked = guest("I would like to cancel my stay and get a refund. Please also waive the fee.")
    refused = desk("Unfortunately a stay that has begun cannot be cancelled, nor can its fee be waived.")

    assert score(served(asked, refused, guest("I see."))) == 0


def test_what_is_said_to_be_done_without_a_call_weighs_more() -> None:
    asked = guest("Could you add breakfast for my child?")
    claimed = desk("Breakfast for your child has been added.")

    findings = found(served(asked, claimed))

    assert "said to be done, and no call shows it" in findings[-1].why
    assert score(served(asked, claimed)) > score(served(asked, desk("Could you tell me its age?")))


def test_an_offer_that_was_accepted_has_to_be_followed_up() -> None:
    offered = [*desk("I can issue a voucher of 50 euro. Shall I proceed?"), *guest("Yes, go ahead.")]

    assert "accepted, and nothing followed" in found(served(offered, desk("Have a good day!")))[-1].why
    assert score(served(offered, call("desk", "issue_voucher", amount=50), desk("It is issued."))) == 0


def test_an_answer_while_tasks_are_open_is_premature() -> None:
    board = [*task("t1", "open"), *task("t2", "open"), *task("t1", "done", "bob")]

    findings = found(live(board, answer("All is planned.")))

    assert findings[0].why == "task t2 is open"
    assert findings[0].agents == ("ann",)


def test_the_finding_comes_with_the_answer_and_not_after_it() -> None:
    events = live(task("t1", "open"), answer("All is planned."))
    given = next(event for event in events if getattr(event, "kind", "") == "answer")
    monitor = Termination()

    assert [event.id for event in events if list(monitor.observe(event))] == [given.id]


def test_an_answer_after_all_tasks_is_not_premature() -> None:
    board = [*task("t1", "open"), *task("t1", "claimed", "bob"), *task("t1", "done", "bob")]

    assert not found(live(board, answer("All is planned.")))


def test_an_answer_that_passes_over_most_of_what_was_asked_is_premature() -> None:
    assert "passes over" in found(live(answer("For the trip, take the coast road.")))[0].why


def test_an_answer_that_does_all_of_it_is_not() -> None:
    assert not found(
        live(answer("The trip takes the night train, the cheapest of three. Costs: 90. Packing list: a coat."))
    )


def test_a_terse_answer_repeats_nothing_and_is_not_premature() -> None:
    assert not found(live(answer("42"), asked="Compute the sum. Verify it by another way."))


def test_a_question_to_the_user_is_no_answer() -> None:
    assert not found(live(task("t1", "open"), turned("ann", said("ann", "Which day do you travel?", "user"))))


def test_items_that_no_call_touched_are_missed() -> None:
    half = [*call("ann", "audit", shop="Lisbon"), *call("ann", "audit", shop="Porto")]

    findings = found(live(half, answer("Everything is in order."), asked=ITEMS))

    assert findings[0].why.startswith("no call touched ")


def test_an_answer_that_names_what_is_missing_is_honest() -> None:
    half = [*call("ann", "audit", shop="Lisbon"), *call("ann", "audit", shop="Porto")]

    assert not found(live(half, answer("Lisbon and Porto hold; Braga and Faro I did not get to."), asked=ITEMS))


def test_a_deed_that_is_claimed_and_that_no_call_shows_is_found() -> None:
    claim = turned("bob", said("bob", "I deployed it, and the tests pass.", "ann"))

    assert "`deployed`, and no call shows it" in found(live(claim, answer("The trip is live.")))[0].why


def test_a_deed_that_a_call_shows_is_none() -> None:
    shown = turned("bob", call("bob", "deploy", site="trip"), said("bob", "I deployed it.", "ann"))

    assert not found(live(shown, answer("Done."), asked="Put the trip on line"))


def test_a_task_handed_in_without_a_call_by_who_makes_calls_is_found() -> None:
    first = turned(
        "bob", call("bob", "price", what="train"), said("bob", "Status: done\nSummary: 90", "ann", "handoff")
    )
    second = turned("bob", said("bob", "Status: done\nSummary: it is cheap", "ann", "handoff"))

    assert not found(live(first))
    assert "made no call for" in found(live(first, second))[0].why


def test_a_blocked_task_may_come_back_without_a_call() -> None:
    first = turned(
        "bob", call("bob", "price", what="train"), said("bob", "Status: done\nSummary: 90", "ann", "handoff")
    )
    second = turned("bob", said("bob", "Status: blocked\nSummary: the site is down", "ann", "handoff"))

    assert not found(live(first, second))


def test_an_ending_that_was_verified_is_none() -> None:
    assert not found(live(task("t1", "open"), [Verification(passed=True, attempt=1)], answer("All is planned.")))


def test_not_ending_when_all_is_done_is_reported_as_a_stall() -> None:
    thanks = [
        *guest("Thank you!"),
        *desk("You are welcome."),
        *guest("Bye."),
        *desk("Bye."),
        *guest("Bye bye."),
        *desk("Bye."),
    ]

    assert "it does not end" in found(served(thanks), "stall")[-1].why


def test_a_team_at_work_is_not_flagged() -> None:
    findings, scores = watched(Termination(), stream(work(40), ended()))

    assert findings == []
    assert scores["premature_termination"] < 0.2


SICK = {
    "open": TWO_OPEN,
    "claimed": served(guest("Could you add breakfast for my child?"), desk("Breakfast for your child has been added.")),
    "board": live(task("t1", "open"), task("t2", "open"), answer("All is planned.")),
    "items": live(call("ann", "audit", shop="Lisbon"), answer("Everything is in order."), asked=ITEMS),
}


@pytest.mark.parametrize("kind", SICK)
def test_without_its_evidence_the_score_is_lower(kind: str) -> None:
    findings, scores = watched(Termination(), SICK[kind])
    evidence = {id_ for finding in findings for id_ in finding.evidence}

    assert findings
    assert score(without(SICK[kind], evidence)) < scores["premature_termination"]


@pytest.mark.parametrize("kind", SICK)
def test_healthy_events_before_it_do_not_raise_the_score(kind: str) -> None:
    start, *rest = SICK[kind]
    assert isinstance(start, RunStarted)
    scores = [score(stream(work(steps), rest, task=start.task)) for steps in (0, 5, 10, 20)]

    assert scores[0] > 0.5
    assert all(after <= before for before, after in pairwise(scores))


@given(st.lists(st.sampled_from(["open", "claimed", "blocked", "failed", "done"]), max_size=12))
def test_the_more_tasks_are_open_the_higher_the_score(statuses: list[Any]) -> None:
    acts = [event for at, status in enumerate(statuses) for event in task(f"t{at}", status)]
    shown = score(live(acts, answer("All is planned.")))

    assert (shown > 0.6) is any(status != "done" for status in statuses)
    assert shown <= score(live(acts, task("more", "open"), answer("All is planned.")))


def test_state_does_not_grow_with_the_run() -> None:
    monitor = Termination()
    watched(monitor, served(*[[*ASKED, *desk("I ran it.")] for _ in range(300)]))

    assert len(monitor._asked._asks) == 64
    assert len(monitor._claims) <= 64


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("Could you change the date and add a bag? Thanks!", 2),
        ("I don't want to be transferred.", 0),
        ("Would you like a receipt?", 0),
        ("Compute the sum, then write it down.", 1),
        ("That sounds fine.", 0),
    ],
)
def test_a_request_is_told_by_its_form(text: str, asks: int) -> None:
    assert len(asks_in(text, 1, 1, "ann")) == asks


def test_items_are_what_a_brief_text_lists_behind_a_colon() -> None:
    assert [item.text for item in items_in(ITEMS, 1)] == ["Lisbon", "Porto", "Braga", "Faro"]
    assert items_in("It is red, green, and blue.", 1) == []
