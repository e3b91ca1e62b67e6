"""Who hears of whom within the rounds. Sets of agents are the bits of one number: an edge costs one operation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from agentmesh.messages import USER
from agentmesh.topology.activity import acting
from agentmesh.topology.parts import strong_parts
from agentmesh.topology.phases import IN_ROUNDS, Phase

MOST_STEPS = 200_000
"""Edges that are walked to find out who hears of whom: beyond that the answer is not worth the wait."""


class Hearing:
    """Who has heard of whom: what everybody knows now, and all that it ever knew."""

    def __init__(self, names: Sequence[str]) -> None:
        self._bits = {name: 1 << place for place, name in enumerate(names)}
        self.names = names
        self._known: Counter[str] = Counter()
        self._ever: Counter[str] = Counter()
        self._steps = 0

    def go_through(self, phase: Phase, *, first: bool, in_rounds: bool) -> bool:
        """Let everybody talk in the phase, within its rounds or without end. False if that would take too long."""
        for iteration in range(phase.max_iterations):
            before = dict(self._known)
            if phase.fresh and not (first and iteration == 0):
                self._forget(phase)
            if in_rounds and phase.order in IN_ROUNDS:
                if not self._rounds(phase, first=(first and iteration == 0) or phase.fresh):
                    return False
            else:
                self._everything(phase)
            if self._known == before:
                break
        return True

    def missing(self, others: Hearing) -> tuple[list[str], list[str]]:
        """Who has not heard of everybody of whom it has heard there; and of whom the first of them has not."""
        lost = {name: others._ever[name] & ~self._ever[name] & ~own for name, own in self._bits.items()}
        deaf = [name for name, some in lost.items() if some]
        return deaf, [name for name, bit in self._bits.items() if deaf and lost[deaf[0]] & bit]

    def _said(self, name: str) -> int:
        return self._known[name] | self._bits.get(name, 0)

    def _tell(self, others: Iterable[str], words: int) -> bool:
        known, ever, learnt = self._known, self._ever, False
        for other in others:
            before = known[other]
            after = before | words
            if after != before:
                known[other] = after
                ever[other] |= words
                learnt = True
        return learnt

    def _forget(self, phase: Phase) -> None:
        for name in phase.participants:
            self._known[name] = 0

    def _rounds(self, phase: Phase, *, first: bool) -> bool:
        hears = _hearers(phase)
        rounds = acting(phase, first=first)
        quiet, different = 0, len(set(rounds))
        for active in rounds:
            self._steps += sum(len(hears[name]) for name in active)
            if self._steps > MOST_STEPS:
                return False
            learnt = self._at_boards(phase, active)
            if phase.order == "simultaneous":
                said = [(hears[name], self._said(name)) for name in active]
                for others, words in said:
                    learnt |= self._tell(others, words)
            else:
                learnt |= self._in_turn(phase, active, hears)
            quiet = 0 if learnt else quiet + 1
            if quiet >= different:  # nothing new has come of any round that is still to follow
                break
        return True

    def _in_turn(self, phase: Phase, active: frozenset[str], hears: Mapping[str, Sequence[str]]) -> bool:
        """Agents speak one after the other. In an order that is drawn, each may be the one that comes last."""
        learnt, again = False, True
        while again:
            again = False
            for name in phase.participants:
                if name in active:
                    again |= self._tell(hears[name], self._said(name))
            learnt |= again
            again &= phase.order == "random"
        return learnt

    def _at_boards(self, phase: Phase, active: frozenset[str]) -> bool:
        """Whoever acts may read what others write in the same round."""
        if not phase.boards:
            return False
        learnt, again = False, True
        while again:
            again = False
            for edge in phase.edges:
                writes = edge.recipient in phase.boards and edge.sender in active
                if writes or (edge.sender in phase.boards and edge.recipient in active):
                    again |= self._tell((edge.recipient,), self._said(edge.sender))
            learnt |= again
        return learnt

    def _everything(self, phase: Phase) -> None:
        """All that edges, votes and boards can bring to anybody, however long it takes."""
        after: dict[str, list[str]] = {}
        for edge in phase.edges:
            if USER not in edge.pair:
                after.setdefault(edge.sender, []).append(edge.recipient)
        pairs = ((name, other) for name, others in after.items() for other in others)
        for members in strong_parts(phase.participants, pairs):
            if len(members) > 1:
                words = 0
                for name in members:
                    words |= self._said(name)
                self._tell(members, words)
            for name in members:
                self._tell(after.get(name, ()), self._said(name))


def _hearers(phase: Phase) -> dict[str, tuple[str, ...]]:
    """By agent: who hears what it writes, through votes too, and also if it takes part only later."""
    found = {}
    for name in phase.participants:
        direct = phase.successors.get(name, ())
        through = (other for vote in direct if vote in phase.votes for other in phase.successors.get(vote, ()))
        found[name] = tuple(dict.fromkeys((*direct, *through)))
    return found


def unheard(phases: Sequence[Phase], names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Who never hears of somebody of whom more rounds would bring it word; and of whom the first of them."""
    if not any(phase.order in IN_ROUNDS for phase in phases):
        return [], []
    within, without = Hearing(names), Hearing(names)
    for index, phase in enumerate(phases):
        if not within.go_through(phase, first=index == 0, in_rounds=True):
            return [], []
        without.go_through(phase, first=index == 0, in_rounds=False)
    return within.missing(without)
