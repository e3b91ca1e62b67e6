"""Only one process at a time goes on with a run."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.journal.killing import MakeCase, state_of

pytestmark = pytest.mark.real_models


def until(happened: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for it."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)


def asks(box: Path) -> bool:
    """Whether the process of that box has asked a model."""
    return box.exists() and '"sends"' in box.read_text()


def test_of_two_processes_that_resume_a_run_one_is_refused_and_told_who_has_it(case: MakeCase, whole: MakeCase) -> None:
    run = case("flat", milliseconds=20)
    run.live((5, "after"))
    run_id, before = run.runs_id, len(run.asked())
    born = [run.begin("resume", run_id=run_id) for _ in range(2)]
    until(lambda: any(asks(box) for _, box in born))
    first, second = born if asks(born[0][1]) else reversed(born)
    os.kill(first[0], signal.SIGSTOP)  # until the other has been told, however late that comes
    loser = run.ended(*second)
    os.kill(first[0], signal.SIGCONT)
    winner = run.ended(*first)
    kind, words = loser.end[1]
    assert (winner.end[0], loser.end[0], kind) == ("ended", "raised", "RunTaken")
    assert f"run {run_id} is being run by process {winner.pid} on " in words
    assert not loser.all("sends")
    assert len(run.asked()) - before == len(winner.all("sends"))
    assert state_of(run.events()) == state_of(whole("flat").events())


def test_a_process_whose_run_was_taken_over_stores_nothing_and_asks_nothing_more(
    case: MakeCase, whole: MakeCase
) -> None:
    run = case("flat", milliseconds=100)
    stopped = run.begin("run")
    until(lambda: len(run.asked()) >= 3)
    os.kill(stopped[0], signal.SIGSTOP)
    run_id = run.runs_id
    refused = run.ended(*run.begin("resume", run_id=run_id))
    assert refused.end[1][0] == "RunTaken", "a process that is stopped still has its run"

    run.journal.with_name(run.journal.name + ".owners").unlink()  # as if the other one were on another machine
    winner = run.ended(*run.begin("resume", run_id=run_id))
    assert winner.end[0] == "ended"
    log, asked = run.events(), len(run.asked())
    os.kill(stopped[0], signal.SIGCONT)
    loser = run.ended(*stopped)

    assert loser.end[1][0] == "RunTaken"
    assert f"run {run_id} was taken over by another process" in loser.end[1][1]
    assert run.events() == log
    assert len(run.asked()) == asked
    assert run.replay().identical
    assert state_of(log) == state_of(whole("flat").events())
