"""Patterns of somebody else's making: however they are made, matching them comes to an end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from agentmesh.errors import ToolError

if TYPE_CHECKING:
    import regex

SECONDS = 10.0
"""What all the matching of one call may take."""

_NAMED = 100
_PIECES = r"\*\*/|\*\*|\*|\?|\[[!^]?\]?[^\]]*\]|\{[^{}]*\}|."
_WRITTEN = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


class Expression:
    """A regular expression, looked for in whole texts; ^ and $ are the ends of lines. Raises: ToolError."""

    def __init__(self, pattern: str, *, what: str = "") -> None:
        # The standard library's expressions take no time limit, and hold up the whole process while they match.
        import regex

        self._what = what or f"the regular expression {pattern[:_NAMED]!r}"
        self._ends = time.monotonic() + SECONDS
        try:
            self._compiled: regex.Pattern[str] = regex.compile(pattern, regex.MULTILINE)
        except (regex.error, OverflowError, RecursionError) as error:
            raise ToolError(f"{self._what} is not well formed: {error}") from error

    def lines(self, text: str) -> Iterator[tuple[int, str]]:
        """Number and text of each line in which a match begins."""
        number, at = 1, 0
        while at < len(text) and (match := self._timed(text, at)):
            start = text.rfind("\n", 0, match.start()) + 1
            end = text.find("\n", match.start())
            number += text.count("\n", at, start)
            if start == len(text):  # after the last line feed there is no line
                return
            yield number, text[start : end if end >= 0 else None]
            if end < 0:
                return
            number, at = number + 1, end + 1

    def fits(self, text: str) -> bool:
        """Whether it matches all of a text."""
        return self._timed(text, 0, whole=True) is not None

    def _timed(self, text: str, at: int, *, whole: bool = False) -> regex.Match[str] | None:
        match = self._compiled.fullmatch if whole else self._compiled.search
        left = self._ends - time.monotonic()
        if left <= 0:
            raise self._late()
        try:
            return match(text, at, timeout=left, concurrent=True)
        except TimeoutError:
            raise self._late() from None

    def _late(self) -> ToolError:
        return ToolError(f"{self._what} took longer than {SECONDS:g} s to match; make it simpler, or name fewer files")


class Names:
    """A pattern of paths, with **, *, ?, [abc] and {a,b}. Without a / it is matched with the last name of a path alone.

    `parts` is the folder from which longer ones count.
    """

    def __init__(self, pattern: str, parts: tuple[str, ...] = ()) -> None:
        self.all = pattern == "**"
        self._last = "/" not in pattern
        self._skipped = sum(len(part) + 1 for part in parts)
        self._expression = Expression(_translated(pattern), what=f"the pattern {pattern[:_NAMED]!r}")

    def match(self, path: str) -> bool:
        """Whether it stands for a path, given from the workspace on."""
        if self.all:
            return True
        # Of a file that was named itself nothing is left but its name.
        name = path[self._skipped :] or path.rpartition("/")[2]
        return self._expression.fits(name.rpartition("/")[2] if self._last else name)


def _translated(pattern: str) -> str:
    import regex

    def written(piece: str) -> str:
        if piece in _WRITTEN:
            return _WRITTEN[piece]
        if len(piece) > 2 and piece[0] == "[":
            inner = piece[1:-1].replace("\\", r"\\").replace("[", r"\[").replace("]", r"\]")
            return f"[^{inner[1:]}]" if inner[0] in "!^" else f"[{inner}]"
        if len(piece) > 1 and piece[0] == "{":
            return "(?:" + "|".join(_translated(choice) for choice in piece[1:-1].split(",")) + ")"
        return regex.escape(piece)

    return "(?s:" + "".join(written(piece) for piece in regex.findall(_PIECES, pattern, flags=regex.DOTALL)) + ")"
