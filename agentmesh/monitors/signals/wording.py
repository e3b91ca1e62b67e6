"""A text as words, sentences and units of evidence, read from a bounded part of it."""

from __future__ import annotations

import re
from itertools import filterfalse

HEAD, TAIL = 4000, 2000
"""Characters that are read of a long text: of its beginning, and of its end."""

_MARKS = b'.,;:!?()[]{}<>"`*#$%&@/\\|=+~^-\t\r\n'
"""Marks that part words; an apostrophe does not."""
_WIDE_MARKS = "\u20ac\u00a3\u201c\u201d\u2026\u2013\u2014\u2022"
_SPACED = bytes.maketrans(_MARKS, b" " * len(_MARKS)).lower()
"""By byte: marks as spaces, and what is ASCII in lower case."""
_QUOTED = re.compile(r"`([^`\n]{2,120})`|\"([^\"\n]{6,160})\"|\u201c([^\u201d\n]{6,160})\u201d")
_OUTER = ".,;:!?()[]{}<>\"'`*_#$\u20ac\u00a3\u201c\u201d\u2018\u2019\u2026-\u2013\u2014/|=+~"
"""Marks at the ends of a word that are no part of it."""
_INNER = str.maketrans("", "", "'\u2019-\u2010\u2011\u2013\u2014/.,")
"""Marks within a word that make no name of it: it is hyphenated, contracted, or two words without a space."""

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
    # Translation and splitting, which are loops in C: a pattern would take four times as long.
    if text.isascii():
        spaced = text.encode().translate(_SPACED).decode()
    else:
        plain = text.casefold().encode("utf-8", "surrogatepass")
        spaced = plain.translate(_SPACED).decode("utf-8", "surrogatepass").replace("\u2019", "'")
        for mark in _WIDE_MARKS:
            spaced = spaced.replace(mark, " ")
    if "'" in spaced:
        spaced = spaced.replace("' ", " ").replace(" '", " ").strip("'")
    return spaced.split()


def sentences_in(text: str) -> int:
    """How many sentences or lines a text has, about, and at least one."""
    text = text.rstrip()
    return 1 + text.count(". ") + text.count("\n") + (text.count("! ") if "!" in text else 0)


def shingles_of(words: list[str]) -> frozenset[int]:
    """Runs of three words, by their hashes, which hold for one process; a shorter text is one run."""
    if len(words) < 3:
        return frozenset([hash(tuple(words))]) if words else frozenset()
    return frozenset(map(hash, zip(words, words[1:], words[2:], strict=False)))


def units_of(text: str) -> frozenset[str]:
    """What can be checked in a text: numbers, names of things (paths, identifiers), quotes; without case.

    A word is a name if it holds a digit, or a mark within it that is no hyphen, apostrophe or slash.
    """
    # Most words are letters alone, and most of the others once the marks at their ends are gone.
    marked = {word.strip(_OUTER) for word in filterfalse(str.isalpha, text.split())}
    units = [unit for word in filterfalse(str.isalpha, marked) if (unit := _unit(word))]
    if "`" in text or '"' in text or "\u201c" in text:
        units += [next(filter(None, groups)).casefold() for groups in _QUOTED.findall(text)]
    return frozenset(units)


def _unit(word: str) -> str | None:
    word = word.removesuffix("'s").removesuffix("\u2019s")
    if word.isalpha() or not word:
        return None
    if word[0].isdigit():
        return word.casefold()
    if word.translate(_INNER).isalpha() and word.count("/") < 2 and ("." not in word or len(word) < 4):
        return None
    return word.casefold()
