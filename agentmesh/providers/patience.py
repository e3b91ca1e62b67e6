"""How long a request waits: for a place at the gate, for a connection, for its answer, for the next piece of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from types import TracebackType

from agentmesh.errors import ProviderError
from agentmesh.providers.failures import failed
from agentmesh.providers.gate import Gate
from agentmesh.providers.retry import OutOfTime

CONNECT_SECONDS = 10.0


async def let_in(gate: Gate, url: str, timeout_s: float) -> float:
    """Seconds that are left once the gate let the request out. Raises: OutOfTime."""
    try:
        return await gate.enter(timeout_s)
    except TimeoutError:
        why = f"{gate.in_flight} requests are in flight, and this process has no time for more"
        raise OutOfTime(f"{url} was not asked within {timeout_s:.3g} s: {why}") from None


class Patience:
    """Bounds a stream as a whole, and each silence in it, with one timer."""

    def __init__(self, url: str, timeout_s: float, idle_s: float) -> None:
        self._url = url
        self._idle_s = idle_s
        self._now = asyncio.get_running_loop().time
        self._end = self._now() + timeout_s
        self._timeout = asyncio.timeout_at(min(self._end, self._now() + idle_s))

    async def __aenter__(self) -> Patience:
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError:
            if self._now() >= self._end:
                raise
            raise failed(
                "timeout",
                f"{self._url} sent nothing for {self._idle_s:g} s",
                hint="raise `idle_timeout_s` of the model if it may be silent for longer",
            ) from error

    async def over(self, chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """The chunks; each that comes renews the patience."""
        async for chunk in chunks:
            self._timeout.reschedule(min(self._end, self._now() + self._idle_s))
            yield chunk


def timed_out(url: str, timeout_s: float, *, connecting: bool) -> ProviderError:
    """The error for an answer, or a connection, that did not come in time."""
    if connecting:
        return failed(
            "timeout",
            f"no connection to {url} within {CONNECT_SECONDS:g} s",
            hint="is the address right, and does the network let requests through to it?",
        )
    return failed(
        "timeout", f"no complete answer from {url} within {timeout_s:.3g} s", hint="raise `timeout_s` of the model"
    )
