"""Pieces of a text: a page of it, a passage to be replaced, and the passage that is most like another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from agentmesh.errors import ToolError

PAGE = 18_000
"""Characters that are shown at once: a little less than results have before the run cuts them itself."""

_LINES = 5_000
_CHARACTERS = 500
_ALIKE = 60
_NAMED = 10
_COMPARED = 100
_LONE_LINE_FEED = re.compile(r"(?<!\r)\n")


def lines_of(text: str) -> list[str]:
    """The lines as programs count them: only a line feed ends one."""
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def counted(number: int, what: str) -> str:
    """`1 line`, `1,200 lines`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def page(text: str, start: int, lines: int | None, where: str) -> str:
    """A text as it is; where that is not all of it, after a line that says what is shown and how to read on."""
    found = lines_of(text)
    if not found:
        return "[the file is empty]"
    if start > len(found):
        raise ToolError(f"{where} has {counted(len(found), 'line')}; start at one of them")
    end, size = start - 1, 0
    last = len(found) if lines is None else min(len(found), end + lines)
    while end < last and (size == 0 or size + len(found[end]) < PAGE):
        size += len(found[end]) + 1
        end += 1
    if start == 1 and end == len(found):
        return text
    on = f"; read on with start={end + 1}" if end < len(found) else ""
    return f"[lines {start} to {end} of {len(found)}{on}]\n" + "\n".join(found[start - 1 : end])


def exchanged(text: str, old: str, new: str, *, all: bool, again: bool, where: str) -> tuple[str, int, int]:
    """The text with `new` for `old`, how often, and in which line first; as it is, and 0 times, where that is done.

    Raises: ToolError where `old` does not occur, or more than once and not `all` of them are meant.
    """
    if not old:
        raise ToolError("`old` is empty; give the passage to be replaced, or write the file with write_file")
    if old == new:
        raise ToolError("`old` and `new` are the same: nothing would change")
    old, new = _with_line_ends_of(text, old), _with_line_ends_of(text, new)
    if again and _done(text, old, new, all=all):
        return text, 0, 0
    starts = list(islice(_occurrences(text, old), 1000))
    if not starts:
        raise ToolError(f"`old` does not occur in {where}; {closest(text, old)}")
    lines = [text.count("\n", 0, start) + 1 for start in starts]
    if len(starts) > 1 and not all:
        named = ", ".join(map(str, lines[:_NAMED])) + (", ..." if len(lines) > _NAMED else "")
        raise ToolError(
            f"`old` occurs {len(starts)} times in {where}, beginning in lines {named}; "
            "take in more of what stands around the one you mean, or say all=true to replace every one"
        )
    return text.replace(old, new), text.count(old), lines[0]


def _with_line_ends_of(text: str, passage: str) -> str:
    """Models write line feeds, whatever ends the lines of a file."""
    carriage = text.count("\r\n")
    return _LONE_LINE_FEED.sub("\r\n", passage) if carriage and carriage == text.count("\n") else passage


def _done(text: str, old: str, new: str, *, all: bool) -> bool:
    """Whether there is a text of which the exchange makes this one."""
    if all or not new:
        return new in text and old not in (text.replace(new, "\0") if new else text)
    before = (text[:at] + old + text[at + len(new) :] for at in islice(_occurrences(text, new), _COMPARED))
    return any(len(list(islice(_occurrences(was, old), 2))) == 1 for was in before)


def _occurrences(text: str, passage: str) -> Iterator[int]:
    # Those that overlap count: which of them is meant is as open.
    at = text.find(passage)
    while at >= 0:
        yield at
        at = text.find(passage, at + 1)


def closest(text: str, passage: str) -> str:
    """What stands in a text that is most like a passage, in words. Long ones are compared by their beginnings."""
    from rapidfuzz import fuzz, process

    wanted = passage[:_CHARACTERS].strip("\n")
    size = wanted.count("\n") + 1
    lines = lines_of(text)[:_LINES]
    windows = ["\n".join(lines[at : at + size])[: 2 * _CHARACTERS] for at in range(max(1, len(lines) - size + 1))]
    scorer = fuzz.ratio if size > 1 else fuzz.partial_ratio
    found = process.extractOne(wanted, windows, scorer=scorer, score_cutoff=_ALIKE)
    if found is None:
        return "nothing in it is like that: read it again"
    window, _, at = found
    place = f"line {at + 1}" if size == 1 else f"lines {at + 1} to {at + size}"
    space = "; it differs in white space alone" if "".join(window.split()) == "".join(wanted.split()) else ""
    return f"most like it is {place}{space}:\n{window}"
