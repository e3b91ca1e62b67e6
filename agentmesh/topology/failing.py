"""Single points of failure: without which agents no answer can come. Sets of agents are the bits of one number."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from agentmesh.messages import USER
from agentmesh.topology.phases import IN_ROUNDS, Phase
from agentmesh.topology.reach import untold

EVERYBODY = -1
"""All bits set: the node never acts, whoever fails."""
_MOST_COUNTED = 10_000
"""Steps of counting on behalf of one join; a larger one is taken to be met by any single message."""


def indispensable(phases: Sequence[Phase], names: Sequence[str]) -> list[str]:
    """The agents without each of whom no answer can come."""
    bits = {name: 1 << place for place, name in enumerate(names)}
    failing = EVERYBODY
    for index, (phase, told) in enumerate(zip(phases, untold(phases), strict=True)):
        lost = _lost(phase, told, bits, first=index == 0)
        for name in phase.predecessors.get(USER, ()):
            failing &= lost.get(name, 0)
    return [name for name, bit in bits.items() if failing & bit]


def _lost(phase: Phase, told: frozenset[str], bits: Mapping[str, int], *, first: bool) -> dict[str, int]:
    """By node: the agents without each of whom it never acts."""
    settled = {USER: 0, **_settled(phase, told, bits, first=first)}
    # From everybody downwards, until nothing changes: agents on a cycle do not keep each other alive.
    lost = dict.fromkeys((*phase.participants, *phase.votes), EVERYBODY) | settled
    ahead = deque(name for name in lost if name not in settled)
    waiting = set(ahead)
    while ahead:
        name = ahead.popleft()
        waiting.discard(name)
        fewer = _lost_with(phase, name, told, lost) | bits.get(name, 0)
        if fewer != lost[name]:
            lost[name] = fewer
            after = phase.successors.get(name, ())
            again = [other for other in after if other in lost and other not in settled and other not in waiting]
            waiting.update(again)
            ahead += again
    return lost


def _settled(phase: Phase, told: frozenset[str], bits: Mapping[str, int], *, first: bool) -> dict[str, int]:
    """Who acts whether or not anybody writes to it, and who only when it is called upon."""
    if phase.order == "moderator":
        chair = bits.get(phase.moderator or "", 0)
        called = {*phase.successors.get(phase.moderator or "", ()), phase.moderator}
        return {name: chair | bits[name] if name in called else EVERYBODY for name in phase.participants}
    opening: Iterable[str] = phase.opens or (() if told else phase.successors.get(USER, ()))
    if phase.order in IN_ROUNDS and not first:
        opening = phase.participants  # from earlier phases anybody may have something to read
    return {name: bits[name] for name in opening if name in bits}


def _lost_with(phase: Phase, name: str, told: frozenset[str], lost: Mapping[str, int]) -> int:
    """Those without each of whom too few of a node's predecessors act."""
    if name in phase.votes:
        return _lost_to_vote(phase, name, lost)
    heard = phase.predecessors.get(name, ())
    before = [EVERYBODY if other == USER and name not in told else lost.get(other, EVERYBODY) for other in heard]
    spare = len(before) - phase.needed(name, len(before))
    if spare < 0:
        return EVERYBODY
    if phase.order != "reactive" or spare * len(before) > _MOST_COUNTED:
        spare = len(before) - 1
    if spare == len(before) - 1:
        return _in_all(before)
    # at_least[k]: who is missing for more than k of the predecessors so far
    at_least = [0] * (spare + 1)
    for some in before:
        for k in range(spare, 0, -1):
            at_least[k] |= at_least[k - 1] & some
        at_least[0] |= some
    return at_least[spare]


def _lost_to_vote(phase: Phase, vote: str, lost: Mapping[str, int]) -> int:
    """A vote needs one ballot, and of its candidates one that has entered something."""
    before = phase.predecessors.get(vote, ())
    candidates = [name for name in before if name in phase.votes[vote].candidates]
    missing = 0
    for group in filter(None, (phase.voters(vote), candidates)):
        missing |= _in_all(lost.get(name, EVERYBODY) for name in group)
    return missing


def _in_all(sets: Iterable[int]) -> int:
    found = EVERYBODY
    for some in sets:
        found &= some
    return found
