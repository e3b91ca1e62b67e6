"""Estimating a quantity from what several have estimated: `- the guard: 480`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from agentmesh.providers.simulated.questions import Notes, Question, number_in

_ASKED = re.compile(r"Estimate the number of [^.\n]{3,200}\.")


@dataclass(frozen=True)
class Estimate(Question):
    """How many there are."""

    domain: ClassVar[str] = "judgement"

    def fits(self, subject: str, says: str) -> bool:
        """Whether it is somebody's number."""
        return number_in(says) is not None

    def answer(self, notes: Notes) -> str:
        """The mean of all estimates."""
        numbers = [number for number in map(number_in, notes.values()) if number is not None]
        return str(round(sum(numbers) / len(numbers))) if numbers else ""


def estimate(text: str) -> Estimate | None:
    """The quantity that a text asks for."""
    found = _ASKED.search(text)
    return Estimate(found.group()) if found else None
