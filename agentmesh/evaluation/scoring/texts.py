"""Answers that are a short text: word for word, or one of several options."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from agentmesh.evaluation.tasks.numbers import stated
from agentmesh.evaluation.tasks.task import LETTERS, Check, EvalTask, Score
from agentmesh.messages import answer_key

_QUOTES = str.maketrans({"\u201c": '"', "\u201d": '"', "\u2018": "'", "\u2019": "'", "\u00ab": '"', "\u00bb": '"'})
_EMPHASIS = re.compile(r"(\*\*|__|`)(.+?)\1")
_SHOWN = 80
_ALONE = re.compile(r"[\s(\[]*([A-Z])(?:[)\].:,]+|\s*$)(.*)", re.DOTALL | re.IGNORECASE)
_NAMED = re.compile(r"\(([A-Z])\)|\b(?:[Oo]ption|[Cc]hoice)\s+([A-Z])\b|^[^\w\n]*([A-Z])[.):]\s", re.MULTILINE)
_BARE = re.compile(r"\b([A-Z])(?=\s*(?:,|/|&|or|and)\s*\(?[A-Z]\b)|\b([B-HJ-Z])\b(?!['\u2019])")
"""Capitals that are no words: A and I may be some, but not where another one follows."""


def plain(text: str) -> str:
    """A text as answers are compared: without case, emphasis, outer punctuation and runs of white space."""
    bare = _EMPHASIS.sub(r"\2", unicodedata.normalize("NFKC", text).translate(_QUOTES))
    return answer_key(bare)


def shown(text: str) -> str:
    """A text as a reason repeats it."""
    words = " ".join(text.split())
    return f"'{words}'" if len(words) <= _SHOWN else f"'{words[: _SHOWN - 3]}...'"


def exact(task: EvalTask, answer: str) -> Score:
    """Right if the answer, or what it states to be its answer, is one of the accepted texts."""
    accepted = {plain(one) for one in task.accepted}
    for said in (answer, stated(answer)):
        if said is not None and plain(said) in accepted:
            return Score(True, 1.0, f"it says {shown(said)}")
    return Score(False, 0.0, f"it says {shown(answer)}; right is {one_of(task.accepted)}")


def choice(task: EvalTask, answer: str, check: Check) -> Score:
    """Right if the answer names one option, by its letter or its text, and that is a right one."""
    options = _Options(check.choices)
    right = {options.letter_of(one) for one in task.accepted}
    picked = options.picked(answer)
    wanted = f"right is {one_of(sorted(right))}"
    if len(picked) != 1:
        named = f"names {', '.join(sorted(picked))}" if picked else "names no option"
        return Score(False, 0.0, f"{shown(answer)} {named}, where one is to be chosen; {wanted}")
    (letter,) = picked
    correct = letter in right
    return Score(correct, float(correct), f"it chooses {letter}" + ("" if correct else f"; {wanted}"))


def one_of(texts: Sequence[str]) -> str:
    """The texts that are right."""
    return " or ".join(shown(one) for one in texts[:3]) + (" or another" if len(texts) > 3 else "")


class _Options:
    """The options of a task by their letters; without texts, the letters alone."""

    def __init__(self, choices: Sequence[str]) -> None:
        self._texts = {letter: plain(text) for letter, text in zip(LETTERS, choices, strict=False)}
        self._letters = LETTERS[: len(choices)] if choices else LETTERS

    def letter_of(self, gold: str) -> str:
        """The letter of an option that is given by its letter or by its text."""
        return min(self._with_text(plain(gold)), default=gold.strip().upper())

    def picked(self, answer: str) -> set[str]:
        """The letters of the options that an answer names: that it consists of or states, or else anywhere."""
        said = stated(answer)
        for text in filter(None, (answer, said)):
            if found := self._alone(text):
                return found
        if said and len(found := self._lettered(_NAMED, said) or self._named(said)) == 1:
            return found
        return self._named(said or "") or self._named(answer)

    def _alone(self, text: str) -> set[str]:
        """The option that a text consists of: `B`, `(b)`, `B. Paris`, `Paris`. Two where letter and text disagree."""
        if by_text := self._with_text(plain(text)):
            return by_text
        found = _ALONE.fullmatch(text.strip(" *_`\n"))
        if found is None or found[1].upper() not in self._letters:
            return set()
        rest = plain(found[2])
        if not rest:
            return {found[1].upper()}
        return {found[1].upper(), *self._with_text(rest)} if rest in self._texts.values() else set()

    def _named(self, text: str) -> set[str]:
        """All options that stand in a text, by letter or text; of those within others only the longest."""
        found = self._lettered(_NAMED, text)
        bare = plain(text)
        for option in sorted(self._texts.values(), key=len, reverse=True):
            pattern = rf"(?<!\w){re.escape(option)}(?!\w)"
            if len(option) > 1 and re.search(pattern, bare):
                found |= self._with_text(option)
                bare = re.sub(pattern, "\0", bare)
        return found or self._lettered(_BARE, text)

    def _lettered(self, form: re.Pattern[str], text: str) -> set[str]:
        letters = (next(filter(None, found.groups())) for found in form.finditer(text))
        return {letter for letter in letters if letter in self._letters}

    def _with_text(self, wanted: str) -> set[str]:
        return {letter for letter, text in self._texts.items() if text == wanted}
