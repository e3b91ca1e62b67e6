"""Who gives up the own answer for a peer's: the answers of a run, changes of them, and what each change rests on."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agentmesh.monitors.signals import Said
from agentmesh.monitors.signals.answers import canonical, claimed_answer, may_claim, options_in
from agentmesh.monitors.signals.wording import bounded

EVIDENCE = 64
"""Events that a finding names at most."""

_STEEP = 3.0
"""1 - exp(-3 r): a quarter of the team that gives in for no reason makes about one half."""
_FOR_NOTHING = 1.5
"""How much worse it is to give up a worked answer for one that nobody has worked out."""
_AFTER_DEED, _WITH_OWN_STEP, _FOR_A_WORKING = 0.3, 0.5, 0.7
"""What is left of a change after a tool call; with a working of its own; to the first answer that shows a working."""
_GUESSED = 0.8
"""What is left of a change to an answer that was guessed from the text."""
_NEW_UNITS = 3
"""New numbers, names and quotes that make a contribution more than an assertion."""
_KNOWN = 8
"""Answers that are remembered for each agent."""
_NUMBER = re.compile(r"\d\d*(?:[.,]\d+)*")  # not `\d+`: what has one first character is found in a loop in C
_CONFIDENCE = re.compile(r"confiden[^\n]*", re.IGNORECASE)


@dataclass(slots=True)
class Stand:
    """What one agent holds, and has held."""

    answer: str
    event: int
    """The contribution that stated it last."""
    guessed: bool
    worked: dict[str, bool]
    """By answer that it has held: whether it ever showed how it is found."""
    own: set[str]
    """Answers that it came to before any peer."""
    yielded: float = 0.0
    """How much it holds an answer taken over from a peer, from 0 to 1."""
    evidence: tuple[int, ...] = ()
    thought: str = ""
    """What it has said since without an answer, the latest: a working may come before what it leads to."""


@dataclass
class Positions:
    """Everybody's answers. To give in is to change to an answer that a peer had stated and oneself had not found."""

    stands: dict[str, Stand] = field(default_factory=dict)
    _options: Mapping[str, str] | None = None

    @property
    def score(self) -> float:
        """1 - exp(-3 r), where r sums how much each has given in, over the number of those who hold an answer."""
        yielded = sum(stand.yielded for stand in self.stands.values())
        return 1 - math.exp(-_STEEP * yielded / len(self.stands)) if yielded else 0.0

    @property
    def yielding(self) -> tuple[str, ...]:
        """Who holds an answer taken over."""
        return tuple(agent for agent, stand in self.stands.items() if stand.yielded)

    @property
    def evidence(self) -> tuple[int, ...]:
        """Contributions: those with the answers given up, those of the peers, and all that state those taken over."""
        events = sorted({event for stand in self.stands.values() if stand.yielded for event in stand.evidence})
        return tuple(events[-EVIDENCE:])

    def hear(self, said: Said, task: str) -> bool:
        """Take in a contribution: whether it takes over a peer's answer, or stays with one that was taken over."""
        answer, guessed = self._answer(said, task)
        stand = self.stands.get(said.agent)
        if answer is None:
            if stand is not None:
                stand.thought = said.text
            return False
        worked = _shows_working(said.text, answer) or (stand is not None and _leads_to(stand.thought, answer))
        if stand is None or (stand.guessed and not guessed):
            self.stands[said.agent] = Stand(answer, said.event, guessed, {answer: worked}, {answer})
            return False
        if answer != stand.answer:
            return self._changed(said, stand, answer, worked=worked, guessed=guessed)
        stand.event, stand.thought = said.event, ""
        stand.worked[answer] = stand.worked.get(answer, False) or worked
        if stand.yielded:
            stand.evidence = (*stand.evidence, said.event)[-EVIDENCE:]
        return bool(stand.yielded)

    def _changed(self, said: Said, stand: Stand, answer: str, *, worked: bool, guessed: bool) -> bool:
        peers = [peer for agent, peer in self.stands.items() if agent != said.agent]
        sources = [peer for peer in peers if answer in peer.worked]
        if guessed and not stand.guessed and not sources:
            stand.thought = said.text
            return False
        if sources and answer not in stand.own:
            weight = _weight(said, stand, answer, peers, worked=worked) * (_GUESSED if guessed else 1.0)
            stand.yielded = max(stand.yielded, weight)
            heard = sorted(peer.event for peer in sources)[-4:]
            stand.evidence = (*stand.evidence, stand.event, *heard, said.event)[-EVIDENCE:]
        else:
            stand.yielded, stand.evidence = 0.0, ()
            if not sources:
                stand.own.add(answer)
        if len(stand.worked) >= _KNOWN:
            stand.own.discard(oldest := next(iter(stand.worked)))
            del stand.worked[oldest]
        stand.worked[answer] = stand.worked.get(answer, False) or worked
        stand.answer, stand.event, stand.guessed, stand.thought = answer, said.event, guessed, ""
        return bool(stand.yielded)

    def _answer(self, said: Said, task: str) -> tuple[str | None, bool]:
        """The answer in a contribution, and whether that is a guess.

        Guesses are made where the task is a question; a text that follows a tool call and computes nothing reports it.
        """
        if self._options is None:
            self._options = options_in(bounded(task))
        if said.position is not None:
            stated = canonical(said.position)
            return self._options.get(stated, stated), False
        text = bounded(said.text)
        if "?" not in task or (said.deeds and "=" not in text) or not may_claim(text, said.vocabulary):
            return None, True
        for name in (said.agent, *said.recipients, *self.stands):
            text = text.replace(name, "")
        guess = claimed_answer(text)
        return guess if guess is None else self._options.get(guess, guess), True


def _weight(said: Said, stand: Stand, answer: str, peers: Sequence[Stand], *, worked: bool) -> float:
    """How little speaks for the change, from 0 to 1."""
    kept = 1 + sum(stand.answer in peer.own for peer in peers)
    taken = sum(answer in peer.own for peer in peers)
    weight = 0.5 + 0.5 / (1 + math.exp(taken - kept))
    had_worked = stand.worked[stand.answer]
    peers_worked = any(peer.worked.get(answer, False) for peer in peers)
    if had_worked and not peers_worked:
        weight = min(1.0, weight * _FOR_NOTHING)
    if peers_worked and not had_worked:
        weight *= _FOR_A_WORKING
    if said.deeds:
        return weight * _AFTER_DEED
    return weight * _WITH_OWN_STEP if worked or len(said.new_units) >= _NEW_UNITS else weight


def _leads_to(thought: str, answer: str) -> bool:
    """Whether a text without an answer works one out: it has its number, and others."""
    reached = bool(thought) and any(canonical(number) == answer for number in _NUMBER.findall(bounded(thought)))
    return reached and _shows_working(thought, answer)


def _shows_working(text: str, answer: str) -> bool:
    """Whether a text has at least two numbers beside the answer itself and how sure somebody is."""
    text = bounded(text)
    written = set(_NUMBER.findall(_CONFIDENCE.sub("", text) if "onfiden" in text else text))
    return len(written) > 3 or len({canonical(number) for number in written} - {answer}) >= 2
