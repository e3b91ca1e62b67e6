"""What is shown of a run depends on where it is shown."""

from __future__ import annotations

import io
import os
import sys

import anyio
import pytest

from agentmesh.cli import terminal
from agentmesh.cli.display import Display, wants_live_view
from agentmesh.events import MessageDelivered, RunStarted, stamped
from agentmesh.runner import Delta


class Screen(io.StringIO):
    """Text that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


EVENTS = [
    stamped(RunStarted(team="pair", task="x"), 1, "r", 10.0),
    stamped(MessageDelivered(message_id="1", sender="user", recipient="a", content="x"), 2, "r", 10.5),
]


@pytest.fixture
def out(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    return sys.stdout  # type: ignore[return-value]


@pytest.fixture
def err(monkeypatch: pytest.MonkeyPatch) -> Screen:
    for name in ("CI", "NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "stderr", Screen())
    return sys.stderr  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [({}, True), ({"CI": "true"}, False), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)  # fmt: skip
def test_the_live_view_needs_a_terminal_without_ci_or_no_color(environment: dict[str, str], wanted: bool) -> None:
    assert wants_live_view(Screen(), environment) is wanted
    assert wants_live_view(io.StringIO(), environment) is False


def test_no_color_turns_the_live_view_into_plain_lines(
    out: io.StringIO, err: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    with Display(["a"]) as display:
        for event in EVENTS:
            display(event)
    assert not display.deltas
    assert (
        err.getvalue()
        == "+0.000 run_started team=pair seed=0 task=x\n+0.500 message_delivered user->a kind=text content=x\n"
    )
    assert out.getvalue() == ""


def test_events_on_a_terminal_are_not_mixed_with_anything(err: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    with Display(["a"], events=True) as display:
        for event in EVENTS:
            display(event)
    assert err.getvalue() == ""
    assert len(screen.getvalue().splitlines()) == 2


@pytest.mark.anyio
async def test_the_live_view_draws_events_and_streamed_text(out: io.StringIO, err: Screen) -> None:
    with Display(["a"]) as display:
        assert display.deltas
        for event in EVENTS:
            display(event)
        display(Delta("a", "streamed"))
        with anyio.move_on_after(0.05):
            await display.keep_drawing()
    assert "pair" in err.getvalue()
    assert "user → a" in err.getvalue()
    assert out.getvalue() == ""


def test_leaving_at_once_loses_nothing_that_was_printed(out: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    terminal.say("result")
    terminal.leave_at_once(130)
    assert (codes, out.getvalue()) == ([130], "result\n")
