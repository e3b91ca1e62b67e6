"""What was said and done before, in bounded space: how much of a message or of a call is a repetition of it."""

from __future__ import annotations

import json
import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from agentmesh.monitors.signals import Done, Said
from agentmesh.monitors.signals.wording import bounded, units_of

T = TypeVar("T")
Words = tuple[frozenset[str], frozenset[str]]
"""Of one message: the words that carry content, and the numbers and names."""
OWN = 8
"""Contributions of an agent with which its next one is compared."""
RESULTS = 12
"""Results of an agent with which its next one is compared."""
CALLS = 1024
AGENTS = 256
SHORT = 200
"""Characters up to which the arguments of a call hold a question rather than a change."""
LATELY = 8
"""Contributions within which a word counts as said lately."""
NEAR = 0.6
"""Share of content words from which one message is near another."""
SAMPLE, LIKELY = 32, 0.5
"""Words that are looked at first, and the share of them from which it is worth looking at all."""
CONTAINED = 0.9
"""Share of its lines from which a result shows what an earlier one showed."""
WORDS = 2_000
"""Words since the last step ahead from which no more are kept."""
SUBSTANCE = 100
UNITS = 2
"""Characters, or else numbers and names, from which a result shows something; one with less acknowledges a call."""
VAGUE = frozenset(
    """careful consider consideration decide decision depend depends different discuss discussion examine explore get
    getting going good help important item items keep look looking maybe need needs option options perhaps please
    possible proceed progress question reflect shortly soon still take thanks thing things think thinking time try
    various way ways work working""".split()
)
"""Words that say little of what is done; where half of what is said are such, they count as heard."""
_NAME = re.compile(r"(?<=[a-z,;:] )[^\W\d_a-z]\w{2,}")
FEW = 2
"""New words that a message may bring and still bring nothing."""


class Heard:
    """What was said lately. Where turns are seen, only what was said before the speaker's turn counts as heard."""

    def __init__(self) -> None:
        self._heard: deque[Words] = deque(maxlen=LATELY)
        self._waiting: deque[Words] = deque(maxlen=LATELY)
        self._turns = False
        self._asked: frozenset[str] = frozenset()
        self._since: set[str] = set()
        """Words said since the work came to a halt, if it did."""
        self._halted = False

    def turn(self) -> None:
        """An agent's turn begins: what was said so far has been heard."""
        self._turns = True
        self._hear()

    def asked(self, words: frozenset[str]) -> None:
        """The words of what the user asks for."""
        self._asked = words

    def hear(self, said: Said, *, halted: bool) -> None:
        """From the next turn on it has been heard; without turns, from now on. `halted`: whether the work stands."""
        if not halted:
            self._since.clear()
        self._halted = halted
        self._waiting.append((said.content, said.units))
        if not self._turns:
            self._hear()

    def brings_nothing(self, said: Said) -> bool:
        """Whether what was said lately had all its numbers and names, and all but a few of its words."""
        if said.new_units or not self._heard or self._unheard(said.units):
            return False
        return len(self._unheard(said.content)) <= min(FEW, len(said.content) // 2)

    def unheard(self, said: Said, many: int) -> int:
        """How many of its words that carry content were neither asked for, nor said lately or since the halt.

        Once there are `many`, only that there are.
        """
        vague = len(said.content) >= 3 and 2 * len(said.content & VAGUE) >= len(said.content)
        known = (self._asked, self._since, VAGUE if vague else frozenset[str]())
        some = len(self._unheard(sample_of(said).difference(*known)))
        return some if some >= many else len(self._unheard(said.content.difference(*known)))

    def names(self, said: Said) -> bool:
        """Whether it has a name, by its capital within a sentence, that was neither asked for nor said lately."""
        names = frozenset(name.casefold() for name in _NAME.findall(bounded(said.text)))
        return bool(names and self._unheard((names & said.content).difference(self._asked, self._since)))

    def _hear(self) -> None:
        self._heard.extend(self._waiting)
        if self._halted and len(self._since) < WORDS:
            self._since.update(*(content for content, _ in self._waiting))
        self._waiting.clear()

    def _unheard(self, words: frozenset[str]) -> frozenset[str]:
        """Those of the words that nobody said lately."""
        for heard in reversed(self._heard):
            if not words:
                break
            words = words.difference(*heard)
        return words


class Messages:
    """The latest messages of each agent, by their words and by their numbers and names."""

    def __init__(self) -> None:
        self._own: dict[str, deque[Words]] = {}

    def likeness(self, said: Said) -> tuple[float, float]:
        """How near it is to one of the agent's own: in words, and after the numbers and names that changed."""
        own, content, sample = _of(said.agent, self._own, _latest), said.content, sample_of(said)
        least = LIKELY * len(sample)
        wording = facts = 0.0
        for earlier, units in own:
            if not _near_in_size(content, earlier) or len(earlier.intersection(sample)) < least:
                continue
            near = overlap(content, earlier)
            if near >= NEAR:
                wording = max(wording, near)
                facts = max(facts, near * unchanged(said.units, units))
        own.append((content, said.units))
        return wording, facts


def _latest() -> deque[Words]:
    return deque(maxlen=OWN)


@dataclass(slots=True)
class _Doing:
    """What one agent did of late."""

    results: deque[tuple[frozenset[str], str, int]] = field(default_factory=lambda: deque(maxlen=RESULTS))
    """The lines of each, what was called, and how many changes the agent had made by then, seen from that call."""
    fresh: int = 0
    """Calls that repeated nothing, in all."""
    looks: Counter[str] = field(default_factory=Counter)
    """By name: those of them with short arguments, which are unlikely to have changed anything that they show."""

    def changes(self, name: str) -> int:
        """How often the agent may have changed what a call of this name shows: by other calls, or by long ones."""
        return self.fresh - self.looks[name]


class Calls:
    """The latest calls of each agent, by what was called with which arguments."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, str], tuple[int, int]] = {}
        self._agents: dict[str, _Doing] = {}

    def repetition(self, done: Done) -> float:
        """From 0 to 1: the same call with the same result, or a result that one earlier result had shown already.

        It halves with the first thing that the agent may have changed in between, since that is a reason to look again.
        """
        doing = _of(done.agent, self._agents, _Doing)
        arguments = canonical(done.arguments)
        repeated = max(self._same(done, arguments, doing), self._shown(done, doing))
        if not repeated:
            doing.fresh += 1
            doing.looks[done.name] += len(arguments) <= SHORT
        return repeated

    def known(self, agent: str, name: str, arguments: Mapping[str, Any]) -> bool:
        """Whether the agent made this call before."""
        return (agent, name, canonical(arguments)) in self._known

    def _same(self, done: Done, arguments: str, doing: _Doing) -> float:
        key = (done.agent, done.name, arguments)
        result, changes = hash((done.result, done.error)), doing.changes(done.name)
        before = self._known.pop(key, None)
        self._known[key] = (result, changes)
        if len(self._known) > CALLS:
            del self._known[next(iter(self._known))]
        return 1 / (1 + changes - before[1]) if before is not None and before[0] == result else 0.0

    def _shown(self, done: Done, doing: _Doing) -> float:
        lines, changes, most = lines_of(done.error or done.result or ""), doing.changes(done.name), 0.0
        telling = sum(map(len, lines)) >= SUBSTANCE or len(units_of(" ".join(lines))) >= UNITS
        for earlier, name, before in doing.results if telling else ():
            share = len(lines & earlier) / len(lines)
            if share >= CONTAINED:
                most = max(most, share / (1 + changes - before) if name == done.name else share / 2)
        doing.results.append((lines, done.name, changes))
        return most


def _of(agent: str, known: dict[str, T], make: Callable[[], T]) -> T:
    """What is known of an agent; who came first is forgotten when there are too many."""
    if agent not in known:
        if len(known) == AGENTS:
            del known[next(iter(known))]
        known[agent] = make()
    return known[agent]


def sample_of(said: Said) -> frozenset[str]:
    """Words from all over a text, some SAMPLE of them: where few of these are in another text, few of all are."""
    return said.content.intersection(said.words[:: len(said.words) // SAMPLE + 1])


def overlap(one: frozenset[str], other: frozenset[str]) -> float:
    """Share of the larger set that both have; 0 at once where their sizes alone keep them from being near."""
    if not (one or other):
        return 1.0
    return len(one & other) / max(len(one), len(other)) if _near_in_size(one, other) else 0.0


def _near_in_size(one: frozenset[str], other: frozenset[str]) -> bool:
    sizes = len(one), len(other)
    return min(sizes) >= NEAR * max(sizes)


def unchanged(one: frozenset[str], other: frozenset[str]) -> float:
    """Share of the numbers and names of two messages that both have."""
    if one == other:
        return 1.0
    both = len(one & other)
    return both / (len(one) + len(other) - both)


def canonical(arguments: Mapping[str, Any]) -> str:
    """Arguments as they are compared: in one order, without runs of white space, long texts in part."""
    plain = {key: _plain(value) for key, value in arguments.items()}
    return " ".join(json.dumps(plain, sort_keys=True, default=str).split())


def lines_of(result: str) -> frozenset[str]:
    """The lines of a result that say something; those of JSON texts in it too."""
    lines: Iterable[str] = bounded(result).replace("\\n", "\n").replace('": ', "\n").split("\n")
    return frozenset(line for line in map(str.strip, lines) if len(line) > 8 and " " in line)


def _plain(value: Any) -> Any:
    return f"{len(value)}:{bounded(value)}" if isinstance(value, str) else value
