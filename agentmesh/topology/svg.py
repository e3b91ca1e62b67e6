"""A topology as one self-contained SVG: each phase a card, readable on white and on dark pages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from agentmesh.messages import USER
from agentmesh.topology.layout import layout
from agentmesh.topology.phases import Edge, Join, Phase
from agentmesh.topology.shapes import (
    Box,
    Curve,
    Link,
    Part,
    Picture,
    Point,
    Spot,
    members,
    shortened,
    shortened_names,
    text_cells,
)

PADDING = 26.0
HEADER = 46.0
BETWEEN = 44.0
CAPTION_CELL = 5.0
"""Width of a letter of a caption; what does not fit its node is shortened."""
HEAD = 7.5
"""Length of an arrow's head."""

STYLE = """
.am-card{fill:#fbfcfe;stroke:#d5dbe5}
.am text,.am-between{font-family:ui-sans-serif,system-ui,'Segoe UI','Helvetica Neue',Arial,'DejaVu Sans',sans-serif}
.am-phase{font-size:14px;font-weight:600;fill:#111827}
.am-order{font-size:12px;fill:#5b6576}
.am-name{font-size:13px;font-weight:600;fill:#172033;text-anchor:middle}
.am-caption{font-size:9.5px;fill:#4b5568;text-anchor:middle}
.am-label{font-size:10.5px;fill:#374151;text-anchor:middle}
.am-label-back{fill:#fbfcfe;fill-opacity:.92}
.am-line{fill:none;stroke:#7a869a;stroke-width:1.5}
.am-head{fill:#7a869a}
.am-user-line .am-line{stroke:#2563eb}
.am-user-line .am-head{fill:#2563eb}
.am-rewritten .am-line{stroke-dasharray:5 4}
.am-ring{fill:none;stroke:#2563eb;stroke-width:1.2;stroke-dasharray:2 5;stroke-linecap:round}
.am-node{fill:#eef2f7;stroke:#64748b;stroke-width:1.4}
.am-planner .am-node{fill:#ede9fe;stroke:#7c3aed}
.am-worker .am-node{fill:#e7f8f0;stroke:#0f9d6b}
.am-judge .am-node{fill:#fff3d6;stroke:#d18a06}
.am-user .am-node{fill:#2563eb;stroke:#1d4ed8}
.am-user .am-name,.am-user .am-caption{fill:#ffffff}
.am-between{fill:none;stroke:#7a869a;stroke-width:2;stroke-linecap:round;stroke-linejoin:round}
@media (prefers-color-scheme:dark){
.am-card{fill:#141a24;stroke:#36404f}
.am-phase{fill:#f3f4f6}
.am-order{fill:#a3aebf}
.am-name{fill:#eef2f7}
.am-caption{fill:#c3ccd9}
.am-label{fill:#dbe1ea}
.am-label-back{fill:#141a24}
.am-line{stroke:#8a97ab}
.am-head{fill:#8a97ab}
.am-user-line .am-line{stroke:#6ea0ff}
.am-user-line .am-head{fill:#6ea0ff}
.am-ring{stroke:#6ea0ff}
.am-node{fill:#232c3a;stroke:#8a97ab}
.am-planner .am-node{fill:#2f2550;stroke:#a78bfa}
.am-worker .am-node{fill:#12352a;stroke:#34d399}
.am-judge .am-node{fill:#3d2f0d;stroke:#fbbf24}
}
"""


def svg(phases: Sequence[Phase], joins: Mapping[str, Join], roles: Mapping[str, str]) -> str:
    """One card for each phase, from left to right in the order in which a run passes through them."""
    labels = shortened_names(name for phase in phases for name in members(phase))
    pictures = [layout(phase, labels) for phase in phases]
    captions = _Captions(joins, roles)
    height = max((picture.height for picture in pictures), default=0.0) + HEADER + 2 * PADDING
    body: list[str] = []
    x = 1.0
    for index, picture in enumerate(pictures):
        title, order = phase_title(picture.phase, index, len(pictures)), order_text(picture.phase)
        width = max(picture.width, text_cells(title) * 8.6 + text_cells(order) * 6.9 + 20) + 2 * PADDING
        if index:
            body.append(_between(x - BETWEEN, height / 2))
        body.append(_card(picture, title, order, (x, 1.0, x + width, 1.0 + height), captions))
        x += width + BETWEEN
    total = (x - BETWEEN + 1, height + 2) if pictures else (2.0, 2.0)
    names = ", ".join(dict.fromkeys(name for phase in phases for name in phase.participants))
    wide, high = map(_number, total)
    size = f'width="{wide}" height="{high}" viewBox="0 0 {wide} {high}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} class="am" role="img">'
    return "\n".join(
        [head, f"<title>{_text(f'Topology of {names}')}</title>", f"<style>{STYLE}</style>", *body, "</svg>\n"]
    )


def phase_title(phase: Phase, index: int, count: int) -> str:
    """The name of a phase, with its number where there are several."""
    return f"{index + 1} · {phase.name}" if count > 1 else phase.name


def order_text(phase: Phase) -> str:
    """The order of a phase in words: how it goes on, and how often."""
    order = phase.order.replace("_", " ")
    if phase.rounds is not None:
        order += f", {phase.rounds} round{'s' if phase.rounds != 1 else ''}"
    planning = phase.planning
    if planning is not None and planning.judge is not None:
        order += f", up to {planning.max_cycles} cycle{'s' if planning.max_cycles != 1 else ''}"
    return order


def join_text(join: Join) -> str:
    """What a join waits for; nothing is said of the usual one."""
    return "" if join == "any" else "waits for all" if join == "all" else f"waits for {join}"


def role_text(name: str, part: Part, roles: Mapping[str, str]) -> str:
    """What an agent is, in a word or two: its declared role, or its part in planning; nothing if its name says so."""
    role = roles.get(name) or ("" if part == "agent" else part)
    return "" if role.lower() in name.lower() else role


@dataclass(frozen=True)
class _Captions:
    """The second line of each node."""

    joins: Mapping[str, Join]
    roles: Mapping[str, str]

    def of(self, spot: Spot) -> str:
        """For `user` what passes there; for an agent its role, and what it waits for."""
        if spot.part in ("task", "answer"):
            return spot.part
        words = (role_text(spot.name, spot.part, self.roles), join_text(self.joins.get(spot.name, "any")))
        return ", ".join(word for word in words if word)


def _card(picture: Picture, title: str, order: str, box: Box, captions: _Captions) -> str:
    left, top, right, bottom = box
    dx = left + (right - left - picture.width) / 2
    dy = top + HEADER + PADDING + (bottom - top - HEADER - 2 * PADDING - picture.height) / 2
    x, y = _number(left + PADDING - 6), _number(top + 31)
    parts = [
        f'<g class="am-card-group" data-phase={_attribute(picture.phase.name)}>',
        f'<rect class="am-card" x="{_number(left)}" y="{_number(top)}" width="{_number(right - left)}" '
        f'height="{_number(bottom - top)}" rx="14"/>',
        f'<text x="{x}" y="{y}"><tspan class="am-phase">{_text(title)}</tspan>'
        f'<tspan class="am-order" dx="10">{_text(order)}</tspan></text>',
        f'<g transform="translate({_number(dx)} {_number(dy)})">',
        *(_ring(ring) for ring in picture.rings),
        *(_curve(curve) for curve in picture.curves),
        *(_spot(spot, captions.of(spot)) for spot in picture.spots),
        *_labels(picture),
        "</g>",
        "</g>",
    ]
    return "\n".join(parts)


def _between(x: float, y: float) -> str:
    """A small arrow from one card to the next."""
    middle = x + BETWEEN / 2
    return f'<path class="am-between" d="M{_number(middle - 4)} {_number(y - 8)}l8 8l-8 8"/>'


def _ring(box: Box) -> str:
    left, top, right, bottom = box
    return (
        f'<ellipse class="am-ring" cx="{_number((left + right) / 2)}" cy="{_number((top + bottom) / 2)}" '
        f'rx="{_number((right - left) / 2)}" ry="{_number((bottom - top) / 2)}"/>'
    )


def _spot(spot: Spot, caption: str) -> str:
    is_user = spot.part in ("task", "answer")
    left, top, _, _ = spot.box
    radius = spot.height / 2 if is_user else 4 if spot.part == "planner" else 10
    frame = f'x="{_number(left)}" y="{_number(top)}" width="{_number(spot.width)}" height="{_number(spot.height)}"'
    shape = f'<rect class="am-node" {frame} rx="{_number(radius)}"/>'
    if spot.part == "judge":
        shape = f'<polygon class="am-node" points="{_octagon(spot)}"/>'
    title = spot.name + (f": {caption}" if caption else "")
    lines = [
        f'<g class="am-{"user" if is_user else spot.part}" data-node={_attribute(spot.name)}>',
        f"<title>{_text(title)}</title>",
        shape,
        f'<text class="am-name" x="{_number(spot.x)}" y="{_number(spot.y + (0.5 if caption else 4.5))}">'
        f"{_text(spot.label)}</text>",
    ]
    if caption:
        short = shortened(caption, int((spot.width - 8) / CAPTION_CELL))
        lines.append(
            f'<text class="am-caption" x="{_number(spot.x)}" y="{_number(spot.y + 12.5)}">{_text(short)}</text>'
        )
    return "\n".join([*lines, "</g>"])


def _octagon(spot: Spot) -> str:
    left, top, right, bottom = spot.box
    cut = 10
    corners = (
        (left + cut, top), (right - cut, top), (right, top + cut), (right, bottom - cut),
        (right - cut, bottom), (left + cut, bottom), (left, bottom - cut), (left, top + cut),
    )  # fmt: skip
    return " ".join(f"{_number(x)},{_number(y)}" for x, y in corners)


def _curve(curve: Curve) -> str:
    link = curve.links[0]
    both = link.back is not None
    classes = ["am-edge"]
    if USER in (link.there.sender, link.there.recipient):
        classes.append("am-user-line")
    if any(edge.rewrite for edge in _edges(curve)):
        classes.append("am-rewritten")
    points = [curve.start, *(point for piece in curve.pieces for point in piece)]
    heads = [_head(points, forward=True)] + ([_head(points, forward=False)] if both else [])
    path = f"M{_pair(points[0])}" + "".join(
        f"C{_pair(a)} {_pair(b)} {_pair(c)}" for a, b, c in zip(points[1::3], points[2::3], points[3::3], strict=True)
    )
    pairs = " ".join(f"{edge.sender}->{edge.recipient}" for edge in _edges(curve))
    return (
        f'<g class="{" ".join(classes)}" data-edges={_attribute(pairs)}><title>{_text(_said(curve))}</title>'
        f'<path class="am-line" d="{path}"/>{"".join(heads)}</g>'
    )


def _edges(curve: Curve) -> list[Edge]:
    return [edge for link in curve.links for edge in (link.there, link.back) if edge is not None]


def _said(curve: Curve) -> str:
    """The tooltip of a line."""
    link = curve.links[0]
    if len(curve.links) > 1:
        everyone = ", ".join(edge.recipient if edge.sender == USER else edge.sender for edge in _edges(curve))
        return f"{USER} → {everyone}" if link.there.sender == USER else f"{everyone} → {USER}"
    arrow = "⇄" if link.back else "→"
    notes = [f"{edge.sender} → {edge.recipient}: {note}" for edge in _edges(curve) for note in _notes(edge)]
    return "\n".join([f"{link.there.sender} {arrow} {link.there.recipient}", *notes])


def _notes(edge: Edge) -> list[str]:
    bound = [] if edge.max_messages is None else [f"at most {edge.max_messages} message{'s'[: edge.max_messages != 1]}"]
    return bound + ([f"rewritten by {edge.rewrite}"] if edge.rewrite else [])


def _head(points: Sequence[Point], *, forward: bool) -> str:
    """A head at one end of a curve, pointing as the curve does there."""
    ordered = points if forward else points[::-1]
    tip = ordered[-1]
    before = next((point for point in reversed(ordered[:-1]) if math.dist(point, tip) > 0.5), (tip[0] - 1, tip[1]))
    length = math.dist(before, tip)
    ux, uy = (tip[0] - before[0]) / length, (tip[1] - before[1]) / length
    base = (tip[0] - ux * HEAD, tip[1] - uy * HEAD)
    wing = HEAD * 0.48
    corners = (tip, (base[0] - uy * wing, base[1] + ux * wing), (base[0] + uy * wing, base[1] - ux * wing))
    return f'<polygon class="am-head" points="{" ".join(f"{_number(x)},{_number(y)}" for x, y in corners)}"/>'


def _labels(picture: Picture) -> list[str]:
    """The bounds of edges, each at the first place along its line that is free."""
    taken: list[Box] = [spot.box for spot in picture.spots]
    parts: list[str] = []
    for curve in picture.curves:
        for text, tries in _label_texts(curve.links[0]):
            half = text_cells(text) * 3.2 + 4
            boxes = [(x - half, y - 8, x + half, y + 8) for x, y in map(curve.at, tries)]
            box = next((box for box in boxes if not any(_overlap(box, other) for other in taken)), boxes[0])
            taken.append(box)
            x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
            parts.append(
                f'<rect class="am-label-back" x="{_number(box[0])}" y="{_number(box[1])}" width="{_number(2 * half)}" '
                'height="16" rx="8"/>'
                f'<text class="am-label" x="{_number(x)}" y="{_number(y + 3.6)}">{_text(text)}</text>'
            )
    return parts


def _label_texts(link: Link) -> list[tuple[str, tuple[float, ...]]]:
    """What is written on a line, and where along it that may stand, best first."""
    there = link.there.max_messages
    back = link.back.max_messages if link.back else None
    middle = (0.5, 0.45, 0.55, 0.4, 0.6, 0.35, 0.65, 0.3, 0.7, 0.25, 0.75)
    if there is not None and (link.back is None or there == back):
        return [(f"≤ {there}", middle)]
    late, early = (0.7, 0.75, 0.65, 0.6, 0.8), (0.3, 0.25, 0.35, 0.4, 0.2)
    return [(f"≤ {bound}", tries) for bound, tries in ((there, late), (back, early)) if bound is not None]


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _number(value: float) -> str:
    return (
        f"{value:.1f}".removesuffix(".0").replace("-0", "0") if abs(value) < 0.05 else f"{value:.1f}".removesuffix(".0")
    )


def _pair(point: Point) -> str:
    return f"{_number(point[0])} {_number(point[1])}"


def _text(text: str) -> str:
    """Text that is safe between tags: escaped, without the control characters that XML forbids."""
    return escape("".join(letter if letter >= " " or letter in "\n\t" else "\ufffd" for letter in text))


def _attribute(text: str) -> str:
    return quoteattr("".join(letter if letter >= " " else "\ufffd" for letter in text))
