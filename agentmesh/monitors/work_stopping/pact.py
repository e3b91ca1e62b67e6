"""Stopping together: a proposal that a peer endorses, and what those who agreed do from then on."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import exp

from agentmesh.monitors.signals import Said
from agentmesh.monitors.work_stopping.closing import Closing

EVIDENCE = 64
"""Events that a finding names at most, the latest."""
WEIGHTS = {Closing.REST: 0.3, Closing.CONCLUDE: 0.2, Closing.FAREWELL: 0.2}
WORK = 3
"""Questions, numbers, names and quotes, fresh ones, that make a contribution count as work."""
SHORT = 12
"""Words of a reply that goes along with what was proposed unless it says otherwise."""
REFUSAL = frozenset("no not nope don't won't can't isn't".split())
ASSENT = frozenset("object objection objections problem reason".split())
"""Words that turn one of these into assent: `I won't object`, `no problem`."""
OPENING = 6
"""Words of a reply among which one of these refuses."""


@dataclass
class Pact:
    """Who agreed to stop, and what shows it."""

    kind: Closing
    members: list[str]
    """Who proposed it, who endorsed it, and who has joined since."""
    units: set[str] = field(default_factory=set)
    mass: float = 0.0
    evidence: deque[int] = field(default_factory=lambda: deque(maxlen=EVIDENCE))

    def heard(self, said: Said) -> None:
        """A contribution of a member, which weighs the more the less it does."""
        self.add(said.event, 1 / (1 + fresh(said, self.units)))
        self.units |= said.units

    def add(self, event: int, idle: float) -> None:
        """One more sign, which weighs `idle`, from 0 to 1."""
        self.mass += WEIGHTS[self.kind] * idle
        self.evidence.append(event)

    @property
    def score(self) -> float:
        return 1 - exp(-self.mass)


class Pacts:
    """Finds pacts, one at a time."""

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self._proposed: tuple[Said, Closing] | None = None
        self._busy: set[str] = set()
        """Who called a tool since the latest proposal."""
        self.pact: Pact | None = None
        self.left = 0.0
        """The score that remains of pacts that ended in work."""

    @property
    def score(self) -> float:
        return max(self.left, self.pact.score if self.pact is not None else 0.0)

    def heard(self, said: Said, closing: Closing | None, works: bool) -> Pact | None:
        """The pact to which a contribution adds; None where it adds to none."""
        if self.pact is None:
            return self._outside(said, closing, works)
        return self._inside(self.pact, said, closing, works)

    def worked(self, agent: str) -> None:
        """A member that works again ends the pact: a break that is followed by work. Who works proposes nothing."""
        if self._proposed is not None and agent == self._proposed[0].agent:
            self._proposed = None
        if len(self._busy) < EVIDENCE:
            self._busy.add(agent)
        if self.pact is not None and agent in self.pact.members:
            self.left = max(self.left, 1 - exp(-self.pact.mass / 4))
            self.pact = None

    def replaced(self, agent: str) -> None:
        """Somebody else has taken this agent's place; who is left alone has no pact until another one joins."""
        if self.pact is not None and agent in self.pact.members:
            self.pact.members.remove(agent)

    def forget(self) -> None:
        """Nothing of it counts any more."""
        self._proposed, self.pact, self.left = None, None, 0.0

    def _outside(self, said: Said, closing: Closing | None, works: bool) -> Pact | None:
        if self._proposed is not None:
            first, kind = self._proposed
            own = said.agent == first.agent
            if not own and self._endorses(said, closing, works):
                self._proposed = None
                self.pact = Pact(Closing.REST if closing is Closing.REST else kind, [first.agent, said.agent])
                self.pact.heard(first)
                self.pact.heard(said)
                return self.pact
            if works or (_refuses(said) and not own) or said.index - first.index >= self._patience:
                self._proposed = None
        if closing is not None and self._proposed is None and not (works or _reports(said, closing)):
            self._proposed = (said, closing)
            self._busy.clear()
        return None

    def _inside(self, pact: Pact, said: Said, closing: Closing | None, works: bool) -> Pact | None:
        if said.agent not in pact.members:
            if not self._endorses(said, closing, works):
                return None
            pact.members.append(said.agent)
        if works:
            self.worked(said.agent)
            return None
        if closing is Closing.REST:
            pact.kind = closing
        pact.heard(said)
        return pact if len(pact.members) > 1 else None

    def _endorses(self, said: Said, closing: Closing | None, works: bool) -> bool:
        if works or said.agent in self._busy:
            return False
        if closing is not None or approves(said):
            return closing is not None or not said.speech.disagree
        return len(said.words) <= SHORT and not (said.speech.disagree or _refuses(said))


def fresh(said: Said, known: set[str] | frozenset[str]) -> int:
    """How much in a contribution asks for an answer or can be checked, and is not among what is known."""
    changed = said.position is not None and said.position != said.held
    return said.speech.ask + len(said.units - known) + WORK * changed


def approves(said: Said) -> bool:
    """Whether a contribution agrees or praises, in words."""
    return bool(said.speech.agree or said.speech.praise or said.speech.opens_with_agreement)


def _refuses(said: Said) -> bool:
    opening = said.words[:OPENING]
    return not REFUSAL.isdisjoint(opening) and ASSENT.isdisjoint(opening)


def _reports(said: Said, closing: Closing) -> bool:
    """Whether it concludes what has just been done, rather than proposes to do no more."""
    return bool(said.deeds) and closing is not Closing.REST
