"""Who waits for a place at a model, and who is next: runs take turns, and within a run its agents do."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class Waiter:
    """One request that waits. Its future gives the instant (`time.monotonic`) at which it may leave."""

    run: str
    agent: str
    tokens: int
    latest: float
    """When its wait must be over."""
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[float]
    granted: bool = False
    gone: bool = False
    """Whether it stopped waiting."""

    def tell(self, at: float) -> None:
        """Let it leave, from its own event loop."""
        if not self.future.done():
            self.future.set_result(at)

    def fail(self, error: Exception) -> None:
        """End its wait, from its own event loop."""
        if not self.future.done():
            self.future.set_exception(error)


class FairLine:
    """A line in which a run with a thousand requests holds up nobody else's first one."""

    def __init__(self) -> None:
        self._runs: OrderedDict[str, OrderedDict[str, deque[Waiter]]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._runs)

    def add(self, waiter: Waiter) -> None:
        """To the end of its agent's own line."""
        self._runs.setdefault(waiter.run, OrderedDict()).setdefault(waiter.agent, deque()).append(waiter)

    def put_back(self, waiter: Waiter) -> None:
        """To the very front: it was taken, and could not leave yet."""
        agents = self._runs.setdefault(waiter.run, OrderedDict())
        agents.setdefault(waiter.agent, deque()).appendleft(waiter)
        agents.move_to_end(waiter.agent, last=False)
        self._runs.move_to_end(waiter.run, last=False)

    def take(self) -> Waiter | None:
        """The next that still waits; its agent and its run go to the end."""
        while self._runs:
            run, agents = next(iter(self._runs.items()))
            agent, own = next(iter(agents.items()))
            waiter = own.popleft()
            if own:
                agents.move_to_end(agent)
            else:
                del agents[agent]
            if agents:
                self._runs.move_to_end(run)
            else:
                del self._runs[run]
            if not waiter.gone:
                return waiter
        return None

    def all(self) -> list[Waiter]:
        """Everybody in it, in no order."""
        return [
            waiter for agents in self._runs.values() for own in agents.values() for waiter in own if not waiter.gone
        ]
