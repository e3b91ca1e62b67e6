"""What somebody asks for, read from the sentences of a text; and the words of what was done, to compare it with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from agentmesh.monitors.signals import Said
from agentmesh.monitors.signals.wording import FUNCTION_WORDS, words_of

LONGEST = 2_000
"""Characters of a text that are read."""
ROOT = 5
"""Letters of a word that count, so that `cancel` and `cancellation`, `bags` and `baggages` meet."""
BRIEFING = 2
"""Asks of one text that count in full; those of a longer briefing share as much."""
BRIEF = 1_000
"""Characters of a text whose lists are what is to be done; in a longer one they may be anything."""
FEWEST, ENTRY = 3, 5
"""Entries that make a list, and the words that one has at most."""
PROSE = 8
"""Words from which on a text among arguments tells about something, rather than being what is done."""

VERBS = frozenset(
    """add apply book build buy cancel change check compare compute convert create decide delete deploy describe design
    document draft estimate exchange explain find fix give implement include install list make measure move name order
    pay plan propose prove provide refactor refund remove rename repair replace report return review run save send show
    sort state submit summarise summarize tell test translate update upgrade use verify write""".split()
)
"""With which an instruction begins."""
THEN = frozenset("also then finally next first".split())
"""Before the verb of an instruction."""
CUES = frozenset(
    """can-you could-you would-you will-you i-want i-need i'd-like i-wanted would-like help-me let's-go make-sure
    i'm-looking go-ahead you-want you-need we-need i-prefer i'll-take i'm-hoping was-hoping really-hoping also-want
    also-need also-wanted""".split()
)
"""Pairs of words that make a sentence a request."""
UNASKED = frozenset("don't won't didn't rather".split())
INFORM = frozenset(
    """assist check clarify confirm describe double-check explain find give help hope how know let look provide
    recommend remind search see share show specify suggest tell understand verify what when which who why
    wondering""".split()
)
"""A request for these is met by words."""
PLAIN = frozenset(
    """able actually ahead also anything assist assistance back case choice current currently detail details done else
    finally first further get give given go great hello help hi hope hoping info information issue know later let like
    look looking make making need needs next now okay one option options please possible proceed provide reach really
    request right someone something sort still sure tell thank thanks then there thing things time today two use using
    want wanted wants way well""".split()
)
"""Words of requests that do not say what is asked for."""
_PAIRS = frozenset(tuple(cue.split("-")) for cue in CUES)
_FIRSTS = frozenset(first for first, _ in _PAIRS)
_SECONDS = {first: frozenset(second for one, second in _PAIRS if one == first) for first in _FIRSTS}
_OPENERS = VERBS | THEN
_SENTENCE = re.compile(r"[.!?;\n](?:[.!?;\n]*(?=\s|$)|(?<=\n))")
_AND = re.compile(r",? and (?:also |then )?(?=(\w+))")
_CODE = frozenset("{}=/\\<>|$;_()")
_LISTS = re.compile(r":[ \t]+([^:;!?\n]+?)(?:\.\s|\.?$|\n)")
_BETWEEN = re.compile(r",\s*(?:and\s+)?|\s+and\s+")
_WORD = re.compile(r"[a-z0-9']+(?:-[a-z0-9]+)*")
_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


@dataclass(slots=True)
class Ask:
    """One thing that somebody asked for, and what became of it in words."""

    event: int
    at: int
    """When, as the monitor counts what was said and done."""
    agent: str
    roots: frozenset[str]
    text: str
    informs: bool
    """Whether words are what it asks for."""
    refused: bool = False
    answered: bool = False
    share: float = 1.0
    """How much it counts: less where it is one of very many in a briefing."""
    claimed: int = 0
    """The event that says it was done; 0 where none does."""

    def same(self, other: Ask) -> bool:
        """Whether both ask for the same, in half of the words of the shorter."""
        return 2 * len(self.roots & other.roots) >= min(len(self.roots), len(other.roots))


@dataclass(frozen=True, slots=True)
class Item:
    """One of the things that a text lists."""

    event: int
    roots: frozenset[str]
    text: str


def items_in(text: str, event: int) -> list[Item]:
    """What a brief text lists behind a colon, with commas: at least three short entries."""
    items: list[Item] = []
    for listed in _LISTS.findall(text) if len(text) <= BRIEF else ():
        entries = [entry.strip(" .") for entry in _BETWEEN.split(listed) if entry.strip(" .")]
        if len(entries) >= FEWEST and all(entry.count(" ") < ENTRY for entry in entries):
            items += [Item(event, roots, entry) for entry in entries if (roots := _named(entry))]
    return items


def _named(entry: str) -> frozenset[str]:
    words = _WORD.findall(entry.casefold().replace("\u2019", "'"))
    return roots_of(words) or frozenset(word for word in words if word not in FUNCTION_WORDS)


def may_ask(said: Said) -> bool:
    """Whether a text can have a request in it: all that is looked at in most texts."""
    words, vocabulary = said.words, said.vocabulary
    if not words:
        return False
    if words[0] in VERBS or "please" in vocabulary:
        return True
    if all(_SECONDS[first].isdisjoint(vocabulary) for first in _FIRSTS & vocabulary):
        return False
    return not _PAIRS.isdisjoint(pairwise(words))


def asks_in(text: str, event: int, at: int, agent: str) -> list[Ask]:
    """The requests in a text: one for each sentence, or part of one, that asks for something."""
    asks = []
    for sentence in _parts(text[:LONGEST].replace("\u2019", "'")):
        words = _WORD.findall(sentence.casefold()) if _is_likely(sentence) else ()
        if len(words) > 1 and _asks(words, sentence) and (roots := roots_of(words)):
            informs = not INFORM.isdisjoint(words[:8])
            asks.append(Ask(event, at, agent, roots, " ".join(sentence.split())[:80], informs))
    for ask in asks:
        ask.share = min(1.0, BRIEFING / len(asks))
    return asks


def _is_likely(sentence: str) -> bool:
    """Whether a sentence has a word, or two, without which it asks for nothing: most are read no further."""
    words = words_of(sentence)
    if not words or words[0] in _OPENERS or "please" in words:
        return bool(words)
    return any(second in _SECONDS[first] for first, second in pairwise(words) if first in _SECONDS)


def _parts(text: str) -> Iterator[str]:
    """Sentences, cut before an instruction that `and` adds."""
    for sentence in _SENTENCE.split(text):
        start = 0
        for found in _AND.finditer(sentence) if " and " in sentence else ():
            if found.group(1).casefold() in VERBS:
                yield sentence[start : found.start()]
                start = found.end()
        yield sentence[start:]


def roots_of(words: Iterable[str]) -> frozenset[str]:
    """What words say, in a form in which their variants meet."""
    return frozenset(
        [
            word.rstrip("s")[:ROOT] if word.isalpha() else word
            for word in words
            if len(word) > 2 and word not in FUNCTION_WORDS and word not in PLAIN
        ]
    )


def roots_of_call(name: str, arguments: Mapping[str, Any]) -> frozenset[str]:
    """The roots of the words in a call, in every length that the root of a word can have; not of prose in it."""
    values = [text for value in arguments.values() if not _is_prose(text := str(value)[:LONGEST])]
    text = f"{name} {' '.join(values)}"[:LONGEST]
    parts = [part.casefold() for part in _PART.findall(text)]
    beginnings = [part[:size] for part in parts for size in (3, 4, ROOT) if len(part) >= size]
    return frozenset([*beginnings, *_WORD.findall(text.casefold())])


def _is_prose(text: str) -> bool:
    return text.count(" ") >= PROSE and _CODE.isdisjoint(text)


def _asks(words: list[str], sentence: str) -> bool:
    if not UNASKED.isdisjoint(words[:5]) or words[:2] == ["if", "you"] or "would you like" in sentence.casefold():
        return False
    if "please" in words or (words[0] in VERBS and sentence.lstrip(" 0123456789.)")[:1].isalpha()):
        return ":" not in sentence[:16]
    if words[0] in THEN and words[1] in VERBS:
        return True
    return not _PAIRS.isdisjoint(pairwise(words))
