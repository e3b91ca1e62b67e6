"""How far agents have talked themselves into agreement: what each contribution gives to its peers, and what it brings.

Structure comes first. Words of praise and agreement count, but a loop is recognised without any of them: by
contributions that are about `us`, `you` and the peer's name, or hardly anything at all, and bring nothing to check.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field

from agentmesh.monitors.signals import Said
from agentmesh.monitors.signals.memory import Memory
from agentmesh.monitors.signals.wording import bounded

EVIDENCE = 64
"""Events that a finding names at most."""

ABOUT = {
    **dict.fromkeys("we our ours us ourselves we're we've we'd we'll together both".split(), 1.0),
    **dict.fromkeys("you your yours yourself you're you've you'd you'll".split(), 0.5),
}
"""Words about each other."""
_ABOUT = frozenset(ABOUT)
INTENSE = frozenset(
    """absolutely completely totally utterly truly deeply profoundly incredibly extremely perfectly entirely infinitely
    forever always never every everything everyone best greatest finest ultimate unprecedented revolutionary historic
    unique infinite eternal endless entire pure total perfect complete beyond""".split()
)

_TURNED = 0.05
"""Share of words about each other from which a contribution is all about that."""
_BRIEF = 12
"""Words below which a contribution can hardly be more than an acknowledgement."""
_SHORT = 25
"""Words that a contribution counts as having at least."""
_UNITS_PER_WORD = 0.02
"""Of evidence: one unit in 50 words, and one more, is enough."""
_COMMON = 0.2
"""So much agreement is in everything that people say to each other: it adds up to nothing."""
_HALF = 1.1
"""Mass at which the score is one half: each of two agents has agreed purely once, and one of them almost again."""
_EMOJI = re.compile("[\u2600-\u27bf\U0001f300-\U0001faff]")
_SMALL = re.compile(r"\d{1,2}(?:[.,]\d)?%?")
"""Numbers that turn up everywhere: they are new where the loop has not had them, whatever came before it."""


@dataclass(frozen=True, slots=True)
class Given:
    """What one contribution gives and brings, each from 0 to 1."""

    affirms: float
    """Turned to the peers, warm, or brief."""
    shows: float
    """Evidence that the run did not have, for its length; all of it after a deed."""
    asks: float
    """Questions and requests, for its sentences."""
    opposes: float
    """Disagreement and doubt, for its length; all of it where it counters a peer's answer with another."""

    @property
    def mass(self) -> float:
        """How much of it is agreement and nothing else."""
        pure = self.affirms * (1 - self.shows) * (1 - self.asks) ** 2 * (1 - self.opposes)
        return max(0.0, pure - _COMMON) / (1 - _COMMON)

    @property
    def brings(self) -> float:
        """How much it does to end a loop: nothing up to a half, and then more and more."""
        return max(0.0, 2 * max(self.shows, self.asks, self.opposes) - 1)


@dataclass
class AgreementLoop:
    """Builds up as agents affirm each other, and is worn down by what brings something."""

    recovery: float
    """Share of it that is undone by one contribution that is all evidence, question or dissent."""
    over: bool = False
    """Whether the work is done and checked: kind words cost nothing any more."""
    masses: dict[str, float] = field(default_factory=dict)
    """By agent: the agreement that it has given in this loop."""
    events: deque[int] = field(default_factory=lambda: deque(maxlen=EVIDENCE))
    _answered: set[str] | None = None
    """Who has spoken since the user spoke last; None before the user ever did."""
    _position: tuple[str, str] | None = None
    """Who stated an answer last, and which."""
    _units: Memory[str] = field(default_factory=lambda: Memory(2_000))

    @property
    def score(self) -> float:
        """m / (m + 1.1), where m is what agents have given each other: nothing where one does all the agreeing."""
        total = sum(self.masses.values())
        mutual = min(total, 2 * (total - max(self.masses.values(), default=0.0)))
        return mutual / (mutual + _HALF)

    @property
    def agents(self) -> tuple[str, ...]:
        """Who agrees."""
        return tuple(self.masses)

    def interrupt(self) -> None:
        """The user speaks: what each agent says next is said to the user."""
        self.wear(1.0)
        self._answered, self.over = set(), False

    def hear(self, said: Said) -> bool:
        """Take in a contribution: whether it adds to the loop. To agree once is courtesy, and counts half."""
        first = self._answered is not None and said.agent not in self._answered
        if self._answered is not None:
            self._answered.add(said.agent)
        counters, length, text = self._counters(said), max(len(said.words), _SHORT), bounded(said.text)
        marks = _marks(text)
        affirms = _affirmation(said, text, length, marks)
        if affirms <= _COMMON and not self.masses:
            return False  # nothing to add, and nothing that could give way
        given = self._given(said, affirms, marks / length, counters)
        before = sum(self.masses.values())
        self.wear(given.brings)
        if first or self.over or given.mass <= before - sum(self.masses.values()) + 0.01:
            return False
        given_before = self.masses.get(said.agent)
        self.masses[said.agent] = given.mass / 2 if given_before is None else given_before + given.mass
        self.events.append(said.event)
        return True

    def wear(self, brought: float) -> None:
        """Something has been brought, so much from 0 to 1: the loop gives way."""
        if not brought or not self.masses:
            return
        kept = 1 - self.recovery * brought
        self.masses = {agent: mass * kept for agent, mass in self.masses.items() if mass * kept > 0.01}
        if not self.masses:
            self.events.clear()

    def _given(self, said: Said, affirms: float, loud: float, counters: bool) -> Given:
        """What a contribution gives and brings, seen from within this loop. `loud`: marks for each word."""
        speech, enough = said.speech, 1 + max(len(said.words), _SHORT) * _UNITS_PER_WORD
        # One who shouts shows less: at ten marks in a hundred words, evidence counts half.
        shown = min(1.0, self._fresh(said) / enough) * (1 - min(1.0, 10 * loud) / 2)
        return Given(
            affirms=affirms,
            shows=1.0 if said.deeds else shown,
            asks=min(1.0, (speech.ask + ("please" in said.vocabulary)) / said.sentences),
            opposes=1.0 if counters else min(1.0, (speech.disagree + speech.doubt / 2) / (2 * enough)),
        )

    def _fresh(self, said: Said) -> int:
        if not self.masses:
            self._units = Memory(2_000)
        if not said.units:
            return 0
        small = frozenset(filter(_SMALL.fullmatch, said.units))
        fresh = self._units.unmet(small) | (said.new_units - small)
        self._units.keep(small, said.index)
        return len(fresh)

    def _counters(self, said: Said) -> bool:
        if said.position is None:
            return False
        last, self._position = self._position, (said.agent, said.position)
        return last is not None and last[0] != said.agent and last[1] != said.position


def _affirmation(said: Said, text: str, length: int, marks: int) -> float:
    """1 - (1 - turned) (1 - warm) (1 - brief): about the peers; praise and intensity, for its sentences; few words."""
    words, speech = said.words, said.speech
    named = any(peer in text for peer in said.recipients)
    about = float(named)
    about += sum(ABOUT[word] * words.count(word) for word in _ABOUT & said.vocabulary)
    turned = min(1.0, about / length / _TURNED)
    warmth = speech.agree + speech.praise + (len(INTENSE & said.content) + marks) / 2
    warm = min(1.0, warmth / said.sentences) if warmth else 0.0
    brief = max(0.0, 1 - len(words) / _BRIEF) / 2 if words else 0.0
    return 1 - (1 - turned) * (1 - warm) * (1 - brief)


def _marks(text: str) -> int:
    """Exclamation marks and emoji, and with them words in capitals."""
    marks = text.count("!") + (0 if text.isascii() else len(_EMOJI.findall(text)))
    return marks + sum(len(word) > 3 for word in filter(str.isupper, text.split())) if marks else 0
