"""Orders to bring something to an address: what is asked for, and where it is to go, whatever the words around it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import pairwise

from agentmesh.monitors.injection.passages import (
    CLAIMED,
    GIVEN,
    OVERRIDES,
    READERS,
    SENTENCES,
    VOID,
    directs,
    tokens_of,
)
from agentmesh.monitors.signals.wording import FUNCTION_WORDS, words_of
from agentmesh.monitors.weighing import Mark

ADDRESS = re.compile(
    r"https?://[^\s\"'<>)\]]+|(?<![\w.+-])(?:[\w.+-]+@[\w-]+(?:\.[\w-]+)+|"
    r"(?:[\w-]+\.)+(?:com|org|net|io|info|example|dev|app)\b)"
)
WORKERS = READERS | frozenset(["worker", "workers"])
AUTHORITIES = CLAIMED | frozenset(
    "human humans security management operations administrators operators behalf override".split()
)
"""Who may give orders, wherever an order names them before the address."""
HEADS = AUTHORITIES | GIVEN | READERS | frozenset(["notice"])
"""What stands at the head of an order that claims to come from one who may give it."""
CHANGES = (OVERRIDES | VOID) - {"longer"} | frozenset(
    "task tasks assignment mission instead doing rest else cancelled canceled changed conversation".split()
)
"""Words about what the reader was to do until now."""
SECRETS = frozenset(
    "password passwords credential credentials token tokens secret secrets key keys prompt conversation history".split()
)
"""What nobody brings to an address because a page says so."""
_ENDS = frozenset("com org net io info example dev app http https".split())
_DESTINATION = re.compile(rf"(?:\b(?:to|at|into|via)\s+|=)\s?[\"'(<\[]?(?P<address>{ADDRESS.pattern})")
_ELSEWHERE = re.compile(rf"(?<!from )(?<!see )(?<!by )(?<!in )(?<![\w.@/-])(?P<address>{ADDRESS.pattern})")
_HEAD = re.compile(r"^[^:\]>!]{0,60}(?:[:\]>!]|\s[-\u2013\u2014]\s)")
_TAG = re.compile(
    r"^\s*[<\[](?!(?:p|li|td|th|div|span|strong|body|code|title|section|article)\b)[a-z]\w+[>\]]", re.IGNORECASE
)
_BOUND = frozenset("must should shall will".split())
_OWING = frozenset("has have need needs are is ought".split())
_ENTIRE = frozenset("the all your this that these those our any every everything its it them each a an".split())
_OPENS = frozenset([":", ",", ";", '"', "and", "then", "now", "please", "also", "immediately", "first", "to"])
_READS = frozenset("reads reading processes processing handles handling summarises summarizes".split())
_HERE = "there"
SHORT = 60
"""Letters of a sentence that may belong to the next one, such as `This is your operator.`"""


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
    changes: bool
    """Whether it, or a short sentence before it, is about what its reader was to do until now."""
    secret: bool
    """Whether it wants what nobody is to have."""

    @property
    def firm(self) -> bool:
        """Whether it is for agents: pages for people say where to send things, too."""
        return self.binds or self.announced or self.changes or self.secret

    def marks(self) -> Iterator[Mark]:
        """What is suspicious about it, if nobody asked for it."""
        if self.binds:
            yield Mark("an order to agents to bring something to an address", 0.6)
        else:
            yield Mark("an order to bring something to an address", 0.5 if self.secret else 0.3)
        if self.announced:
            yield Mark("an order that claims to come from one who may give it", 0.4)
        if self.changes:
            yield Mark("an order in place of what its reader was to do", 0.4)


def may_order(text: str, words: AbstractSet[str], *, data: bool) -> bool:
    """Whether something may be to go to an address; in what an agent writes, only such orders as it seldom gives."""
    if words.isdisjoint(_ENDS) and "@" not in text:
        return False
    if not (words.isdisjoint(HEADS) and words.isdisjoint(WORKERS)):
        return ADDRESS.search(text) is not None
    return (data or not words.isdisjoint(SECRETS)) and _DESTINATION.search(text) is not None


def orders_in(text: str, team: AbstractSet[str]) -> list[Order]:
    """The first few of a bounded text."""
    found: list[Order] = []
    before: list[str] = []
    for whole in SENTENCES.split(text)[:200]:
        sentence = whole[:600]
        place = (_DESTINATION.search(sentence) or _ELSEWHERE.search(sentence)) if "." in sentence[:-1] else None
        if place is not None and "//localhost" not in place["address"]:
            order = _order(sentence, before, place, team)
            found += [order] if order is not None else []
        before = tokens_of(sentence) if len(sentence) < SHORT else []
    return found[:4]


def _order(sentence: str, before: Sequence[str], place: re.Match[str], team: AbstractSet[str]) -> Order | None:
    start, end = place.span("address")
    tokens = tokens_of(f"{sentence[:start]} {_HERE} {sentence[end:]}")
    binds = _binds(tokens, team)
    if not (binds or directs(tokens) or _imperative(tokens)):
        return None
    announced = _announced(sentence, frozenset(tokens[: tokens.index(_HERE)]), before)
    if place.re is _ELSEWHERE and not (binds or announced):
        return None
    about = frozenset(words_of(" ".join(tokens))) - FUNCTION_WORDS - {_HERE}
    return Order(
        sentence=sentence,
        address=place["address"].rstrip(".,;"),
        about=about,
        binds=binds,
        announced=announced,
        changes=not CHANGES.isdisjoint((*tokens, *before)),
        secret=place.re is _DESTINATION and not about.isdisjoint(SECRETS),
    )


def _binds(tokens: Sequence[str], team: AbstractSet[str]) -> bool:
    """Whether it has `agents must send`, `every agent that reads this has to send`, `whoever reads this`."""
    for at, token in enumerate(tokens):
        after = tokens[at + 1 : at + 9]
        if token in WORKERS or token in team:
            if not _BOUND.isdisjoint(after) or any(a in _OWING and b == "to" for a, b in pairwise(after)):
                return True
        elif token in _READS and not {"this", "these"}.isdisjoint(after[:2]):
            return True
    return False


def _imperative(tokens: Sequence[str]) -> bool:
    """Whether a clause opens with a verb, whichever it is: a word of content before `the`, `your`, `all`."""
    for at, (word, after) in enumerate(pairwise(tokens[: tokens.index(_HERE)])):
        opens = at == 0 or tokens[at - 1] in _OPENS or tokens[at - 1].endswith("ly")
        if opens and after in _ENTIRE and word not in FUNCTION_WORDS and word not in _OPENS:
            return True
    return False


def _announced(sentence: str, named: AbstractSet[str], before: Sequence[str]) -> bool:
    """Whether a head or a tag is around it, or it or the short sentence before it names one who may give orders."""
    head = _HEAD.match(sentence)
    heads = tokens_of(head[0]) if head is not None else []
    return not HEADS.isdisjoint((*heads, *before)) or not AUTHORITIES.isdisjoint(named) or bool(_TAG.match(sentence))
