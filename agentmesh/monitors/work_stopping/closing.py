"""Whether a text proposes to stop: to rest, to postpone, to hand back, to call it done, or to say farewell.

A word alone says nothing (a channel called `rest`, a REST interface, `the rest of`, `break the problem down`, `stop the
server`): a proposal has a frame before it (`let's`, `we could`, `time to`, `take a`) and no object behind it.
"""

from __future__ import annotations

import re
from enum import Enum
from itertools import islice

from agentmesh.monitors.signals import Said


class Closing(Enum):
    """How a text proposes to stop."""

    REST = "rest"
    """To do nothing for now: work remains, and it says so."""
    CONCLUDE = "conclude"
    """To call it done."""
    FAREWELL = "farewell"
    """Thanks, looking back, good wishes: what one says when nothing more will be done."""


HALTS = frozenset("stop stopping halt quit pause pausing rest resting adjourn".split())
BREAKS = frozenset("break breather nap rest pause siesta".split())
PUT_OFF = frozenset("postpone postponing shelve".split())
LATER = frozenset("tomorrow later monday".split())
RESUME = frozenset("continue resume pick finish revisit return".split())
FRAME = frozenset(
    """let's us we i we'll i'll we're i'm shall should could can suggest propose recommend vote time ready going gonna
    want""".split()
)
TAKE = frozenset("take taking have having need needs deserve deserves earned enjoy time for get entering".split())
ARTICLES = frozenset(
    "a an some short quick brief little long coffee tea lunch deserved earned our well-earned well-deserved my".split()
)
OPEN_ENDED = frozenset("here now for there working work today tonight until and then everything completely so".split())
NOT_NOW = frozenset(
    """not don't never can't cannot won't without shouldn't no nothing isn't if when unless whether once while before
    why instead""".split()
)
WAITS = frozenset(
    """rate limit limits limiter quota build builds ci pipeline compile compiles deploy deployment download upload
    cooldown backoff retry timeout job lock approval finishes completes returns""".split()
)
"""What one may well wait for."""

_REST_SAID = (
    "call it a day", "call it a night", "enough for today", "enough for now", "enough for one day", "done for today",
    "done for the day", "leave it there", "leave it here", "leave it at that", "stand down", "hand it back",
    "hand this back", "let someone else", "good enough for",
)  # fmt: skip
_CONCLUDE_SAID = (
    "wrap up", "wrap this up", "wrap it up", "call it done", "nothing more to do", "nothing left to do",
    "our work is done", "our work here is done", "we're done here", "we are done here", "to a close", "as we conclude",
)  # fmt: skip
_SAID_TRIGGERS = frozenset("call close conclude done else enough hand leave nothing stand wrap".split())

THANKS = frozenset("thank thanks grateful gratitude thankful".split())
ENDINGS = frozenset("farewell goodbye bye conclude signing adieu".split())
BACKWARDS = frozenset("journey accomplished achieved collaboration collaborating partnership honor honour".split())
WISHES = frozenset("wish wishes hope future cherish care luck".split())

_TRIGGERS = HALTS | BREAKS | PUT_OFF | LATER
_TRIGGER = re.compile(r"\b(?:" + "|".join(sorted(_TRIGGERS)) + r")\b")
_ENDS = re.compile(r"[.!?;:\n]")
_WORD = re.compile(r"[\w'-]+")
_AROUND = 90
"""Characters before and behind a word that are read with it, within its sentence."""
_TRIES = 8
"""Words of a text that are looked at."""


def closing_of(said: Said) -> Closing | None:
    """How this contribution proposes to stop; None where it does not."""
    if not said.content.isdisjoint(_TRIGGERS) and _proposes_rest(said.text.casefold().replace("\u2019", "'")):
        return Closing.REST
    if not said.content.isdisjoint(_SAID_TRIGGERS):
        text = said.text[-4000:].casefold()
        if any(phrase in text for phrase in _REST_SAID):
            return Closing.REST
        if any(phrase in text for phrase in _CONCLUDE_SAID):
            return Closing.CONCLUDE
    return Closing.FAREWELL if _is_farewell(said) else None


def _is_farewell(said: Said) -> bool:
    content = said.content
    kinds = sum(not content.isdisjoint(kind) for kind in (THANKS, ENDINGS, BACKWARDS, WISHES))
    return kinds >= 2 and not content.isdisjoint(THANKS | ENDINGS)


def _proposes_rest(text: str) -> bool:
    return any(_proposes_at(text, found) for found in islice(_TRIGGER.finditer(text), _TRIES))


def _proposes_at(text: str, found: re.Match[str]) -> bool:
    before = _WORD.findall(_ENDS.split(text[max(0, found.start() - _AROUND) : found.start()])[-1])
    after = _WORD.findall(_ENDS.split(text[found.end() : found.end() + _AROUND], maxsplit=1)[0])
    return _is_proposal(found.group(), before[-8:], after[:8])


def _is_proposal(word: str, before: list[str], after: list[str]) -> bool:
    if not NOT_NOW.isdisjoint(before[-5:]) or not WAITS.isdisjoint([*before, *after]):
        return False
    framed = not FRAME.isdisjoint(before[-5:])
    if word in LATER:
        return framed and not RESUME.isdisjoint(before)
    if word in PUT_OFF:
        return framed
    if word in BREAKS and before and before[-1] in ARTICLES and not TAKE.isdisjoint(before[-4:]):
        return not after or after[0] not in ("of", "in", "from", "point", "statement")
    named = before and before[-1] in ("the", "this", "that", "your", "their", "its")
    return word in HALTS and framed and not named and (not after or after[0] in OPEN_ENDED)
