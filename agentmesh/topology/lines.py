"""Lines of turns and of messages: of what the most that can happen in a phase consists."""

from __future__ import annotations

from dataclasses import dataclass, field

from agentmesh.messages import USER
from agentmesh.topology.phases import Phase

JUDGE_ATTEMPTS = 3
"""Turns that a judge may take to decide on one proposal, or a moderator to choose one speaker."""

Pair = tuple[str, str]


@dataclass(frozen=True)
class Start:
    """What a phase finds when it begins.

    `first`: nobody has anything to read from before. `midway`: the phase is under way, and anybody may have something
    to read already. `told`: who has the task. `again`: times that a refuted answer goes back to its author. `calls`:
    times that each agent may be called upon by interventions.
    """

    first: bool = True
    midway: bool = False
    told: frozenset[str] = frozenset()
    again: int = 0
    calls: int = 0


BEGINNING = Start()


@dataclass
class Activity:
    """Lines of turns and of messages, infinite where nothing bounds them.

    Agents of one line share its turns, however they fall to them; edges of one line share its messages, of which each
    edge takes no more than the second number.
    """

    turns: list[tuple[tuple[str, ...], float]] = field(default_factory=list)
    messages: list[tuple[tuple[Pair, ...], float, float]] = field(default_factory=list)

    def turn(self, count: float, *names: str) -> None:
        """Note a line of turns."""
        self.turns.append((names, count))

    def message(self, count: float, *pairs: Pair, each: float | None = None) -> None:
        """Note a line of messages."""
        self.messages.append((pairs, count, count if each is None else each))


def over(phase: Phase, pair: Pair, turns: float, start: Start) -> float:
    """Messages over one edge, if its sender takes so many turns."""
    sender, recipient = pair
    cap = phase.by_pair[pair].max_messages
    if sender == USER:
        return (0 if recipient in start.told else 1) + start.calls
    if sender in phase.votes:
        return 1
    if recipient == USER:
        return least(min(turns, 1 + start.again), cap)
    if recipient in phase.votes:
        # A candidate enters its text, and has a ballot too where nobody else votes.
        both = sender in phase.votes[recipient].candidates and sender in phase.voters(recipient)
        return least(min(turns, 2 if both else 1), cap)
    return least(turns, cap)


def least(value: float, limit: float | None) -> float:
    """The smaller of the two, where there is a limit."""
    return value if limit is None else min(value, limit)


def times(count: float, each: float) -> float:
    """The product, where nothing times infinity is nothing."""
    return count * each if count and each else 0
