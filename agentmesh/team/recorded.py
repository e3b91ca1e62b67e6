"""Recorded runs as models: what each call of a run was asked, as far as its log tells, and what it was answered."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import anyio

from agentmesh.agents.prompt import inbox_content, summary_request
from agentmesh.agents.quoting import escaped
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
from agentmesh.messages import ChatMessage, ChatToolCall, Reply, ToolCall
from agentmesh.providers.replay import RecordedCall, ReplayProvider
from agentmesh.runner.past import relative, reply_of
from agentmesh.team.kept import Address, opened
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


def recording(name: str, journal: Address = DEFAULT_JOURNAL) -> Recording:
    """The run of `RUN_ID`, which may be shortened, or `RUN_ID@PATH`; the path is that of a journal.

    Raises: RunNotFound, JournalError.
    """
    run_id, _, place = name.removeprefix(PREFIX).partition("@")
    record, events, model = _in_a_thread(partial(_read, run_id, place or journal))
    return Recording(model, ReplayProvider(record.run_id, calls_of(events)))


async def _read(run_id: str, journal: Address) -> tuple[RunRecord, list[Event], str | None]:
    if isinstance(journal, str) and "://" not in journal and not Path(journal).exists():
        raise RunNotFound(f"there is no journal {journal}; --journal PATH, or replay:{run_id}@PATH, names another one")
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
