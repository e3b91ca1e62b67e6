"""A person at the terminal answers for an agent; where nobody sits at one, nobody is asked."""

from __future__ import annotations

import io
import os
import pty
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TextIO

import anyio
import pytest

from agentmesh.cli.asking import asker
from agentmesh.errors import AgentError


@pytest.fixture
def terminal() -> Iterator[tuple[int, TextIO]]:
    """A terminal: what is written to the first end arrives at the second, line by line."""
    outer, inner = pty.openpty()
    with os.fdopen(inner, encoding="utf-8") as stream:
        yield outer, stream
    os.close(outer)


def test_nobody_is_asked_where_input_is_no_terminal() -> None:
    assert asker(io.StringIO("yes\n"), nullcontext) is None


@pytest.mark.anyio
async def test_a_person_is_asked_and_answers_with_a_line(
    terminal: tuple[int, TextIO], capsys: pytest.CaptureFixture[str]
) -> None:
    keyboard, stream = terminal
    aside: list[str] = []

    @contextmanager
    def watched() -> Iterator[None]:
        aside.append("in")
        yield
        aside.append("out")

    ask = asker(stream, watched)
    assert ask is not None
    os.write(keyboard, "Grüße\n".encode())
    assert await ask("reviewer", "Is \x1b[2Jthis right?") == "Grüße"
    assert aside == ["in", "out"]
    assert capsys.readouterr().err == "\nIs this right?\n\nreviewer, your answer, on one line:\n"


@pytest.mark.anyio
async def test_two_people_are_asked_one_after_the_other(terminal: tuple[int, TextIO]) -> None:
    keyboard, stream = terminal
    ask = asker(stream, nullcontext)
    assert ask is not None
    answers: dict[str, str] = {}

    async def question(agent: str) -> None:
        answers[agent] = await ask(agent, "?")

    with anyio.fail_after(2):
        async with anyio.create_task_group() as group:
            group.start_soon(question, "a")
            group.start_soon(question, "b")
            await anyio.sleep(0.02)
            os.write(keyboard, b"first\n")
            await anyio.sleep(0.05)
            os.write(keyboard, b"second\n")
    assert answers == {"a": "first", "b": "second"}


@pytest.mark.anyio
async def test_a_question_can_be_cancelled_while_nobody_answers(terminal: tuple[int, TextIO]) -> None:
    ask = asker(terminal[1], nullcontext)
    assert ask is not None
    with anyio.move_on_after(0.02) as scope:
        await ask("reviewer", "?")
    assert scope.cancelled_caught


@pytest.mark.anyio
async def test_a_closed_terminal_is_an_error_that_names_the_agent(terminal: tuple[int, TextIO]) -> None:
    keyboard, stream = terminal
    ask = asker(stream, nullcontext)
    assert ask is not None
    os.write(keyboard, b"\x04")
    with pytest.raises(AgentError, match="'reviewer' was asked"):
        await ask("reviewer", "?")
