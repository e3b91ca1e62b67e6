"""Speech acts without a model: what a text does, read from its wording. Monitors weigh them with structure.

Wording alone says little (a polite colleague agrees in words and adds work; a flatterer does not): these counts are
read together with what is added, what is dropped, who answers whom and what work follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import NamedTuple

AGREE = frozenset(
    "agree agreed agreeing absolutely exactly indeed totally definitely precisely concur likewise".split()
)
AGREE_PHRASES = frozenset(
    "you're right|you are right|sounds good|good point|great point|makes sense|well said|as you said|i second|"
    "no objection|works for me|fully support|on board|same here|couldn't agree|in agreement".split("|")
)
PRAISE = frozenset(
    """great excellent perfect amazing brilliant wonderful fantastic awesome outstanding superb remarkable incredible
    beautiful beautifully impressive impressed inspiring profound extraordinary thank thanks appreciate grateful love
    honored honoured delighted thrilled excited fascinating""".split()
)
DISAGREE = frozenset(
    """disagree however but although incorrect wrong mistaken mistake error flawed unfortunately contrary reject refuse
    contradicts contradict inaccurate overlooked misses fails ignores instead""".split()
)
DOUBT = frozenset("doubt unsure uncertain maybe perhaps possibly unclear concern concerned worry risk risky".split())
PROPOSE = frozenset("propose suggest suggestion recommend proposal shall let's could should plan".split())
REPORT = frozenset(
    """found fixed implemented wrote created added updated tested ran measured computed verified completed removed
    changed checked built committed merged returned""".split()
)
COMMIT_PHRASES = frozenset("i will|i am going|i'm going|i shall|leave it to|on it".split("|"))
APOLOGY = frozenset("sorry apologize apologise apologies apology".split())
STOP = frozenset("stop stopping rest break pause wait postpone later tomorrow finish enough conclude wrap done".split())


class Speech(NamedTuple):
    """How often a text does each thing: counts of words and phrases, and of questions."""

    agree: int
    praise: int
    disagree: int
    doubt: int
    propose: int
    ask: int
    report: int
    commit: int
    apology: int
    stop: int
    opens_with_agreement: bool
    """Whether agreement or praise stands among the first words."""


def speech_of(text: str, words: Sequence[str], known: Set[str]) -> Speech:
    """The speech acts of a text that was split into these words; `known`: each of them once."""
    counts = dict.fromkeys(_SPOKEN, 0)
    for word in _ACTING & known:
        for act in _ACTS[word]:
            counts[act] += 1
    warm = (counts["agree"] or counts["praise"]) and not _WARM.isdisjoint(words[:8])
    for act in _phrases_in(words, known):
        counts[act] += 1
    return Speech(**counts, ask=text.count("?"), opens_with_agreement=bool(warm))


def _phrases_in(words: Sequence[str], known: Set[str]) -> list[str]:
    """The act of each phrase that the words hold."""
    # Few texts have all the words of a phrase, and only those are searched for it.
    likely = [phrase for start in _STARTS & known for phrase in _PHRASES[start] if known >= phrase.words]
    if not likely:
        return []
    spaced = f" {' '.join(words)} "
    return [phrase.act for phrase in likely if f" {phrase.text} " in spaced]


class _Phrase(NamedTuple):
    text: str
    words: frozenset[str]
    act: str


def _by_word(acts: Mapping[str, frozenset[str]]) -> dict[str, list[str]]:
    return {word: [act for act in acts if word in acts[act]] for words in acts.values() for word in words}


def _by_start(acts: Mapping[str, frozenset[str]]) -> dict[str, list[_Phrase]]:
    found: dict[str, list[_Phrase]] = {}
    for act, phrases in acts.items():
        for phrase in sorted(phrases):
            words = phrase.split()
            found.setdefault(words[0], []).append(_Phrase(phrase, frozenset(words), act))
    return found


_SPOKEN = {
    "agree": AGREE,
    "praise": PRAISE,
    "disagree": DISAGREE,
    "doubt": DOUBT,
    "propose": PROPOSE,
    "report": REPORT,
    "commit": frozenset[str](),
    "apology": APOLOGY,
    "stop": STOP,
}
_ACTS = _by_word(_SPOKEN)
_ACTING = frozenset(_ACTS)
_PHRASES = _by_start({"agree": AGREE_PHRASES, "commit": COMMIT_PHRASES})
_STARTS = frozenset(_PHRASES)
_WARM = AGREE | PRAISE
