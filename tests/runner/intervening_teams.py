"""Teams whose monitors intervene in every way, in every order: their models are functions of what they are asked."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from agentmesh import Agent, Event, Finding, MonitorConfig, Team, Topology
from agentmesh.events import MessageDelivered, MessageProposed
from agentmesh.messages import USER
from tests.runner.rich_teams import offered, said, speaks, uses

LADDERS: dict[str, list[Any]] = {
    "note": ["note"],
    "ask_evidence": ["ask_evidence"],
    "withhold": ["withhold"],
    "dissent": [{"dissent": {"agent": "r"}}],
    "cut_edge": ["cut_edge"],
    "isolate": ["isolate"],
    "reset_context": ["reset_context"],
    "reassign": [{"reassign": {"agent": "r"}}],
    "enter_phase": [{"enter_phase": {"phase": "answer"}}],
    "blind_revote": ["blind_revote"],
    "replan": ["replan"],
    "ask_human": ["ask_human"],
    "several": ["blind_revote", "cut_edge", {"dissent": {"agent": "r"}}, "ask_evidence"],
}
ORDERS = ("reactive", "round_robin", "simultaneous", "tasks")


class EveryFifth:
    """Finds something about two agents in every fifth message among agents that it sees, from the third on."""

    def __init__(self) -> None:
        self.seen = 0

    def observe(self, event: Event) -> Iterator[Finding]:
        if not isinstance(event, MessageProposed) or USER in (event.sender, event.recipient):
            return
        self.seen += 1
        if self.seen % 5 == 3:
            yield Finding(label="odd", agents=(event.sender, event.recipient), why="odd", evidence=(event.id,))


class EveryFifthHeard(EveryFifth):
    """As its base, of messages that have been delivered."""

    def observe(self, event: Event) -> Iterator[Finding]:
        if isinstance(event, MessageDelivered):
            yield from super().observe(MessageProposed(**event.model_dump(exclude={"type"})))


def plans(request: Any) -> Any:
    """A planner with two tasks, and workers who say something."""
    if "open_tasks" in offered(request) and said(request) == 0:
        return uses("open_tasks", tasks=[{"id": one, "title": f"do {one}"} for one in ("t1", "t2")])
    return speaks(request)


def topology(order: Any) -> Topology:
    if order == "tasks":
        return Topology.hierarchy("a", ["b", "c"], max_tasks=6)
    if order == "reactive":
        pairs = itertools.permutations("abc", 2)
        inner = [{"from": one, "to": other, "max_messages": 2} for one, other in pairs]
        talk = {"name": "talk", "edges": ["user -> a, b, c", *inner]}
        return Topology([talk, {"name": "answer", "edges": ["c -> user"]}])
    return Topology.flat(["a", "b", "c"], rounds=3, order=order)


def intervening(kind: str, order: str, *, blocking: bool) -> Callable[..., Team]:
    ladder = [rung for rung in LADDERS[kind] if order != "tasks" or "enter_phase" not in rung]
    config = MonitorConfig(interventions=ladder, blocking=blocking)
    monitor = EveryFifth if blocking else EveryFifthHeard
    agents = [*(Agent(name=name) for name in "abc"), Agent(name="r", reserve=True)]
    watched = {"m": (monitor, config)}
    return lambda folder, model=plans: Team(agents, topology(order), models={"default": model}, monitors=watched)


INTERVENING = {
    f"{kind} {order}{' blocking' if blocking else ''}": intervening(kind, order, blocking=blocking)
    for kind, order, blocking in itertools.product(LADDERS, ORDERS, (False, True))
    if (blocking or kind != "withhold") and (order != "tasks" or kind != "enter_phase")
}
"""By what they do and in which order."""
