"""Riddles of several kinds: each gives way to one way of going about it, and has a trap for all who go another way."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, NamedTuple

from agentmesh.providers.simulated.questions import Notes, Question
from agentmesh.providers.simulated.skill import Mind

CHECKS = ", and it checks"
HABIT = "set up an equation"
"""How an agent goes about a riddle that was told no way."""


class Solved(NamedTuple):
    """What comes of a riddle by the way that fits it, and by any other."""

    right: int
    trap: int


class Kind(NamedTuple):
    """A kind of riddles: the way that fits it, how it reads, and what comes of its figures."""

    way: str
    form: str
    solved: Callable[..., Solved]


def _ages(old: int, times: int, young: int) -> Solved:
    return Solved((old - times * young) // (times - 1), old // times - young)


def _backwards(added: int, times: int, result: int) -> Solved:
    return Solved(result // times - added, (result + added) * times)


def _payments(total: int, small: int, large: int) -> Solved:
    return Solved(sum((total - n * large) % small == 0 for n in range(total // large + 1)), total // (small + large))


def _sequence(*numbers: int) -> Solved:
    *_, a, b, c = numbers
    return Solved(c + 2 * (c - b) - (b - a), 2 * c - b)


_N = r"(\d{1,6})"
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "ages": Kind(HABIT, "In how many years will somebody of {} be {} times as old as somebody of {}?", _ages),
        "backwards": Kind(
            "work backwards", "Which number comes to this if {} is added, then it is taken {} times: {}?", _backwards
        ),
        "payments": Kind("list all cases", "In how many ways can {} be paid in coins of {} and {}?", _payments),
        "sequence": Kind("look at the differences", "Which number comes next: {}, {}, {}, {}?", _sequence),
    }
)
_PATTERNS = {kind: re.compile(re.escape(one.form).replace(r"\{\}", _N)) for kind, one in KINDS.items()}
_WAYS = re.compile("|".join(kind.way for kind in KINDS.values()), re.IGNORECASE)
_SAYS = re.compile(rf"(?P<value>-?\d{{1,12}})(?P<checks>{CHECKS})?")


@dataclass(frozen=True)
class Riddle(Question):
    """What comes out."""

    kind: str
    solved: Solved
    domain: ClassVar[str] = "judgement"

    def fits(self, subject: str, says: str) -> bool:
        """Whether it is what came of one of the ways."""
        return _WAYS.fullmatch(subject) is not None and _SAYS.fullmatch(says) is not None

    def recalled(self, mind: Mind, told: str = "") -> Notes:
        """What comes of each way that it was told, each further one of which is the less likely to be followed."""
        ways = dict.fromkeys(way.lower() for way in _WAYS.findall(told)) or {HABIT: None}
        return {
            way: self._by(way, mind)
            for at, way in enumerate(ways)
            if mind.draw(mind.name, self.line, way, "followed") < mind.profile.fading**at
        }

    def _by(self, way: str, mind: Mind) -> str:
        """By the way that fits it is right as often as the skill says, and is seen to be; by others the trap waits."""
        if way != KINDS[self.kind].way:
            return str(self.solved.trap)
        if mind.draw(mind.name, self.line, way, mind.replies) < mind.skill_in(self.domain):
            return f"{self.solved.right}{CHECKS}"
        return str(self.solved.right + 1)

    def answer(self, notes: Notes) -> str:
        """What checks; else what comes out most often."""
        found = [said for said in map(_SAYS.fullmatch, notes.values()) if said is not None]
        checked = [said["value"] for said in found if said["checks"]]
        return next((value for value, _ in Counter(checked or [said["value"] for said in found]).most_common(1)), "")

    def misread(self, says: str, luck: float) -> str | None:
        """A check that is overlooked."""
        return says.removesuffix(CHECKS)


def riddle(text: str) -> Riddle | None:
    """The riddle that a text asks."""
    for kind, pattern in _PATTERNS.items():
        if (found := pattern.search(text)) is not None:
            return Riddle(found.group(), kind, KINDS[kind].solved(*map(int, found.groups())))
    return None
