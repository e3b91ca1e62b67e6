"""From a phase to coordinates: the one place that decides where nodes stand and how lines run.

Planners stand above their workers, dense phases on a circle, everything else in columns from left to right. `user`
stands at the edge, on the left where it sends the task and on the right where it receives the answer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from agentmesh.messages import USER
from agentmesh.topology.layers import bends, columns
from agentmesh.topology.phases import Phase
from agentmesh.topology.shapes import (
    ANSWER,
    NODE_HEIGHT,
    TASK,
    Box,
    Curve,
    Link,
    Picture,
    Piece,
    Point,
    Spot,
    links_of,
    members,
    part_of,
    shortened_names,
    text_cells,
)

NODE_GAP = 62.0
"""From the middle of one node to the middle of the next below it."""
COLUMN_GAP = 64.0
ROW_OF_WORKERS = 6
"""So many workers stand side by side; more hang from a rail."""
WRAP = 7
"""Columns after which a chain turns back."""


@dataclass(slots=True)
class _Draft:
    spots: dict[str, Spot]
    curves: list[Curve] = field(default_factory=list)
    rings: list[Box] = field(default_factory=list)


def is_dense(agents: Sequence[str], links: Iterable[Link]) -> bool:
    """Whether so many agents are joined to each other that only a circle shows it."""
    pairs = {frozenset((link.start, link.stop)) for link in links if {link.start, link.stop}.isdisjoint((TASK, ANSWER))}
    count = len(agents)
    return count == len(pairs) == 3 or (count > 3 and len(pairs) > max(count * (count - 1) / 4, count))


def layout(phase: Phase, labels: Mapping[str, str] | None = None) -> Picture:
    """Coordinates for a phase, whose agents are written as `labels` has them. The same phase gives the same picture."""
    links, agents = links_of(phase), members(phase)
    labels = labels or shortened_names(agents)
    ends = {end for link in links for end in (link.start, link.stop)}
    keys = [key for key in (TASK, *agents, ANSWER) if key in ends or key in agents]
    spots = {key: _spot(phase, key, labels) for key in keys}
    if phase.planning is not None:
        draft = _tree(phase, spots, links)
    elif is_dense(agents, links):
        draft = _circle(spots, agents, links)
    else:
        draft = _columns(spots, links)
    return _moved(phase, draft)


def _spot(phase: Phase, key: str, labels: Mapping[str, str]) -> Spot:
    if key in (TASK, ANSWER):
        return Spot(key, USER, "task" if key == TASK else "answer", 0, 0, 86, label=USER)
    width = max(76.0, text_cells(labels[key]) * 7.9 + 30)
    return Spot(key, key, part_of(phase, key), 0, 0, width, label=labels[key])


def _put(draft: _Draft, key: str, x: float, y: float, width: float | None = None) -> None:
    spot = draft.spots[key]
    draft.spots[key] = replace(spot, x=x, y=y, width=width or spot.width)


def _straight(start: Point, stop: Point) -> Piece:
    return (_between(start, stop, 1 / 3), _between(start, stop, 2 / 3), stop)


def _between(start: Point, stop: Point, t: float) -> Point:
    return (start[0] + (stop[0] - start[0]) * t, start[1] + (stop[1] - start[1]) * t)


def _line(draft: _Draft, link: Link) -> Curve:
    one, other = draft.spots[link.start], draft.spots[link.stop]
    if one is other:
        return _loop(one, link)
    start, stop = one.towards(other.x, other.y), other.towards(one.x, one.y)
    return Curve((link,), start, (_straight(start, stop),))


def _loop(spot: Spot, link: Link) -> Curve:
    _, top, right, _ = spot.box
    start, stop = (spot.x + 10, top), (right, spot.y - 6)
    return Curve((link,), start, (((start[0], top - 34), (right + 34, stop[1]), stop),))


# Columns: chains, graphs drawn by hand, everything that is not dense.


def _columns(spots: Mapping[str, Spot], links: Sequence[Link]) -> _Draft:
    pairs = [(link.start, link.stop) for link in links if link.start != link.stop]
    first, last = [TASK] if TASK in spots else [], [ANSWER] if ANSWER in spots else []
    placed = columns(list(spots), pairs, first=first, last=last, node_gap=NODE_GAP)
    draft = _Draft(dict(spots))
    widths = [0.0] * placed.count
    for key, at in placed.column.items():
        widths[at] = max(widths[at], spots[key].width)
    if (
        placed.count > WRAP + 2
        and len(spots) == placed.count
        and all(abs(placed.column[a] - placed.column[b]) == 1 for a, b in pairs)
    ):
        return _serpentine(draft, sorted(spots, key=placed.column.__getitem__), links)
    gap = COLUMN_GAP + 28 * max((_labels(link) for link in links), default=0)
    lefts = [sum(widths[:at]) + at * gap for at in range(placed.count)]
    for key, at in placed.column.items():
        _put(draft, key, lefts[at] + widths[at] / 2, placed.y[key], widths[at])
    ways: dict[Link, list[tuple[float, float, float]]] = {}
    for link in links:
        if link.start != link.stop:
            ways[link] = [
                (lefts[at], lefts[at] + widths[at], placed.y[pair, at])
                for pair, at in bends((link.start, link.stop), placed.column)
            ]
    ports = _ports(draft, ways)
    for link in links:
        if link.start == link.stop:
            draft.curves.append(_loop(draft.spots[link.start], link))
        else:
            draft.curves.append(_flow(draft, link, ways[link], ports))
    return draft


def _labels(link: Link) -> int:
    """How many bounds stand on a line: two where its directions differ."""
    return len({edge.max_messages for edge in (link.there, link.back) if edge is not None} - {None})


def _ports(draft: _Draft, ways: Mapping[Link, list[tuple[float, float, float]]]) -> dict[tuple[Link, str], Point]:
    """Where each link touches its two ends: spread over the side in the order in which the links lead away."""
    sides: dict[tuple[str, bool], list[tuple[float, int, Link]]] = {}
    for index, (link, way) in enumerate(ways.items()):
        for key, other, turn in ((link.start, link.stop, way[:1]), (link.stop, link.start, way[-1:])):
            right = draft.spots[other].x > draft.spots[key].x
            slope_to = turn[0][2] if turn else draft.spots[other].y
            sides.setdefault((key, right), []).append((slope_to, index, link))
    ports: dict[tuple[Link, str], Point] = {}
    for (key, right), touching in sides.items():
        left, _, right_x, _ = draft.spots[key].box
        step = min(9.0, (NODE_HEIGHT - 14) / max(len(touching) - 1, 1))
        for place, (_, _, link) in enumerate(sorted(touching, key=lambda item: item[:2])):
            y = draft.spots[key].y + (place - (len(touching) - 1) / 2) * step
            ports[link, key] = (right_x if right else left, y)
    return ports


def _flow(
    draft: _Draft, link: Link, way: list[tuple[float, float, float]], ports: Mapping[tuple[Link, str], Point]
) -> Curve:
    start, stop = ports[link, link.start], ports[link, link.stop]
    rightwards = draft.spots[link.stop].x > draft.spots[link.start].x
    points = [start]
    for left, right, y in way:
        points += [(left, y), (right, y)] if rightwards else [(right, y), (left, y)]
    points.append(stop)
    pieces = []
    for (x0, y0), (x1, y1) in pairwise(points):
        middle = (x0 + x1) / 2
        pieces.append(((middle, y0), (middle, y1), (x1, y1)))
    return Curve((link,), start, tuple(pieces))


def _serpentine(draft: _Draft, order: Sequence[str], links: Sequence[Link]) -> _Draft:
    """A long chain in rows, every second one from right to left."""
    step = max(spot.width for spot in draft.spots.values()) + COLUMN_GAP
    for index, key in enumerate(order):
        row, at = divmod(index, WRAP)
        _put(draft, key, (at if row % 2 == 0 else WRAP - 1 - at) * step, row * NODE_GAP * 1.4)
    draft.curves += [_line(draft, link) for link in links]
    return draft


# Trees: planners above their workers.


def _tree(phase: Phase, spots: Mapping[str, Spot], links: Sequence[Link]) -> _Draft:
    planning = phase.planning
    assert planning is not None
    draft = _Draft(dict(spots))
    rails: dict[str, float] = {}
    _grow(draft, planning.workers, planning.root, 0.0, 0.0, rails)
    root = draft.spots[planning.root]
    for keys, direction in (([TASK], -1), ([planning.judge, ANSWER], 1)):
        x = root.x + direction * (root.width / 2)
        for key in keys:
            if key is not None and key in spots:
                x += direction * (COLUMN_GAP + 12 + spots[key].width / 2)
                _put(draft, key, x, root.y)
                x += direction * spots[key].width / 2
    _spare(draft, planning.workers, planning.judge)
    for link in links:
        draft.curves.append(_branch(draft, link, planning.planner_of, rails))
    return draft


def _spare(draft: _Draft, workers: Mapping[str, tuple[str, ...]], judge: str | None) -> None:
    """Agents outside the tree stand in a row below it."""
    inside = {TASK, ANSWER, judge, *workers, *(name for group in workers.values() for name in group)}
    x, y = 0.0, max(spot.y for spot in draft.spots.values()) + NODE_GAP * 1.5
    for key, spot in list(draft.spots.items()):
        if key not in inside:
            _put(draft, key, x + spot.width / 2, y)
            x += spot.width + 24


def _grow(
    draft: _Draft, workers: Mapping[str, tuple[str, ...]], planner: str, left: float, y: float, rails: dict[str, float]
) -> float:
    """Place a planner over what works for it, from `left`; returns the right end of the whole."""
    below = y + NODE_GAP * 1.7
    planners = [name for name in workers.get(planner, ()) if name in workers]
    leaves = [name for name in workers.get(planner, ()) if name not in workers]
    middles: list[float] = []
    x = left
    if len(leaves) <= ROW_OF_WORKERS:
        for name in leaves:
            _put(draft, name, x + draft.spots[name].width / 2, below)
            middles.append(draft.spots[name].x)
            x += draft.spots[name].width + 24
    else:
        width = max(draft.spots[name].width for name in leaves)
        rail = x + width + 26
        for index, name in enumerate(leaves):
            aside = (width / 2 + 26) * (-1 if index % 2 == 0 else 1)
            _put(draft, name, rail + aside, below + index // 2 * NODE_GAP * 0.9, width)
            rails[name] = rail
        middles.append(rail)
        x = rail + 26 + width + 24
    for name in planners:
        x = _grow(draft, workers, name, x, below, rails) + 24
        middles.append(draft.spots[name].x)
    own = draft.spots[planner].width
    middle = max((min(middles, default=left) + max(middles, default=left)) / 2, left + own / 2)
    _put(draft, planner, middle, y)
    return max(x - 24, middle + own / 2)


def _branch(draft: _Draft, link: Link, planner_of: Mapping[str, str], rails: Mapping[str, float]) -> Curve:
    upper, lower = link.start, link.stop
    if planner_of.get(upper) == lower:
        upper, lower = lower, upper
    if planner_of.get(lower) != upper:
        return _line(draft, link)
    top, bottom = draft.spots[upper], draft.spots[lower]
    start = (top.x, top.y + top.height / 2)
    pieces: tuple[Piece, ...]
    if lower in rails:
        rail = rails[lower]
        stop = (bottom.x + bottom.width / 2 * (1 if bottom.x < rail else -1), bottom.y)
        turn = min(10.0, abs(stop[0] - rail))
        side = -1 if bottom.x < rail else 1
        bend = (rail + side * turn, stop[1])
        above = (rail, stop[1] - turn)
        knee = (rail, start[1] + NODE_GAP * 0.5)
        pieces = (
            ((start[0], knee[1]), (rail, start[1]), knee) if abs(start[0] - rail) > 1 else _straight(start, knee),
            _straight(knee, above),
            ((rail, stop[1]), (rail, stop[1]), bend),
            _straight(bend, stop),
        )
    else:
        stop = (bottom.x, bottom.y - bottom.height / 2)
        middle = (start[1] + stop[1]) / 2
        pieces = (((start[0], middle), (stop[0], middle), stop),)
    curve = Curve((link,), start, pieces)
    return curve if upper == link.start else _reversed(curve)


def _reversed(curve: Curve) -> Curve:
    points = [curve.start, *(point for piece in curve.pieces for point in piece)][::-1]
    pieces = tuple((points[at], points[at + 1], points[at + 2]) for at in range(1, len(points), 3))
    return Curve(curve.links, points[0], pieces)


# Circles: everybody with everybody.


def _circle(spots: Mapping[str, Spot], agents: Sequence[str], links: Sequence[Link]) -> _Draft:
    draft = _Draft(dict(spots))
    count = len(agents)
    width = max(spots[name].width for name in agents)
    air = 64 if count <= 10 else 30
    radius = max(92.0, (width + air) / (2 * math.sin(math.pi / count)) * 0.94)
    clear = (width / 2 + 8) / (1 - math.cos(2 * math.pi / count))
    across = clear if radius < clear < radius * 1.35 else radius  # lines up and down pass the node at the side
    outside = across + width / 2 + 30 + COLUMN_GAP + 43
    for key, x in ((TASK, -outside), (ANSWER, outside)):
        if key in spots:
            _put(draft, key, x, 0.0)
    to_all, singly = _to_everybody(agents, links)
    agents = _around(agents, singly)
    turn = min(
        range(2 * count), key=lambda step: (round(_stretch(draft, agents, (across, radius), step, singly), 3), step)
    )
    for name, (x, y) in zip(agents, _points(count, (across, radius), turn), strict=True):
        _put(draft, name, x, y)
    if to_all:
        reach = (across + width / 2 + 18, radius + NODE_HEIGHT / 2 + 18)
        draft.rings.append((-reach[0], -reach[1], reach[0], reach[1]))
        for group in to_all:
            inwards = group[0].start == TASK
            user = draft.spots[TASK if inwards else ANSWER]
            side = -1 if inwards else 1
            ends = ((user.x - side * user.width / 2, 0.0), (side * reach[0], 0.0))
            start, stop = ends if inwards else ends[::-1]
            draft.curves.append(Curve(group, start, (_straight(start, stop),)))
    grouped = {link for group in to_all for link in group}
    draft.curves += [_line(draft, link) for link in links if link not in grouped]
    return draft


def _to_everybody(agents: Sequence[str], links: Sequence[Link]) -> tuple[list[tuple[Link, ...]], list[Link]]:
    """Lines between `user` and all agents, which a ring draws as one; and those between `user` and some."""
    groups: list[tuple[Link, ...]] = []
    singly: list[Link] = []
    for outside in (TASK, ANSWER):
        touching = tuple(link for link in links if outside in (link.start, link.stop))
        plain = not any(_labels(link) or link.there.rewrite for link in touching)
        if len(touching) == len(agents) and plain:
            groups.append(touching)
        else:
            singly += touching
    return groups, singly


def _around(agents: Sequence[str], links: Sequence[Link]) -> list[str]:
    """The order on the circle: those who hear `user` face those whom it hears."""
    hear = [link.stop for link in links if link.start == TASK]
    speak = [link.start for link in links if link.stop == ANSWER and link.start not in hear]
    others = [name for name in agents if name not in hear and name not in speak]
    half = len(others) // 2
    return [*hear, *others[:half], *speak, *others[half:]] if links else list(agents)


def _points(count: int, radius: Point, turn: int) -> list[Point]:
    """The places of `count` nodes, the first at the top, turned by half steps. `radius`: across, and up and down."""
    angles = (2 * math.pi * (index + turn / 2) / count - math.pi / 2 for index in range(count))
    return [(radius[0] * math.cos(angle), radius[1] * math.sin(angle)) for angle in angles]


def _stretch(draft: _Draft, agents: Sequence[str], radius: Point, turn: int, links: Sequence[Link]) -> float:
    """How long the lines to `user` are if the circle is turned so."""
    places = dict(zip(agents, _points(len(agents), radius, turn), strict=True))
    for key in (TASK, ANSWER):
        if key in draft.spots:
            places[key] = (draft.spots[key].x, 0.0)
    return sum(math.dist(places[link.start], places[link.stop]) for link in links)


# The corner of the picture goes to (0, 0).


def _moved(phase: Phase, draft: _Draft) -> Picture:
    xs, ys = [0.0, 1.0] if not draft.spots else [], [0.0, 1.0] if not draft.spots else []
    for left, top, right, bottom in (*(spot.box for spot in draft.spots.values()), *draft.rings):
        xs += [left, right]
        ys += [top, bottom]
    for curve in draft.curves:
        for step in range(13):
            x, y = curve.at(step / 12)
            xs.append(x)
            ys.append(y)
    dx, dy = -min(xs), -min(ys)
    spots = tuple(replace(spot, x=spot.x + dx, y=spot.y + dy) for spot in draft.spots.values())
    curves = tuple(
        Curve(
            curve.links,
            (curve.start[0] + dx, curve.start[1] + dy),
            tuple(tuple((x + dx, y + dy) for x, y in piece) for piece in curve.pieces),  # type: ignore[misc]
        )
        for curve in draft.curves
    )
    rings = tuple((left + dx, top + dy, right + dx, bottom + dy) for left, top, right, bottom in draft.rings)
    return Picture(phase, spots, curves, max(xs) + dx, max(ys) + dy, rings)
