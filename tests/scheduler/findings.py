"""Plays with monitors that find something at chosen events, and what their ladders come to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from agentmesh.events import Event, FindingRecorded, InterventionMade, MessageDelivered, Notice, TurnEnded
from agentmesh.messages import Finding
from agentmesh.scheduler import StartTurn
from agentmesh.topology.graph import Topology
from tests.scheduler.scheduler_play import Play

Seen = Callable[[Event], bool]
PAIR = Topology.graph(
    [
        "user -> a, b",
        {"from": "a", "to": "b", "max_messages": 3},
        {"from": "b", "to": "a", "max_messages": 3},
        "b -> c",
        "c -> user",
    ]
)
ROUNDS: Sequence[Any] = ("round_robin", "simultaneous", "random")


def after_turn(agent: str, turn: int = 1) -> Seen:
    """When an agent has ended its so-manieth turn."""
    return lambda event: isinstance(event, TurnEnded) and (event.agent, event.turn) == (agent, turn)


def turns_over(count: int) -> Seen:
    """When so many turns have ended."""
    ended = iter(range(1, 10_000))
    return lambda event: isinstance(event, TurnEnded) and next(ended) == count


def said(text: str) -> Seen:
    """When a message with this text is delivered."""
    return lambda event: isinstance(event, MessageDelivered) and event.content == text


def found(*agents: str, monitor: str = "m", why: str = "seen") -> FindingRecorded:
    """A finding about these agents."""
    return FindingRecorded(finding=Finding(monitor=monitor, label="l", agents=agents, why=why))


def watched(
    topology: Topology, actors: Any, ladder: Sequence[Any], *seen: tuple[Seen, Sequence[str]], **options: Any
) -> Play:
    """A run in which a monitor with this ladder finds, at each of these moments, something about some agents."""

    def before(play: Play, event: Event) -> list[Event]:
        return [found(*agents).model_copy(update={"observed": event.id}) for moment, agents in seen if moment(event)]

    own = {key: options.pop(key) for key in list(options) if key in ("choose", "verify", "seed", "after")}
    settings = {"ladders": {"m": ladder}, **options}
    return Play(topology, actors, before=before, options=settings, **own)


def kinds(play: Play) -> list[str]:
    """The interventions, in order."""
    return [event.kind for event in play.of(InterventionMade)]


def named(turn: StartTurn) -> str:
    return f"{turn.agent}{turn.turn}"


def notices(play: Play, template: str) -> list[str]:
    return [event.agent or "" for event in play.of(Notice) if event.template == template]


def views(play: Play, agent: str) -> list[StartTurn]:
    return [view for view in play.views if view.agent == agent]


def flat(order: Any, rounds: int = 3) -> Topology:
    return Topology.flat(["a", "b", "c"], rounds=rounds, order=order, speaker="c")
