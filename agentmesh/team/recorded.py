"""Recorded runs as models: what each call of a run was asked, as far as its log tells, and what it was answered."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import anyio

from agentmesh.agents.prompt import inbox_content, summary_request
from agentmesh.agents.quoting import returned
from agentmesh.errors import RunNotFound
from agentmesh.events import (
    ContextStarted,
    Event,
    Inbound,
    MessageDelivered,
    MessageProposed,
    ModelCallFinished,
    ModelCallStarted,
    Notice,
    ToolCallFinished,
    TurnStarted,
)
from agentmesh.journal import RunRecord
from agentmesh.journal.base import DEFAULT_JOURNAL
from agentmesh.messages import ChatMessage, ChatToolCall, ToolCall
from agentmesh.providers.replay import RecordedCall, ReplayProvider
from agentmesh.runner.past import relative, reply_of
from agentmesh.team.kept import Address, opened
from agentmesh.team.serving import Serving, recorded
from agentmesh.tools.results import LongResults

PREFIX = "replay:"
_CUT_OFF = "cancelled"
_ANEW = frozenset({"fresh", "reset", "replace", "compact"})
"""Reasons for which a context begins without the turns before."""

T = TypeVar("T")


@dataclass(frozen=True)
class Recording:
    """A recorded run, to be answered from."""

    model: str | None
    """What it was run with in place of its file's `default`, if it was begun on the command line."""
    provider: ReplayProvider
    serving: Serving
    """Tools of servers that it was offered, and what their calls returned."""


def recording(name: str, journal: Address = DEFAULT_JOURNAL) -> Recording:
    """The run of `RUN_ID`, which may be shortened, or `RUN_ID@PATH`; the path is that of a journal.

    Raises: RunNotFound, JournalError.
    """
    run_id, _, place = name.removeprefix(PREFIX).partition("@")
    journal = place or journal
    if isinstance(journal, str | os.PathLike) and "://" not in str(journal) and not Path(journal).exists():
        raise RunNotFound(f"there is no journal {journal}; --journal PATH, or {PREFIX}{run_id}@PATH, names another one")
    record, events, model = _in_a_thread(partial(_read, run_id, journal))
    return Recording(model, ReplayProvider(record.run_id, calls_of(events)), recorded(events))


async def _read(run_id: str, journal: Address) -> tuple[RunRecord, list[Event], str | None]:
    async with opened(journal) as store:
        record = (await store.status(run_id)).record
        events = await store.events(record.run_id)
        made = record.made.get("model")
        while made and made.startswith(PREFIX):  # a recording of a recording: what the first of them was made with
            made = (await store.status(made.removeprefix(PREFIX).partition("@")[0])).record.made.get("model")
    return record, events, None if made and made.startswith("scripted:") else made


def _in_a_thread(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Teams are made without an event loop, or inside of one that must not be waited for."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(anyio.run, work).result()


def calls_of(events: Iterable[Event]) -> list[RecordedCall]:
    """Every model call of a log, each once: with its answer if it ever had one, else with its last failure."""
    told = _Told()
    started: dict[str, tuple[ModelCallStarted, Callable[[], Sequence[ChatMessage]]]] = {}
    finished: dict[str, tuple[ModelCallStarted, ModelCallFinished]] = {}
    for event in events:
        told.hear(event)
        match event:
            case ModelCallStarted():
                started[event.key] = (event, told.request(event))
            case ModelCallFinished() if event.key in started:
                before = finished.get(event.key)
                if before is None or before[1].error is not None:
                    finished[event.key] = (started[event.key][0], event)
            case _:
                pass
    return [_call(first, asked, finished.get(key)) for key, (first, asked) in started.items()]


def _call(
    last: ModelCallStarted,
    asked: Callable[[], Sequence[ChatMessage]],
    ended: tuple[ModelCallStarted, ModelCallFinished] | None,
) -> RecordedCall:
    started, finished = ended or (last, None)
    call = RecordedCall(
        agent=started.agent or "",
        key=relative(started.key),
        request_hash=started.request_hash,
        started=started.id,
        finished=math.inf if finished is None else finished.id,
        asked=asked,
    )
    if finished is None or finished.error == _CUT_OFF:
        return call
    if finished.error is not None:
        return replace(call, error=finished.error)
    reply = reply_of(finished)
    usage = finished.usage.model_copy(update={"cost_usd": 0.0})  # paid long since
    return replace(call, reply=replace(reply, usage=usage))


@dataclass
class _Context:
    """What one agent has been told in its present context."""

    messages: list[ChatMessage]
    calls: tuple[ToolCall, ...] = ()
    results: list[ToolCallFinished] = field(default_factory=list)
    shown: LongResults = field(default_factory=LongResults)

    def answered(self, finished: ModelCallFinished) -> None:
        """The model has answered."""
        message: ChatMessage = {"role": "assistant", "content": finished.content}
        if finished.tool_calls:
            message["tool_calls"] = [_as_told(call) for call in finished.tool_calls]
        self.calls = finished.tool_calls
        self.messages.append(message)

    def close(self) -> None:
        """What came of its calls, in their order, is told."""
        for call in self.calls:
            place = (call.name, call.arguments)
            result = next((one for one in self.results if (one.name, one.arguments) == place), None)
            if result is not None:
                self.results.remove(result)
                self.messages.append({"role": "tool", "tool_call_id": call.id, "content": self._shown(result)})
        self.calls, self.results = (), []

    def _shown(self, result: ToolCallFinished) -> str:
        failed = result.error is not None
        text = result.error if result.error is not None else self.shown.shown(result.result or "", result.trust)
        return returned(text, failed=failed, trust=result.trust)


class _Told:
    """What agents are told in the course of a log.

    Not in it, and so not here: tools, what a model is reminded of within a turn, what is left of a context that was
    compacted, and what the agents of a team on a node are told.
    """

    def __init__(self) -> None:
        self._contexts: dict[str, _Context] = {}
        self._turns: dict[str, list[Inbound]] = {}
        """What agents found in their inboxes and are yet to be told."""
        self._items: dict[str, Inbound] = {}
        self._proposed: dict[str, str] = {}

    def hear(self, event: Event) -> None:
        """Take in the next event."""
        agent = event.agent or ""
        context = self._contexts.get(agent)
        match event:
            case MessageProposed():
                self._proposed[event.message_id] = event.content
            case MessageDelivered():
                self._items[event.message_id] = event
            case Notice():
                self._items[f"notice:{event.id}"] = event
            case TurnStarted():
                self._turns[agent] = [self._items[name] for name in event.inbox if name in self._items]
            case ContextStarted():
                kept = context.messages[1:] if context and event.reason not in _ANEW else []
                self._contexts[agent] = _Context([{"role": "system", "content": event.system}, *kept])
            case ModelCallFinished(error=None) if context and "/edge:" not in event.key:
                context.answered(event)
            case ToolCallFinished() if context:
                context.results.append(event)
            case _:
                pass

    def request(self, started: ModelCallStarted) -> Callable[[], Sequence[ChatMessage]]:
        """The messages with which a call begins that has just started."""
        agent = started.agent or ""
        if "/edge:" in started.key:
            content = self._proposed.get(started.key.rpartition("/")[2], "")
            return lambda: summary_request(agent, content, 1).messages
        context = self._contexts.get(agent)
        if context is None:
            return tuple
        context.close()
        inbox = self._turns.pop(agent, [])
        if inbox:
            context.messages.append({"role": "user", "content": inbox_content(inbox)})
        messages, length = context.messages, len(context.messages)
        return lambda: messages[:length]


def _as_told(call: ToolCall) -> ChatToolCall:
    arguments = json.dumps(call.arguments, ensure_ascii=False)
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}
