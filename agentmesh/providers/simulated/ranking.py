"""Ranking things by a measure, by estimates that each say whose they are: `- Nile (ann): 6600`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from statistics import NormalDist, fmean
from typing import ClassVar

from agentmesh.providers.simulated.knowledge import MEASURES
from agentmesh.providers.simulated.questions import Notes, Question, number_in
from agentmesh.providers.simulated.skill import Mind

_ASKED = re.compile(r"Rank by (?P<measure>[^,\n]{2,80}), the greatest first: (?P<items>[^.\n]{3,400})\.")
_WHOSE = re.compile(r"(?P<item>.+?) \((?P<who>[^()]+)\)")


@dataclass(frozen=True)
class Ranking(Question):
    """The order of some things."""

    measure: str
    items: tuple[str, ...]
    domain: ClassVar[str] = "judgement"

    def fits(self, subject: str, says: str) -> bool:
        """Whether it is somebody's estimate of one of the things."""
        found = _WHOSE.fullmatch(subject)
        return found is not None and found["item"] in self.items and number_in(says) is not None

    def recalled(self, mind: Mind, told: str = "") -> Notes:
        """Beliefs about well-known things: as far off as there is skill lacking, and of copies the same."""
        known = MEASURES.get(self.measure, {})
        doubt = 1 - mind.skill_in(self.domain)
        return {
            f"{item} ({mind.name or 'I'})": f"{known[item] * _off(mind, self.measure, item, doubt):.3f}"
            for item in self.items
            if item in known
        }

    def answer(self, notes: Notes) -> str:
        """By the mean of all estimates of each; what nobody knows comes last."""
        given: dict[str, list[float]] = {item: [] for item in self.items}
        for subject, says in notes.items():
            found, number = _WHOSE.fullmatch(subject), number_in(says)
            if found is not None and number is not None:
                given[found["item"]].append(number)
        if not any(given.values()):
            return ""
        return " > ".join(sorted(given, key=lambda item: -fmean(given[item] or [-1.0])))


def ranking(text: str) -> Ranking | None:
    """The ranking that a text asks for."""
    found = _ASKED.search(text)
    if found is None:
        return None
    return Ranking(found.group(), found["measure"], tuple(item.strip() for item in found["items"].split(",")))


def _off(mind: Mind, measure: str, item: str, doubt: float) -> float:
    """A factor by which a belief is off, never below zero."""
    luck = min(max(mind.own("belief", measure, item), 1e-6), 1 - 1e-6)
    return max(0.01, 1 + doubt * NormalDist().inv_cdf(luck))
