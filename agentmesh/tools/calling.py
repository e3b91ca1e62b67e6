"""Calling other people's functions: asynchronous ones are awaited, synchronous ones run in a thread."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import anyio
import anyio.to_thread
from anyio.lowlevel import RunVar

THREADS = 512
"""Synchronous functions at work at once in one event loop; anyio's own default of 40 would hold up large teams."""

_limiter: RunVar[anyio.CapacityLimiter] = RunVar("agentmesh_threads")


class FunctionLeft(RuntimeError):
    """A function tried to end the whole process."""


async def call(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """What the function returns. If the caller is cancelled, a thread is abandoned and its result discarded.

    Raises: whatever the function raises; FunctionLeft in place of SystemExit, which would end the process.
    """
    bound = functools.partial(function, *arguments, **named)
    try:
        if inspect.iscoroutinefunction(function):
            return await bound()
        returned = await anyio.to_thread.run_sync(_contained, bound, abandon_on_cancel=True, limiter=_threads())
        return await returned if inspect.isawaitable(returned) else returned
    except SystemExit as error:
        raise FunctionLeft(f"the function called sys.exit({error.code!r})") from error


def _contained(bound: Callable[[], Any]) -> Any:
    # Inside a thread SystemExit would pass through the event loop and tear the process down.
    try:
        return bound()
    except SystemExit as error:
        raise FunctionLeft(f"the function called sys.exit({error.code!r})") from error


def _threads() -> anyio.CapacityLimiter:
    try:
        return _limiter.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(THREADS)
        _limiter.set(limiter)
        return limiter
