"""Models and people who answer in the order in which they once did: what arrives first decides what comes of it."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import anyio
import anyio.lowlevel

from agentmesh.events import Answered, Event, ModelCallFinished, Question
from agentmesh.runner.past import relative


class Arrivals:
    """Some are faster than others; a run that is to end as another one did hears them as that one did.

    Journal and machine have their say in who is first, where several are asked at once: no two runs need be alike.
    """

    def __init__(self, model: Callable[[Any], Any], person: Callable[[str, str], str]) -> None:
        self._model = model
        self._person = person
        self._due: deque[str] | None = None
        self._moved = anyio.Event()

    def follow(self, events: Sequence[Event], at: int) -> None:
        """From now on answers come as in this log, of which what is up to `at` has come already."""
        questions = {event.question_id: event.content for event in events if isinstance(event, Question)}
        self._due = deque()
        for event in events[at:]:
            if isinstance(event, ModelCallFinished) and event.error is None:
                self._due.append(relative(event.key))
            elif isinstance(event, Answered):
                self._due.append(questions[event.question_id])

    async def model(self, request: Any) -> Any:
        """What the model says, when it is its turn."""
        await self._turn_of(relative(request.key))
        return self._model(request)

    async def person(self, agent: str, question: str) -> str:
        """What the person says, likewise."""
        await self._turn_of(question)
        return self._person(agent, question)

    async def _turn_of(self, what: str) -> None:
        for _ in range(1 + zlib.crc32(what.encode()) % 7):
            await anyio.lowlevel.checkpoint()  # once at least: whoever has its answer already goes on first
        if self._due is None:
            return
        while not self._due or self._due[0] != what:
            await self._moved.wait()
        self._due.popleft()
        moved, self._moved = self._moved, anyio.Event()
        moved.set()
