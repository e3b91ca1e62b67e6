"""A topology as one self-contained SVG: each phase a card, readable on white and on dark pages."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from xml.sax.saxutils import escape, quoteattr

from agentmesh.messages import USER
from agentmesh.topology.layout import CAPTION_CELL, layout
from agentmesh.topology.phases import Edge, Phase
from agentmesh.topology.shapes import (
    FOLD,
    ROUND,
    SQUARE,
    VOTE_CUT,
    Box,
    Curve,
    Picture,
    Point,
    Ring,
    Spot,
    members,
    shortened,
    shortened_names,
    text_cells,
)
from agentmesh.topology.words import (
    LABEL_CELL,
    common_note,
    join_text,
    line_notes,
    more_of,
    order_words,
    phase_title,
    role_text,
    tooltip_notes,
)

PADDING = 26.0
HEADER = 46.0
"""Above a picture: the name of the phase; and this for each further line."""
LINE = 17.0
BETWEEN = 44.0
TITLE_CELL, ORDER_CELL = 8.6, 6.9
"""Widths of a letter of a heading; what does not fit is wrapped."""
LEAST = 340.0
"""A card is at least so wide before what is said of its order is wrapped."""
MANY, DENSE = 60, 2.5
"""More lines than this, and than this for each node, are drawn thin."""
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
.am-untrusted .am-line{stroke:#c2570c;stroke-dasharray:1.5 4;stroke-linecap:round;stroke-width:2}
.am-untrusted .am-head{fill:#c2570c}
.am-many .am-line{stroke-width:.7;stroke-opacity:.55}
.am-many .am-head{fill-opacity:.55}
.am-many .am-user-line .am-line{stroke-width:1.5;stroke-opacity:1}
.am-many .am-user-line .am-head{fill-opacity:1}
.am-ring{fill:none;stroke:#7a869a;stroke-width:1.2;stroke-dasharray:2 5;stroke-linecap:round}
.am-user-ring{stroke:#2563eb}
.am-node{fill:#eef2f7;stroke:#64748b;stroke-width:1.4}
.am-planner .am-node{fill:#ede9fe;stroke:#7c3aed}
.am-worker .am-node{fill:#e7f8f0;stroke:#0f9d6b}
.am-judge .am-node{fill:#fff3d6;stroke:#d18a06}
.am-moderator .am-node{fill:#ede9fe;stroke:#7c3aed;stroke-width:2.2}
.am-vote .am-node{fill:#fde8f3;stroke:#c0267f}
.am-board .am-node{fill:#e2f5fa;stroke:#0b87a5}
.am-fold{fill:none;stroke:#0b87a5;stroke-width:1.4}
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
.am-untrusted .am-line{stroke:#fb9a4b}
.am-untrusted .am-head{fill:#fb9a4b}
.am-ring{stroke:#8a97ab}
.am-user-ring{stroke:#6ea0ff}
.am-node{fill:#232c3a;stroke:#8a97ab}
.am-planner .am-node{fill:#2f2550;stroke:#a78bfa}
.am-worker .am-node{fill:#12352a;stroke:#34d399}
.am-judge .am-node{fill:#3d2f0d;stroke:#fbbf24}
.am-moderator .am-node{fill:#2f2550;stroke:#a78bfa}
.am-vote .am-node{fill:#43163a;stroke:#f472b6}
.am-board .am-node{fill:#0c3440;stroke:#22c3e6}
.am-fold{stroke:#22c3e6}
}
"""


def svg(phases: Sequence[Phase], roles: Mapping[str, str]) -> str:
    """One card for each phase, from left to right in the order in which a run passes through them."""
    labels = shortened_names(name for phase in phases for name in members(phase))
    cards = [_card_of(layout(phase, labels), index, len(phases)) for index, phase in enumerate(phases)]
    header = HEADER + LINE * max((len(card.lines) for card in cards), default=0)
    height = max((card.picture.height for card in cards), default=0.0) + header + 2 * PADDING
    body: list[str] = []
    x = 1.0
    for index, card in enumerate(cards):
        if index:
            body.append(_between(x - BETWEEN, height / 2))
        body.append(_drawn(card, (x, 1.0, x + card.width, 1.0 + height), header, roles))
        x += card.width + BETWEEN
    total = (x - BETWEEN + 1, height + 2) if cards else (2.0, 2.0)
    names = ", ".join(dict.fromkeys(name for phase in phases for name in phase.participants))
    wide, high = map(_number, total)
    size = f'width="{wide}" height="{high}" viewBox="0 0 {wide} {high}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} class="am" role="img">'
    return "\n".join(
        [head, f"<title>{_text(f'Topology of {names}')}</title>", f"<style>{STYLE}</style>", *body, "</svg>\n"]
    )


@dataclass(frozen=True, slots=True)
class _Card:
    """A phase with its heading: the title, what follows on the same line, and further lines."""

    picture: Picture
    title: str
    order: str
    lines: tuple[str, ...]
    width: float


def _card_of(picture: Picture, index: int, count: int) -> _Card:
    phase = picture.phase
    title, words = phase_title(phase, index, count), order_words(phase)
    common = common_note(phase)
    words += [f"every edge: {common}"] if common else []
    beside = text_cells(title) * TITLE_CELL + 20
    room = max(picture.width, LEAST)
    order, lines = ", ".join(words), []
    if beside + text_cells(order) * ORDER_CELL > room:
        lines = _wrapped(words, room / ORDER_CELL)
        order = ""
    longest = max([beside + text_cells(order) * ORDER_CELL, *(text_cells(line) * ORDER_CELL for line in lines)])
    return _Card(picture, title, order, tuple(lines), max(picture.width, longest) + 2 * PADDING)


def _wrapped(words: Sequence[str], cells: float) -> list[str]:
    lines = [words[0]]
    for word in words[1:]:
        if text_cells(f"{lines[-1]}, {word}") <= cells:
            lines[-1] += f", {word}"
        else:
            lines[-1] += ","
            lines.append(word)
    return lines


def _captions(spot: Spot, phase: Phase, roles: Mapping[str, str]) -> str:
    """The second line of a node. For `user` what passes there; else its role, and what it waits for."""
    if spot.part in ("task", "answer"):
        return spot.part
    words = (role_text(phase, spot.name, roles), join_text(phase.join(spot.name)))
    return ", ".join(word for word in words if word)


def _drawn(card: _Card, box: Box, header: float, roles: Mapping[str, str]) -> str:
    left, top, right, bottom = box
    picture = card.picture
    dx = left + (right - left - picture.width) / 2
    dy = top + header + PADDING + (bottom - top - header - 2 * PADDING - picture.height) / 2
    x = _number(left + PADDING - 6)
    order = f'<tspan class="am-order" dx="10">{_text(card.order)}</tspan>' if card.order else ""
    many = " am-many" if len(picture.curves) > max(MANY, DENSE * len(picture.spots)) else ""
    parts = [
        f'<g class="am-card-group{many}" data-phase={_attribute(picture.phase.name)}>',
        f'<rect class="am-card" x="{_number(left)}" y="{_number(top)}" width="{_number(right - left)}" '
        f'height="{_number(bottom - top)}" rx="14"/>',
        f'<text x="{x}" y="{_number(top + 31)}"><tspan class="am-phase">{_text(card.title)}</tspan>{order}</text>',
        *(
            f'<text class="am-order" x="{x}" y="{_number(top + 31 + LINE * (at + 1))}">{_text(line)}</text>'
            for at, line in enumerate(card.lines)
        ),
        f'<g transform="translate({_number(dx)} {_number(dy)})">',
        *(_ring(ring) for ring in picture.rings),
        *(_curve(curve) for curve in picture.curves),
        *(_spot(spot, _captions(spot, picture.phase, roles), picture.phase) for spot in picture.spots),
        *_labels(picture),
        "</g>",
        "</g>",
    ]
    return "\n".join(parts)


def _between(x: float, y: float) -> str:
    """A small arrow from one card to the next."""
    middle = x + BETWEEN / 2
    return f'<path class="am-between" d="M{_number(middle - 4)} {_number(y - 8)}l8 8l-8 8"/>'


def _ring(ring: Ring) -> str:
    left, top, right, bottom = ring.box
    kind = "am-ring am-user-ring" if ring.of_user else "am-ring"
    if ring.shape == "frame":
        size = f'width="{_number(right - left)}" height="{_number(bottom - top)}"'
        return f'<rect class="{kind}" x="{_number(left)}" y="{_number(top)}" {size} rx="16"/>'
    return (
        f'<ellipse class="{kind}" cx="{_number((left + right) / 2)}" cy="{_number((top + bottom) / 2)}" '
        f'rx="{_number((right - left) / 2)}" ry="{_number((bottom - top) / 2)}"/>'
    )


def _spot(spot: Spot, caption: str, phase: Phase) -> str:
    kind = "user" if spot.part in ("task", "answer") else spot.part
    lines = [
        f'<g class="am-{kind}" data-node={_attribute(spot.name)}>',
        f"<title>{_text(chr(10).join([spot.name + (f': {caption}' if caption else ''), *more_of(phase, spot.name)]))}"
        "</title>",
        _shape(spot),
        f'<text class="am-name" x="{_number(spot.x)}" y="{_number(spot.y + (0.5 if caption else 4.5))}">'
        f"{_text(spot.label)}</text>",
    ]
    if caption:
        room = spot.width - 8 - (VOTE_CUT if spot.part == "vote" else 0)
        short = shortened(caption, int(room / CAPTION_CELL))
        lines.append(
            f'<text class="am-caption" x="{_number(spot.x)}" y="{_number(spot.y + 12.5)}">{_text(short)}</text>'
        )
    return "\n".join([*lines, "</g>"])


def _shape(spot: Spot) -> str:
    left, top, right, _ = spot.box
    if spot.part in ("judge", "vote", "board"):
        corners = " ".join(f"{_number(x)},{_number(y)}" for x, y in spot.outline)
        shape = f'<polygon class="am-node" stroke-linejoin="round" points="{corners}"/>'
        fold = f"M{_pair((right - FOLD, top))}v{_number(FOLD)}h{_number(FOLD)}"
        return shape + (f'<path class="am-fold" d="{fold}"/>' if spot.part == "board" else "")
    radius = spot.height / 2 if spot.part in ("task", "answer") else SQUARE if spot.part == "planner" else ROUND
    frame = f'x="{_number(left)}" y="{_number(top)}" width="{_number(spot.width)}" height="{_number(spot.height)}"'
    return f'<rect class="am-node" {frame} rx="{_number(radius)}"/>'


def _curve(curve: Curve) -> str:
    link = curve.links[0]
    both = link.back is not None
    classes = ["am-edge"]
    if USER in (link.there.sender, link.there.recipient):
        classes.append("am-user-line")
    if any(edge.rewrite for edge in _edges(curve)):
        classes.append("am-rewritten")
    if any(edge.trust == "untrusted" for edge in _edges(curve)):
        classes.append("am-untrusted")
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
    return [edge for link in curve.links for edge in link.edges]


def _said(curve: Curve) -> str:
    """The tooltip of a line."""
    link = curve.links[0]
    arrow = "⇄" if link.back else "→"
    if len(curve.links) > 1:
        senders, recipients = (dict.fromkeys(one.there.pair[side] for one in curve.links) for side in (0, 1))
        notes = [note for edge in link.edges for note in tooltip_notes(edge)]
        return "\n".join([f"{', '.join(senders)} {arrow} {', '.join(recipients)}", *dict.fromkeys(notes)])
    notes = [f"{edge.sender} → {edge.recipient}: {note}" for edge in link.edges for note in tooltip_notes(edge)]
    return "\n".join([f"{link.there.sender} {arrow} {link.there.recipient}", *notes])


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


def _labels(picture: Picture) -> Iterator[str]:
    """What edges carry and their bounds, each at the first place along its line that is free."""
    taken: list[Box] = [spot.box for spot in picture.spots]
    common = common_note(picture.phase)
    for curve in picture.curves:
        for text, tries in _label_texts(curve):
            if text == common:
                continue
            half = text_cells(text) * LABEL_CELL / 2 + 4
            boxes = [(x - half, y - 8, x + half, y + 8) for x, y in map(curve.at, tries)]
            box = next((box for box in boxes if not any(_overlap(box, other) for other in taken)), boxes[0])
            taken.append(box)
            x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
            yield (
                f'<rect class="am-label-back" x="{_number(box[0])}" y="{_number(box[1])}" width="{_number(2 * half)}" '
                'height="16" rx="8"/>'
                f'<text class="am-label" x="{_number(x)}" y="{_number(y + 3.6)}">{_text(text)}</text>'
            )


def _label_texts(curve: Curve) -> list[tuple[str, tuple[float, ...]]]:
    """What is written on a line, and where along it that may stand, best first."""
    notes = line_notes(curve.links[0])
    if len(notes) == 1:
        return [(notes[0], _MIDDLE)] if notes[0] else []
    return [(text, tries) for text, tries in zip(notes, (_LATE, _EARLY), strict=True) if text]


_MIDDLE = tuple(chain((0.5,), *((0.5 - step / 40, 0.5 + step / 40) for step in range(1, 15))))
_LATE = tuple(chain((0.7,), *((0.7 + step / 40, 0.7 - step / 40) for step in range(1, 8))))
_EARLY = tuple(1 - place for place in _LATE)


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
