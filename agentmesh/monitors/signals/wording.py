"""A text as words, sentences and units of evidence, read from a bounded part of it."""

from __future__ import annotations

import re

HEAD, TAIL = 4000, 2000
"""Characters that are read of a long text: of its beginning, and of its end."""

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W\d_]+)?")
_SENTENCE = re.compile(r"[.!?]+(?=\s|$)|\n{1,}")
_NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*%?")
_NAMED = re.compile(r"`([^`\n]{2,120})`|\"([^\"\n]{6,160})\"|“([^”\n]{6,160})”|\b(\w+(?:(?:[./]|_|::)\w+)+)")

FUNCTION_WORDS = frozenset(
    """a about above after again all also am an and any are as at be because been before being below between both but by
    can could did do does doing down during each few for from further had has have having he her here hers him his how i
    if in into is it its itself just let like many may me might more most much must my no nor not now of off on once one
    only or other our ours out over own per same shall she should so some such than that the their theirs them then
    there these they this those through to too under until up upon us very was we were what when where which while who
    whom why will with within without would yes yet you your yours i'm i'll i've i'd it's that's there's let's don't
    doesn't isn't aren't can't won't we're we've we'll you're you've they're""".split()
)
"""Words that carry no content of their own."""


def bounded(text: str) -> str:
    """What is read of a text: all of it, or its beginning and its end."""
    return text if len(text) <= HEAD + TAIL else f"{text[:HEAD]}\n{text[-TAIL:]}"


def words_of(text: str) -> list[str]:
    """The words of a text as they are compared: without case; numbers are words too."""
    return _WORD.findall(text.casefold().replace("\u2019", "'"))


def sentences_in(text: str) -> int:
    """How many sentences or lines a text has, at least one."""
    return max(1, len(_SENTENCE.findall(text)))


def shingles_of(words: list[str]) -> frozenset[tuple[str, ...]]:
    """Runs of three words; a shorter text is one run."""
    if len(words) < 3:
        return frozenset([tuple(words)]) if words else frozenset()
    return frozenset(zip(words, words[1:], words[2:], strict=False))


def units_of(text: str) -> frozenset[str]:
    """What can be checked in a text: numbers, names of things (paths, identifiers), quotes."""
    named = (next(filter(None, groups), "") for groups in _NAMED.findall(text))
    return frozenset([*_NUMBER.findall(text), *(name.casefold() for name in named)])
