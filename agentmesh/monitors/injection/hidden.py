"""Text that people do not see: between letters, in comments and invisible elements, encoded."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass

MOST = 4
"""Hidden places of each sort that are read of one text."""
LONG = 20
"""Letters of a word, from which on it may be part of an encoded text."""
BETWEEN = 3
"""Letters parted by nothing visible, from which on it is no accident."""

_INVISIBLE = re.compile("[\u200b\u200c\u200d\u2060\u2061\u2062\u2063\ufeff\u00ad]")
_PARTED = re.compile("[A-Za-z ][\u200b\u200c\u200d\u2060\ufeff\u00ad]+(?=[A-Za-z ])")
_AFTER_END = re.compile("(?<=[.!?])[\u200b\u200c\u200d\u2060\ufeff\u00ad]+")
_HIDING = re.compile("[\u200b-\u200d\u2060-\u2063\ufeff\u00ad\U000e0020-\U000e007e]")
_SIGNS = ("<!--", "style", "STYLE", "hidden")
_TAGS = re.compile("[\U000e0020-\U000e007e]{4,}")
_UNSEEN = re.compile(
    r"<!--(.{8,2000}?)-->|"
    r"<\w+[^>]{0,200}(?:display:\s*none|visibility:\s*hidden|font-size:\s*0|opacity:\s*0|\shidden\b)[^>]{0,200}>(.{8,2000}?)</",
    re.DOTALL | re.IGNORECASE,
)
_ENCODED = re.compile(r"(?<![\w+/])[A-Za-z0-9+/]{32,2000}={0,2}(?![\w+/])")
_CODES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_AS_CODES = bytes(ord("A") if byte in _CODES else ord(" ") for byte in range(256))
_RUN = 32 * b"A"
"""What an encoded text is by this table: most texts have no such run, which takes a tenth of the time to tell."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """A hidden text, and how it is hidden."""

    how: str
    text: str


def is_plain(text: str, words: Iterable[str]) -> bool:
    """Whether a text of these words has nothing in it that could hide another; cheap."""
    if not text.isascii() and _HIDING.search(text) is not None:
        return False
    if "<" in text and any(sign in text for sign in _SIGNS):
        return False
    if _RUN not in text.encode("utf-8", "surrogatepass").translate(_AS_CODES):
        return True
    return max(map(len, words), default=0) < LONG or _ENCODED.search(text) is None


def hidden_in(text: str) -> list[Hidden]:
    """The hidden texts in a bounded text."""
    found: list[Hidden] = []
    if not text.isascii():
        if len(_PARTED.findall(text)) >= BETWEEN:
            found.append(Hidden("invisible characters", _INVISIBLE.sub("", _AFTER_END.sub(" ", text))))
        tagged = ["".join(chr(ord(tag) - 0xE0000) for tag in tags) for tags in _TAGS.findall(text)[:MOST]]
        found += [Hidden("invisible characters", shown) for shown in tagged]
    if "<" in text:
        unseen = _UNSEEN.findall(text)[:MOST]
        found += [Hidden("an element that is not shown", comment or element) for comment, element in unseen]
    for blob in _ENCODED.findall(text)[:MOST]:
        decoded = _decoded(blob)
        if decoded is not None:
            found.append(Hidden("base64", decoded))
    return found


def visible(text: str) -> str:
    """A text without what is hidden in it."""
    return _INVISIBLE.sub("", _UNSEEN.sub(" ", text)) if not text.isascii() or "<" in text else text


def _decoded(blob: str) -> str | None:
    try:
        raw = base64.b64decode(blob + "=" * (-len(blob) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() or "\n" in text else None
