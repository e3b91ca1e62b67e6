"""The live view shows who does what, keeps within the terminal and believes no markup."""

from __future__ import annotations

import io
from collections.abc import Iterable

import anyio
import pytest
from rich.console import Console

from agentmesh.cli.live import LiveView
from agentmesh.cli.progress import RunProgress
from agentmesh.events import (
    Answered,
    ContextStarted,
    Event,
    FindingRecorded,
    InterventionMade,
    LimitWasReached,
    MessageDelivered,
    MessageRefused,
    MessageWithheld,
    ModelCallFinished,
    ModelCallStarted,
    PhaseStarted,
    Question,
    RunEnded,
    RunStarted,
    ToolCallFinished,
    ToolCallStarted,
    TurnEnded,
    TurnFailed,
    TurnStarted,
    stamped,
)
from agentmesh.messages import Finding, Usage


def after(events: Iterable[Event], names: Iterable[str] = ("planner", "worker")) -> RunProgress:
    progress = RunProgress(names)
    for number, event in enumerate(events, 1):
        progress.observe(stamped(event, number, "r", 100.0 + number))
    return progress


def picture(progress: RunProgress, *, width: int = 80, height: int = 24, encoding: str = "utf-8") -> list[str]:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(file=file, width=width, height=height, force_terminal=True, color_system=None)
    view = LiveView(progress, console, clock=lambda: progress.now + 1)
    with console.capture() as captured:
        console.print(view.frame())
    return [line.rstrip() for line in captured.get().splitlines()]


START: list[Event] = [
    RunStarted(team="planners", task="x"),
    PhaseStarted(phase="work", order="tasks", edges=()),
    TurnStarted(agent="planner", turn=1, phase="work", round=2),
    ContextStarted(agent="planner", reason="fresh"),
]


def test_the_view_shows_team_phase_round_and_elapsed_seconds() -> None:
    assert picture(after(START))[0] == "planners · phase work, round 2 · 4.0 s"


def test_an_agent_is_waiting_then_thinking_then_calling_then_done() -> None:
    def state(*more: Event) -> str:
        return picture(after([*START, *more]))[2].split(None, 1)[1]

    call = ToolCallStarted(agent="planner", key="k", name="calculator", arguments={})
    back = ToolCallFinished(agent="planner", key="k", name="calculator", arguments={}, result="1")
    assert picture(after(START))[3].split()[:3] == ["worker", "○", "waiting"]
    assert state().startswith("● thinking 2.0 s")
    assert state(Question(agent="planner", question_id="q", content="?")).startswith("● asked")
    assert state(Answered(agent="planner", question_id="q", content="!")).startswith("● thinking")
    assert state(call).startswith("● calling calculator 3.0 s")
    assert state(call, back).startswith("● thinking")
    assert state(call, TurnEnded(agent="planner", turn=1)).startswith("○ done")
    assert state(TurnFailed(agent="planner", turn=1, error="boom", kind="rate")).startswith("○ failed")
    assert state(TurnFailed(agent="planner", turn=1, error="", kind="cancelled")).startswith("○ stopped")
    assert state(RunEnded(outcome="cancelled", reason="")).startswith("○ stopped")


def test_tokens_and_cost_stand_beside_each_agent_and_add_up() -> None:
    usage = Usage(input_tokens=1000, output_tokens=234, model_calls=1, cost_usd=0.01)
    unknown = usage.model_copy(update={"cost_usd": None})
    lines = picture(
        after(
            [
                *START,
                ModelCallStarted(agent="planner", key="k", model="m", request_hash="", reserved=1),
                ModelCallFinished(agent="planner", key="k", model="m", usage=usage),
                ModelCallFinished(agent="worker", key="k", model="m", usage=unknown),
            ]
        )
    )
    assert lines[2].split()[-4:] == ["1", "1", "1,234", "$0.0100"]
    assert lines[3].split()[-4:] == ["0", "1", "1,234", "?"]
    assert lines[4].split()[-4:] == ["1", "2", "2,468", "?"]


def test_messages_are_listed_and_refused_ones_marked() -> None:
    lines = picture(
        after(
            [
                *START,
                MessageDelivered(message_id="1", sender="planner", recipient="worker", content="add\nthem"),
                MessageRefused(message_id="2", sender="worker", recipient="user", content="42"),
                MessageWithheld(message_id="3", sender="worker", recipient="planner", content="43"),
            ]
        )
    )
    assert lines[-4:] == [
        "1 message, 1 refused, 1 withheld",
        "planner → worker add them",
        "worker ✗ user refused: 42",
        "worker ⏸ planner withheld: 43",
    ]


def test_what_monitors_limits_and_questions_say_is_shown() -> None:
    lines = picture(
        after(
            [
                *START,
                FindingRecorded(finding=Finding(monitor="mine", label="stall", why="nobody moved")),
                InterventionMade(kind="note", finding=5, monitor="mine", agents=("worker",)),
                LimitWasReached(limit="turns", allowed=3, needed=4),
                Question(agent="worker", question_id="q", content="which?"),
                TurnFailed(agent="worker", turn=1, error="no reply", kind="timeout"),
            ]
        )
    )
    assert lines[-5:] == [
        "! finding mine: stall: nobody moved",
        "! intervention mine: note worker",
        "! limit run: turns: 3 allowed, 4 needed",
        "! question worker: which?",
        "! turn failed worker: no reply",
    ]


def test_markup_and_control_characters_from_models_are_shown_and_not_obeyed() -> None:
    hostile = MessageDelivered(
        message_id="1", sender="planner", recipient="worker", content="[bold red]x[/bold red] \x1b[2J[link=http://a]y"
    )
    progress = after([*START, hostile])
    progress.delta("planner", "[/] streamed \x1b]0;title\x07")
    text = "\n".join(picture(progress))
    assert "[bold red]x[/bold red] [link=http://a]y" in text
    assert "/] streamed ]0;title" in text
    assert "\x1b" not in text


@pytest.mark.parametrize("height", [8, 12, 24, 50])
@pytest.mark.parametrize("agents", [1, 10, 1000])
def test_the_view_fits_the_terminal_however_many_agents_there_are(height: int, agents: int) -> None:
    names = [f"an-agent-with-quite-a-long-name-{number}" for number in range(agents)]
    events: list[Event] = [*START[:2]]
    for name in names[:30]:
        events += [
            TurnStarted(agent=name, turn=1, phase="work"),
            MessageDelivered(message_id="m", sender=name, recipient=names[0], content="word " * 50),
        ]
    lines = picture(after(events, names), height=height)
    assert len(lines) < height
    assert max(len(line) for line in lines) <= 80


LONG = [f"very-long-agent-name-number-{number:02d}-of-the-whole-review-team" for number in range(1, 21)]


@pytest.mark.parametrize(("width", "least"), [(60, 18), (80, 22), (120, 50), (200, 55)])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_long_names_use_the_width_that_is_free_and_stay_different(width: int, least: int, encoding: str) -> None:
    events: list[Event] = [
        MessageDelivered(message_id="m", sender=LONG[0], recipient=name, content="x") for name in LONG
    ]
    lines = picture(after([*START[:2], *events], LONG), width=width, height=60, encoding=encoding)
    shown = [line.split("  ")[0] for line in lines[2:22]]
    assert len(set(shown)) == len(LONG)
    assert all(len(name) >= least for name in shown)
    recipients = [line.split()[2] for line in lines[-12:]]
    assert len(set(recipients)) == 12


def test_a_call_that_is_tried_again_says_so_and_why_until_it_ends() -> None:
    call = ModelCallStarted(agent="planner", key="k", model="m", request_hash="", reserved=1)
    progress = after([*START, call])
    progress.attempt("planner", "rate: too many requests")
    assert picture(progress)[2].split(None, 1)[1].startswith("● thinking, attempt 2 3.0 s  rate:")
    progress.attempt("planner", "server: out of order")
    assert "● thinking, attempt 3 3.0 s  server: out" in picture(progress, width=100)[2]
    usage = Usage(model_calls=1)
    attempts = ("rate: too many requests", "server: out of order")
    ended = ModelCallFinished(agent="planner", key="k", model="m", usage=usage, attempts=attempts)
    progress.observe(stamped(ended, 9, "r", 105.0))
    lines = picture(progress)
    assert "● thinking 3.0 s" in lines[2]
    assert lines[-1] == "! retried planner: 2 attempts: server: out of order"


def test_a_question_that_is_put_elsewhere_is_not_shown_twice() -> None:
    progress = RunProgress(["worker"], asked_here=True)
    progress.observe(stamped(Question(agent="worker", question_id="q", content="which?"), 1, "r", 1.0))
    text = "\n".join(picture(progress))
    assert "which?" not in text
    assert "asked" in text


def test_agents_at_work_are_shown_before_others() -> None:
    names = [f"a{number}" for number in range(100)]
    text = "\n".join(picture(after([*START[:2], TurnStarted(agent="a99", turn=1, phase="work")], names)))
    assert "a99" in text
    assert "all 100" in text
    assert "more not shown" in text


def test_a_terminal_without_unicode_gets_ascii() -> None:
    message = MessageDelivered(message_id="1", sender="planner", recipient="worker", content="grüße " * 40)
    lines = picture(after([*START, message]), encoding="ascii")
    assert all(line.isascii() for line in lines)
    assert lines[-1].startswith("planner -> worker gr??e")


def test_the_clock_stops_when_the_run_ends() -> None:
    assert picture(after([*START, RunEnded(outcome="completed", reason="")]))[0].endswith("· 4.0 s · completed")


@pytest.mark.anyio
async def test_drawing_goes_on_until_cancelled_and_pauses_while_stopped() -> None:
    file = io.StringIO()
    view = LiveView(after(START), Console(file=file, width=80, height=24, force_terminal=True))
    view.start()
    with anyio.move_on_after(0.15):
        await view.keep_drawing()
    view.stop()
    drawn = len(file.getvalue())
    with anyio.move_on_after(0.15):
        await view.keep_drawing()
    assert "planners" in file.getvalue()
    assert len(file.getvalue()) == drawn
    view.start()
    view.stop()
    again = file.getvalue()[drawn:]
    assert "planners" in again.split("\x1b[1A")[0], "a view that starts again leaves alone what was printed meanwhile"
