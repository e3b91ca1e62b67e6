"""What is shown of a run depends on where it is shown."""

from __future__ import annotations

import errno
import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn, TextIO

import anyio
import pytest

from agentmesh.cli import commands, terminal
from agentmesh.cli.display import Display, wants_live_view
from agentmesh.events import MessageDelivered, Question, RunStarted, stamped
from agentmesh.runner import Delta, FailedAttempt


class Screen(io.StringIO):
    """Text that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


EVENTS: list[RunStarted | MessageDelivered] = [
    stamped(RunStarted(team="pair", task="x"), 1, "r", 10.0),
    stamped(MessageDelivered(message_id="1", sender="user", recipient="a", content="x"), 2, "r", 10.5),
]


@contextmanager
def shown_on(err: TextIO, out: TextIO, **environment: str) -> Iterator[None]:
    """Inside, this is what the process prints on."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CI", "NO_COLOR", "TERM"):
            patch.delenv(name, raising=False)
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setattr(sys, "stderr", err)
        patch.setattr(sys, "stdout", out)
        yield


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, True),
        ({"CI": "true"}, False),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, True),
        ({"TERM": "dumb"}, False),
    ],
)
def test_the_live_view_needs_a_terminal_without_ci_or_no_color(environment: dict[str, str], wanted: bool) -> None:
    assert wants_live_view(Screen(), environment) is wanted
    assert wants_live_view(io.StringIO(), environment) is False


def test_no_color_turns_the_live_view_into_plain_lines() -> None:
    err, out = Screen(), io.StringIO()
    with shown_on(err, out, NO_COLOR="1"), Display(["a"]) as display:
        for event in EVENTS:
            display(event)
    assert not display.deltas
    assert err.getvalue().splitlines() == [
        "+0.000 run_started team=pair task=x",
        "+0.500 message_delivered user->a kind=text content=x",
    ]
    assert out.getvalue() == ""


def test_events_on_a_terminal_are_not_mixed_with_anything() -> None:
    err, out = Screen(), Screen()
    with shown_on(err, out), Display(["a"], events=True) as display:
        for event in EVENTS:
            display(event)
    assert err.getvalue() == ""
    assert [json.loads(line)["type"] for line in out.getvalue().splitlines()] == ["run_started", "message_delivered"]


@pytest.mark.anyio
async def test_the_live_view_draws_events_and_streamed_text() -> None:
    err, out = Screen(), io.StringIO()
    with shown_on(err, out, TERM="xterm", COLUMNS="80", LINES="24"), Display(["a"]) as display:
        assert display.deltas
        for event in EVENTS:
            display(event)
        display(Delta("a", "streamed"))
        with anyio.move_on_after(0.05):
            await display.keep_drawing()
    assert "pair" in err.getvalue()
    assert "user → a" in err.getvalue()
    assert out.getvalue() == ""


def test_a_failed_attempt_is_told_while_the_call_goes_on() -> None:
    err = io.StringIO()
    with shown_on(err, io.StringIO()), Display(["a"]) as display:
        assert display.attempts
        display(EVENTS[0])
        display(FailedAttempt("a", 1, "rate: slow down"))
    assert 'attempt_failed a attempt=1 why="rate: slow down"' in err.getvalue().splitlines()[1]


@pytest.mark.parametrize("at_a_terminal", [True, False])
def test_the_text_of_a_question_is_left_to_whoever_asks_it(at_a_terminal: bool) -> None:
    err = io.StringIO()
    with shown_on(err, io.StringIO()), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", Screen() if at_a_terminal else io.StringIO())
        with Display(["a"]) as display:
            display(stamped(Question(agent="a", question_id="q", content="which?"), 1, "r", 1.0))
    assert err.getvalue().startswith("+0.000 question a question_id=q")
    assert ("which?" in err.getvalue()) is not at_a_terminal


class Full(io.TextIOWrapper):
    """A device without room, until it is let go."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8")

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_output_that_cannot_be_written_is_an_error_for_results_and_the_end_for_events(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    let_go: list[object] = []
    reasons: list[str] = []
    codes: list[int] = []
    monkeypatch.setattr(terminal, "let_go", let_go.append)
    monkeypatch.setattr(commands, "let_go", let_go.append)
    monkeypatch.setattr(commands, "leave_at_once", codes.append)
    err, out = io.StringIO(), Full()
    with shown_on(err, out), Display(["a"], events=True) as display:
        display.abandoned = reasons.append
        for event in EVENTS:
            display(event)
        with pytest.raises(OSError, match="No space left"):
            terminal.say("result")
        commands.commands(["--help"])
    assert reasons == ["the events cannot be written: No space left on device"]
    assert let_go == [out, out, out]
    assert codes == [1]
    assert err.getvalue().endswith("the output cannot be written: No space left on device\n")


def test_nothing_is_printed_on_a_stream_that_is_closed() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", None)
        patch.setattr(sys, "stderr", None)
        assert not terminal.say("x")
        assert not terminal.complain("x")
        with Display(["a"], events=True) as display:
            assert not display.deltas


def test_leaving_at_once_loses_nothing_that_was_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    codes: list[int] = []

    def leave(code: int) -> NoReturn:
        codes.append(code)
        raise SystemExit

    monkeypatch.setattr(os, "_exit", leave)
    with shown_on(Screen(), out):
        terminal.say("result")
        with pytest.raises(SystemExit):
            terminal.leave_at_once(130)
    assert codes == [130]
    assert out.buffer.getvalue() == b"result\n"
