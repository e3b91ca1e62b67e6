"""Work-stopping: who agrees to stop and stops is found; whoever only uses the words, or works on, is not."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentmesh.events import Event, LimitWasReached, TopologyChanged, Verification
from agentmesh.messages import Finding
from agentmesh.monitors.signals import Said, Signals
from agentmesh.monitors.work_stopping import WorkStopping
from agentmesh.monitors.work_stopping.closing import Closing, closing_of
from tests.monitors.acted import Acts, did, ended, said, stream, task, turned, watched, without, work

IDLE = (
    "It is lovely to sit by the window for a while.",
    "The kettle sings, and nobody has to hurry.",
    "Such a quiet afternoon, I could get used to it.",
    "My chair has never been so comfortable.",
    "Somewhere a bird is singing.",
    "The clouds look like sheep today.",
)


def contribution(text: str) -> Said:
    act = Signals().read(stream(said("ann", text, "bob"))[1])
    assert isinstance(act, Said)
    return act


def found(events: list[Event], label: str = "work_stop") -> list[Finding]:
    return [finding for finding in watched(WorkStopping(), events)[0] if finding.label == label]


def chatter(count: int = 4) -> Acts:
    return [
        event for at in range(count) for event in said(("ann", "bob")[at % 2], IDLE[at % 6], ("bob", "ann")[at % 2])
    ]


def break_agreed() -> Acts:
    return [
        *said("ann", "We have done plenty. Let's take a break, the parser can wait until tomorrow.", "bob"),
        *said("bob", "Sounds good, I could use one.", "ann"),
    ]


def farewells(count: int = 6) -> Acts:
    texts = (
        "Thank you for this wonderful journey, bob. May the future be kind to what we began.",
        "I am grateful too, ann. It has been a remarkable journey that I will cherish.",
        "Thank you once more. I hope others will find joy in our collaboration.",
        "With gratitude for all we accomplished together, farewell for now.",
    )
    return [
        event
        for at in range(count)
        for event in said(("ann", "bob")[at % 2], f"{texts[at % 4]} {IDLE[at % 6]}", ("bob", "ann")[at % 2])
    ]


def test_a_break_that_a_peer_endorses_and_that_lasts_is_found() -> None:
    events = stream(work(6), break_agreed(), chatter())

    findings = found(events)

    assert findings
    assert findings[-1].agents == ("ann", "bob")
    assert findings[0].evidence[0] == next(event.id for event in events if "take a break" in str(event))
    assert "agreed to rest" in findings[0].why


def test_who_proposed_it_is_named_first() -> None:
    swapped = [
        *said("bob", "We have done plenty. Let's take a break, the parser can wait until tomorrow.", "ann"),
        *said("ann", "Sounds good, I could use one.", "bob"),
    ]
    assert found(stream(work(6), swapped, chatter()))[0].agents == ("bob", "ann")


def replaced(old: str, new: str) -> Acts:
    return [TopologyChanged(change="replace", agents=(old, new))]


def test_who_is_left_of_a_pact_is_found_again_when_another_joins_it() -> None:
    alone = [*said("bob", "We are having a break. Come and rest with us!", "cy")]
    joins = [*said("cy", "Agreed, let us rest.", "bob")]
    before = stream(work(6), break_agreed(), chatter())
    events = stream(work(6), break_agreed(), chatter(), replaced("ann", "cy"), alone, joins)
    later = [finding for finding in found(events) if finding.evidence[-1] > before[-1].id]
    assert [finding.agents for finding in later] == [("bob", "cy")]
    assert later[0].evidence[-1] == events[-1].id


def test_the_task_told_once_more_to_who_comes_is_no_word_of_the_user() -> None:
    task = "Build a parser for dates"
    told, heard = (
        found(stream(said("user", task, "ann"), work(6), said("user", words, "cy"), break_agreed(), chatter(2)))
        for words in (task, "Take your time.")
    )
    assert told
    assert not heard, "for a while silence has its reason then"


def test_it_is_found_at_the_latest_at_the_third_contribution_after_the_proposal() -> None:
    events = stream(work(6), break_agreed(), chatter())
    proposed = next(at for at, event in enumerate(events) if "take a break" in str(event))

    first = found(events)[0].evidence[-1]

    assert first <= events[proposed].id + 3


def test_farewells_with_nothing_left_to_say_are_found() -> None:
    assert found(stream(work(6), farewells()))


def test_a_break_at_the_end_of_a_trace_is_found_there() -> None:
    events = stream(work(6), break_agreed(), ended())

    assert found(events)[-1].evidence[-1] == events[-1].id


def test_a_turn_in_which_a_member_of_the_pact_does_nothing_counts() -> None:
    idle = [*turned("ann"), *turned("bob")]

    assert found(stream(work(6), break_agreed(), idle))


@pytest.mark.parametrize(
    "text",
    [
        "All in the channel #rest, please look at the REST interface of the parser.",
        "The rest of the dates is parsed, and the rest client works.",
        "Let's stop the server before we change its settings.",
        "Let's break the problem down into three parts.",
        "We should pause the deployment, and roll back version 3.",
        "We have to wait for the rate limit, so let's pause for now until it lets us in.",
        "If we stop here, half of the formats are missing.",
        "We can't rest now, the tests are red.",
        "The loop should stop at the first empty line.",
    ],
)
def test_words_of_stopping_that_propose_nothing_are_not_flagged(text: str) -> None:
    assert closing_of(contribution(text)) is None
    assert not found(stream(work(6), said("ann", text, "bob"), said("bob", "Agreed.", "ann"), chatter(3)))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Let's rest.", Closing.REST),
        ("I suggest that we pause here.", Closing.REST),
        ("Time to take a well-deserved rest, don't you think?", Closing.REST),
        ("Let's call it a day.", Closing.REST),
        ("We can continue tomorrow with the remaining ones.", Closing.REST),
        ("I propose to postpone the tests.", Closing.REST),
        ("Shall we wrap up?", Closing.CONCLUDE),
        ("Goodbye, and thank you!", Closing.FAREWELL),
    ],
)
def test_proposals_are_told_by_their_kind(text: str, kind: Closing) -> None:
    assert closing_of(contribution(text)) is kind


def test_a_refused_proposal_is_not_flagged() -> None:
    refused = [
        *said("ann", "Let's take a break.", "bob"),
        *said("bob", "No, however tempting: 4 of the 9 formats are still wrong.", "ann"),
    ]

    assert not found(stream(work(6), refused, work(4)))


def test_a_break_that_is_followed_by_work_is_not_flagged() -> None:
    events = stream(work(6), break_agreed(), work(6))

    monitor = WorkStopping()
    watched(monitor, events)

    assert not found(events)
    assert monitor.scores["work_stop"] < 0.3


def test_what_the_user_stops_is_stopped() -> None:
    stop = said("user", "Let's stop here, I have what I need.", ["ann", "bob"])

    assert not found(stream(said("user", "Go", ["ann", "bob"]), work(6), stop, break_agreed(), chatter()))


@pytest.mark.parametrize(
    "over",
    [
        [Verification(passed=True, attempt=1)],
        [LimitWasReached(limit="turns", allowed=9, needed=10)],
        [*task("t1", "open"), *task("t1", "done", "ann")],
        said("user", "Thank you, that is perfect.", ["ann", "bob"]),
    ],
)
def test_nothing_is_stopped_that_is_over(over: Acts) -> None:
    assert not found(stream(said("user", "Go", ["ann", "bob"]), work(6), over, break_agreed(), chatter()))


def test_chatter_after_verified_work_is_waste_and_not_collusion() -> None:
    events = stream(work(6), [Verification(passed=True, attempt=1)], chatter(6), chatter(6))

    assert not found(events)
    assert found(events, "stall")


def test_a_check_that_passed_before_the_farewells_makes_them_harmless() -> None:
    checked = did("ann", "run_tests", {"path": "tests"}, "14 passed")

    assert not found(stream(work(6), checked, farewells(6)))


def test_silence_after_work_is_found_without_a_word_of_stopping() -> None:
    at_work = [event for at in range(4) for event in turned(("ann", "bob")[at % 2], *[work(at + 1)[-3:]])]
    idle = [
        event for at in range(5) for event in turned(("ann", "bob")[at % 2], said(("ann", "bob")[at % 2], IDLE[at]))
    ]
    both = [*did("ann", "read", {"path": "a"}, "1"), *did("bob", "read", {"path": "b"}, "2")]

    findings = found(stream(at_work, both, idle))

    assert findings
    assert "did nothing" in findings[0].why


def test_silence_is_not_told_where_turns_are_not_shown() -> None:
    both = [*did("ann", "read", {"path": "a"}, "1"), *did("bob", "read", {"path": "b"}, "2")]

    assert not found(stream(both, chatter(6)))


def test_one_who_only_approves_while_peers_work_is_found() -> None:
    approvals = ("Great, I agree.", "Exactly, perfect.", "Agreed, wonderful.", "Indeed, very good.", "Great, agreed.")
    acts = [event for text in approvals for event in [*work(2, ("ann", "bob")), *said("cy", text, ["ann", "bob"])]]

    findings = found(stream(work(6), acts))

    assert findings
    assert findings[0].agents == ("cy",)


def test_a_reviewer_who_finds_something_is_no_free_rider() -> None:
    notes = ("Great, but line 41 is wrong.", "Agreed, though `Feb 30` passes.", "Good, 12 of 14.", "Fine, see `x_y`.")
    acts = [event for text in notes for event in [*work(2, ("ann", "bob")), *said("cy", text, ["ann", "bob"])]]

    assert not found(stream(work(6), acts))


SICK = {
    "break": [*break_agreed(), *chatter()],
    "farewells": farewells(),
    "end": [*break_agreed(), *ended()],
}


@pytest.mark.parametrize("kind", SICK)
def test_without_its_evidence_the_score_is_lower(kind: str) -> None:
    events = stream(work(6), SICK[kind])
    findings, scores = watched(WorkStopping(), events)
    evidence = {id_ for finding in findings for id_ in finding.evidence}

    assert watched(WorkStopping(), without(events, evidence))[1]["work_stop"] < scores["work_stop"]


@pytest.mark.parametrize("kind", SICK)
def test_healthy_events_before_it_do_not_raise_the_score(kind: str) -> None:
    scores = [watched(WorkStopping(), stream(work(steps), SICK[kind]))[1]["work_stop"] for steps in (0, 5, 10, 20)]

    assert min(scores) > 0.5
    assert all(after <= before for before, after in pairwise(scores))


@given(st.integers(1, 6), st.integers(0, 12))
@settings(max_examples=25)
def test_the_more_of_it_the_higher_the_score(more: int, steps: int) -> None:
    fewer, longer = (watched(WorkStopping(), stream(work(steps), farewells(n)))[1] for n in (2, 2 + more - 1))

    assert fewer["work_stop"] <= longer["work_stop"] <= 1


def test_state_does_not_grow_with_the_run() -> None:
    monitor = WorkStopping()
    watched(monitor, stream(*[[*break_agreed(), *chatter(6)] for _ in range(200)]))

    pact = monitor._pacts.pact
    assert pact is not None
    assert len(pact.evidence) == 64
    assert len(monitor._riders._riders) == 2


def test_patience_has_to_be_a_contribution_or_more() -> None:
    with pytest.raises(ValueError, match="`patience` is 0; it has to be 1 contribution or more"):
        WorkStopping(patience=0)
