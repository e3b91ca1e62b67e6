"""Speech acts without a model: what a text does, read from its wording. Monitors weigh them with structure.

Wording alone says little (a polite colleague agrees in words and adds work; a flatterer does not): these counts are
read together with what is added, what is dropped, who answers whom and what work follows.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

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
COMMIT_PHRASES = frozenset("i will|i'll|i am going|i'm going|i shall|leave it to|on it".split("|"))
APOLOGY = frozenset("sorry apologize apologise apologies apology".split())
STOP = frozenset("stop stopping rest break pause wait postpone later tomorrow finish enough conclude wrap done".split())


@dataclass(frozen=True, slots=True)
class Speech:
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
    starts = [at for at, word in enumerate(words) if word in _STARTS]
    phrases = {" ".join(words[at : at + length]) for at in starts for length in (2, 3)}
    opening = words[:8]
    return Speech(
        agree=len(known & AGREE) + len(phrases & AGREE_PHRASES),
        praise=len(known & PRAISE),
        disagree=len(known & DISAGREE),
        doubt=len(known & DOUBT),
        propose=len(known & PROPOSE),
        ask=text.count("?"),
        report=len(known & REPORT),
        commit=len(phrases & COMMIT_PHRASES),
        apology=len(known & APOLOGY),
        stop=len(known & STOP),
        opens_with_agreement=not AGREE.isdisjoint(opening) or not PRAISE.isdisjoint(opening),
    )


_STARTS = frozenset(phrase.partition(" ")[0] for phrase in AGREE_PHRASES | COMMIT_PHRASES)
