"""Having ideas: as many uses of some things as a model knows, and others have named: `- build a wall (brick)`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from agentmesh.providers.simulated.knowledge import USES
from agentmesh.providers.simulated.questions import Notes, Question
from agentmesh.providers.simulated.skill import Mind

_ASKED = re.compile(r"List as many different uses as you can of: (?P<things>[^.\n]{3,200})\.")


@dataclass(frozen=True)
class Uses(Question):
    """What some things can be used for."""

    things: tuple[str, ...]
    domain: ClassVar[str] = "ideas"

    def fits(self, subject: str, says: str) -> bool:
        """Whether it is a use of one of the things."""
        return not says and subject.endswith(tuple(f"({thing})" for thing in self.things))

    def read(self, text: str) -> Notes:
        """The uses in a list of lines, or in one line as an answer gives them."""
        pieces = (piece.strip() for piece in text.split(";"))
        return super().read(text) or {piece: "" for piece in pieces if self.fits(piece, "")}

    def recalled(self, mind: Mind, told: str = "") -> Notes:
        """The share of all uses that the skill in ideas says; copies of a model know the same."""
        skill = mind.skill_in(self.domain)
        ideas = [(thing, idea) for thing in self.things for idea in USES.get(thing, ())]
        return {f"{idea} ({thing})": "" for thing, idea in ideas if mind.own("idea", thing, idea) < skill}

    def answer(self, notes: Notes) -> str:
        """All of them, in one order, so that who knows the same answers the same."""
        return "; ".join(sorted(notes))

    def misread(self, says: str, luck: float) -> str | None:
        """An idea that is passed over."""
        return None

    def answer_in(self, text: str) -> str:
        """The list that is its own answer."""
        return self.answer(self.read(text))

    def agreed(self, popular: str, notes: Notes) -> str:
        """All that others have named, and nothing else."""
        return self.answer(notes)

    def in_short(self, notes: Notes) -> Notes:
        """The first few."""
        return dict(list(notes.items())[: -(-len(notes) // 3)])

    def told(self, notes: Notes, answer: str) -> str:
        """The list alone: the answer would only say it again."""
        return super().told(notes, "")


def uses(text: str) -> Uses | None:
    """The uses that a text asks for."""
    found = _ASKED.search(text)
    return Uses(found.group(), tuple(thing.strip() for thing in found["things"].split(";"))) if found else None
