r"""Numbers in running text: `1,234.5`, `-3/4`, `12 %`, `2e3`, `\frac{1}{2}`; and which of them a text comes to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

_DIGITS = r"(?:\d{1,3}(?:(?P<group>[,_'\u2019\u00a0\u202f\u2009])\d{3})(?:(?P=group)\d{3})*(?!\d)|\d{1,400}(?!\d))"
_DECIMAL = rf"(?:{_DIGITS}(?:\.\d{{1,400}})?|\.\d{{1,400}})(?:[eE][+-]?\d{{1,3}}(?![\d.]))?"
_NUMBER = re.compile(
    rf"(?<![\w.])(?<![^\W\d]-)(?P<sign>(?<![\w)\]}}])[+-])?[$\u20ac\u00a3]?(?P<decimal>{_DECIMAL})"
    r"(?:\s*/\s*(?P<below>\d{1,400})(?![\d.,]\d))?(?P<percent>\s?\\?%)?"
)
_FRACTION = re.compile(r"(-?)\\[dt]?frac\s*\{\s*(-?\d{1,400})\s*\}\s*\{\s*(\d{1,400})\s*\}")
_BOXED = re.compile(r"\\(?:boxed|fbox)\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_MARK = re.compile(r"(?:\banswer\b[*_`]*\s*(?:is|are|=|:)[*_`]*:?|^[ \t]*####)\s*", re.IGNORECASE | re.MULTILINE)
_EQUALS = re.compile(r"(?:=|\u2248)\s*")
_OPERATOR = re.compile(r"\s*[*/+^\u00d7\u00f7\u00b7-]\s*[\d(]")
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
_FAR = 1_000
"""So many characters hold a number of 400 digits, and what stands around it."""
_MINUS = str.maketrans({"\u2212": "-", "\u2013": "-"})


@dataclass(frozen=True, slots=True)
class Found:
    """A number as a text has it. `value` of a percentage is that of its share: 0.12 for 12 %."""

    value: Fraction
    start: int
    end: int
    percent: bool = False

    @property
    def readings(self) -> tuple[Fraction, ...]:
        """What it may be meant to be: 12 % is .12, or 12 where percents are asked for."""
        return (self.value, self.value * 100) if self.percent else (self.value,)


def numbers_in(text: str) -> Iterator[Found]:
    """The numbers of a text, in order. No part of a word is one."""
    yield from filter(None, map(_found, _NUMBER.finditer(_plain(text))))


def _found(match: re.Match[str]) -> Found | None:
    """What stands there; None where it is divided by nothing."""
    below = int(match["below"] or 1)
    if not below:
        return None
    top = Fraction(re.sub(r"[^\d.eE+-]", "", match["decimal"])) * (-1 if match["sign"] == "-" else 1)
    percent = match["percent"] is not None
    return Found(top / below / (100 if percent else 1), match.start(), match.end(), percent)


def _plain(text: str) -> str:
    return _FRACTION.sub(r"\1\2/\3", text).translate(_MINUS)


def whole_number(text: str) -> Found | None:
    """The number that a text consists of, if it is one and nothing else."""
    match = _NUMBER.fullmatch(_plain(text.strip()))
    return None if match is None else _found(match)


def stated(text: str) -> str | None:
    r"""What a text gives as its answer: in the last `\boxed{}`, or behind the last "answer is", `Answer:`, `####`."""
    if boxed := _BOXED.findall(text):
        return str(boxed[-1])
    marks = list(_MARK.finditer(text))
    if not marks:
        return None
    behind = text[marks[-1].end() :].strip()
    return behind.partition("\n")[0].strip(" *_`") if behind else None


def number_of(text: str) -> Found | None:
    """The number that a text comes to: the stated one, or that of its last sentence that has one.

    What is stated begins with it, or ends a calculation with it. Of a sentence it is what stands behind the last `=`,
    else its last number. None where there is none.
    """
    text = _plain(text)
    said = stated(text)
    if said is not None and (found := _leading(said) or _result(said) or next(numbers_in(said), None)) is not None:
        return found
    for sentence in reversed(_SENTENCE.split(text)):
        found = _result(sentence) or _last(sentence)
        if found is not None:
            return found
    return None


def _last(text: str) -> Found | None:
    return next(filter(None, map(_found, reversed(list(_NUMBER.finditer(text))))), None)


def _leading(text: str) -> Found | None:
    """The number with which a text begins, if it is not the first of a calculation."""
    beginning = text[:_FAR].lstrip(" *_`($")
    match = _NUMBER.match(beginning)
    return None if match is None or _OPERATOR.match(beginning, match.end()) else _found(match)


def _result(sentence: str) -> Found | None:
    """The number behind the last `=` that stands alone there: `= 17*23` is none."""
    for mark in reversed(list(_EQUALS.finditer(sentence))):
        found = _leading(sentence[mark.end() : mark.end() + _FAR])
        if found is not None:
            return found
    return None
