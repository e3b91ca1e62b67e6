"""A report says what to do next, with the command for it, for every way in which a run can end."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from agentmesh.events import (
    Event,
    FindingRecorded,
    InterventionMade,
    LimitWasReached,
    MessageDelivered,
    MessageRefused,
    PhaseStarted,
    Question,
    RunEnded,
    RunResumed,
    RunStarted,
    StopRequested,
    TurnFailed,
    TurnStarted,
    Verification,
)
from agentmesh.messages import Finding, Outcome
from agentmesh.reporting import html, summary
from agentmesh.reporting.ending import Ending, ending_of
from tests.reporting.logs import call, log
from tests.reporting.read import Report


def ended(outcome: Outcome, reason: str, *events: Event) -> Ending:
    begun = (
        RunStarted(team="t", task="x"),
        PhaseStarted(phase="p", order="reactive", edges=(("user", "a"), ("a", "b"))),
    )
    return ending_of(log(*begun, TurnStarted(agent="a", turn=1, phase="p"), *events,
                         RunEnded(outcome=outcome, reason=reason)))  # fmt: skip


def said(ending: Ending) -> str:
    return "\n".join(f"{step.text} {step.command} {step.events}" for step in ending.steps)


def limit(name: str, scope: str = "run") -> LimitWasReached:
    return LimitWasReached(limit=name, allowed=1_000, needed=1_200, scope=scope)


@pytest.mark.parametrize(
    ("event", "command"),
    [
        (limit("tokens"), "agentmesh resume run-1 --add-tokens 500"),
        (limit("usd"), "agentmesh resume run-1 --add-usd 500.00"),
        (limit("turns"), "agentmesh fork run-1 --at 3 -O limits.turns=1500"),
        (limit("tokens", "agent:ann b"), "agentmesh fork run-1 --at 3 -O 'agents.ann b.limits.tokens=1500'"),
        (limit("messages", "edge:a->b"), ""),
        (limit("max_iterations"), ""),
    ],
)
def test_after_a_limit_there_is_a_way_to_go_on_with_more(event: LimitWasReached, command: str) -> None:
    (step,) = ended("limit", "tokens", event).steps
    assert (step.command, step.events) == (command, (4,))
    assert "1000 allowed, 1200 needed" in step.text


@pytest.mark.parametrize(
    ("kind", "error", "remedy"),
    [
        ("authentication", "401; the key comes from the environment variable MY_KEY", "export MY_KEY=..."),
        ("authentication", "401", "export the variable of `api_key_env`"),
        ("quota", "no credit", "no credit left"),
        ("rate", "429", "`pace:`"),
        ("context_too_long", "too long", "`memory: fresh`"),
        ("content_refused", "no", "what it was shown"),
        ("connection", "no route", "is its address right"),
        ("price", "unknown", "`price:`"),
        ("limit", "tokens", "raise it"),
        ("agent", "whatever", "Read the error"),
    ],
)
def test_after_a_failure_the_remedy_and_the_turn_to_go_back_to_are_named(kind: str, error: str, remedy: str) -> None:
    ending = ended("failed", "turn_failed: a: ...", TurnFailed(agent="a", turn=1, kind=kind, error=error))
    assert remedy in ending.steps[0].text
    assert ending.steps[0].events == (4,)
    assert ending.steps[1].command == "agentmesh fork run-1 --at 2"


def test_after_a_halt_the_finding_and_its_evidence_are_named() -> None:
    found = FindingRecorded(finding=Finding(monitor="mine", label="stall", evidence=(2, 3)))
    halt = InterventionMade(kind="halt", finding=4, monitor="mine")
    look, go_on = ended("halted", "mine: nobody moved", found, halt).steps
    assert look.events == (4, 2, 3)
    assert go_on.command == "agentmesh fork run-1 --at 3 -O monitors.mine.threshold=0.9"


def test_after_a_halt_by_policy_the_missing_edge_is_named() -> None:
    refused = MessageRefused(message_id="1", sender="a", recipient="c", content="x", policy="halt")
    (step,) = ended("halted", "policy: ...", refused).steps
    assert "a wrote to c" in step.text
    assert step.events == (4,)


def test_after_a_stall_those_who_never_acted_and_the_last_message_are_named() -> None:
    last = MessageDelivered(message_id="1", sender="a", recipient="b", content="x")
    text = said(ended("stalled", "nobody has anything left", last))
    assert "Without any turn: b." in text
    assert "The last message went from a to b." in text


def test_after_a_loop_that_failed_alike_again_and_again_its_check_is_named() -> None:
    (step,) = ended("stalled", "p: 5 iterations", Verification(passed=False, attempt=5, phase="p")).steps
    assert step.text.startswith("Read what the check of p says again and again")
    assert step.events == (4,)


def test_an_interrupted_run_is_resumed_and_one_that_was_ended_for_good_is_forked() -> None:
    interrupted = StopRequested(outcome="cancelled", reason="interrupted: by Ctrl-C")
    assert "agentmesh resume run-1" in said(ended("cancelled", "interrupted: by Ctrl-C", interrupted))
    for_good = StopRequested(outcome="cancelled", reason="enough", by="a person")
    assert "agentmesh fork run-1 --at 3" in said(ended("cancelled", "enough", for_good))


def test_of_a_refuted_answer_and_an_aborted_run_the_reason_is_pointed_to() -> None:
    assert ended("failed", "not_verified", Verification(passed=False, attempt=1)).steps[0].events == (4,)
    assert ended("failed", "aborted").steps[0].events == (3,)


def test_an_answer_that_nobody_checked_is_not_called_a_success() -> None:
    answered = MessageDelivered(message_id="1", sender="a", recipient="user", content="42")
    (step,) = ended("completed", "answered", answered).steps
    assert "nobody outside the team checked it" in step.text
    assert step.events == (4,)
    checked = ended("verified", "answered and verified", answered, Verification(passed=True, attempt=1))
    assert checked.steps[0].events == (5,)


def test_a_run_that_waits_shows_each_question_with_the_command_that_answers_it() -> None:
    events = log(RunStarted(team="t", task="x"), Question(agent="a", question_id="run-1/q 1", content="Which?"))
    ending = ending_of(events, journal="my runs.db")
    assert ending.state == "waiting"
    assert [step.command for step in ending.steps] == [
        "agentmesh answer run-1 'run-1/q 1' TEXT --journal 'my runs.db'",
        "agentmesh resume run-1 --journal 'my runs.db'",
    ]


def test_the_password_of_a_journal_stays_out_of_the_report() -> None:
    events = log(RunStarted(team="t", task="x"))
    page = html(events, journal="postgresql://me:s3cret@db.example/runs")
    assert "s3cret" not in page
    assert "--journal postgresql://...@db.example/runs" in page


def test_a_log_that_breaks_off_says_what_may_have_been_paid_for() -> None:
    events = log(RunStarted(team="t", task="x"), *call("a", "k1"), call("a", "k2")[0])
    ending = ending_of(events)
    assert ending.state == "unfinished"
    assert "1 model call was under way at the end of the log" in ending.steps[0].text
    assert ending.steps[0].events == (4,)
    assert ending.steps[1].command == "agentmesh resume run-1"


def resumed() -> Sequence[Event]:
    return log(RunStarted(team="t", task="x"), limit("tokens"), RunEnded(outcome="limit", reason="x"), RunResumed(at=1))


def test_an_end_behind_which_the_run_has_gone_back_is_none() -> None:
    assert ending_of(resumed()).state == "unfinished"
    assert summary(resumed())["outcome"] is None


def test_the_first_screen_says_outcome_reason_cost_and_what_to_do() -> None:
    events = log(RunStarted(team="the team", task="x"), *call("a", "k1"), limit("tokens"),
                 RunEnded(outcome="limit", reason="tokens: 1000 allowed"))  # fmt: skip
    text = Report(html(events)).text
    first = text[: text.index("Task")]
    for words in ("the team", "limit", "tokens: 1000 allowed", "No answer.", "$0.0100", "460", "--add-tokens 500"):
        assert words in first, words
