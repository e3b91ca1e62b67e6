"""Runs told anew: as foreign traces, without some of what happened in them, after healthy work of another topic."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from agentmesh.evaluation.calibration.play import Play
from agentmesh.evaluation.calibration.runs import Half
from agentmesh.evaluation.calibration.topics import TOPICS
from agentmesh.evaluation.readers import Call, Trace, TraceEvent
from agentmesh.evaluation.readers.trace import Role
from agentmesh.events import (
    Event,
    MessageProposed,
    RunEnded,
    RunStarted,
    ToolCallFinished,
    ToolCallStarted,
)
from agentmesh.messages import USER

HEALTHY = 30
"""Events that are put before a run."""
APART = 1_000_000
"""Where the ids of what is put before a run begin."""


def healthy_work(half: Half, seed: int, other_than: str = "") -> list[Event]:
    """A run in which agents work, and nothing else; of a topic that a task does not name."""
    play = Play(Random(f"healthy/{half}/{seed}"), half)
    others = [topic for topic in TOPICS if not any(item in other_than for item in topic.items)]
    play.about(play.rng.choice(others))
    play.begin()
    play.healthy(16)
    return play.stage.events


def task_of(events: Sequence[Event]) -> str:
    """What the user asked for."""
    return events[0].task if isinstance(events[0], RunStarted) else ""


def retold(events: Sequence[Event]) -> Trace:
    """A run as another framework would have recorded it: messages, calls and their results, and nothing else."""
    told: list[TraceEvent] = []
    before: Event | None = None
    for event in events:
        match event:
            case MessageProposed() if _is_copy(event, before):
                told[-1] = replace(told[-1], recipients=(*(told[-1].recipients or ()), event.recipient))
            case MessageProposed():
                role: Role = "user" if event.sender == USER else "agent"
                told.append(TraceEvent(len(told), event.sender, (event.recipient,), role, event.content, (), event.ts))
            case ToolCallStarted(agent=str(agent)):
                calls = (Call(event.name, event.arguments),)
                told.append(TraceEvent(len(told), agent, None, "assistant", "", calls, event.ts))
            case ToolCallFinished(agent=str(agent)):
                result = event.result or event.error or ""
                told.append(TraceEvent(len(told), f"tool:{event.name}", (agent,), "tool", result, (), event.ts))
            case _:
                pass
        before = event
    agents = dict.fromkeys(each.sender for each in told if each.role in ("agent", "assistant"))
    return Trace("retold", task_of(events), tuple(agents), tuple(told))


def without(events: Iterable[Event], ids: Collection[int]) -> list[Event]:
    """A run in which these events did not happen, nor the rest of what they are part of: a message, or a call."""
    left: list[Event] = []
    gone: set[str] = set()
    before: Event | None = None
    for event in events:
        part = getattr(event, "message_id", None) or getattr(event, "key", "") or ""
        again = isinstance(event, MessageProposed) and _is_copy(event, before) and before not in left[-1:]
        if event.id in ids or part in gone or again:
            gone |= {part} - {""}
        else:
            left.append(event)
        before = event
    return left


def trace_without(trace: Trace, places: Collection[int]) -> Trace:
    """A trace in which these events did not happen."""
    return replace(trace, events=tuple(event for event in trace.events if event.i not in places))


def after(work: Sequence[Event], events: Sequence[Event]) -> list[Event]:
    """A run that begins with some healthy work of the same agents, whose events have other ids."""
    names = _renamed(_agents(work), _agents(events))
    kept = [event for event in work if not isinstance(event, RunStarted | RunEnded) and not _of_user(event)]
    put = [moved(event, APART + at, names) for at, event in enumerate(kept[:HEALTHY])]
    return [events[0], *put, *events[1:]]


def trace_after(work: Trace, trace: Trace) -> Trace:
    """A trace that begins with some healthy work of the same agents."""
    names = _renamed(work.agents, trace.agents)
    put = [
        replace(
            event,
            i=APART + at,
            sender=names.get(event.sender, event.sender),
            recipients=event.recipients and tuple(dict.fromkeys(names.get(each, each) for each in event.recipients)),
        )
        for at, event in enumerate([event for event in work.events if event.sender != USER][:HEALTHY])
    ]
    return replace(trace, events=(*put, *trace.events))


def _is_copy(event: MessageProposed, before: Event | None) -> bool:
    said = (event.sender, event.content)
    return isinstance(before, MessageProposed) and (before.sender, before.content) == said


def _of_user(event: Event) -> bool:
    return getattr(event, "sender", "") == USER


def _agents(events: Iterable[Event]) -> list[str]:
    return list(dict.fromkeys(event.agent for event in events if event.agent and event.agent != USER))


def _renamed(names: Sequence[str], others: Sequence[str]) -> dict[str, str]:
    return {name: others[at % len(others)] for at, name in enumerate(names)} if others else {}


def moved(event: Event, id_: int, names: dict[str, str]) -> Event:
    """The event at another place of the log, of agents with other names."""
    changed: dict[str, Any] = {"id": id_}
    for key in ("agent", "sender", "recipient"):
        if (name := getattr(event, key, None)) in names:
            changed[key] = names[name]
    for key in ("message_id", "key"):
        if (part := getattr(event, key, None)) is not None:
            changed[key] = f"before-{part}"
    return event.model_copy(update=changed)
