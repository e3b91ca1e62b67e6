"""Small grammars for sentences: `[this|that]` is a choice, `[this|]` may be left out, `{item}` is a slot."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from random import Random

from agentmesh.evaluation.calibration.wording.stopwords import STOPWORDS

Grammar = Mapping[str, tuple[str, ...]]
"""By what a sentence does: the forms that it may take."""

_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{\w+\}")
_WORD = re.compile(r"[a-z]{2,}(?:'[a-z]+)?")


def expand(form: str, rng: Random, slots: Mapping[str, str]) -> str:
    """One sentence of a form. Raises: KeyError, where a slot is not given."""
    text = _CHOICE.sub(lambda found: rng.choice(found.group(1).split("|")), form)
    text = re.sub(r" +([,.;:!?])", r"\1", " ".join(text.split())).format(**slots)
    return text[:1].upper() + text[1:]


def content_words(forms: Iterable[str]) -> frozenset[str]:
    """The words of texts that carry content, slots left out."""
    words = (word for form in forms for word in _WORD.findall(_SLOT.sub(" ", form.lower())))
    return frozenset(words) - STOPWORDS


def substituted(grammar: Grammar, substitutes: Mapping[str, str]) -> Grammar:
    """The grammar with whole words replaced by others."""
    if not substitutes:
        return grammar
    pattern = re.compile(rf"\b({'|'.join(map(re.escape, substitutes))})\b", re.IGNORECASE)
    return {
        act: tuple(pattern.sub(lambda found: substitutes[found.group().lower()], form) for form in forms)
        for act, forms in grammar.items()
    }
