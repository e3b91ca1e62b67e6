"""Claims of success that somebody outside has refuted: by the monitor `termination`."""

from __future__ import annotations

from typing import Any

from agentmesh.events import ModelCallFinished, PhaseStarted, RunEnded, Verification
from agentmesh.messages import USER, Finding, Usage
from agentmesh.monitors.termination import Termination
from agentmesh.monitors.work_stopping import WorkStopping
from agentmesh.reporting.taskboard import boards_of
from agentmesh.topology.graph import Topology
from tests.monitors.acted import Acts, did, said, stream, task, turned, watched, work
from tests.scheduler.scheduler_play import Play, hand_off, tasks

LABEL = "premature_termination"


def asked(agent: str) -> Acts:
    return [ModelCallFinished(agent=agent, key="k", model="m", usage=Usage())]


def checked(passed: bool, detail: str = "1 failed", **more: Any) -> Acts:
    return [Verification(agent="planner", passed=passed, attempt=1, detail=detail, **{"task": "t1", **more})]


def works(*deeds: Acts, worker: str = "ann") -> Acts:
    """A worker takes the task, does these things in its turn, and hands in."""
    turn = turned(worker, asked(worker), *deeds, asked(worker))
    return [*task("t1", "claimed", worker), *turn, *task("t1", "done", worker)]


def edit(agent: str = "ann") -> Acts:
    return did(agent, "edit_file", {"path": "src/dates.py", "old": "a", "new": "b"}, "edited src/dates.py")


def found(*acts: Acts) -> list[Finding]:
    return [finding for finding in watched(Termination(), stream(*acts))[0] if finding.label == LABEL]


def test_a_handoff_that_acceptance_refutes_is_found_at_once() -> None:
    [finding] = found(works(edit()), checked(False))
    assert (finding.agents, round(finding.score, 2)) == (("ann",), 0.67)
    assert finding.why == "ann said that task t1 is done and the check refutes it"
    assert len(finding.evidence) == 2


def test_who_did_nothing_for_it_scores_higher() -> None:
    [finding] = found(works(), checked(False))
    assert round(finding.score, 2) == 0.89
    assert "did nothing for it" in finding.why
    [command] = found([*task("t1", "claimed", "cli"), *turned("cli"), *task("t1", "done", "cli")], checked(False))
    assert round(command.score, 2) == 0.67, "what an agent without a model does is shown by no call"


def test_each_further_time_weighs_half_as_much_and_what_is_mended_counts_no_more() -> None:
    twice = (works(edit()), checked(False), works(edit()), checked(False))
    first, second = found(*twice)
    assert first.score < second.score < 0.81
    mended = (*twice, works(edit()), checked(True), task("t1", "verified", "ann"))
    handed = said("ann", "Status: done\nSummary: I tested it, tests pass.", "planner", kind="handoff")
    over = said("planner", "All of it is there.", USER, kind="answer")
    assert len(found(*mended, handed, over)) == 2, "an accepted task is done, whatever is said of it"


def test_a_task_that_is_not_handed_in_as_done_or_conflicts_with_others_is_no_false_claim() -> None:
    assert not found(task("t1", "claimed", "ann"), turned("ann", edit()), task("t1", "failed", "ann"), checked(False))
    assert not found(works(edit()), checked(False, "the work of ann conflicts with main in src/dates.py.\n<<<<<<<"))
    assert not found(works(edit()), checked(True))


def test_an_answer_over_a_refuted_task_is_premature_and_one_over_verified_tasks_is_not() -> None:
    answer = said("planner", "All of it is there.", USER, kind="answer")
    assert len(found(works(edit()), checked(False), task("t1", "failed", "ann"), answer)) == 2
    assert not found(works(edit()), checked(True), task("t1", "verified", "ann"), answer)


def test_a_verified_task_does_not_excuse_those_that_are_open() -> None:
    answer = said("planner", "All of it is there.", USER, kind="answer")
    acts = (task("t2", "open"), works(edit()), checked(True), task("t1", "verified", "ann"), answer)
    [finding] = found(*acts)
    assert finding.why == "task t2 is open"


def test_tasks_of_two_planners_with_one_id_are_two_tasks() -> None:
    other = task("t1", "done", "bob")
    other[0].__dict__["agent"] = "lead"
    answer = said("planner", "All of it is there.", USER, kind="answer")
    [finding] = found(task("t1", "open"), other, answer)
    assert finding.why == "task t1 is open"


def phase(passed: bool) -> Acts:
    return [Verification(passed=passed, attempt=1, phase="build", detail="2 failed")]


def begins() -> Acts:
    return [PhaseStarted(phase="build", order="reactive", edges=())]


def test_a_promise_that_the_check_refutes_is_found_and_an_iteration_without_one_is_not() -> None:
    promise = said("ann", "All is green.\n<promise>ALL TESTS PASS</promise>", "bob")
    assert not found(begins(), work(4), phase(False), begins(), work(2), promise, phase(True))
    assert not found(begins(), promise, begins(), phase(False)), "it was promised of an iteration that is over"
    first, second = found(begins(), promise, phase(False), begins(), promise, phase(False), begins(), phase(False))
    assert round(first.score, 2) == 0.67
    assert second.why == "ann said that phase build has come to its end and the check refutes it, time 2"


def test_a_task_that_is_verified_excuses_nobody_who_stops_over_others() -> None:
    rest = [said("ann", "Let us stop here and rest for today.", "bob"), said("bob", "Agreed, let us rest.", "ann")]
    talk = [said(name, "No hurry at all.", "bob" if name == "ann" else "ann") for name in ("ann", "bob") * 3]
    before = (task("t2", "open"), works(edit()), checked(True), task("t1", "verified", "ann"))
    ended: Acts = [RunEnded(outcome="stalled", reason="")]
    findings, _ = watched(WorkStopping(), stream(*before, *rest, *talk, ended))
    assert any(finding.label == "work_stop" for finding in findings)
    done = (works(edit()), checked(True), task("t1", "verified", "ann"))
    assert not watched(WorkStopping(), stream(*done, *rest, *talk, ended))[0], "everything was verified"


def test_what_a_scheduler_makes_of_refused_work_is_read_by_monitor_and_board() -> None:
    """Refused twice, merged at the third time: as the run itself writes it down."""
    refusals = iter(["1 failed", "still 1 failed", None])
    scripts = {"p": [[tasks("t1"), None], "the answer"], "w": [[hand_off("It is done.")]] * 3}
    topology = Topology.hierarchy("p", ["w"])
    accepting = Topology([phase.accepting(["w"], 2, None) for phase in topology.phases])
    played = Play(accepting, scripts, accept=lambda _: next(refusals)).run()
    findings, _ = watched(Termination(), played.log)
    told = [finding.why for finding in findings if finding.label == LABEL]
    assert len(told) == 2
    assert "w said that task t1 is done" in told[0]
    [board] = boards_of(played.log)
    assert [(state.status, state.worker, state.attempt) for state in board.tasks] == [("verified", "w", 3)]
