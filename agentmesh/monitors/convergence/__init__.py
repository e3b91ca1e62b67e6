"""Agents who do not come together (`coordination_failure`).

Positions. Each agent holds what it stated last: an option on each issue where it states several (`A2, B1`, `issue:
option`, a JSON object), else one answer. The distance of two positions is the share of issues on which they differ;
the dispersion, the mean distance of all pairs of those who stated something after their first statement, that is, after
they could hear the others. apart = (mean + least dispersion over the last two rounds) / 2 * n / (n + 0.5), n being the
statements after first ones. A vote settles it: what is stated after it counts anew.

Dealings, each a piece of evidence: two agents claim the same lines of the same thing on a board (0.8); two change the
same thing and neither has spoken of it in between, or one changes what the other claimed (0.6); a result that shows
work colliding, such as a merge conflict or a thing that a peer holds (0.6); a promise ("I will") followed by three
contributions of its author, or the end, without a deed that mentions what was promised (0.5, half of it where no other
agent has spoken of it since); a
question to peers that three of their contributions pass over without a word of it (0.35). Promises and questions are
settled when the user speaks. A question that names whom it asks is to be answered by that one, and weighs 0.45.

At the end, where nobody stated a position twice: how far apart the first ones are (0.5 of their mean distance); and of
a task that asks for a judgement, the share of agents, two or more, that end by saying their own again (1.0 of it): with
no number or name that is new, half of the words their own from before, one of them in nobody else's latest words.

score = 1 - (1 - apart) * (1 - evidence), evidence = 1 - exp(-mass).

A finding on positions comes when everybody has stated one at least twice after hearing others, when an answer goes
out, and at the end. Not flagged: different first answers; disagreement that is narrowing; positions that are put to a
vote; agents who work on different things; two who edit one file after talking of it, or whose lines of it they claim on
a board; questions to the user; promises by agents that have no tools.

Source: the coordination symptoms of CooperBench (arXiv 2601.13295), work overlap, broken commitment and
unresponsiveness; consensus failure of SILO-BENCH (more than one answer at the end), made gradual.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

from agentmesh.events import BoardWritten, Event, RunEnded, VoteCast
from agentmesh.messages import Finding
from agentmesh.monitors.base import Reader
from agentmesh.monitors.convergence.dealings import Dealings, Matter
from agentmesh.monitors.convergence.positions import ROUNDS, Table, choices_of
from agentmesh.monitors.convergence.standoff import Standoff
from agentmesh.monitors.signals import Done, Said
from agentmesh.monitors.signals.answers import asks_to_judge
from agentmesh.monitors.weighing import Evidence

LABEL = "coordination_failure"
EVENTS = 64
STUCK, SPLIT = 1.0, 0.5
"""What it weighs at the end that all say their own again; and that all have another answer, each stated once."""


class Convergence(Reader):
    """Positions that do not come together, work that collides, promises broken, questions ignored."""

    labels = (LABEL,)
    thresholds: ClassVar[Mapping[str, float]] = {LABEL: 0.55}
    cost = "compares the positions of a team with each other when one is stated"
    others = frozenset([VoteCast, BoardWritten, RunEnded])

    def __init__(self) -> None:
        super().__init__()
        self._table, self._dealings, self._evidence = Table(), Dealings(), Evidence()
        self._standoff = Standoff()
        self._apart = 0.0

    def said(self, said: Said) -> Iterator[Finding]:
        if said.outside:
            self._dealings.start_anew()
            return
        yield from self._weighed(self._dealings.said(said))
        self._standoff.heard(said)
        choices = choices_of(said)
        if choices is not None and said.kind != "answer":
            self._table.state(said.agent, choices, said.event)
            self._apart = self._table.apart()
            if self._table.rounds >= ROUNDS:
                yield from self._stand_apart()
        elif said.kind == "answer":
            yield from self._stand_apart()

    def done(self, done: Done) -> Iterator[Finding]:
        yield from self._weighed(self._dealings.done(done))

    def other(self, event: Event) -> Iterator[Finding]:
        match event:
            case VoteCast():
                self._table.settle()
                self._standoff.settle()
                self._apart = 0.0
                self._rate()
            case BoardWritten():
                yield from self._weighed(self._dealings.board(event))
            case RunEnded():
                yield from self._weighed(self._dealings.end())
                yield from self._weighed(self._stuck())
                yield from self._stand_apart()
            case _:
                pass

    def _stuck(self) -> Iterator[Matter]:
        """At the end: what agents left standing, where they state no positions twice that could be compared."""
        if self._table.heard:
            return
        share, agents, events = self._standoff.stuck()
        held = self._table.first_apart()
        if share and asks_to_judge(self.signals.task):
            why = f"{', '.join(agents)} end by saying their own again, and take up nothing of each other's"
            # Answers that differ are part of it: they must not come to count once what was said again is gone.
            yield Matter("stuck", STUCK * share, tuple(sorted({*events, *self._table.events})), agents, why)
            return
        if held:
            why = f"{len(self._table.holders)} agents end with different answers"
            yield Matter("split", SPLIT * held, tuple(self._table.events), tuple(self._table.holders), why)

    def _weighed(self, matters: Iterable[Matter]) -> Iterator[Finding]:
        for matter in matters:
            self._evidence.add(matter.kind, matter.weight, matter.events[-1], matter.agents)
            for event in matter.events:
                self._evidence.repeat(matter.kind, event)
            yield from self._found(self._rate(), matter.agents, matter.why)

    def _stand_apart(self) -> Iterator[Finding]:
        score, holders = self._rate(), self._table.holders
        if self._apart:
            why = f"after {self._table.heard} statements {len(holders)} agents stand {self._apart:.0%} apart"
            yield from self._found(score, self._table.outside(), why)

    def _rate(self) -> float:
        score = self.scores[LABEL] = 1 - (1 - self._apart) * (1 - self._evidence.score)
        return score

    def _found(self, score: float, agents: tuple[str, ...], why: str) -> Iterator[Finding]:
        events = (*(self._table.events if self._apart else ()), *self._evidence.events)
        named = tuple(sorted(dict.fromkeys(events)))[-EVENTS:]
        yield Finding(label=LABEL, score=score, agents=agents, evidence=named, why=why)
