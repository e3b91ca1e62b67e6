"""The graph of each phase with what passed over its edges, and what was refused where there was none."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from agentmesh.messages import USER
from agentmesh.reporting.markup import Markup, element, join, number, table
from agentmesh.reporting.shape import phase_of
from agentmesh.reporting.texts import Texts
from agentmesh.reporting.traffic import Pair, Stage, Traffic
from agentmesh.reporting.words import count
from agentmesh.topology.layout import layout
from agentmesh.topology.shapes import (
    ANSWER,
    TASK,
    Box,
    Curve,
    Picture,
    Piece,
    Point,
    Spot,
    shortened,
    text_cells,
)
from agentmesh.topology.words import part_text

MOST_CURVES = 400
"""So many lines of one picture are drawn at most, those with the most traffic."""
NUMBERED = 90
"""With more lines than this, numbers stand in tooltips and in the table alone."""
MOST_ROWS = 300
STAGES = 8
"""Phases that are drawn; of the others there is the table."""
FITTING, LEAST = 1_100.0, 0.3
"""A larger picture is made smaller until it fits, but not smaller than this; then it scrolls."""
MARGIN = 24.0
HEAD, CELL = 7.0, 6.4
THIN, THICK = 1.4, 5.0


def graphs(stages: Sequence[Stage], texts: Texts) -> Markup:
    """A picture and a table for each phase."""
    return join(_figure(stage, texts, drawn=at < STAGES) for at, stage in enumerate(stages))


def _figure(stage: Stage, texts: Texts, *, drawn: bool) -> Markup:
    delivered = sum(traffic.delivered for traffic in stage.pairs.values())
    refused = sum(traffic.refused for traffic in stage.pairs.values())
    said = f" {stage.order.replace('_', ' ')}" + (f", entered {stage.entered} times" if stage.entered > 1 else "")
    said += f": {delivered:,} delivered" + (f", {refused:,} refused" if refused else "")
    caption = element("figcaption", element("b", stage.name), said)
    picture = _Drawing(stage).drawn() if drawn else element("p", "Not drawn: there are many phases.", class_="note")
    return element("figure", caption, picture, _table(stage, texts))


def _table(stage: Stage, texts: Texts) -> Markup:
    ranked = sorted(stage.pairs.items(), key=lambda item: (-item[1].refused, item[1].cut is None, -item[1].delivered))
    rows = [
        (sender, recipient, f"{traffic.delivered:,}", f"{traffic.refused:,}", _remarks(traffic, texts))
        for (sender, recipient), traffic in ranked[:MOST_ROWS]
    ]
    more = len(ranked) - len(rows)
    left = element("p", f"{count(more, 'pair')} with less traffic left out.", class_="note") if more else None
    head = ("sender", "recipient", "delivered", "refused", "remarks")
    summary = element("summary", f"Edges as a table ({len(ranked)})")
    return element("details", summary, table(f"Edges of {stage.name}", head, rows, (2, 3)), left)


def _remarks(traffic: Traffic, texts: Texts) -> Markup:
    said: list[str | Markup] = [] if traffic.declared else ["no edge"]
    said += [f"{reason.replace('_', ' ')}: {many}" for reason, many in traffic.reasons.most_common(4)]
    said += [join(("first refusal ", texts.ref(traffic.example)))] if traffic.example else []
    said += [f"withheld: {traffic.withheld}"] if traffic.withheld else []
    said += [join(("cut at ", texts.ref(traffic.cut)))] if traffic.cut else []
    given = "restored at " if traffic.cut else "since "
    said += [join((given, texts.ref(traffic.restored)))] if traffic.restored else []
    return join(said, "; ")


@dataclass(frozen=True)
class _Line:
    """What is said of one drawn line: its traffic there and back."""

    curve: Curve
    there: Sequence[Traffic]
    back: Sequence[Traffic]

    @property
    def delivered(self) -> int:
        return sum(traffic.delivered for traffic in (*self.there, *self.back))

    @property
    def refused(self) -> int:
        return sum(traffic.refused for traffic in (*self.there, *self.back))

    @property
    def cut(self) -> bool:
        return any(traffic.cut and not traffic.restored for traffic in (*self.there, *self.back))

    @property
    def title(self) -> str:
        links = self.curve.links
        senders, recipients = (", ".join(dict.fromkeys(link.there.pair[side] for link in links)) for side in (0, 1))
        lines = [_told(senders, recipients, self.there)]
        return "\n".join(lines + ([_told(recipients, senders, self.back)] if self.back else []))


def _told(senders: str, recipients: str, traffic: Sequence[Traffic]) -> str:
    delivered, refused = (sum(getattr(one, name) for one in traffic) for name in ("delivered", "refused"))
    said = f"{senders} → {recipients}: {delivered:,} delivered" + (f", {refused:,} refused" if refused else "")
    gone = [one for one in traffic if one.cut]
    return said + (", cut in the run" + (" and restored" if all(one.restored for one in gone) else "")) * bool(gone)


class _Drawing:
    """One phase as SVG."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._phase = phase_of(stage)
        picture = layout(self._phase)
        self._lines = sorted(_lines(picture, stage.pairs), key=lambda line: -line.delivered - line.refused)
        drawn = {edge.pair for curve in picture.curves for link in curve.links for edge in link.edges}
        self._without = {
            pair: traffic for pair, traffic in stage.pairs.items() if pair not in drawn and traffic.refused
        }
        self._spots = _with_strangers(picture, self._without)
        self._picture = picture
        self._most = max((line.delivered for line in self._lines), default=0) or 1
        self._taken: list[Box] = [spot.box for spot in self._spots]

    def drawn(self) -> Markup:
        """The picture, with a remark on what it leaves out."""
        lines = self._lines[:MOST_CURVES]
        numbered = len(lines) <= NUMBERED
        curves = [self._curve(line) for line in reversed(lines)]
        refused = [self._refused(pair, traffic) for pair, traffic in list(self._without.items())[:MOST_CURVES]]
        labels = [label for line in lines if numbered for label in self._labels(line)]
        spots = [self._spot(spot) for spot in self._spots]
        left, top, right, bottom = self._frame()
        wide, high = right - left + 2 * MARGIN, bottom - top + 2 * MARGIN
        scale = min(1.0, max(FITTING / wide, LEAST), max(FITTING / high, LEAST))
        place = f"translate({number(MARGIN - left)} {number(MARGIN - top)})"
        moved = element("g", *self._rings(), *curves, *refused, *labels, *spots, transform=place)
        title = element("title", f"Graph of the phase {self._stage.name}, with the messages that passed over each edge")
        box = f"0 0 {number(wide)} {number(high)}"
        size = (wide * scale, high * scale)
        svg = element("svg", title, moved, viewBox=box, width=size[0], height=size[1], class_="graph", role="img")
        fewer = len(self._lines) - len(lines)
        note = element("p", f"{count(fewer, 'line')} with less traffic left out.", class_="note") if fewer else None
        box = element(
            "div", svg, class_="picture", tabindex=0, role="region", aria_label=f"Graph of {self._stage.name}"
        )
        return join((box, note))

    def _frame(self) -> Box:
        """What has to fit on the picture: the phase as it was laid out, strangers, and lines bent outwards."""
        boxes = [(0.0, 0.0, self._picture.width, self._picture.height), *self._taken]
        return (min(box[0] for box in boxes), min(box[1] for box in boxes),
                max(box[2] for box in boxes), max(box[3] for box in boxes))  # fmt: skip

    def _rings(self) -> Iterator[Markup]:
        for ring in self._picture.rings:
            left, top, right, bottom = ring.box
            round_ = (right - left) / 2 if ring.shape == "ellipse" else 16.0
            yield element("rect", x=left, y=top, width=right - left, height=bottom - top, rx=round_,
                          ry=(bottom - top) / 2 if ring.shape == "ellipse" else 16.0, class_="ring")  # fmt: skip

    def _curve(self, line: _Line) -> Markup:
        weight = THIN + (THICK - THIN) * math.sqrt(line.delivered / self._most) if line.delivered else 1.0
        kinds = ["edge"] + ["idle"] * (not line.delivered) + ["cut"] * line.cut + ["bad"] * bool(line.refused)
        kinds += ["user"] * (USER in line.curve.links[0].there.pair)
        points = _points(line.curve)
        heads = [_head(points, weight)] + ([_head(points[::-1], weight)] if line.back else [])
        parts = [element("title", line.title), _path(points, weight), *heads]
        if line.cut:
            x, y = line.curve.at(0.5)
            parts.append(element("path", d="M-6-6L6 6M6-6L-6 6", transform=f"translate({number(x)} {number(y)})",
                                 class_="cut-mark"))  # fmt: skip
        return element("g", *parts, class_=" ".join(kinds))

    def _refused(self, pair: Pair, traffic: Traffic) -> Markup | None:
        """A message to where no edge leads: a bent red line."""
        start, stop = (_spot_of(self._spots, name, sends) for name, sends in zip(pair, (True, False), strict=True))
        if start is None or stop is None or start is stop:
            return None
        a, b = start.towards(stop.x, stop.y), stop.towards(start.x, start.y)
        curve = Curve((), a, (_bent(a, b),))
        points = _points(curve)
        reasons = ", ".join(f"{reason.replace('_', ' ')}: {many}" for reason, many in traffic.reasons.most_common())
        title = f"{pair[0]} → {pair[1]}: {count(traffic.refused, 'message')} refused ({reasons})"
        label = self._label(f"✕ {traffic.refused:,}", curve, (0.5, 0.4, 0.6), "bad")
        return element(
            "g", element("title", title), _path(points, 1.8), _head(points, 1.8), label, class_="edge refused"
        )

    def _labels(self, line: _Line) -> Iterator[Markup]:
        places = ((0.5, 0.4, 0.6, 0.3, 0.7),) if not line.back else ((0.72, 0.64, 0.8), (0.28, 0.36, 0.2))
        for traffic, tries in zip((line.there, line.back), places, strict=False):
            delivered, refused = (sum(getattr(one, name) for one in traffic) for name in ("delivered", "refused"))
            if delivered or refused:
                text = f"{delivered:,}" + (f" ✕ {refused:,}" if refused else "")
                yield self._label(text, line.curve, tries, "bad" if refused else None)

    def _label(self, text: str, curve: Curve, tries: Sequence[float], kind: str | None) -> Markup:
        half = text_cells(text) * CELL / 2 + 5
        boxes = [(x - half, y - 8, x + half, y + 8) for x, y in map(curve.at, tries)]
        box = next((box for box in boxes if not any(_overlap(box, other) for other in self._taken)), boxes[0])
        self._taken.append(box)
        back = element("rect", x=box[0], y=box[1], width=2 * half, height=16, rx=8)
        written = element("text", text, x=(box[0] + box[2]) / 2, y=box[1] + 11.8)
        return element("g", back, written, class_=f"label {kind or ''}".strip())

    def _spot(self, spot: Spot) -> Markup:
        kind = "user" if spot.part in ("task", "answer") else spot.part if spot.key in self._known else "stranger"
        caption = (
            spot.part if kind == "user" else part_text(self._phase, spot.name) if kind != "stranger" else "no node"
        )
        corners = " ".join(f"{number(x)},{number(y)}" for x, y in spot.outline)
        parts = [element("title", spot.name), element("polygon", points=corners, stroke_linejoin="round")]
        parts.append(element("text", spot.label, x=spot.x, y=spot.y + (0.5 if caption else 4.5), class_="name"))
        if caption:
            parts.append(element("text", shortened(caption, 18), x=spot.x, y=spot.y + 13, class_="caption"))
        return element("g", *parts, class_=f"spot {kind}")

    @property
    def _known(self) -> set[str]:
        return {spot.key for spot in self._picture.spots}


def _lines(picture: Picture, pairs: Mapping[Pair, Traffic]) -> Iterator[_Line]:
    for curve in picture.curves:
        there = [pairs[link.there.pair] for link in curve.links]
        back = [pairs[link.back.pair] for link in curve.links if link.back is not None]
        yield _Line(curve, there, back)


def _with_strangers(picture: Picture, without: Mapping[Pair, Traffic]) -> list[Spot]:
    """The nodes, and below them names to which somebody wrote although no such node takes part."""
    spots = list(picture.spots)
    named = {spot.name for spot in spots}
    strangers = [name for name in dict.fromkeys(end for pair in without for end in pair) if name not in named]
    x, y = 0.0, picture.height + 56
    for name in strangers[:12]:
        label = shortened(name)
        width = max(76.0, text_cells(label) * 7.9 + 30)
        writers = [spot.x for spot in picture.spots if (spot.name, name) in without]
        x = max(x, (writers[0] if writers else 0.0) - width / 2)
        spots.append(Spot(f"\0stranger {name}", name, "agent", x + width / 2, y, width, label=label))
        x += width + 28
    return spots


def _spot_of(spots: Sequence[Spot], name: str, sends: bool) -> Spot | None:
    """The place of a node; of `user` the one that sends, or the one that receives, where there is one."""
    found = [spot for spot in spots if spot.name == name]
    wanted = TASK if sends else ANSWER
    return next((spot for spot in found if spot.key == wanted), found[0] if found else None)


def _points(curve: Curve) -> list[Point]:
    return [curve.start, *(point for piece in curve.pieces for point in piece)]


def _path(points: Sequence[Point], weight: float) -> Markup:
    path = f"M{_pair(points[0])}" + "".join(
        f"C{_pair(a)} {_pair(b)} {_pair(c)}" for a, b, c in zip(points[1::3], points[2::3], points[3::3], strict=True)
    )
    return element("path", d=path, class_="line", stroke_width=weight)


def _pair(point: Point) -> str:
    return f"{number(point[0])} {number(point[1])}"


def _head(points: Sequence[Point], weight: float) -> Markup:
    """An arrow's head at the end of a curve, wider than the line is."""
    tip = points[-1]
    before = next((point for point in reversed(points[:-1]) if math.dist(point, tip) > 0.5), (tip[0] - 1, tip[1]))
    length = math.dist(before, tip)
    ux, uy = (tip[0] - before[0]) / length, (tip[1] - before[1]) / length
    size = HEAD + 1.6 * weight
    base, wing = (tip[0] - ux * size, tip[1] - uy * size), size * 0.5
    corners = (tip, (base[0] - uy * wing, base[1] + ux * wing), (base[0] + uy * wing, base[1] - ux * wing))
    return element("polygon", points=" ".join(f"{number(x)},{number(y)}" for x, y in corners), class_="head")


def _bent(a: Point, b: Point) -> Piece:
    """A curve from `a` to `b` beside the straight line between them."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    length = math.hypot(dx, dy) or 1.0
    bend = max(0.22 * length, 22.0)
    nx, ny = -dy / length * bend, dx / length * bend
    return ((a[0] + dx / 3 + nx, a[1] + dy / 3 + ny), (a[0] + dx * 2 / 3 + nx, a[1] + dy * 2 / 3 + ny), b)


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
