"""Choosing an option by facts that each speak for one, with a weight: `- cheap rents: 3 for Oslo`."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

from agentmesh.providers.simulated.questions import Notes, Question

_ASKED = re.compile(r"Which option is the best: (?P<options>[^?\n]{3,400})\?")
_SAYS = re.compile(r"(?P<weight>\d{1,4}) for (?P<option>.+)")


@dataclass(frozen=True)
class Choice(Question):
    """Which option has most that speaks for it."""

    options: tuple[str, ...]
    domain: ClassVar[str] = "facts"

    def fits(self, subject: str, says: str) -> bool:
        """Whether it is a fact for an option."""
        found = _SAYS.fullmatch(says)
        return found is not None and found["option"] in self.options

    def answer(self, notes: Notes) -> str:
        """The option with the greatest sum of weights, or the first of equals."""
        sums: Counter[str] = Counter()
        for found in filter(None, map(_SAYS.fullmatch, notes.values())):
            sums[found["option"]] += int(found["weight"])
        return max(self.options, key=lambda option: sums[option]) if sums else ""

    def misread(self, says: str, luck: float) -> str | None:
        """A fact that is held to speak for another option."""
        found = _SAYS.fullmatch(says)
        assert found is not None
        others = [option for option in self.options if option != found["option"]]
        return f"{found['weight']} for {others[int(luck * len(others))]}" if others else None


def choice(text: str) -> Choice | None:
    """The choice that a text asks for."""
    found = _ASKED.search(text)
    if found is None:
        return None
    options = tuple(option.strip() for option in re.split(r",| or ", found["options"]) if option.strip())
    return Choice(found.group(), options)
