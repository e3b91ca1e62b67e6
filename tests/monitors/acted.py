"""Streams of events as runs record them: what agents say and do, stamped in order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from agentmesh.config.models import MonitorConfig
from agentmesh.events import (
    Event,
    MessageProposed,
    PositionStated,
    RunEnded,
    RunStarted,
    TaskChanged,
    ToolCallFinished,
    ToolCallStarted,
    TurnEnded,
    TurnStarted,
    stamped,
)
from agentmesh.messages import Finding, MessageKind, Position, Task, TaskStatus
from agentmesh.monitors.base import Watch

Acts = list[Event]


def said(agent: str, text: str, to: str | Sequence[str] = "all", kind: MessageKind = "text") -> Acts:
    """A contribution, to one recipient or to several."""
    recipients = [to] if isinstance(to, str) else to
    return [
        MessageProposed(agent=agent, message_id="", sender=agent, recipient=recipient, content=text, kind=kind)
        for recipient in recipients
    ]


def did(agent: str, name: str, arguments: dict[str, Any], result: str | None = "", error: str | None = None) -> Acts:
    """A tool call, and what came back."""
    return [
        ToolCallStarted(agent=agent, key="k", name=name, arguments=arguments),
        ToolCallFinished(agent=agent, key="k", name=name, arguments=arguments, result=result, error=error),
    ]


def held(agent: str, answer: str, text: str, to: str | Sequence[str] = "all") -> Acts:
    """A contribution with the position that it states."""
    position = PositionStated(agent=agent, turn=1, phase="p", position=Position(answer=answer))
    return [position, *said(agent, text, to)]


def turned(agent: str, *acts: Acts) -> Acts:
    """A turn of an agent, as a run shows it."""
    inside = [event for one in acts for event in one]
    return [TurnStarted(agent=agent, turn=1, phase="p"), *inside, TurnEnded(agent=agent, turn=1)]


def task(name: str, status: TaskStatus, worker: str | None = None) -> Acts:
    """A task of the board that comes into a state."""
    changed = Task(id=name, title=name, instructions=f"Do {name}")
    return [TaskChanged(agent="planner", task=changed, status=status, worker=worker)]


def ended() -> Acts:
    """The end of a foreign trace."""
    return [RunEnded(outcome="completed", reason="the trace ends")]


def stream(*acts: Acts, task: str = "Build a parser for dates") -> list[Event]:
    """The acts as one run: stamped from 1, after the event that starts it."""
    events: list[Event] = [RunStarted(team="t", task=task)]
    for one in acts:
        events += one
    for at, event in enumerate(events):
        if isinstance(event, MessageProposed):
            event.__dict__["message_id"] = f"m{at}"
    return [stamped(event, at + 1, "run", float(at)) for at, event in enumerate(events)]


def watched(
    monitor: object, events: Iterable[Event], threshold: float | None = None
) -> tuple[list[Finding], dict[str, float]]:
    """What a fresh monitor finds in the events, and the scores that it shows at their end."""
    watch = Watch("watched", monitor, MonitorConfig(threshold=threshold))  # type: ignore[arg-type]
    found = [finding for event in events for finding in watch.findings(event)]
    return found, watch.shown()


def without(events: Sequence[Event], ids: Iterable[int]) -> list[Event]:
    """The events but those with these ids and further copies of the same message; the others keep their own ids."""
    gone = frozenset(ids)
    left: list[Event] = []
    dropped: tuple[str, str] | None = None
    for event in events:
        message = (event.sender, event.content) if isinstance(event, MessageProposed) else None
        if event.id in gone or (message is not None and message == dropped):
            dropped = message
        else:
            left.append(event)
            dropped = None
    return left


def work(steps: int, agents: Sequence[str] = ("ann", "bob")) -> Acts:
    """Healthy work: each step reads something new, and tells the other what was in it."""
    acts: Acts = []
    for step in range(steps):
        agent, other = agents[step % len(agents)], agents[(step + 1) % len(agents)]
        one, two, three = (f"{part}{_syllables(step, seed)}" for seed, part in enumerate(("mor", "vel", "tas")))
        acts += did(
            agent, "read", {"path": f"src/{one}.py"}, f"class {one}: {two} = {step * 7 + 300}\n{three} = {step}.5"
        )
        acts += said(agent, f"In src/{one}.py the {two} is {step * 7 + 300}, which {three} needs for its {one}.", other)
    return acts


def _syllables(number: int, seed: int) -> str:
    """A made-up ending, another one for every number."""
    return "".join(
        "bdfgklmnprst"[(number // 12**place + seed) % 12] + "aeiou"[(number + place) % 5] for place in range(3)
    )
