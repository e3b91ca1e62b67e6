"""What a simulated model can be asked that is no arithmetic: what a question has to say, and how what is known is told.

What is known of a question are notes, one a line: `- subject: what it says`, or `- subject` alone. Whoever reads a note
can take it over, and tell it on.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import ClassVar

from agentmesh.providers.simulated.skill import Mind

Notes = Mapping[str, str]
"""What is said, by subject; empty where the subject says all."""

ANSWER = "Answer: "

_NOTE = re.compile(
    r"(?:^|(?<= \| ))[-*] (?P<subject>[^:|\n]{1,120}?)(?:: (?P<says>[^|\n]{1,200}?))?[ \t.]*(?=$| \| )", re.MULTILINE
)
_ANSWER = re.compile(rf"(?:^|(?<= \| )){ANSWER}(?P<answer>[^|\n]+?)[ \t]*(?=$| \| )", re.MULTILINE)


@dataclass(frozen=True)
class Question(ABC):
    """A question as it was read. `line` is enough of its wording for others to read it again."""

    line: str
    domain: ClassVar[str]
    """The skill that says how much of what it is told an agent has in mind."""

    @abstractmethod
    def fits(self, subject: str, says: str) -> bool:
        """Whether such a note says something of this question."""

    @abstractmethod
    def answer(self, notes: Notes) -> str:
        """What follows from the notes; empty where nothing does."""

    def recalled(self, mind: Mind, told: str = "") -> Notes:
        """What the model finds itself; `told` are its instructions."""
        return {}

    def misread(self, says: str, luck: float) -> str | None:
        """What a reader makes of what is said by mistake; None where it passes it over. Figures are misread before."""
        return says

    def answer_in(self, text: str) -> str:
        """The answer that a message gives; empty where it gives none."""
        return stated(text)

    def agreed(self, popular: str, notes: Notes) -> str:
        """The answer of who gives in to others, by what most of them answer, and what they say."""
        return popular

    def in_short(self, notes: Notes) -> Notes:
        """What who does no more than it must tells of its notes: the answer needs none."""
        return {}

    def told(self, notes: Notes, answer: str) -> str:
        """All that is known, and what follows, as a message."""
        lines = [f"- {subject}: {says}" if says else f"- {subject}" for subject, says in notes.items()]
        return "\n".join([self.line, *lines, *([f"{ANSWER}{answer}"] if answer else [])])

    def read(self, text: str) -> Notes:
        """The notes on this question that a text holds."""
        return _read(self, text)


@lru_cache(maxsize=4096)
def _read(question: Question, text: str) -> Notes:
    found = ((match["subject"].strip(), (match["says"] or "").strip()) for match in _NOTE.finditer(text))
    return MappingProxyType({subject: says for subject, says in found if question.fits(subject, says)})


def stated(text: str) -> str:
    """The answer that a message ends with; empty where it gives none."""
    found = _ANSWER.findall(text)
    return str(found[-1]) if found else ""


def without_answer(text: str) -> str:
    """A question with what is known of it, to be answered by somebody else."""
    return text.partition(f"\n{ANSWER}")[0]


def number_in(says: str) -> float | None:
    """A note that is nothing but a number."""
    return float(says) if re.fullmatch(r"\d{1,12}(?:\.\d{1,6})?", says) else None
