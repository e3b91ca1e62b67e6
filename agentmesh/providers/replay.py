"""A model that answers what was answered in a recorded run, and nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import get_args
from weakref import WeakKeyDictionary

import anyio

from agentmesh.errors import AgentError, ProviderError, ProviderErrorKind, ReplayMiss
from agentmesh.messages import ChatMessage, Reply
from agentmesh.providers.base import Delta, Request

PATIENCE_S = 2.0
"""How long a reply waits for those that came before it in the recording, while nothing else is asked or answered."""
_WIDTH = 160
_MOST_LINES = 24


@dataclass(frozen=True, eq=False)
class RecordedCall:
    """One model call of a recorded run. Neither `reply` nor `error`: it was cut off before its answer."""

    agent: str
    key: str
    """Without the run."""
    request_hash: str
    started: int
    """Id of the event."""
    finished: float
    """Id of the event; infinite if there is none."""
    reply: Reply | None = None
    error: str = ""
    asked: Callable[[], Sequence[ChatMessage]] = tuple
    """The messages of its request, as far as the log tells."""

    def given(self) -> Reply:
        """The reply. Raises: the error with which the call failed then."""
        if self.reply is not None:
            return self.reply
        kind, _, message = self.error.partition(": ")
        for known in get_args(ProviderErrorKind):
            if kind == known:
                raise ProviderError(known, message)
        raise AgentError(self.error)


class ReplayProvider:
    """Answers each request with what the same request was answered in a recorded run, in the order of that run.

    The same request is one with the same messages, tools and form of the answer: the temperature may be another. One
    that was asked several times is answered several times, and no more.
    """

    patience_s = PATIENCE_S

    def __init__(self, run_id: str, calls: Sequence[RecordedCall]) -> None:
        self.run_id = run_id
        self._calls = calls
        self._courses: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, _Course]] = WeakKeyDictionary()

    @property
    def model_id(self) -> str:
        """`replay:RUN_ID`."""
        return f"replay:{self.run_id}"

    async def complete(self, request: Request, on_delta: Delta | None = None) -> Reply:
        """The recorded reply. Raises: ReplayMiss with the difference where there is none; what was raised then."""
        course = self._course_of(request.run)
        number = course.take(request)
        if number is None:
            raise self._miss(request)
        call = self._calls[number]
        try:
            await course.turn_of(number)
        finally:
            course.give(number)
        if call.reply is None and not call.error:
            await anyio.sleep(self.patience_s)  # what cut it off then may do so again
            raise ReplayMiss(
                f"{self.model_id}: this call of agent '{call.agent}' was cut off in run {self.run_id} before it was "
                "answered, and no model is asked in its place",
                call.started,
                "model_call_started",
            )
        reply = call.given()
        if on_delta is not None and reply.text:
            on_delta(reply.text)
        return reply

    async def aclose(self) -> None:
        """Forget how far the runs of this event loop have come: they are over."""
        self._courses.pop(asyncio.get_running_loop(), None)

    def _course_of(self, run: str) -> _Course:
        courses = self._courses.setdefault(asyncio.get_running_loop(), {})
        if run not in courses:
            courses[run] = _Course(self._calls, self.patience_s)
        return courses[run]

    def _miss(self, request: Request) -> ReplayMiss:
        before = sum(call.request_hash == request.request_hash for call in self._calls)
        if before:
            times = "once" if before == 1 else f"{before} times"
            why = f"asks once more what run {self.run_id} asked {times}"
        else:
            why = f"asks what run {self.run_id} never asked"
        told = f"{self.model_id}: agent '{request.agent}' {why}, and no model is asked in its place"
        nearest = None if before else nearest_to(request, self._calls)
        if nearest is None:
            return ReplayMiss(told)
        call, lines = nearest
        differences = changes(lines, lines_of(request.messages))
        if not differences:
            shown = ["  the same messages: its tools, or the form of its answer, are others now"]
        else:
            more = len(differences) - _MOST_LINES
            shown = differences[:_MOST_LINES] + [f"... {more} more lines"] * (more > 0)
        head = f"the nearest request is that of '{call.agent}' in event {call.started} ({call.key}); - then, + now:"
        return ReplayMiss("\n".join([f"{told}; {head}", *shown]), call.started, "model_call_started")


class _Course:
    """How far one run has come in the recording.

    A reply is given when all have been given that came before it then, and all requests are there that were: so what
    agents do at the same time comes to the same, although no model takes any time now.
    """

    def __init__(self, calls: Sequence[RecordedCall], patience_s: float) -> None:
        self._calls = calls
        self._patience_s = patience_s
        self._left: dict[str, list[int]] = {}
        for number, call in enumerate(calls):
            self._left.setdefault(call.request_hash, []).append(number)
        self._unasked = _Row(sorted(range(len(calls)), key=lambda number: calls[number].started))
        self._ungiven = _Row(sorted(range(len(calls)), key=lambda number: calls[number].finished))
        self._waiting: dict[int, anyio.Event] = {}
        self._moved = time.monotonic()

    def take(self, request: Request) -> int | None:
        """The call that has this request, of several the one of the same key, else the first that is left."""
        fitting = self._left.get(request.request_hash)
        if not fitting:
            return None
        key = request.key.partition("/")[2]
        number = next((one for one in fitting if self._calls[one].key == key), fitting[0])
        fitting.remove(number)
        self._unasked.over(number)
        self._wake()
        return number

    async def turn_of(self, number: int) -> None:
        """Wait until it is this call's turn, or until nothing moves any more."""
        while not self._may(number):
            freed = self._waiting[number] = anyio.Event()
            try:
                with anyio.move_on_after(self._patience_s):
                    await freed.wait()
            finally:
                del self._waiting[number]
            if time.monotonic() - self._moved >= self._patience_s:
                self._pass_by(min([number, *self._waiting], key=lambda other: self._calls[other].finished))

    def give(self, number: int) -> None:
        """The call is answered."""
        self._ungiven.over(number)
        self._wake()

    def _may(self, number: int) -> bool:
        calls, end = self._calls, self._calls[number].finished
        asked, given = self._unasked.first, self._ungiven.first
        return (asked is None or calls[asked].started > end) and (given is None or calls[given].finished >= end)

    def _pass_by(self, number: int) -> None:
        """Wait no more for what was recorded before the end of this call: it does not come."""
        end = self._calls[number].finished
        for other, call in enumerate(self._calls):
            if call.started < end:
                self._unasked.over(other)
            if call.finished < end:
                self._ungiven.over(other)
        self._wake()

    def _wake(self) -> None:
        self._moved = time.monotonic()
        first = self._ungiven.first
        if first in self._waiting and self._may(first):
            self._waiting[first].set()


class _Row:
    """Numbers in an order, of which more and more are over."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self._numbers = numbers
        self._over: set[int] = set()
        self._place = 0

    @property
    def first(self) -> int | None:
        """The first that is not over."""
        while self._place < len(self._numbers) and self._numbers[self._place] in self._over:
            self._place += 1
        return self._numbers[self._place] if self._place < len(self._numbers) else None

    def over(self, number: int) -> None:
        """The number is over."""
        self._over.add(number)


def lines_of(messages: Sequence[ChatMessage]) -> list[str]:
    """What a model is told, line by line."""
    return [line for message in messages for line in _text(message).splitlines()]


def _text(message: ChatMessage) -> str:
    content = message.get("content") or ""
    if not isinstance(content, str):
        content = "\n".join(part.get("text", f"[{part['type']}]") for part in content)
    if message["role"] == "tool":
        return f"-> {content}"
    called = (call["function"] for call in message.get("tool_calls", ()))
    return "\n".join([*([content] if content else []), *(f"{one['name']}({one['arguments']})" for one in called)])


def nearest_to(request: Request, calls: Sequence[RecordedCall]) -> tuple[RecordedCall, list[str]] | None:
    """The recorded request that is most like this one, with its lines: one of the same agent if there is any."""
    from rapidfuzz.distance import Indel

    now = lines_of(request.messages)
    known = [(call, lines) for call in calls if (lines := lines_of(call.asked()))]
    own = [(call, lines) for call, lines in known if call.agent == request.agent] or known
    if not own:
        return None
    key = request.key.partition("/")[2]
    return max(own, key=lambda one: (Indel.normalized_similarity(one[1], now), one[0].key == key))


def changes(before: Sequence[str], now: Sequence[str]) -> list[str]:
    """Lines that are gone with -, new ones with +, below the line before them; long ones are cut to the change."""
    shown: list[str] = []
    for tag, start, end, new_start, new_end in SequenceMatcher(None, before, now, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        gone, new = before[start:end], now[new_start:new_end]
        shown += [f"  {_cut(line)}" for line in before[max(0, start - 1) : start]]
        shown += [f"- {_cut(line, other)}" for line, other in _beside(gone, new)]
        shown += [f"+ {_cut(line, other)}" for line, other in _beside(new, gone)]
    return shown


def _beside(lines: Sequence[str], others: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each line with the one that stands in its place."""
    yield from ((line, others[place] if place < len(others) else "") for place, line in enumerate(lines))


def _cut(line: str, other: str = "") -> str:
    """A line, no longer than is shown, around the first place in which it is not like the other."""
    if len(line) <= _WIDTH:
        return line
    same = next((place for place, (one, two) in enumerate(zip(line, other, strict=False)) if one != two), len(other))
    start = max(0, min(same, len(line)) - _WIDTH // 4)
    return "..." * (start > 0) + line[start : start + _WIDTH] + "..." * (start + _WIDTH < len(line))
