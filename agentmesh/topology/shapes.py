"""What a laid-out phase consists of: spots for nodes, curves for lines.

Units are pixels at 100 %; y grows downwards.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from agentmesh.messages import USER
from agentmesh.topology.phases import Edge, Phase

Part = Literal["task", "answer", "planner", "worker", "judge", "moderator", "vote", "board", "agent"]
Point = tuple[float, float]
Piece = tuple[Point, Point, Point]
"""A cubic piece of a curve after its start: two control points and the end."""
Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""

TASK, ANSWER = "\0task", "\0answer"
"""The two places of `user`: where the task comes from, and where the answer goes."""

NODE_HEIGHT = 40.0
SHORT = 28
"""Longer names are shortened to so many cells."""
ROUND, SQUARE, JUDGE_CUT, VOTE_CUT, FOLD = 10.0, 4.0, 10.0, 13.0, 10.0
"""Radii of corners, and what the shapes of judges, votes and boards lack of a rectangle."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A node with its place. `x` and `y` are its middle."""

    key: str
    name: str
    part: Part
    x: float
    y: float
    width: float
    height: float = NODE_HEIGHT
    label: str = ""
    """The name as it is written, shortened where it is long."""

    @property
    def box(self) -> Box:
        """The rectangle that it covers."""
        half_width, half_height = self.width / 2, self.height / 2
        return (self.x - half_width, self.y - half_height, self.x + half_width, self.y + half_height)

    @property
    def outline(self) -> tuple[Point, ...]:
        """The corners of its shape, clockwise from the upper left; round corners as short straight pieces."""
        left, top, right, bottom = self.box
        match self.part:
            case "task" | "answer":
                return _pill(self)
            case "vote":
                cut = VOTE_CUT
                tips = ((right - cut, top), (right, self.y), (right - cut, bottom))
                return ((left + cut, top), *tips, (left + cut, bottom), (left, self.y))
            case "board":
                return ((left, top), (right - FOLD, top), (right, top + FOLD), (right, bottom), (left, bottom))
            case "judge":
                return _chamfered(self.box, JUDGE_CUT)
            case part:
                return _chamfered(self.box, (SQUARE if part == "planner" else ROUND) * _ARC)

    def towards(self, x: float, y: float) -> Point:
        """The point of its border on the way from its middle to (x, y)."""
        dx, dy = x - self.x, y - self.y
        corners = self.outline
        shares = [0.0]
        for (ax, ay), (bx, by) in pairwise((*corners, corners[0])):
            ex, ey = bx - ax, by - ay
            across = dx * ey - dy * ex
            if abs(across) > 1e-9:
                at = ((ax - self.x) * dy - (ay - self.y) * dx) / across
                shares += [((ax - self.x) * ey - (ay - self.y) * ex) / across] * (-1e-9 <= at <= 1 + 1e-9)
        return (self.x + dx * max(shares), self.y + dy * max(shares))

    def side(self, y: float, *, right: bool) -> Point:
        """The point of its border at the height `y`, on the left or on the right."""
        corners = self.outline
        hits = [
            ax + (bx - ax) * (y - ay) / (by - ay)
            for (ax, ay), (bx, by) in pairwise((*corners, corners[0]))
            if ay != by and min(ay, by) <= y <= max(ay, by)
        ]
        left_x, _, right_x, _ = self.box
        return (max(hits, default=right_x) if right else min(hits, default=left_x), y)


_ARC = 2 - math.sqrt(2)
"""Where the chamfer that touches a round corner begins, as a share of its radius."""
_STEPS = 8


def _chamfered(box: Box, cut: float) -> tuple[Point, ...]:
    left, top, right, bottom = box
    return (
        (left + cut, top), (right - cut, top), (right, top + cut), (right, bottom - cut),
        (right - cut, bottom), (left + cut, bottom), (left, bottom - cut), (left, top + cut),
    )  # fmt: skip


def _pill(spot: Spot) -> tuple[Point, ...]:
    radius = spot.height / 2
    straight = spot.width / 2 - radius
    angles = [math.pi * (step / _STEPS - 0.5) for step in range(_STEPS + 1)]
    right = [(spot.x + straight + radius * math.cos(a), spot.y + radius * math.sin(a)) for a in angles]
    left = [(spot.x - straight - radius * math.cos(a), spot.y - radius * math.sin(a)) for a in angles]
    return (*right, *left)


@dataclass(frozen=True, slots=True)
class Link:
    """One line: an edge, or two edges that answer each other. Its ends are keys of spots."""

    start: str
    stop: str
    there: Edge
    back: Edge | None = None

    @property
    def edges(self) -> tuple[Edge, ...]:
        """The edge there, and the one back."""
        return (self.there,) if self.back is None else (self.there, self.back)

    def turned(self) -> Link:
        """The same line, seen from its other end; only of a line with two edges."""
        return self if self.back is None else Link(self.stop, self.start, self.back, self.there)


@dataclass(frozen=True, slots=True)
class Curve:
    """A drawn line, for one link or for several at once: a start and cubic pieces (two control points and an end)."""

    links: tuple[Link, ...]
    start: Point
    pieces: tuple[Piece, ...]

    def at(self, t: float) -> Point:
        """The point at `t` between 0 and 1, each piece being equally long."""
        index = min(int(t * len(self.pieces)), len(self.pieces) - 1)
        u = t * len(self.pieces) - index
        a = self.pieces[index - 1][2] if index else self.start
        b, c, d = self.pieces[index]
        weights = ((1 - u) ** 3, 3 * u * (1 - u) ** 2, 3 * u * u * (1 - u), u**3)
        return (
            sum(w * p[0] for w, p in zip(weights, (a, b, c, d), strict=True)),
            sum(w * p[1] for w, p in zip(weights, (a, b, c, d), strict=True)),
        )


@dataclass(frozen=True, slots=True)
class Ring:
    """Around several nodes: a line that ends at it stands for one line to each of them."""

    box: Box
    shape: Literal["ellipse", "frame"] = "ellipse"
    of_user: bool = False
    """Whether the line comes from `user`, or leads there."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A phase laid out, its upper left corner at (0, 0)."""

    phase: Phase
    spots: tuple[Spot, ...]
    curves: tuple[Curve, ...]
    width: float
    height: float
    rings: tuple[Ring, ...] = ()


def shortened(name: str, cells: int = SHORT) -> str:
    """The name, its middle left out where it is longer than `cells`."""
    if text_cells(name) <= cells:
        return name
    return f"{_first(name, (cells - 1) * 0.6)}…{_last(name, (cells - 1) * 0.4)}"


def shortened_names(names: Iterable[str], cells: int = SHORT) -> dict[str, str]:
    """Each name shortened to `cells`, so that different names stay different: what sets them apart is kept."""
    labels = {name: shortened(name, cells) for name in names}
    for _ in range(_TRIES):
        for group in _alike(labels):
            start = _agreement(min(group), max(group))
            labels.update({name: _from(name, start, cells) for name in group})
    taken = set(labels.values())
    for group in _alike(labels):
        for number, name in enumerate(group[1:], 2):
            while labels[name] in taken:
                labels[name] = shortened(name, cells - len(f"~{number}")) + f"~{number}"
                number += len(group)
            taken.add(labels[name])
    return labels


_TRIES = 3


def _alike(labels: dict[str, str]) -> list[list[str]]:
    """The names that share a label with others."""
    groups: dict[str, list[str]] = {}
    for name, label in labels.items():
        groups.setdefault(label, []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def _agreement(one: str, other: str) -> int:
    """How many letters two names share at their beginning."""
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _from(name: str, start: int, cells: int) -> str:
    """The name with its beginning and what stands at `start`, from the beginning of that word."""
    head = _first(name, cells // 4)
    room = cells - text_cells(head) - 2
    word = max(name.rfind(mark, 0, start) for mark in "-_. ") + 1
    begin = max(len(head), word if start - word < room // 2 else start - room // 4)
    if text_cells(name[begin:]) <= room + 1:
        return f"{head}…{_last(name, room + 1)}"
    return f"{head}…{_first(name[begin:], room)}…"


def _first(text: str, cells: float) -> str:
    while text_cells(text) > cells:
        text = text[:-1]
    return text


def _last(text: str, cells: float) -> str:
    while text_cells(text) > cells:
        text = text[1:]
    return text


def text_cells(text: str) -> int:
    """Width of a text, wide letters counting twice."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def links_of(phase: Phase) -> tuple[Link, ...]:
    """The lines of a phase: a two-way pair is one, and `user` has a place for each direction."""
    edges = {edge.pair: edge for edge in phase.edges}
    links: list[Link] = []
    drawn: set[tuple[str, str]] = set()
    for (sender, recipient), edge in edges.items():
        back = edges.get((recipient, sender)) if USER not in (sender, recipient) and sender != recipient else None
        if back is None or (recipient, sender) not in drawn:
            start = TASK if sender == USER else sender
            links.append(Link(start, ANSWER if recipient == USER else recipient, edge, back))
            drawn.add((sender, recipient))
    return tuple(links)


def members(phase: Phase) -> tuple[str, ...]:
    """The nodes of a phase beside `user`: who takes part, whom only edges name, and its votes and boards."""
    ends = [end for edge in phase.edges for end in edge.pair]
    named = (*phase.participants, *ends, *phase.votes, *phase.boards)
    return tuple(dict.fromkeys(name for name in named if name != USER))


def agents_of(phase: Phase) -> tuple[str, ...]:
    """The nodes that act."""
    return tuple(name for name in members(phase) if name not in phase.votes and name not in phase.boards)


def part_of(phase: Phase, name: str) -> Part:
    """What a node is to its phase."""
    planning = phase.planning
    special: dict[str, Part] = {**dict.fromkeys(phase.boards, "board"), **dict.fromkeys(phase.votes, "vote")}
    if phase.moderator is not None:
        special[phase.moderator] = "moderator"
    if planning is not None:
        special |= dict.fromkeys(planning.planner_of, "worker")
        special |= {planning.judge: "judge"} if planning.judge else {}
        special |= dict.fromkeys(planning.workers, "planner")
    return special.get(name, "agent")
