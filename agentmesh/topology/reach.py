"""How far words can come at most: who is reached, who gets to act, and whose words reach `user`."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence

from agentmesh.messages import USER
from agentmesh.topology.activity import acting
from agentmesh.topology.phases import Phase


def reached(phases: Iterable[Phase]) -> set[str]:
    """The nodes to which messages can flow from `user`, and those that act first although nobody wrote to them."""
    found = {USER}
    for phase in phases:
        found |= {*phase.opens, *([phase.moderator] if phase.moderator else [])}
        ahead = [name for name in phase.successors if name in found]
        while ahead:
            for name in phase.successors.get(ahead.pop(), ()):
                if name not in found:
                    found.add(name)
                    ahead.append(name)
    return found


def untold(phases: Sequence[Phase]) -> list[frozenset[str]]:
    """By phase: to whom `user` gives the task when it begins. Nobody is given it twice, but after forgetting all."""
    told: set[str] = set()
    found = []
    for phase in phases:
        if phase.fresh:
            told -= set(phase.participants)
        found.append(frozenset(phase.successors.get(USER, ())) - told)
        told |= found[-1]
    return found


def able_to_act(phase: Phase, told: frozenset[str]) -> set[str]:
    """Nodes of a reactive phase that act, if all that can act do; `told` are given the task in it."""
    opening = phase.opens or (() if told else phase.successors.get(USER, ()))
    heard = Counter(told)
    active = {USER, *opening, *(name for name in told if _is_met(phase, name, 1))}
    ahead = deque(active - {USER})
    while ahead:
        for name in phase.successors.get(ahead.popleft(), ()):
            heard[name] += 1
            if name not in active and name != USER and _is_met(phase, name, heard[name]):
                active.add(name)
                ahead.append(name)
    return active


def _is_met(phase: Phase, name: str, heard: int) -> bool:
    return name in phase.votes or heard >= phase.needed(name, len(phase.predecessors.get(name, ())))


def get_to_act(phase: Phase, told: frozenset[str], *, first: bool) -> frozenset[str]:
    """Agents that take a turn in the phase, if all that can act do."""
    match phase.order:
        case "reactive":
            return frozenset(phase.participants) & able_to_act(phase, told)
        case "moderator":
            called = phase.successors.get(phase.moderator or "", ())
            return frozenset(phase.participants) & {phase.moderator or "", *called}
        case "tasks":
            return frozenset(phase.participants)
        case _:
            return frozenset().union(*acting(phase, first=first or phase.fresh))


def heard_by_user(phases: Sequence[Phase]) -> set[str]:
    """The nodes whose words can reach `user`: over edges, votes and boards, and in what agents remember."""
    found: set[str] = set()
    heard = {USER}
    for phase in reversed(phases):
        writers: dict[str, list[str]] = {}
        for edge in phase.edges:
            writers.setdefault(edge.recipient, []).append(edge.sender)
        ahead = list(heard)
        while ahead:
            for name in writers.get(ahead.pop(), ()):
                if name not in heard:
                    heard.add(name)
                    ahead.append(name)
        found |= heard
        if phase.fresh:
            heard -= set(phase.participants)
    return found
