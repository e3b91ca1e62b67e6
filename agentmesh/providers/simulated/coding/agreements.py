"""Names that one feature leaves open and another one needs: what was told, what others say, and what is thought of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agentmesh.messages import USER
from agentmesh.providers.simulated.coding.features import Piece
from agentmesh.providers.simulated.reading import Reading
from agentmesh.providers.simulated.sheets import sheets
from agentmesh.providers.simulated.skill import Mind

TASK = "task"

_SAID = re.compile(r"The name for the (?P<noun>\w+) in \S+ is `(?P<name>\w+)`\.")
_STYLES = ("{}", "apply_{}", "{}_value", "get_{}", "the_{}", "compute_{}")
"""How coders name things: none of these is more natural than the others."""


def told(piece: Piece, name: str) -> str:
    """How it is said what the open name of a piece is."""
    return f"The name for the {piece.noun} in {piece.other or piece.path} is `{name}`."


@dataclass(frozen=True)
class Names:
    """The names that an agent goes by."""

    reading: Reading
    mind: Mind

    def given(self, piece: Piece) -> str:
        """The name of what the agent makes itself: as it was told, or by its own choice."""
        return piece.name or self._instructed.get(piece.noun) or self._kept(piece.noun)

    def announced(self, piece: Piece) -> str:
        """The name that it tells others, or commits itself to."""
        return self._instructed.get(piece.noun) or self._thought_of(piece.noun)

    def used(self, piece: Piece, own: Mapping[str, str], code: str) -> str:
        """The name of what a piece uses. `own`: by noun what the agent makes itself; `code`: the file it is in."""
        told = own.get(piece.noun) or self._instructed.get(piece.noun) or _in_code(piece.noun, code)
        return told or self._heard(piece.noun) or self._thought_of(piece.noun)

    @property
    def _instructed(self) -> dict[str, str]:
        """What the user, or whoever gave it its task, says: that is read again and again."""
        texts = [self.reading.system, *(b.text for b in self.reading.messages if b.sender == USER or b.kind == TASK)]
        return {found["noun"]: found["name"] for text in texts for found in _SAID.finditer(text)}

    def _kept(self, noun: str) -> str:
        """What it writes: what it told others, unless it does not keep to that."""
        keeps = self.luck("keeps", noun) < self.mind.profile.fidelity
        return self._thought_of(noun) if keeps else self._thought_of(noun, 1)

    def _heard(self, noun: str) -> str:
        """What a peer said, if the agent takes that in."""
        for sender, text in self._said():
            for found in _SAID.finditer(text):
                if found["noun"] == noun and self.luck("attends", sender, noun) < self.mind.profile.attention:
                    return found["name"]
        return ""

    def _said(self) -> Iterator[tuple[str, str]]:
        for sheet in sheets(self.reading).values():
            yield from ((str(entry.get("owner")), str(entry.get("text", ""))) for entry in sheet.entries)
        yield from ((b.sender, b.text) for b in reversed(self.reading.messages) if b.sender != self.reading.name)

    def _thought_of(self, noun: str, other: int = 0) -> str:
        at = int(self.luck("name", noun) * len(_STYLES))
        return _STYLES[(at + other) % len(_STYLES)].format(noun)

    def luck(self, *about: object) -> float:
        """The agent's own; with heterogeneity that of its kind, by so much."""
        if self.mind.profile.heterogeneity is None:
            return self.mind.draw(self.mind.name, *about)
        return self.mind.own(*about)


def _in_code(noun: str, code: str) -> str:
    """The name under which something stands in the code that the agent sees."""
    found = re.search(rf'def (\w+)\(.*\):\n    """For the {noun}\."""|\* (\w+)  # for the {noun}\n', code)
    return next(filter(None, found.groups())) if found else ""
