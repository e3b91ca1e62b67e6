"""Long runs made to fit: their beginning, their end, and of what is between what bears most on how good they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agentmesh.agents.context import estimated_tokens
from agentmesh.learning.ruler.flattening import Line, encoded

Shown = list[Line | str]
"""Lines, and between them how many are left out. A text there is ours: all that is a run's own stands under a key."""

_NOTE_TOKENS = 12
"""What a remark on what is left out takes."""
_SHORTEST = 40
"""No text is cut to fewer characters."""
_BEARING = (
    (("answer", "outcome", "check"), 4),
    (("error", "refused", "position", "vote", "status"), 3),
    (("result", "kind", "board"), 2),
)


def size(lines: Sequence[Line | str]) -> int:
    """How many tokens lines are taken to be."""
    return sum(map(_size, lines))


def shares(sizes: Sequence[int], room: int) -> list[int]:
    """How many tokens each run may take: what short ones leave goes to the longer ones."""
    given = [0] * len(sizes)
    order = sorted(range(len(sizes)), key=lambda at: sizes[at])
    for rank, at in enumerate(order):
        given[at] = min(sizes[at], room // (len(sizes) - rank))
        room -= given[at]
    return given


def condensed(lines: Sequence[Line], tokens: int) -> Shown:
    """The lines within so many tokens."""
    if size(lines) <= tokens:
        return list(lines)
    cut = [_cut(line, tokens // 4) for line in lines]
    last = len(cut) - 1
    kept = {-1, len(cut)}  # there is no gap before the first line or after the last
    left = tokens - _NOTE_TOKENS
    for at in sorted(range(len(cut)), key=lambda at: (at not in (0, last), -_bearing(cut[at]), -at)):
        gaps = 1 - (at - 1 in kept) - (at + 1 in kept)
        cost = _size(cut[at]) + gaps * _NOTE_TOKENS
        if cost <= left:
            kept.add(at)
            left -= cost
    return _noted(cut, kept)


def _noted(lines: Sequence[Line], kept: set[int]) -> Shown:
    shown: Shown = []
    missing = 0
    for at, line in enumerate(lines):
        if at not in kept:
            missing += 1
            continue
        shown += [_left_out(missing), line] if missing else [line]
        missing = 0
    return [*shown, _left_out(missing)] if missing else shown


def _left_out(count: int) -> str:
    return f"[... {count} {'message' if count == 1 else 'messages'} left out]"


def _bearing(line: Line) -> int:
    """How much a line says of how good its run is."""
    return next((weight for keys, weight in _BEARING if any(key in line for key in keys)), 1)


def _size(line: Line | str) -> int:
    return estimated_tokens(encoded(line))


def _cut(line: Line, tokens: int) -> Line:
    """The line with its texts cut in the middle, if it is longer than that."""
    cut, length = line, max(_SHORTEST, tokens * 2)
    while _size(cut) > tokens and length >= _SHORTEST:
        cut = {key: _shortened(value, length) for key, value in line.items()}
        length //= 2
    return cut


def _shortened(value: Any, length: int) -> Any:
    if not isinstance(value, str):
        return value if isinstance(value, bool | int | None) else _shortened(encoded(value), length)
    if len(value) <= length + _SHORTEST:
        return value
    head = length * 2 // 3
    return f"{value[:head]} [... {len(value) - length} characters left out] {value[head - length :]}"
