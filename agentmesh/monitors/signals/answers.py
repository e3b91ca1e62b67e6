"""The answer that a text states, where it states one in a form made to be read; and answers as they are compared."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set

from agentmesh.messages import answer_key
from agentmesh.monitors.signals.wording import words_of

_BOXED = re.compile(r"\\boxed\{((?:[^{}]|\{[^{}]*\})*)\}")
_TAGGED = re.compile(
    r"<(answer|final|final_answer|deal|proposal|vote|choice)>\s*(.{1,300}?)\s*</\1>", re.IGNORECASE | re.DOTALL
)
_LABELLED = re.compile(
    r"^[\s#*_>-]*(?:(?:my |the )?(?:final |updated |correct )?"
    r"(?:answer|position|vote|choice|verdict|estimate|guess)|proposal)[*_]*"
    r"\s*[:=][*_]*\s*(.{1,200})",
    re.IGNORECASE | re.MULTILINE,
)
_SIGNS = frozenset("answer result total vote choice position verdict proposal estimate guess".split())
"""One of these words stands before every answer that a label or a sentence states."""
_LABELS = frozenset("answer vote choice position verdict proposal estimate guess".split())
"""One of these is in every label."""
_SENTENCE = re.compile(
    r"(?:(?:answer|total|vote|choice|position|estimate|guess)(?: to [^.\n]{1,80}?| for [^.\n]{1,40}?)?|result)"
    r"(?: (?:is|remains|would be|should be|stays)\b:?|\s?=|:)\s*([^\n]{1,100})",
    re.IGNORECASE,
)
_CHOOSING = {
    "vote": "vote for", "choose": "choose", "pick": "pick", "select": "select", "go": "go with", "settle": "settle on",
    "side": "side with",
}  # fmt: skip
"""By its first word: what one says who chooses."""
_VERBS = frozenset(_CHOOSING)
_AN_OPTION = re.compile(r"\([A-J]\)")
_CHOSEN = re.compile(r"\bI(?:'ll)? (?:\w+ )?(?:vote for|choose|pick|select|go with|settle on|side with) ([^\n]{1,80})")
_NAMING = re.compile(r"\b(?:is|are|be)\s+\Z")
_AT_THE_END = re.compile(r"[.\s*]*\Z")
_FILLERS = re.compile(
    r"(?:[:*_`$\s]|(?:therefore|thus|still|now|indeed|clearly|actually|simply|just|also|as|option|choice|answer|"
    r"the|an|approximately|about|exactly)\b)+",
    re.IGNORECASE,
)
_LISTED = re.compile(r"^[ \t]*\(?([A-Ja-j])[):.][ \t]+(\S.{0,80}?)[ \t]*$", re.MULTILINE)
_OPTION = re.compile(r"\(([A-Za-z])\)|([A-J])(?=[).:]|\s*\Z|\s+[-\u2013\u2014(]|,)")
_FRACTION = re.compile(r"\\?d?frac\{(-?\d+)\}\{(\d+)\}|(-?\d+)\s*/\s*(\d+)(?![\d/])")
_NUMBER = re.compile(r"[$€£]?\s*([+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|[+-]?\.\d+)(?![\d.]*\d)\s*(%)?")
_SENTENCE_END = re.compile(
    r"\.(?=\s|\Z)|!(?=\s|\Z)|\?(?=\s|\Z)|\n|;|, (?:which|because|since|as|not|so|and|but)\b"
    r"| (?:because|since|as|rather than|instead of) "
)
"""Each alternative begins with one character, so that others are skipped in a loop in C."""
_OTHERS = re.compile(r"confiden|\b(?:they|their|he|she|his|her|agent's)\b", re.IGNORECASE)
"""What makes the answer of a sentence another's, or no answer at all."""
_CONCLUDES = re.compile(r"\b(?:therefore|thus|hence|so|in total|altogether|in conclusion|overall)\b", re.IGNORECASE)
_CONCLUDING = frozenset("therefore thus hence so total altogether conclusion overall".split())
"""One of these words is in every sentence that concludes."""
_CONFIDENCE = re.compile(r"confiden|\brate\b|out of|/ ?10\b", re.IGNORECASE)
_COMPUTED = re.compile(r"=\s*[$€£]?(-?\d+(?:,\d{3})*(?:\.\d+)?%?)")
_ANY_NUMBER = re.compile(r"-?\d+(?:,\d{3})*(?:\.\d+)?%?")

NO_ANSWER = frozenset(
    """that this these those it they there he she we i you not no same following correct incorrect accurate right wrong
    valid supported unchanged given based in to from by of clear unclear consistent confirmed reached
    what which how whether likely also provided found obtained determined calculated stated and or on at with
    different similar close both sound flawed""".split()
)
"""Words with which no answer begins: what follows "the answer is" is then a remark about it."""

JUDGING = frozenset(
    "agree assess choose decide determine diagnose estimate forecast guess judge pick predict select settle".split()
)
"""With which a task begins that asks for a judgement."""
_WORDS_OF_AN_ANSWER = 8
_BEFORE = 16
"""Characters before an option in which a verb names it."""
_TRIES = 12
"""Places in a text that are looked at, the last."""
_SHORT_TEXT = 120
_END = 600
"""Characters in which a text concludes."""


def stated_answer(text: str, vocabulary: Set[str] | None = None) -> str | None:
    """The last answer that a text states: boxed, in tags, after `Answer:`, or in a sentence; as answers are compared.

    None where no answer is marked as one: a monitor that tracks positions must not guess. `vocabulary`: the words of
    the text, where they are at hand.
    """
    for found in _marked(text, frozenset(words_of(text)) if vocabulary is None else vocabulary):
        if (answer := _read(found)) is not None:
            return answer
    return None


def may_claim(text: str, vocabulary: Set[str]) -> bool:
    """Whether `claimed_answer` can find anything in a text with these words: most texts need not be searched."""
    return len(text) <= 2 * _SHORT_TEXT or "=" in text or not _CONCLUDING.isdisjoint(vocabulary)


def claimed_answer(text: str) -> str | None:
    """A guess, for texts that state no answer: what they conclude or compute last, or a short text's only number."""
    if (concluded := concluded_answer(text)) is not None:
        return concluded
    if "=" in text and (computed := _COMPUTED.findall(text)):
        return canonical(computed[-1])
    if len(text) <= _SHORT_TEXT:
        numbers = set(_ANY_NUMBER.findall(text))
        return canonical(numbers.pop()) if len(numbers) == 1 else None
    return None


def concluded_answer(text: str) -> str | None:
    """The last number of the last sentence that concludes."""
    for sentence in reversed(_SENTENCE_END.split(text[-_END:])):
        likely = not _CONCLUDING.isdisjoint(words_of(sentence))
        if likely and _CONCLUDES.search(sentence) and not _CONFIDENCE.search(sentence):
            numbers = _ANY_NUMBER.findall(sentence)
            return canonical(numbers[-1]) if numbers else None
    return None


def canonical(answer: str) -> str:
    r"""An answer as answers are compared: an option as its letter, a number as its value, else `answer_key`.

    `0.50`, `.5`, `1/2` and `\frac{1}{2}` are one answer, and so are `2` and `2 trips`, `(B)` and `B: Paris`.
    """
    text = answer.strip().strip("*_`$\"' ")
    if option := _OPTION.match(text):
        return (option[1] or option[2]).casefold()
    if fraction := _FRACTION.match(text.lstrip("$\\")):
        over, under = (fraction[1], fraction[2]) if fraction[1] else (fraction[3], fraction[4])
        return _plain_number(float(over) / float(under)) if float(under) else answer_key(text)
    if number := _NUMBER.match(text):
        unit = text[number.end() :]
        if len(unit.split()) <= _WORDS_OF_AN_ANSWER and not any(map(str.isdigit, unit)):
            return _plain_number(float(number[1].replace(",", ""))) + (number[2] or "")
    return answer_key(text)


def options_in(task: str) -> Mapping[str, str]:
    """By its text: the letter of each option that a task lists, one a line: `A: Paris`, `(b) Rome`, `C. Oslo`."""
    return {answer_key(text): letter.casefold() for letter, text in _LISTED.findall(task)}


def asks_to_judge(task: str) -> bool:
    """Whether a task is a question, or asks for a judgement that several can have: there agents hold positions."""
    return "?" in task or task[:40].casefold().lstrip().partition(" ")[0] in JUDGING


def _marked(text: str, vocabulary: Set[str]) -> Iterator[str]:
    """What may be the answer, the surest form first and of each form the last."""
    if "\\" in text and "\\boxed{" in text:  # one character is looked for ten times as fast
        yield from _last(_BOXED, text, 1)
    if "<" in text and "</" in text:
        yield from _last(_TAGGED, text, 2)
    yield from _signed(text, vocabulary)
    if any(_CHOOSING[verb] in text for verb in _VERBS & vocabulary):
        yield from _last(_CHOSEN, text, 1)
    for option in reversed(list(_AN_OPTION.finditer(text)) if "(" in text else []):
        start, end = option.span()
        if _NAMING.search(text, max(0, start - _BEFORE), start) or _AT_THE_END.match(text, end):
            yield option[0]


def _signed(text: str, vocabulary: Set[str]) -> Iterator[str]:
    """What stands behind one of the words by which answers are told."""
    # Words that are joined without a space or a hyphen are one in the vocabulary.
    signs = _SIGNS & vocabulary if text.isascii() and "_" not in text else _SIGNS
    if not signs:
        return
    lower = text.lower()
    places = sorted(place for word in signs for place in _places(lower, word))
    if places and (":" in text or "=" in text) and any(word in lower for word in signs & _LABELS):
        yield from _last(_LABELLED, text, 1)
    for place in reversed(places[-_TRIES:]):
        found = _SENTENCE.match(text, place)
        if found and not _OTHERS.search(_SENTENCE_END.split(text[max(0, place - 80) : place])[-1]):
            yield found[1]


def _places(text: str, word: str) -> Iterator[int]:
    place = text.find(word)
    while place >= 0:
        yield place
        place = text.find(word, place + 1)


def _last(pattern: re.Pattern[str], text: str, group: int) -> Iterator[str]:
    found = pattern.findall(text)
    if found:
        yield found[-1] if isinstance(found[-1], str) else found[-1][group - 1]


def _read(found: str) -> str | None:
    """What was found as an answer; None if it is a remark instead."""
    start = found.strip().partition(" #")[0]
    if filler := _FILLERS.match(start):
        start = start[filler.end() :]
    if _OPTION.match(start):
        return canonical(start)
    answer = _SENTENCE_END.split(start, maxsplit=1)[0].strip()
    first = answer.partition(" ")[0].casefold().strip(",.:;")
    if not answer or (first in NO_ANSWER and answer.casefold() != "no") or len(answer.split()) > _WORDS_OF_AN_ANSWER:
        return None
    return canonical(answer) or None


def _plain_number(value: float) -> str:
    return f"{value:.10g}"
