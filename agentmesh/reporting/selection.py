"""Of very long logs, which turns a report tells of: the first, the last, and those that findings point to."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from agentmesh.reporting.turns import Turn

MOST_EVENTS = 20_000
"""So many events a report tells of."""
OF_ONE_TURN = 2_000
"""So many of a single turn."""


@dataclass(frozen=True)
class Gap:
    """Turns that are left out."""

    turns: int
    events: int


Shown = Mapping[str, Sequence[Turn | Gap]]


def selected(by_agent: Mapping[str, Sequence[Turn]], wanted: Collection[int], most: int = MOST_EVENTS) -> Shown:
    """The turns of each agent, with gaps where some are left out. `wanted`: events that are told of in any case."""
    total = sum(len(turn.events) + len(turn.inbox) for turns in by_agent.values() for turn in turns)
    if total <= most:
        return by_agent
    quota = max(most // len(by_agent), 20)
    return {agent: list(_with_gaps(turns, wanted, quota)) for agent, turns in by_agent.items()}


def anchors(shown: Shown) -> set[int]:
    """The events that stand in a transcript."""
    turns = (turn for turns in shown.values() for turn in turns if isinstance(turn, Turn))
    return {event.id for turn in turns for event in turn.all_events}


def _with_gaps(turns: Sequence[Turn], wanted: Collection[int], quota: int) -> Iterator[Turn | Gap]:
    kept = _within(turns, quota // 4) | {len(turns) - 1 - at for at in _within(turns[::-1], quota - quota // 4)}
    left, events = 0, 0
    for index, turn in enumerate(turns):
        if index in kept or any(event.id in wanted for event in turn.all_events):
            if left:
                yield Gap(left, events)
                left, events = 0, 0
            yield _shortened(turn, wanted)
        else:
            left, events = left + 1, events + sum(1 for _ in turn.all_events)
    if left:
        yield Gap(left, events)


def _within(turns: Sequence[Turn], quota: int) -> set[int]:
    """The first turns, as many as have no more events than `quota`; at least one."""
    used = 0
    for index, turn in enumerate(turns):
        used += len(turn.events) + len(turn.inbox)
        if used > quota:
            return set(range(max(index, 1)))
    return set(range(len(turns)))


def _shortened(turn: Turn, wanted: Collection[int]) -> Turn:
    """A turn with thousands of events without its middle."""
    if len(turn.events) <= OF_ONE_TURN:
        return turn
    first, last = OF_ONE_TURN // 4, len(turn.events) - OF_ONE_TURN * 3 // 4
    kept = [event for at, event in enumerate(turn.events) if at < first or at >= last or event.id in wanted]
    return replace(turn, events=kept, left_out=len(turn.events) - len(kept))
