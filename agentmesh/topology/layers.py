"""Where the nodes of a directed graph stand in columns, so that most lines run from left to right.

Source: the four steps of K. Sugiyama, S. Tagawa, M. Toda (1981). Changed: cycles are broken by distance from the first
nodes, and columns are spaced by least squares (isotonic regression), which keeps the picture symmetric.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

Pair = tuple[str, str]
Bend = tuple[Pair, int]
"""Where the line of a pair passes a column in which neither of its ends stands."""
Item = str | Bend
SWEEPS = 12
SMOOTHING = 20
MANY_BENDS = 12


@dataclass(frozen=True)
class Columns:
    """The result: for each node its column, for each node and bend its height, smaller being further up."""

    column: Mapping[str, int]
    y: Mapping[Item, float]
    count: int


def columns(
    nodes: Mapping[str, float], pairs: Sequence[Pair], *, first: Sequence[str], last: Sequence[str], gap: float
) -> Columns:
    """Columns and heights of nodes that are so high, with a gap between them; no pair joins a node to itself.

    `first` stand in a column of their own on the left, `last` in one on the right.
    """
    column = _ranks(list(nodes), pairs, first, last)
    rows, neighbours = _with_bends(list(nodes), pairs, column)
    _untangle(rows, neighbours)
    return Columns(column, _heights(rows, neighbours, nodes, gap), len(rows))


def bends(pair: Pair, column: Mapping[str, int]) -> list[Bend]:
    """The bends of a pair, from its first end to its second."""
    start, stop = column[pair[0]], column[pair[1]]
    step = 1 if stop >= start else -1
    return [(pair, at) for at in range(start + step, stop, step)]


def depths(nodes: Sequence[str], pairs: Sequence[Pair], first: Sequence[str]) -> dict[str, int]:
    """Steps from the nearest of `first`; whatever cannot be reached begins anew at 0."""
    successors: dict[str, list[str]] = {node: [] for node in nodes}
    for sender, recipient in pairs:
        successors[sender].append(recipient)
    depth: dict[str, int] = {}
    for roots in ([node for node in nodes if node in first], *([node] for node in nodes)):
        queue = [node for node in roots if node not in depth]
        depth.update(dict.fromkeys(queue, 0))
        for node in queue:
            for successor in successors[node]:
                if successor not in depth:
                    depth[successor] = depth[node] + 1
                    queue.append(successor)
    return depth


def _ranks(nodes: Sequence[str], pairs: Sequence[Pair], first: Sequence[str], last: Sequence[str]) -> dict[str, int]:
    """The longest way from the left to each node, over the pairs that do not lead back."""
    inner = [node for node in nodes if node not in last and node not in first]
    within = set(inner)
    kept = [pair for pair in pairs if pair[0] in within and pair[1] in within]
    heard = {other for one, other in pairs if one in first}
    depth = depths(inner, kept, [node for node in inner if node in heard])
    place = {node: (depth[node], index) for index, node in enumerate(inner)}
    rank = dict.fromkeys(sorted(inner, key=place.__getitem__), 0)
    ahead: dict[str, list[str]] = {node: [] for node in inner}
    for one, other in kept:
        near, far = sorted((one, other), key=place.__getitem__)
        ahead[near].append(far)
    for node in rank:
        for far in ahead[node]:
            rank[far] = max(rank[far], rank[node] + 1)
    begin = 1 if first else 0
    end = max(rank.values(), default=-1) + 1 + begin
    return {**{node: at + begin for node, at in rank.items()}, **dict.fromkeys(first, 0), **dict.fromkeys(last, end)}


def _with_bends(
    nodes: Sequence[str], pairs: Sequence[Pair], column: Mapping[str, int]
) -> tuple[list[list[Item]], dict[Item, list[Item]]]:
    """Nodes and bends by column, and who is joined to whom from one column to the next."""
    rows: list[list[Item]] = [[] for _ in range(max(column.values(), default=-1) + 1)]
    for node in nodes:
        rows[column[node]].append(node)
    neighbours: dict[Item, list[Item]] = {node: [] for node in nodes}
    for pair in pairs:
        way: list[Item] = [pair[0], *bends(pair, column), pair[1]]
        for item in way[1:-1]:
            assert isinstance(item, tuple)
            rows[item[1]].append(item)
            neighbours[item] = []
        for one, other in pairwise(way):
            neighbours[one].append(other)
            neighbours[other].append(one)
    return rows, neighbours


def _untangle(rows: list[list[Item]], neighbours: Mapping[Item, list[Item]]) -> None:
    """Sort each column by the mean place of its neighbours, back and forth, and keep the order that crosses least."""
    best, fewest = [list(row) for row in rows], _crossings(rows, neighbours)
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        for at in range(1, len(rows)) if forward else range(len(rows) - 2, -1, -1):
            place = {item: index for index, item in enumerate(rows[at - 1 if forward else at + 1])}
            own = {item: index for index, item in enumerate(rows[at])}
            rows[at].sort(key=lambda item: _mean([place[n] for n in neighbours[item] if n in place], own[item]))
        crossings = _crossings(rows, neighbours)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    rows[:] = best


def _crossings(rows: list[list[Item]], neighbours: Mapping[Item, list[Item]]) -> int:
    total = 0
    for left, right in pairwise(rows):
        place = {item: index for index, item in enumerate(right)}
        ends = [sorted(place[n] for n in neighbours[item] if n in place) for item in left]
        seen: list[int] = []
        for group in ends:
            total += sum(len(seen) - bisect_right(seen, end) for end in group)
            for end in group:
                insort(seen, end)
    return total


def _heights(
    rows: list[list[Item]], neighbours: Mapping[Item, list[Item]], nodes: Mapping[str, float], gap: float
) -> dict[Item, float]:
    """Heights that bring neighbours level with each other while nothing in a column comes too close."""
    y: dict[Item, float] = {}
    for row in rows:
        offsets = _offsets(row, nodes, gap)
        middle = (offsets[-1] if offsets else 0.0) / 2
        y.update({item: offset - middle for item, offset in zip(row, offsets, strict=True)})
    there_and_back = [*rows, *reversed(rows)] * SMOOTHING
    for row in (*there_and_back, *rows[-1:], *rows[:1]):
        wanted = [_level(item, neighbours[item], y) for item in row]
        y.update(zip(row, _apart(wanted, _offsets(row, nodes, gap)), strict=True))
    return y


def _level(item: Item, neighbours: Sequence[Item], y: Mapping[Item, float]) -> float:
    """The mean height of the neighbours; bends weigh more, which makes long lines straight."""
    weights = [1 + 2 * (isinstance(item, tuple) + isinstance(other, tuple)) for other in neighbours]
    return sum(w * y[n] for w, n in zip(weights, neighbours, strict=True)) / sum(weights) if weights else y[item]


def _offsets(row: Sequence[Item], nodes: Mapping[str, float], gap: float) -> list[float]:
    """The closest that the items of a column can stand, measured from the first; many lines stand closer."""
    many = sum(isinstance(item, tuple) for item in row) > MANY_BENDS
    between_bends = gap * (0.4 if many else 0.85)
    offsets: list[float] = []
    for index, item in enumerate(row):
        if index == 0:
            offsets.append(0.0)
            continue
        halves = [nodes[end] / 2 for end in (item, row[index - 1]) if not isinstance(end, tuple)]
        offsets.append(offsets[-1] + (sum(halves) + gap if halves else between_bends))
    return offsets


def _apart(wanted: Sequence[float], offsets: Sequence[float]) -> list[float]:
    """The heights nearest to `wanted` that keep order and distance (pool adjacent violators)."""
    blocks: list[tuple[float, int]] = []
    for want, offset in zip(wanted, offsets, strict=True):
        mean, size = want - offset, 1
        while blocks and blocks[-1][0] > mean:
            above, count = blocks.pop()
            mean, size = (above * count + mean * size) / (count + size), count + size
        blocks.append((mean, size))
    flat = [mean for mean, size in blocks for _ in range(size)]
    return [mean + offset for mean, offset in zip(flat, offsets, strict=True)]


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else float(otherwise)
