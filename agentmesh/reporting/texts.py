"""What models wrote, so that a report of a long run stays of moderate size, and says what it leaves out."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from agentmesh.events import Event
from agentmesh.messages import FilePart, ImagePart
from agentmesh.reporting.markup import Markup, element, join
from agentmesh.reporting.words import count, shortened, size

BUDGET = 6_000_000
"""Characters of all texts together; beyond it the longest are cut."""
LEAST = 400
"""No text is cut to less than this."""
ROOMY = 400_000
"""Up to so many characters, texts that repeat are shown wherever they stand."""
REPEATED = 200
"""Shorter texts are repeated in any case."""
FOLDED, LINES = 900, 14
"""Longer texts are folded up."""
_FIELDS = ("content", "result", "error", "reply", "summary", "detail", "task")


class Texts:
    """The texts of one report. `anchored`: the events that can be linked to."""

    def __init__(self, events: Sequence[Event], anchored: Collection[int], budget: int = BUDGET) -> None:
        lengths = sorted(len(text) for event in events for text in _texts_of(event))
        self.cap = _cap(lengths, budget)
        self.cut = 0
        self.linked = 0
        self._roomy = sum(lengths) <= ROOMY
        self._anchored = anchored
        self._first: dict[str, int] = {}

    def body(self, text: str, at: int) -> Markup:
        """A text in full, folded up where it is long; or where it stands already. `at`: the event that says it."""
        first = self._first.setdefault(text, at)
        if first != at and not self._roomy and len(text) > REPEATED and first in self._anchored:
            self.linked += 1
            return element("div", shortened(text, REPEATED), " ", self.ref(first, "in full"), class_="said")
        shown, rest = text, ""
        if len(text) > self.cap:
            self.cut += 1
            shown, rest = text[: self.cap], f"… {count(len(text) - self.cap, 'more character')}: see the journal"
        said = element("div", shown, element("em", rest) if rest else None, class_="said")
        if len(text) <= FOLDED and text.count("\n") < LINES:
            return said
        return element("details", element("summary", f"{shortened(text, REPEATED)} ({len(text):,} characters)"), said)

    def arguments(self, arguments: dict[str, Any], at: int) -> Markup:
        """What a tool was called with."""
        return self.body(_listed(arguments), at) if arguments else Markup("")

    def ref(self, id_: int, words: str = "") -> Markup:
        """A link to an event, or its number where it is left out."""
        label = words or f"e{id_}"
        if id_ in self._anchored:
            return element("a", label, href=f"#e{id_}")
        return element("span", f"{label} (event {id_}, not in this report)", class_="gone")

    def refs(self, ids: Sequence[int]) -> Markup:
        """Links to several events."""
        return join(map(self.ref, ids), ", ")


def attached(parts: Sequence[ImagePart | FilePart]) -> Markup | None:
    """What came with a message, by its kind and size: a report loads and embeds nothing that an agent chose."""
    if not parts:
        return None
    named = []
    for part in parts:
        what = part.name if isinstance(part, FilePart) else "image"
        where = f", {size(len(part.data) * 3 // 4)}" if part.data else " at an address"
        named.append(f"{what} ({part.media_type}{where})")
    return element("p", f"Attached: {', '.join(named)}", class_="note")


def _listed(arguments: dict[str, Any]) -> str:
    return "\n".join(f"{key}: {_plain(value)}" for key, value in arguments.items())


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2, default=str)


def _texts_of(event: Event) -> Iterator[str]:
    for name in _FIELDS:
        value = getattr(event, name, None)
        if isinstance(value, str):
            yield value
    arguments = getattr(event, "arguments", None)
    if arguments:
        yield _listed(arguments)


def _cap(lengths: Sequence[int], budget: int) -> int:
    """The length to which texts have to be cut so that all together fit; `lengths` are sorted."""
    left = budget
    for index, length in enumerate(lengths):
        remaining = len(lengths) - index
        if length * remaining > left:
            return max(left // remaining, LEAST)
        left -= length
    return sys.maxsize
