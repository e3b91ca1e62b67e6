"""Whether a text proposes to stop: to rest, to postpone, to hand back, to call it done, or to say farewell.

A word alone says nothing (a channel called `rest`, a REST interface, `the rest of`, `break the problem down`, `stop the
server`): a proposal has a frame before it (`let's`, `we could`, `time to`, `take a`) and no object behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import islice, pairwise

from agentmesh.monitors.signals import Said
from agentmesh.monitors.signals.wording import bounded


class Closing(Enum):
    """How a text proposes to stop."""

    REST = "rest"
    """To do nothing for now: work remains, and it says so."""
    CONCLUDE = "conclude"
    """To call it done."""
    FAREWELL = "farewell"
    """Thanks, looking back, good wishes: what one says when nothing more will be done."""


HALTS = frozenset("stop stopping halt quit pause pausing rest resting adjourn finish finishing end ending".split())
BREAKS = frozenset("break breather nap rest pause siesta".split())
PUT_OFF = frozenset("postpone postponing shelve".split())
LATER = frozenset("tomorrow later monday".split())
RESUME = frozenset("continue resume pick finish revisit return".split())
FRAME = frozenset(
    """let's us we i we'll i'll we'd i'd we're i'm shall should could can suggest propose recommend vote time ready
    going gonna want wanna how""".split()
)
TAKE = frozenset("take taking have having need needs deserve deserves earned enjoy time for get entering".split())
ARTICLES = frozenset(
    "a an some short quick brief little long coffee tea lunch deserved earned our well-earned well-deserved my".split()
)
OPEN_ENDED = frozenset("here now for there working work today tonight until and then everything completely so".split())
NOT = frozenset("not don't never can't cannot won't without shouldn't couldn't no nothing isn't why instead".split())
"""What denies, within a clause."""
CONDITIONS = frozenset("if when unless whether once while before".split())
WE = frozenset("we i you".split())
WAITS = frozenset(
    """rate limit limits limiter quota build builds ci pipeline compile compiles deploy deployment download upload
    cooldown backoff retry timeout job lock approval finishes completes returns""".split()
)
"""What one may well wait for."""

_REST_SAID = (
    "call it a day", "call it a night", "enough for today", "enough for now", "enough for one day", "done for today",
    "done for the day", "leave it there", "leave it here", "leave it at that", "stand down", "hand it back",
    "hand this back", "let someone else", "good enough for", "can wait until", "rest can wait",
    "call it quits",
)  # fmt: skip
_CONCLUDE_SAID = (
    "wrap up", "wrap this up", "wrap it up", "call it done", "nothing more to do", "nothing left to do",
    "our work is done", "our work here is done", "we're done here", "we are done here", "to a close", "as we conclude",
)  # fmt: skip
_SAID_TRIGGERS = frozenset("call close conclude done else enough hand leave nothing stand wait wrap".split())
"""One of these words is in each of them."""

_SAID = {
    word: [phrase for phrase in (*_REST_SAID, *_CONCLUDE_SAID) if word in phrase.split()] for word in _SAID_TRIGGERS
}
_CONCLUDED = frozenset(_CONCLUDE_SAID)

THANKS = frozenset("thank thanks grateful gratitude thankful".split())
ENDINGS = frozenset("farewell goodbye bye conclude signing adieu".split())
BACKWARDS = frozenset("journey accomplished achieved collaboration collaborating partnership honor honour".split())
WISHES = frozenset("wish wishes hope future cherish care luck".split())

_TRIGGERS = HALTS | BREAKS | PUT_OFF | LATER
_ENDS = re.compile(r"[.!?;:\n]")
_WORD = re.compile(r"[\w'-]+")
_LETTER = re.compile(r"\w")
_AROUND = 90
"""Characters before and behind a word that are read with it, within its sentence."""
_TRIES = 8
"""Words of a text that are looked at."""


def closing_of(said: Said) -> Closing | None:
    """How this contribution proposes to stop; None where it does not."""
    if (words := said.content & _TRIGGERS) and _proposes_rest(bounded(said.text).casefold(), words):
        return Closing.REST
    if words := said.content & _SAID_TRIGGERS:
        text = said.text[-4000:].casefold()
        phrases = [phrase for word in words for phrase in _SAID[word] if phrase in text]
        if phrases:
            return Closing.CONCLUDE if _CONCLUDED.issuperset(phrases) else Closing.REST
    return Closing.FAREWELL if _is_farewell(said) else None


def _is_farewell(said: Said) -> bool:
    content = said.content
    if content.isdisjoint(THANKS) and content.isdisjoint(ENDINGS):
        return False
    return sum(not content.isdisjoint(kind) for kind in (THANKS, ENDINGS, BACKWARDS, WISHES)) >= 2


def _proposes_rest(text: str, words: Iterable[str]) -> bool:
    text = text.replace("\u2019", "'")
    found = sorted((start, word) for word in words for start in islice(_starts(text, word), _TRIES))
    return any(_proposes_at(text, start, word) for start, word in found[:_TRIES])


def _starts(text: str, word: str) -> Iterator[int]:
    """Where the word stands in a text as a word of its own."""
    start = text.find(word)
    while start >= 0:
        if not _LETTER.match(text, start + len(word)) and not (start and _LETTER.match(text, start - 1)):
            yield start
        start = text.find(word, start + 1)


def _proposes_at(text: str, start: int, word: str) -> bool:
    end = start + len(word)
    sentence = _ENDS.split(text[max(0, start - _AROUND) : start])[-1]
    before, clause = _WORD.findall(sentence)[-8:], _WORD.findall(sentence.rpartition(",")[2])[-5:]
    after = _WORD.findall(_ENDS.split(text[end : end + _AROUND], maxsplit=1)[0])[:8]
    if not WAITS.isdisjoint([*before, *after]) or _is_denied(before, clause):
        return False
    return _is_proposal(word, before, after) or _is_announced(word, clause, after)


def _is_denied(before: list[str], clause: list[str]) -> bool:
    """Whether it is not to be, or depends on something; `why don't we` and `couldn't we` propose all the same."""
    pairs = [*pairwise(before[-5:])]
    if any(first != "a" and second in CONDITIONS for first, second in pairwise(["", *before[-5:]])):
        return True
    if any((second in WE and first.endswith("n't")) or (first, second) == ("why", "not") for first, second in pairs):
        return False
    return not NOT.isdisjoint(clause)


def _is_announced(word: str, clause: list[str], after: list[str]) -> bool:
    """`Stopping here.`: who says no more of it says it of oneself."""
    return word in HALTS and word.endswith("ing") and not clause and (not after or after[0] in OPEN_ENDED)


def _is_proposal(word: str, before: list[str], after: list[str]) -> bool:
    framed = not FRAME.isdisjoint(before[-5:])
    if word in LATER:
        return framed and not RESUME.isdisjoint(before)
    if word in PUT_OFF:
        return framed
    if word in BREAKS and before and before[-1] in ARTICLES and not TAKE.isdisjoint(before[-4:]):
        return not after or after[0] not in ("of", "in", "from", "point", "statement")
    named = before and before[-1] in ("the", "this", "that", "your", "their", "its")
    return word in HALTS and framed and not named and (not after or after[0] in OPEN_ENDED)
