"""From a phase to coordinates: the one place that decides where nodes stand and how lines run.

Planners stand above their workers, rings and dense phases on a circle, everything else in columns from left to right.
`user` stands at the edge, on the left where it sends the task and on the right where it receives the answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from agentmesh.messages import USER
from agentmesh.topology.bundles import alike, bundled, to_all
from agentmesh.topology.circles import circle, star
from agentmesh.topology.drafts import COLUMN_GAP, NODE_GAP, Draft, straight
from agentmesh.topology.layers import Columns, Pair, bends, columns
from agentmesh.topology.phases import Phase
from agentmesh.topology.shapes import (
    ANSWER,
    NODE_HEIGHT,
    TASK,
    VOTE_CUT,
    Box,
    Curve,
    Link,
    Picture,
    Point,
    Ring,
    Spot,
    agents_of,
    links_of,
    members,
    part_of,
    shortened_names,
    text_cells,
)
from agentmesh.topology.trees import tree
from agentmesh.topology.words import join_text, part_text, written_width

WRAP = 7
"""Columns after which a chain turns back."""
INSIDE = 14.0
"""Between a frame and what it holds."""
STUB = 12.0
"""Shorter level pieces at the ends of a line are left out."""
CAPTION_CELL = 5.0
"""Width of a letter of what stands below a name."""
BLOCK, ALL = "\0block", "\0all"
Bundle = tuple[Link, ...]


def layout(phase: Phase, labels: Mapping[str, str] | None = None) -> Picture:
    """Coordinates for a phase, whose nodes are written as `labels` has them. The same phase gives the same picture."""
    links, names, agents = links_of(phase), members(phase), agents_of(phase)
    labels = labels or shortened_names(names)
    ends = {end for link in links for end in (link.start, link.stop)}
    spots = {key: _spot(phase, key, labels) for key in (TASK, *names, ANSWER) if key in ends or key in names}
    if phase.planning is not None:
        return tree(phase.planning, spots, links).picture(phase)
    draft = star(spots, agents, links) or circle(spots, agents, links) or _columns(spots, agents, links)
    return draft.picture(phase)


def _spot(phase: Phase, key: str, labels: Mapping[str, str]) -> Spot:
    if key in (TASK, ANSWER):
        return Spot(key, USER, "task" if key == TASK else "answer", 0, 0, 86, label=USER)
    part = part_of(phase, key)
    below = max(text_cells(words) for words in (join_text(phase.join(key)), part_text(phase, key)))
    width = max(76.0, text_cells(labels[key]) * 7.9 + 30, below * CAPTION_CELL + 12) + VOTE_CUT * (part == "vote")
    return Spot(key, key, part, 0, 0, width, label=labels[key])


# Columns: chains, graphs drawn by hand, everything that is not round.


@dataclass(frozen=True, slots=True)
class _Stage:
    """What the columns hold: nodes and blocks of nodes that are alike, and the lines between them by their ends."""

    boxes: dict[str, Spot]
    blocks: Mapping[str, tuple[str, ...]]
    bundles: Mapping[Pair, Bundle]
    apart: Mapping[str, Bundle]
    """By their place, lines to all agents, which a frame draws as one."""


def _columns(spots: Mapping[str, Spot], agents: Sequence[str], links: Sequence[Link]) -> Draft:
    places = [key for key, spot in spots.items() if spot.part in ("task", "answer", "board")]
    apart = {place: to_all(place, agents, links) for place in places} if len(agents) > 2 else {}
    apart = {place: group for place, group in apart.items() if group}
    stage = _stage(spots, agents, links, apart)
    placed = _placed(stage)
    if len({placed.column[key] for key in stage.boxes if key in agents or key in stage.blocks}) < 2 and apart:
        stage = _stage(spots, agents, links, {})
        placed = _placed(stage)
    if _is_long_chain(stage, placed):
        return _serpentine(Draft(dict(spots)), sorted(spots, key=placed.column.__getitem__), links)
    draft = _flowing(stage, placed)
    _fill_blocks(draft, stage, spots)
    if stage.apart:
        _frame(draft, stage, spots, agents)
    draft.spots = {key: draft.spots[key] for key in spots}
    return draft


def _stage(
    spots: Mapping[str, Spot], agents: Sequence[str], links: Sequence[Link], apart: Mapping[str, Bundle]
) -> _Stage:
    gone = {edge for group in apart.values() for link in group for edge in link.edges}
    kept = [link for link in links if link.there not in gone]
    blocks = {f"{BLOCK}{at}": group for at, group in enumerate(alike(agents, kept))}
    group_of = {name: block for block, names in blocks.items() for name in names}
    hung = {place for place in apart if spots[place].part == "board"}
    boxes: dict[str, Spot] = {}
    for key, spot in spots.items():
        block = group_of.get(key)
        if block is None and key not in hung:
            boxes[key] = spot
        elif block is not None and block not in boxes:
            boxes[block] = _block(block, [spots[name] for name in blocks[block]])
    return _Stage(boxes, blocks, bundled(kept, group_of), apart)


def _grid(spots: Sequence[Spot]) -> tuple[int, int]:
    """Rows and columns of a block, which is about as wide as it is high."""
    count, width = len(spots), max(spot.width for spot in spots)
    if count * NODE_GAP <= 8 * NODE_GAP:
        return count, 1
    across = math.ceil(count / math.ceil(math.sqrt(count * (width + 16) / (NODE_HEIGHT + 14))))
    return math.ceil(count / across), across


def _block(key: str, spots: Sequence[Spot]) -> Spot:
    rows, across = _grid(spots)
    width = max(spot.width for spot in spots) + 16
    return Spot(key, "", "agent", 0, 0, across * width - 16 + 2 * INSIDE, rows * (NODE_HEIGHT + 14) - 14 + 2 * INSIDE)


def _placed(stage: _Stage) -> Columns:
    return columns(
        {key: box.height for key, box in stage.boxes.items()},
        list(stage.bundles),
        first=[key for key in stage.boxes if key == TASK],
        last=[key for key in stage.boxes if key == ANSWER],
        gap=NODE_GAP - NODE_HEIGHT,
    )


def _flowing(stage: _Stage, placed: Columns) -> Draft:
    """Nodes and blocks in their columns, with the lines between them."""
    draft = Draft(dict(stage.boxes))
    widths = [0.0] * placed.count
    for key, at in placed.column.items():
        widths[at] = max(widths[at], stage.boxes[key].width)
    gap = COLUMN_GAP + max((written_width(bundle[0]) for bundle in stage.bundles.values()), default=0.0)
    lefts = [sum(widths[:at]) + at * gap for at in range(placed.count)]
    for key, at in placed.column.items():
        own = None if key in stage.blocks else widths[at] if widths[at] < stage.boxes[key].width + 90 else None
        draft.put(key, lefts[at] + widths[at] / 2, placed.y[key], own)
    ways = {
        ends: [(lefts[at], lefts[at] + widths[at], placed.y[pair, at]) for pair, at in bends(ends, placed.column)]
        for ends in stage.bundles
    }
    ports = _ports(draft, ways)
    for ends, bundle in stage.bundles.items():
        start, stop = ports[ends, ends[0]], ports[ends, ends[1]]
        begin, end = placed.column[ends[0]], placed.column[ends[1]]
        first, last = ((lefts[at], lefts[at] + widths[at], y) for at, y in ((begin, start[1]), (end, stop[1])))
        draft.curves.append(_flow(bundle, (start, stop), (first, *ways[ends], last), rightwards=end > begin))
    return draft


Way = Sequence[tuple[float, float, float]]
"""Columns that a line passes: left, right, height."""


def _ports(draft: Draft, ways: Mapping[Pair, Way]) -> dict[tuple[Pair, str], Point]:
    """Where each line touches its two ends: spread over the side in the order in which the lines lead away."""
    sides: dict[tuple[str, bool], list[tuple[float, int, Pair]]] = {}
    for index, (ends, way) in enumerate(ways.items()):
        start, stop = ends
        for key, other, turn in ((start, stop, way[:1]), (stop, start, way[-1:])):
            right = draft.spots[other].x > draft.spots[key].x
            sides.setdefault((key, right), []).append((turn[0][2] if turn else draft.spots[other].y, index, ends))
    ports: dict[tuple[Pair, str], Point] = {}
    for (key, right), touching in sides.items():
        spot = draft.spots[key]
        step = min(9.0, (spot.height - 14) / max(len(touching) - 1, 1))
        for place, (_, _, ends) in enumerate(sorted(touching)):
            ports[ends, key] = spot.side(spot.y + (place - (len(touching) - 1) / 2) * step, right=right)
    return ports


def _flow(bundle: Bundle, ports: tuple[Point, Point], way: Way, *, rightwards: bool) -> Curve:
    """A line that is level wherever it passes a column, those of its own ends included."""
    passed = [((left, y), (right, y)) if rightwards else ((right, y), (left, y)) for left, right, y in way]
    inner = [point for sides in passed for point in sides][1:-1]
    points = [point for point in inner if min(math.dist(point, port) for port in ports) > STUB]
    pieces = []
    for (x0, y0), (x1, y1) in pairwise((ports[0], *points, ports[1])):
        middle = (x0 + x1) / 2
        pieces.append(((middle, y0), (middle, y1), (x1, y1)))
    return Curve(bundle, ports[0], tuple(pieces))


def _fill_blocks(draft: Draft, stage: _Stage, spots: Mapping[str, Spot]) -> None:
    """A frame in the place of each block, and its nodes in rows within."""
    for block, names in stage.blocks.items():
        box = draft.spots.pop(block).box
        draft.rings.append(Ring(box, "frame"))
        own = [spots[name] for name in names]
        rows, _ = _grid(own)
        width = max(spot.width for spot in own)
        for at, spot in enumerate(own):
            column, row = divmod(at, rows)
            x = box[0] + INSIDE + column * (width + 16) + width / 2
            y = box[1] + INSIDE + row * (NODE_HEIGHT + 14) + NODE_HEIGHT / 2
            draft.spots[spot.key] = replace(spot, x=x, y=y, width=width)


def _frame(draft: Draft, stage: _Stage, spots: Mapping[str, Spot], agents: Sequence[str]) -> None:
    """A frame around all agents: the task on its left, the answer on its right, boards below it."""
    boxes = [Spot("", "", "agent", (b[0] + b[2]) / 2, (b[1] + b[3]) / 2, b[2] - b[0], b[3] - b[1])
             for b in (ring.box for ring in draft.rings)]  # fmt: skip
    draft.spots |= {f"{ALL}{at}": box for at, box in enumerate(boxes)}
    inside = [*agents, *(key for key in draft.spots if key.startswith(ALL))]
    left, top, right, bottom = frame = _with_lines(draft.around(inside, 18), draft.curves)
    draft.rings.append(Ring(frame, "frame", of_user=not stage.apart.keys().isdisjoint((TASK, ANSWER))))
    middle = ((left + right) / 2, (top + bottom) / 2)
    boards = [place for place in stage.apart if place not in (TASK, ANSWER)]
    for at, place in enumerate(boards):
        x = middle[0] + (at - (len(boards) - 1) / 2) * (max(spots[key].width for key in boards) + 36)
        draft.spots[place] = replace(spots[place], x=x, y=bottom + COLUMN_GAP * 0.8 + NODE_HEIGHT / 2)
    for place, group in stage.apart.items():
        spot = draft.spots[place]
        if place in (TASK, ANSWER):
            draft.spots[place] = spot = replace(spot, y=middle[1])
        at_spot = spot.side(spot.y, right=place == TASK) if place in (TASK, ANSWER) else (spot.x, spot.box[1])
        at_frame = {TASK: (left, spot.y), ANSWER: (right, spot.y)}.get(place, (spot.x, bottom))
        start, stop = (at_spot, at_frame) if group[0].start == place else (at_frame, at_spot)
        draft.curves.append(Curve(group, start, (straight(start, stop),)))


def _with_lines(box: Box, curves: Sequence[Curve]) -> Box:
    """The box, so high that lines over and below its nodes run inside it."""
    points = [curve.at(step / 24) for curve in curves for step in range(25)]
    heights = [y for x, y in points if box[0] < x < box[2]] or [box[1] + 10]
    return (box[0], min(box[1], min(heights) - 10), box[2], max(box[3], max(heights) + 10))


def _is_long_chain(stage: _Stage, placed: Columns) -> bool:
    return (
        placed.count > WRAP + 2
        and len(stage.boxes) == placed.count
        and not stage.apart
        and all(abs(placed.column[a] - placed.column[b]) == 1 for a, b in stage.bundles)
    )


def _serpentine(draft: Draft, order: Sequence[str], links: Sequence[Link]) -> Draft:
    """A long chain in rows, every second one from right to left."""
    step = max(spot.width for spot in draft.spots.values()) + COLUMN_GAP
    for index, key in enumerate(order):
        row, at = divmod(index, WRAP)
        draft.put(key, (at if row % 2 == 0 else WRAP - 1 - at) * step, row * NODE_GAP * 1.4)
    draft.curves += [draft.line(link) for link in links]
    return draft
