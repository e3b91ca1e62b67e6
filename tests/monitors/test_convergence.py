"""Teams that do not come together: positions, work that collides, promises, questions; and what only looks like it."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.events import BoardWritten, TurnStarted, VoteCast
from agentmesh.messages import BoardEntry
from agentmesh.monitors.convergence import Convergence
from agentmesh.monitors.convergence.positions import choices_of, distance
from agentmesh.monitors.signals import Said, Signals
from tests.monitors.acted import Acts, did, ended, held, said, stream, watched, without, work
from tests.sizes import examples

LABEL = "coordination_failure"
TEAM = ("ann", "bob", "cid")


def rounds(*answers: tuple[str, str, str]) -> Acts:
    """In each round everybody states an answer."""
    return [
        each
        for round_ in answers
        for agent, answer in zip(TEAM, round_, strict=True)
        for each in said(agent, f"I have thought about it. The answer is {answer}.", [x for x in TEAM if x != agent])
    ]


def deals(*offers: str) -> Acts:
    return [
        each for turn, offer in enumerate(offers) for each in said(TEAM[turn % 3], f"For all of us I propose {offer}.")
    ]


def score(*acts: Acts) -> float:
    return watched(Convergence(), stream(*acts, ended()))[1][LABEL]


def flagged(*acts: Acts) -> bool:
    return bool(watched(Convergence(), stream(*acts, ended()))[0])


def test_final_answers_that_differ_are_found_at_the_end() -> None:
    found, scores = watched(Convergence(), stream(rounds(("3", "4", "5"), ("3", "4", "5")), ended()))
    assert found[-1].label == LABEL
    assert scores[LABEL] > 0.7
    assert set(found[-1].agents) <= set(TEAM)
    assert "apart" in found[-1].why


def test_positions_that_stay_apart_are_found_while_the_run_lives() -> None:
    found, _ = watched(Convergence(), stream(rounds(("3", "4", "5"), ("3", "4", "5"), ("3", "4", "5"))))
    assert found


def test_positions_beside_the_text_count_as_those_in_it() -> None:
    acts = [each for _ in range(3) for agent in TEAM for each in held(agent, f"use {agent}", "I stay with that.")]
    assert flagged(acts)


@pytest.mark.parametrize(
    "acts",
    [
        rounds(("3", "4", "5"), ("4", "4", "4")),
        rounds(("3", "3", "3"), ("3", "3", "3")),
        rounds(("3", "4", "5")),
        rounds(("3", "4", "5"), ("3", "4", "4"), ("4", "4", "4"), ("4", "4", "4")),
        deals("A1, B2, C3", "A2, B2, C1", "A1, B1, C3", "A1, B2, C3", "A1, B2, C3", "A1, B2, C3"),
        [each for agent in TEAM for each in said(agent, "My part is done: see src/a.py, 14 lines.")],
        work(40),
    ],
    ids=["converged", "unanimous", "first answers only", "narrowing", "a deal", "reports", "work"],
)
def test_a_team_that_comes_together_is_not_flagged(acts: Acts) -> None:
    assert not flagged(acts)


def test_what_is_put_to_a_vote_is_settled() -> None:
    apart = rounds(("3", "4", "5"), ("3", "4", "5"), ("3", "4", "5"))
    ballots: Acts = [VoteCast(agent=agent, vote="v", ranking=("4",)) for agent in TEAM]
    assert watched(Convergence(), stream(apart))[0]
    assert not flagged(rounds(("3", "4", "5"), ("3", "4", "5")), ballots)


def test_two_holdouts_on_one_issue_of_three_stand_less_apart_than_three_on_all() -> None:
    near = deals(*["A1, B2, C3", "A1, B2, C3", "A1, B2, C4"] * 3)
    far = deals(*["A1, B2, C3", "A2, B1, C1", "A3, B3, C4"] * 3)
    assert 0 < score(near) < 0.3 < 0.8 < score(far)
    assert flagged(far)
    assert not flagged(near)


@pytest.mark.parametrize(
    ("text", "choices"),
    [
        ("I could live with A2, B-1 and then C4; on B I now say B3.", {"A": "2", "B": "3", "C": "4"}),
        ("<deal>price: 300, delivery: 2 weeks</deal>", {"price": "300", "delivery": "2 weeks"}),
        ("The answer is 12.", {"": "12"}),
        ("We met twice and agreed on nothing.", None),
        ("I checked cell B3: it is 12. Cell C1 repeats what cell B2 says.", None),
    ],
)
def test_positions_are_read_issue_by_issue(text: str, choices: dict[str, str] | None) -> None:
    signals = Signals()
    acts = [signals.read(event) for event in stream(said("ann", text))]
    contribution = next(act for act in acts if isinstance(act, Said))
    assert choices_of(contribution) == choices


def test_the_distance_of_two_deals_is_the_share_of_issues_on_which_they_differ() -> None:
    assert distance({"A": "1", "B": "2"}, {"A": "1", "B": "3"}) == 0.5
    assert distance({"A": "1"}, {"A": "1", "B": "3"}) == 0.5


def edits(*agents: str) -> Acts:
    return [
        each for agent in agents for each in did(agent, "write_file", {"path": "src/dates.py", "text": agent}, "ok")
    ]


def test_two_who_change_the_same_file_without_a_word_collide() -> None:
    found, _ = watched(Convergence(), stream(edits("ann", "bob", "ann", "bob")))
    assert found
    assert set(found[0].agents) == {"ann", "bob"}


def test_two_who_talk_of_the_file_between_their_changes_do_not() -> None:
    assert score(edits("ann"), said("bob", "I will take src/dates.py from here.", "ann"), edits("bob")) == 0
    assert score(edits("ann", "ann", "ann")) == 0


def test_to_name_the_file_without_its_folder_is_to_talk_of_it() -> None:
    assert score(edits("ann"), said("bob", "Give me `dates.py`, please.", "ann"), edits("bob")) == 0
    assert score(edits("ann"), said("bob", "Give me `times.py`, please.", "ann"), edits("bob")) > 0.3


def test_what_is_owed_before_the_user_speaks_is_not_held_against_anybody() -> None:
    assert score(promises([])) > score(promises(said("user", "Leave that; write the menu.", ["ann", "bob"]))) == 0


def test_what_another_has_claimed_is_not_to_be_changed() -> None:
    entry = BoardEntry(id="c1", kind="claim", owner="ann", path="src/dates.py", start=1, end=80)
    claim: Acts = [BoardWritten(agent="ann", board="plan", version=1, entry=entry)]
    assert score(claim, edits("ann")) == 0
    assert score(claim, edits("bob")) > 0.3


def test_a_merge_conflict_is_evidence() -> None:
    text = "Auto-merging src/dates.py\nCONFLICT (content): Merge conflict in src/dates.py"
    assert score(did("ann", "shell", {"command": "git merge theirs"}, text)) > 0.3


def promises(deed: Acts) -> Acts:
    acts = did("ann", "read", {"path": "readme"}, "text")
    acts += said("ann", "I will add the leap years to src/calendar.py.", "bob")
    acts += deed
    for thing in ("weather", "harbour", "menu"):
        acts += said("ann", f"By the way, the {thing} looks pleasant.", "bob")
    return acts


def test_a_promise_that_no_deed_follows_is_broken() -> None:
    kept = did("ann", "write_file", {"path": "src/calendar.py", "text": "leap"}, "ok")
    assert score(promises(kept)) == 0
    assert score(promises([])) > 0.15


def test_a_broken_promise_weighs_more_if_somebody_waits_for_it() -> None:
    waits = said("bob", "I cannot start before src/calendar.py has them.", "ann")
    assert score(promises(waits)) > score(promises([])) + 0.2


def claim(owner: str, start: int, end: int) -> BoardWritten:
    entry = BoardEntry(id=f"{owner}{start}", kind="claim", owner=owner, path="src/harbour.py", start=start, end=end)
    return BoardWritten(agent=owner, board="notes", version=1, entry=entry)


def test_what_is_claimed_twice_is_found_and_parts_of_one_piece_are_not() -> None:
    found, scores = watched(Convergence(), stream([claim("ann", 1, 80), claim("bob", 20, 90)]))
    assert scores["coordination_failure"] > 0.5
    assert [set(finding.agents) for finding in found] == [{"ann", "bob"}]
    edits = [
        *did("ann", "edit", {"path": "src/harbour.py", "line": 3}, "done"),
        *did("bob", "edit", {"path": "src/harbour.py", "line": 60}, "done"),
    ]
    spoken = said("ann", "src/harbour.py is mine up to line 50.", "bob")
    assert score([claim("ann", 1, 50), claim("bob", 51, 99), *edits[:2], *spoken, *edits[2:]]) == 0


def test_an_agent_without_tools_breaks_no_promise() -> None:
    without_tools = [event for event in promises([]) if not event.type.startswith("tool_call")]
    assert score(without_tools) == 0


def asks(*replies: str) -> Acts:
    acts = said("ann", "Which encoding does the importer expect for supplier names?", "bob")
    for reply in replies:
        acts += said("bob", reply, "ann")
    return acts


def test_a_question_that_is_passed_over_is_left_open() -> None:
    assert score(asks("The kettle boils.", "Lunch is at noon.", "My train is late.")) > 0.2
    assert score(asks("The kettle boils.", "For names the importer takes UTF-8.", "My train is late.")) == 0
    assert score(said("ann", "Does that make sense?", "bob"), *[said("bob", "The kettle boils.", "ann")] * 4) == 0


@given(st.integers(2, 5), st.booleans())
def test_without_the_evidence_of_a_finding_its_score_is_lower(times: int, deal: bool) -> None:
    apart = deals(*["A1, B2, C3", "A2, B1, C1", "A3, B3, C4"] * times) if deal else rounds(*[("3", "4", "5")] * times)
    events = stream(work(3), apart, edits("ann", "bob", "ann"), ended())
    found, scores = watched(Convergence(), events)
    assert found
    for finding in found:
        _, after = watched(Convergence(), without(events, finding.evidence))
        assert after[LABEL] < scores[LABEL]


@examples(25)
@given(st.integers(1, 30), st.integers(1, 4), st.sampled_from(["answers", "edits", "asks"]))
def test_healthy_events_before_it_raise_no_score(healthy: int, times: int, kind: str) -> None:
    acts = {
        "answers": rounds(*[("3", "4", "4")] * times),
        "edits": edits(*("ann", "bob") * times),
        "asks": asks(*["The kettle boils."] * times),
    }[kind]
    assert score(work(healthy), acts) <= score(acts)


def test_a_long_run_takes_no_more_room_than_one_of_middling_length() -> None:
    monitor, sizes = Convergence(), []
    acts: Acts = []
    for turn in range(400):
        acts += [TurnStarted(agent="ann", turn=turn, phase="p"), *rounds((str(turn), "4", "5"))]
        acts += [*edits(f"ann{turn}"), *asks("The kettle boils."), *promises([])]
    events = iter(stream(acts))
    for _ in range(2):
        for _, event in zip(range(len(acts) // 2), events, strict=False):
            list(monitor.observe(event))
        sizes.append(len(pickle.dumps({key: each for key, each in vars(monitor).items() if key != "signals"})))
    assert sizes[1] < 1.3 * sizes[0]
