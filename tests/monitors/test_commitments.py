"""What agents owe each other on boards: commitments, offers, and files that somebody else has claimed."""

from __future__ import annotations

from typing import Any

import pytest

from agentmesh.events import BoardWritten, PhaseEnded, PhaseStarted, RunEnded, TopologyChanged
from agentmesh.messages import BoardEntry, Finding
from agentmesh.monitors.commitments import ENTRIES, Commitments
from tests.monitors.acted import Acts, did, stream, task, watched, work


def on_board(owner: str, kind: str, id_: str = "e1", **fields: Any) -> Acts:
    entry = BoardEntry.model_validate({"id": id_, "kind": kind, "owner": owner, **fields})
    return [BoardWritten(agent=owner, board="notes", version=0, entry=entry)]


def commits(owner: str, state: str = "open", id_: str = "k1", text: str = "parse(text) -> Date") -> Acts:
    return on_board(owner, "commitment", id_, text=text, state=state)


def offers(owner: str, id_: str = "o1", **chosen: str) -> Acts:
    return on_board(owner, "offer", id_, options=("I parse, you print", "you parse, I print"), **chosen)


def claims(owner: str, path: str = "src/dates.py", start: int = 10, end: int = 20, id_: str = "c1") -> Acts:
    return on_board(owner, "claim", id_, path=path, start=start, end=end)


def ends(outcome: Any = "completed") -> Acts:
    return [RunEnded(outcome=outcome, reason="")]


def found(*acts: Acts, threshold: float | None = None) -> list[Finding]:
    findings, scores = watched(Commitments(), stream(*acts), threshold)
    assert all(finding.label == "coordination_failure" for finding in findings)
    assert max([finding.score for finding in findings], default=0.0) <= scores.get("coordination_failure", 0.0) <= 1.0
    return findings


def whys(*acts: Acts) -> list[str]:
    return [finding.why for finding in found(*acts)]


def test_a_commitment_that_is_dropped_is_found_at_once() -> None:
    [finding] = found(work(4), commits("ann"), work(4), commits("ann", "dropped"), work(2))
    assert (finding.agents, round(finding.score, 2)) == (("ann",), 0.50)
    assert finding.why == "ann drops what it had committed itself to: parse(text) -> Date"


def test_a_commitment_that_is_open_when_its_owner_hands_in_weighs_more_and_counts_once() -> None:
    acts = (task("t1", "claimed", "ann"), commits("ann"), task("t1", "done", "ann"), ends())
    [finding] = found(*acts)
    assert round(finding.score, 2) == 0.59
    assert finding.evidence == (3, 4), "what was committed to, and the handoff"
    assert finding.why.startswith("ann hands in t1 as done, and open is what ann had committed itself to")


def test_a_commitment_that_is_kept_before_the_handoff_is_no_finding() -> None:
    assert not found(commits("ann"), commits("ann", "kept"), task("t1", "done", "ann"), ends())
    assert not found(commits("ann"), task("t2", "done", "bob"), commits("ann", "kept"), ends())


@pytest.mark.parametrize("status", ["failed", "blocked"])
def test_who_says_that_it_could_not_do_it_has_broken_nothing(status: Any) -> None:
    assert not found(commits("ann"), offers("ann"), task("t1", status, "ann"), ends())


@pytest.mark.parametrize("outcome", ["completed", "failed", "stalled"])
def test_what_is_open_when_a_run_ends_by_itself_is_found(outcome: Any) -> None:
    assert whys(commits("ann"), ends(outcome)) == [
        "the run ends, and open is what ann had committed itself to: parse(text) -> Date"
    ]


@pytest.mark.parametrize("outcome", ["verified", "limit", "halted", "cancelled"])
def test_what_is_open_when_a_run_is_verified_or_cut_off_only_feeds_the_score(outcome: Any) -> None:
    many = [commits("ann", id_=f"k{at}", text=f"part {at}") for at in range(40)]
    assert not found(*many, ends(outcome))
    assert 0.3 < max(finding.score for finding in found(*many, ends(outcome), threshold=0.1)) < 0.41


def phase(name: str, *edges: tuple[str, str]) -> Acts:
    return [PhaseStarted(phase=name, order="reactive", edges=edges)]


def test_a_commitment_may_be_kept_in_a_later_phase_by_who_can_still_write_to_the_board() -> None:
    over: Acts = [PhaseEnded(phase="plan", reason="")]
    build = phase("build", ("ann", "notes"), ("bob", "ann"))
    assert not found(commits("ann"), over, build, commits("ann", "kept"), ends())
    assert whys(commits("ann"), over, phase("build", ("bob", "notes"), ("ann", "bob"))) == [
        "phase build begins, and open is what ann had committed itself to: parse(text) -> Date"
    ]


def test_an_offer_that_nobody_takes_up_is_found_when_its_owner_hands_in_or_the_run_ends() -> None:
    [finding] = found(offers("ann"), task("t1", "done", "ann"), ends())
    assert "nobody has chosen of what ann offered: I parse, you print, you parse, I print" in finding.why
    assert len(found(offers("ann"), task("t1", "done", "bob"), ends())) == 1


def test_a_role_that_both_have_confirmed_settles_what_either_offered_before() -> None:
    chosen = offers("bob", "o2", option="I parse, you print", taken_by="ann")
    assert not found(offers("ann"), offers("bob", "o2"), chosen, task("t1", "done", "ann"), ends())
    assert len(found(offers("cem", "o3"), offers("bob", "o2"), chosen, ends())) == 1, "cem has agreed with nobody"


def writes(agent: str, path: str = "src/dates.py", **more: Any) -> Acts:
    return did(agent, "write_file", {"path": path, "content": "x"}, **{"result": "replaced", **more})


def edits(agent: str, result: str, old: str = "a\nb\n") -> Acts:
    return did(agent, "edit_file", {"path": "./src/dates.py", "old": old, "new": "c"}, result)


def test_a_file_that_is_written_where_somebody_else_claims_lines_is_found() -> None:
    [finding] = found(claims("ann"), work(2), writes("bob"))
    assert (finding.agents, round(finding.score, 2)) == (("bob", "ann"), 0.67)
    assert finding.why == "bob writes what ann claims of src/dates.py"
    assert not found(
        claims("ann"), writes("ann"), writes("bob", "src/other.py"), did("bob", "read_file", {"path": "src/dates.py"})
    )
    assert not found(claims("ann"), writes("bob", result=None, error="refused"))


@pytest.mark.parametrize(("line", "trespasses"), [(8, False), (9, True), (20, True), (21, False)])
def test_of_an_edit_the_lines_are_those_that_the_tool_names(line: int, trespasses: bool) -> None:
    acts = (claims("ann"), edits("bob", f"edited src/dates.py: 1 passage, from line {line}"))
    assert bool(found(*acts)) is trespasses


def test_an_edit_of_unknown_lines_is_found_by_a_low_threshold_alone() -> None:
    acts = (claims("ann"), edits("bob", "edited src/dates.py"))
    assert not found(*acts)
    [finding] = found(*acts, threshold=0.1)
    assert round(finding.score, 2) == 0.22


def test_a_claim_ends_with_its_phase_its_task_and_its_owner() -> None:
    over: Acts = [PhaseEnded(phase="plan", reason="")]
    out: Acts = [TopologyChanged(change="isolate", agents=("ann",))]
    left: Acts = [TopologyChanged(change="replace", agents=("ann", "cem"))]
    for end in (over, out, left, task("t1", "done", "ann"), task("t1", "verified", "ann")):
        assert not found(claims("ann"), end, writes("bob")), end
    back = (task("t1", "done", "ann"), task("t1", "claimed", "ann"))
    assert found(claims("ann"), *back, writes("bob")), "the task has come back to its author"
    assert not found(commits("ann"), offers("ann"), out, ends()), "nor is who was isolated held to anything"


def test_what_stands_on_boards_is_kept_in_bounded_space() -> None:
    monitor = Commitments()
    for event in stream(*(commits(f"a{at}", id_=f"k{at}") for at in range(ENTRIES + 50))):
        list(monitor.observe(event))
    assert len(monitor._standing) == ENTRIES
