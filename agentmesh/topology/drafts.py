"""A phase while it is laid out: nodes that find their places one after the other, and the lines between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from agentmesh.topology.phases import Phase
from agentmesh.topology.shapes import Box, Curve, Link, Picture, Piece, Point, Ring, Spot

NODE_GAP = 62.0
"""From the middle of one node to the middle of the next below it."""
COLUMN_GAP = 64.0


@dataclass(slots=True)
class Draft:
    """Places so far; y may be negative."""

    spots: dict[str, Spot]
    curves: list[Curve] = field(default_factory=list)
    rings: list[Ring] = field(default_factory=list)

    def put(self, key: str, x: float, y: float, width: float | None = None) -> None:
        """Give a node its place."""
        spot = self.spots[key]
        self.spots[key] = replace(spot, x=x, y=y, width=width or spot.width)

    def line(self, link: Link) -> Curve:
        """A straight line from border to border."""
        one, other = self.spots[link.start], self.spots[link.stop]
        start, stop = one.towards(other.x, other.y), other.towards(one.x, one.y)
        return Curve((link,), start, (straight(start, stop),))

    def around(self, keys: Sequence[str], margin: float) -> Box:
        """The box of several nodes with a margin."""
        boxes = [self.spots[key].box for key in keys]
        return widened(boxes, margin)

    def picture(self, phase: Phase) -> Picture:
        """The same with the corner of everything drawn at (0, 0)."""
        boxes = [*(spot.box for spot in self.spots.values()), *(ring.box for ring in self.rings)]
        points = [curve.at(step / 12) for curve in self.curves for step in range(13)]
        xs = [x for box in boxes for x in (box[0], box[2])] + [x for x, _ in points] or [0.0, 1.0]
        ys = [y for box in boxes for y in (box[1], box[3])] + [y for _, y in points] or [0.0, 1.0]
        dx, dy = -min(xs), -min(ys)
        spots = tuple(replace(spot, x=spot.x + dx, y=spot.y + dy) for spot in self.spots.values())
        curves = tuple(_moved(curve, dx, dy) for curve in self.curves)
        rings = tuple(
            replace(ring, box=(ring.box[0] + dx, ring.box[1] + dy, ring.box[2] + dx, ring.box[3] + dy))
            for ring in self.rings
        )
        return Picture(phase, spots, curves, max(xs) + dx, max(ys) + dy, rings)


def straight(start: Point, stop: Point) -> Piece:
    """A straight piece from `start`."""
    return (between(start, stop, 1 / 3), between(start, stop, 2 / 3), stop)


def between(start: Point, stop: Point, t: float) -> Point:
    """The point at the share `t` of the way."""
    return (start[0] + (stop[0] - start[0]) * t, start[1] + (stop[1] - start[1]) * t)


def runs_over(start: Point, stop: Point, box: Box, air: float) -> bool:
    """Whether a straight line comes as near as `air` to a box in which it neither begins nor ends."""
    if any(box[0] <= x <= box[2] and box[1] <= y <= box[3] for x, y in (start, stop)):
        return False
    left, top, right, bottom = widened([box], air)
    points = (between(start, stop, step / 40) for step in range(1, 40))
    return any(left < x < right and top < y < bottom for x, y in points)


def turned(curve: Curve) -> Curve:
    """The same curve from its end to its start."""
    points = [curve.start, *(point for piece in curve.pieces for point in piece)][::-1]
    pieces = tuple((points[at], points[at + 1], points[at + 2]) for at in range(1, len(points), 3))
    return Curve(curve.links, points[0], pieces)


def widened(boxes: Sequence[Box], margin: float) -> Box:
    """One box around several, with a margin."""
    return (
        min(box[0] for box in boxes) - margin,
        min(box[1] for box in boxes) - margin,
        max(box[2] for box in boxes) + margin,
        max(box[3] for box in boxes) + margin,
    )


def _moved(curve: Curve, dx: float, dy: float) -> Curve:
    def move(point: Point) -> Point:
        return (point[0] + dx, point[1] + dy)

    pieces = tuple((move(a), move(b), move(c)) for a, b, c in curve.pieces)
    return Curve(curve.links, move(curve.start), pieces)
