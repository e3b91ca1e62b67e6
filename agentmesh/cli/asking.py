"""How a person at the terminal answers for an agent of kind `human`."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import TextIO

import anyio

from agentmesh.cli.terminal import complain, one_line, printable
from agentmesh.errors import AgentError

Ask = Callable[[str, str], Awaitable[str]]


def asker(stream: TextIO | None, aside: Callable[[], AbstractContextManager[object]]) -> Ask | None:
    """A callable that asks on the terminal, or None where nobody sits at one.

    `aside()` is entered while a question stands, so that nothing draws over it.
    """
    if stream is None or not stream.isatty():
        return None
    turn = anyio.Lock()

    async def ask(agent: str, question: str) -> str:
        async with turn:
            with aside():
                complain(f"\n{printable(question)}\n\n{one_line(agent)}, your answer, on one line:")
                # Waiting for the descriptor, not in a thread, can be cancelled at once.
                await anyio.wait_readable(stream)
                answer = stream.readline()
        if not answer:
            raise AgentError(f"{agent!r} was asked, and the terminal was closed without an answer")
        return answer.rstrip("\n")

    return ask


def terminal_asker(aside: Callable[[], AbstractContextManager[object]]) -> Ask | None:
    """`asker` for the standard input of this process."""
    return asker(sys.stdin, aside)
