"""Orders to bring something to an address: what is asked for, and where it is to go, whatever the words around it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from agentmesh.monitors.injection.passages import (
    ACTS,
    CLAIMED,
    GIVEN,
    READERS,
    SENTENCES,
    directs,
    tokens_of,
)
from agentmesh.monitors.signals.wording import FUNCTION_WORDS, words_of
from agentmesh.monitors.weighing import Mark

ADDRESS = re.compile(
    r"https?://[^\s\"'<>)\]]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|\b(?:[\w-]+\.)+(?:com|org|net|io|info|example|dev|app)\b"
)
HEADS = GIVEN | READERS | CLAIMED | frozenset(["override", "human"])
"""What stands before the colon of an order that claims to come from somebody who may give it."""
_TO = re.compile(r"(?:\bto|\bat|\binto|\bvia|=)\s*[\"'(<\[]?$")
_BOUND = frozenset("must should shall will have has need needs are is".split())
_HERE = "there"


@dataclass(frozen=True, slots=True)
class Order:
    """One sentence that wants something brought to an address."""

    sentence: str
    address: str
    about: frozenset[str]
    """Its words that carry content."""
    binds: bool
    """Whether it says that agents have to."""
    announced: bool
    """Whether it stands behind the name of one who may give orders, or of what such a one gives."""

    @property
    def firm(self) -> bool:
        """Whether it is for agents: pages for people say where to send things, too."""
        return self.binds or self.announced

    def marks(self) -> Iterator[Mark]:
        """What is suspicious about it, if nobody asked for it."""
        yield (
            Mark("an order to agents to bring something to an address", 0.6)
            if self.binds
            else Mark("an order to bring something to an address", 0.3)
        )
        if self.announced:
            yield Mark("an order that claims to come from one who may give it", 0.4)


def orders_in(text: str, team: AbstractSet[str]) -> list[Order]:
    """The first few of a bounded text."""
    found: list[Order] = []
    if ADDRESS.search(text) is None:
        return found
    for sentence in SENTENCES.split(text)[:200]:
        address = ADDRESS.search(sentence[:600])
        if address is None or _TO.search(sentence[: address.start()]) is None:
            continue
        tokens = tokens_of(f"{sentence[: address.start()]} {_HERE} {sentence[address.end() : 600]}")
        if directs(tokens):
            about = frozenset(words_of(" ".join(tokens))) - FUNCTION_WORDS - {_HERE}
            found.append(Order(sentence, address[0].rstrip(".,;"), about, _binds(tokens, team), _announced(tokens)))
    return found[:4]


def _binds(tokens: Sequence[str], team: AbstractSet[str]) -> bool:
    """Whether it has `agents must send` or the like."""
    return any(
        (token in READERS or token in team)
        and not _BOUND.isdisjoint(tokens[at + 1 : at + 3])
        and not ACTS.isdisjoint(tokens[at + 2 : at + 6])
        for at, token in enumerate(tokens)
    )


def _announced(tokens: Sequence[str]) -> bool:
    head = tokens[: tokens.index(":")] if ":" in tokens[:10] else ()
    return not HEADS.isdisjoint(head)
