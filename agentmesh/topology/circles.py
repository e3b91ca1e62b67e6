"""Phases whose shape is round: rings, discussions of everybody with everybody, and a star around its center."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from agentmesh.topology.bundles import to_all
from agentmesh.topology.drafts import COLUMN_GAP, NODE_GAP, Draft, between, runs_over, straight, widened
from agentmesh.topology.shapes import ANSWER, NODE_HEIGHT, TASK, Curve, Link, Point, Ring, Spot
from agentmesh.topology.words import written_width

FEW = 10
"""More nodes than this stand on an ellipse."""
PASSED, BENDS = 4, (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
"""A line that passes so many nodes or fewer is bent, so far, if it would run over one."""
AROUND = 18.0
"""From the nodes to the ring around them."""
Groups = Mapping[str, tuple[Link, ...]]


@dataclass(frozen=True, slots=True)
class Plan:
    """Who stands on the circle, in order, and who beside it; `groups`: lines from a place to the whole circle."""

    circle: tuple[str, ...]
    right: tuple[str, ...]
    top: tuple[str, ...]
    bottom: tuple[str, ...]
    groups: Groups
    framed: tuple[Link, ...] = ()
    """Lines between the task and everybody, when some of those stand beside the circle."""


def circle(spots: Mapping[str, Spot], agents: Sequence[str], links: Sequence[Link]) -> Draft | None:
    """A phase that is best drawn on a circle; nothing for any other."""
    plan = _plan(spots, agents, links)
    if plan is None:
        return None
    draft = Draft(dict(spots))
    width = max(spots[name].width for name in plan.circle)
    radius = _radii(len(plan.circle), width, max(written_width(link) for link in links))
    reach = (radius[0] + width / 2 + AROUND, radius[1] + NODE_HEIGHT / 2 + AROUND)
    _place_beside(draft, plan, reach)
    grouped = {edge for group in (*plan.groups.values(), plan.framed) for link in group for edge in link.edges}
    singly = [link for link in links if link.there not in grouped]
    inside = set(plan.circle)
    outwards = [link for link in singly if (link.start in inside) != (link.stop in inside)]
    order, turn = _settled(draft, plan, radius, outwards)
    for name, (x, y) in zip(order, _points(len(order), radius, turn), strict=True):
        draft.put(name, x, y)
    if plan.groups:
        of_user = not plan.groups.keys().isdisjoint((TASK, ANSWER))
        draft.rings.append(Ring((-reach[0], -reach[1], reach[0], reach[1]), of_user=of_user))
    draft.curves += [_to_ring(draft.spots[place], group, reach) for place, group in plan.groups.items()]
    if plan.framed:
        draft.curves.append(_to_frame(draft, plan))
    bent = _is_cycle(plan.circle, singly) and not all(link.back for link in singly)
    for link in singly:
        if {link.start, link.stop} <= inside:
            draft.curves.append(_arc(draft, link, radius) if bent else _chord(draft, link, plan.circle))
        else:
            draft.curves.append(draft.line(link))
    return draft


def _plan(spots: Mapping[str, Spot], agents: Sequence[str], links: Sequence[Link]) -> Plan | None:
    inner = [link for link in links if link.start in agents and link.stop in agents]
    core, hearers = _core(agents, inner)
    told = to_all(TASK, agents, links)
    if hearers and not told and any(link.start == TASK and link.stop in hearers for link in links):
        core, hearers = tuple(agents), ()
    joined = [link for link in inner if link.start in core and link.stop in core]
    order = _order(core, joined, bool(hearers))
    if order is None:
        return None
    groups = {place: to_all(place, core, links) for place in spots if place not in core}
    if hearers and told:
        groups[TASK] = ()
    groups = {place: group for place, group in groups.items() if group}
    beside = [key for key in spots if key not in core and key not in (TASK, ANSWER)]
    strays = tuple(key for key in beside if key not in groups)
    order = (*order, *strays)
    singly = [link for link in links if not any(link in group or link.turned() in group for group in groups.values())]
    if strays or not _is_cycle(order, joined):
        order = _facing(order, joined, singly)
    boards = tuple(key for key in beside if key in groups and spots[key].part == "board")
    others = tuple(key for key in beside if key in groups and key not in boards)
    answers = any(link.stop == ANSWER and link.start in order for link in links)
    right = () if answers else others
    top = others if answers else ()
    return Plan(order, right, top, boards, groups, told if hearers and told else ())


def _core(agents: Sequence[str], inner: Sequence[Link]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The agents without those whom all others write to and who write to none."""
    writing = {link.start for link in inner} | {link.stop for link in inner if link.back}
    core = tuple(name for name in agents if name in writing)
    silent = tuple(name for name in agents if name not in writing)
    hearers = tuple(name for name in silent if to_all(name, core, inner))
    if len(core) < 2 or len(hearers) < len(silent):
        return tuple(agents), ()
    return core, hearers


def _order(core: Sequence[str], joined: Sequence[Link], has_hearers: bool) -> tuple[str, ...] | None:
    """The agents around the circle; nothing if they are not joined in a way that a circle shows."""
    cycle = _cycle(core, joined)
    if cycle:
        return cycle
    count, pairs = len(core), {frozenset((link.start, link.stop)) for link in joined}
    if count == 2 and has_hearers and pairs:
        return tuple(core)
    dense = count > 3 and len(pairs) > max(count * (count - 1) / 4, count)
    dense = dense or (len(pairs) > count > 5 and _goes_around(core, joined))
    return tuple(core) if dense and not _is_acyclic(core, joined) else None


def _goes_around(core: Sequence[str], joined: Sequence[Link]) -> bool:
    """Whether most agents talk with the one beside them, as in a small world."""
    talking = {frozenset((link.start, link.stop)) for link in joined if link.back}
    beside = sum(frozenset(pair) in talking for pair in zip(core, (*core[1:], core[0]), strict=True))
    return beside >= 0.75 * len(core)


def _cycle(core: Sequence[str], joined: Sequence[Link]) -> tuple[str, ...]:
    """The agents in the order of the one cycle that joins them; nothing if that is not how they are joined."""
    beside: dict[str, list[str]] = {name: [] for name in core}
    for link in joined:
        beside[link.start].insert(0, link.stop)
        beside[link.stop].append(link.start)
    if len(core) < 3 or any(len(set(others)) != 2 or len(others) != 2 for others in beside.values()):
        return ()
    order = [core[0], beside[core[0]][0]]
    while len(order) < len(core):
        after = [name for name in beside[order[-1]] if name not in order]
        if not after:
            return ()
        order.append(after[0])
    return tuple(order)


def _is_cycle(order: Sequence[str], links: Sequence[Link]) -> bool:
    inside = set(order)
    return bool(_cycle(order, [link for link in links if inside >= {link.start, link.stop}]))


def _is_acyclic(core: Sequence[str], joined: Sequence[Link]) -> bool:
    """Whether all lines can lead one way."""
    if any(link.back for link in joined):
        return False
    waiting = {name: sum(link.stop == name for link in joined) for name in core}
    free = [name for name in core if not waiting[name]]
    for name in free:
        for link in joined:
            if link.start == name:
                waiting[link.stop] -= 1
                if not waiting[link.stop]:
                    free.append(link.stop)
    return len(free) == len(core)


def _facing(order: Sequence[str], joined: Sequence[Link], singly: Sequence[Link]) -> tuple[str, ...]:
    """The order on the circle of a clique: those who hear `user` face those whom it hears. Others keep their order."""
    pairs = {frozenset((link.start, link.stop)) for link in joined}
    if len(pairs) < len(order) * (len(order) - 1) / 2 * 0.8:
        return tuple(order)
    hear = [link.stop for link in singly if link.start == TASK and link.stop in order]
    speak = [link.start for link in singly if link.stop == ANSWER and link.start in order and link.start not in hear]
    others = [name for name in order if name not in hear and name not in speak]
    half = len(others) // 2
    return (*hear, *others[:half], *speak, *others[half:]) if hear or speak else tuple(order)


def _radii(count: int, width: float, written: float) -> Point:
    """Half the width and half the height of the circle; of an ellipse if there are many.

    `written`: the width of what is written on its lines.
    """
    if count == 2:
        return (0.0, 52.0 + (14 if written else 0))
    air = max(64.0 if count <= FEW else 26.0, written and written + 26.0)
    radius = max(92.0, (width + air) / (2 * math.sin(math.pi / count)) * 0.94)
    if count <= FEW:
        clear = (width / 2 + 8) / (1 - math.cos(2 * math.pi / count))
        return (clear if radius < clear < radius * 1.35 else radius, radius)  # lines pass the node at the side
    return (radius, _low_enough(count, radius, width))


def _low_enough(count: int, across: float, width: float) -> float:
    """The least height at which neighbours on the ellipse leave room between them."""
    height = across * 0.55
    while height < across:
        points = [point for turn in (0, 1) for point in _points(count, (across, height), turn)]
        if all(abs(a[0] - b[0]) > width + 8 or abs(a[1] - b[1]) > NODE_HEIGHT + 8 for a, b in pairwise(points)):
            break
        height *= 1.04
    return height


def _points(count: int, radius: Point, turn: int) -> list[Point]:
    """The places of `count` nodes, the first at the top, turned by half steps. `radius`: across, and up and down."""
    angles = (2 * math.pi * (index + turn / 2) / count - math.pi / 2 for index in range(count))
    return [(radius[0] * math.cos(angle), radius[1] * math.sin(angle)) for angle in angles]


def _place_beside(draft: Draft, plan: Plan, reach: Point) -> None:
    """Who is not on the circle: votes and hearers on its right or above it, boards below, `user` at both ends."""
    right_end = reach[0] + 12
    if plan.right:
        width = max(draft.spots[key].width for key in plan.right)
        for at, key in enumerate(plan.right):
            draft.put(key, right_end + COLUMN_GAP - 12 + width / 2, (at - (len(plan.right) - 1) / 2) * NODE_GAP)
        right_end += COLUMN_GAP - 12 + width
    for row, side in ((plan.top, -1), (plan.bottom, 1)):
        widths = [draft.spots[key].width + 36 for key in row]
        for at, key in enumerate(row):
            x = sum(widths[:at]) + widths[at] / 2 - sum(widths) / 2
            draft.put(key, x, side * (reach[1] + COLUMN_GAP * 0.8 + NODE_HEIGHT / 2))
    left_end = -reach[0] - 12
    if plan.framed:
        left_end, right_end = left_end - AROUND + 12, right_end + AROUND
    for key, x in ((TASK, left_end - COLUMN_GAP - 43), (ANSWER, right_end + COLUMN_GAP + 43)):
        if key in draft.spots:
            draft.put(key, x, 0.0)


def _to_ring(spot: Spot, group: tuple[Link, ...], reach: Point) -> Curve:
    """One line between a place and the ring, straight towards the middle."""
    scale = 1 / math.hypot(spot.x / reach[0], spot.y / reach[1])
    ends = (spot.towards(0.0, 0.0), (spot.x * scale, spot.y * scale))
    start, stop = ends if group[0].start == spot.key else ends[::-1]
    return Curve(group, start, (straight(start, stop),))


def _to_frame(draft: Draft, plan: Plan) -> Curve:
    """A frame around the circle and those on its right, and the line of the task to it."""
    ring = draft.rings[0].box
    frame = widened([ring, *(draft.spots[key].box for key in (*plan.right, *plan.top))], AROUND)
    draft.rings.append(Ring(frame, "frame", of_user=True))
    task = draft.spots[TASK]
    start, stop = task.towards(0.0, 0.0), (frame[0], 0.0)
    return Curve(plan.framed, start, (straight(start, stop),))


def _arc(draft: Draft, link: Link, radius: Point) -> Curve:
    """A line along the circle, from border to border."""
    one, other = draft.spots[link.start], draft.spots[link.stop]
    middle = ((one.x + other.x) / 2, (one.y + other.y) / 2)
    depth = math.hypot(middle[0] / radius[0], middle[1] / radius[1]) or 1.0
    return _by_way_of(draft, link, (middle[0] * (2.1 - 1.1 * depth) / depth, middle[1] * (2.1 - 1.1 * depth) / depth))


def _chord(draft: Draft, link: Link, order: Sequence[str]) -> Curve:
    """A line across the circle: straight, or as much bent towards the middle as the few nodes that it passes need."""
    first, last = sorted((order.index(link.start), order.index(link.stop)))
    passed = min((order[first + 1 : last], (*order[last + 1 :], *order[:first])), key=len)
    curve = draft.line(link)
    one, other = draft.spots[link.start], draft.spots[link.stop]
    for bend in BENDS if len(passed) <= PASSED else ():
        boxes = [draft.spots[name].box for name in passed]
        points = [curve.at(step / 40) for step in range(1, 40)]
        if not any(box[0] < x < box[2] and box[1] < y < box[3] for box in boxes for x, y in points):
            break
        curve = _by_way_of(draft, link, ((one.x + other.x) / 2 * bend, (one.y + other.y) / 2 * bend))
    return curve


def _by_way_of(draft: Draft, link: Link, peak: Point) -> Curve:
    """A line that leaves its ends, and arrives, in the direction of a point beside the straight way."""
    start, stop = draft.spots[link.start].towards(*peak), draft.spots[link.stop].towards(*peak)
    return Curve((link,), start, ((between(start, peak, 0.55), between(stop, peak, 0.55), stop),))


def _settled(draft: Draft, plan: Plan, radius: Point, outwards: Sequence[Link]) -> tuple[Sequence[str], int]:
    """The order around the circle, and how far it is turned; one who alone speaks with `user` stands at the top."""
    with_user = [(link.start, link.stop) for link in outwards if {link.start, link.stop} & {TASK, ANSWER}]
    lone = {end for pair in with_user for end in pair if end not in (TASK, ANSWER)}
    if len(with_user) != 2 or len(lone) != 1 or lone & {*plan.right, *plan.top}:
        return plan.circle, _turn(draft, plan.circle, radius, outwards)
    first = plan.circle.index(next(iter(lone)))
    for key in (TASK, ANSWER):
        draft.put(key, draft.spots[key].x, -radius[1] - (4 * len(plan.circle) if len(plan.circle) > FEW else 0))
    return (*plan.circle[first:], *plan.circle[:first]), 0


def _turn(draft: Draft, names: Sequence[str], radius: Point, links: Sequence[Link]) -> int:
    """By how many half steps the circle is turned so that lines out of it run over few nodes, and are short."""
    outside = {key: (spot.x, spot.y) for key, spot in draft.spots.items() if key not in names}
    width = max(draft.spots[name].width for name in names)

    def cost(turn: int) -> tuple[float, ...]:
        places = {**outside, **dict(zip(names, _points(len(names), radius, turn), strict=True))}
        ends = [(places[link.start], places[link.stop]) for link in links]
        boxes = [(x - width / 2, y - NODE_HEIGHT / 2, x + width / 2, y + NODE_HEIGHT / 2) for x, y in places.values()]
        over = tuple(sum(runs_over(*pair, box, air) for pair in ends for box in boxes) for air in (0, 6))
        return (*over, round(sum(math.dist(*pair) for pair in ends), 3), turn)

    return min(range(2 * len(names)), key=cost) if links else 0


def star(spots: Mapping[str, Spot], agents: Sequence[str], links: Sequence[Link]) -> Draft | None:
    """A center that everybody answers, with few leaves around it; nothing for any other phase."""
    center = _center(spots, agents, links)
    if center is None:
        return None
    draft = Draft(dict(spots))
    leaves = [name for name in agents if name != center]
    width = max(spots[name].width for name in leaves)
    angles = list(_around_center(len(leaves), TASK in spots, ANSWER in spots))
    across = (spots[center].width + width) / 2 + 56
    up = 96.0
    while not _clear([(across * math.cos(a), up * math.sin(a)) for a in angles], width, spots[center].width):
        across, up = across * 1.03, up * 1.05
    draft.put(center, 0.0, 0.0)
    for name, angle in zip(leaves, angles, strict=True):
        draft.put(name, across * math.cos(angle), up * math.sin(angle))
    outside = across + width / 2 + COLUMN_GAP * 0.6 + 43
    for key, side in ((TASK, -1), (ANSWER, 1)):
        if key in spots:
            draft.put(key, side * outside, 0.0)
    draft.curves += [draft.line(link) for link in links]
    return draft


def _center(spots: Mapping[str, Spot], agents: Sequence[str], links: Sequence[Link]) -> str | None:
    """Whom all lines touch, where each other agent has one, there and back."""
    candidates = [name for name in agents if all(name in (link.start, link.stop) for link in links)]
    if not 4 <= len(agents) <= FEW + 1 or len(candidates) != 1 or len(spots) > len(agents) + 2:
        return None
    both = [link for link in links if link.back]
    lone = {link.start for link in links} | {link.stop for link in links}
    return candidates[0] if len(both) == len(agents) - 1 and lone >= set(agents) else None


def _around_center(count: int, task: bool, answer: bool) -> Iterable[float]:
    """Angles that leave the way to `user` free."""
    if task and answer:
        upper = (count + 1) // 2
        yield from (math.pi + math.pi * (at + 1) / (upper + 1) for at in range(upper))
        yield from (math.pi * (at + 1) / (count - upper + 1) for at in range(count - upper))
    elif task or answer:
        start = math.pi if task else 0.0
        yield from (start + 2 * math.pi * (at + 1) / (count + 1) for at in range(count))
    else:
        yield from (2 * math.pi * at / count - math.pi / 2 for at in range(count))


def _clear(points: Sequence[Point], width: float, center: float) -> bool:
    """Whether leaves on these points leave room for each other and for the center."""
    apart = all(
        abs(a[0] - b[0]) > width + 14 or abs(a[1] - b[1]) > NODE_HEIGHT + 12
        for at, a in enumerate(points) for b in points[:at]
    )  # fmt: skip
    return apart and all(abs(x) > (width + center) / 2 + 20 or abs(y) > NODE_HEIGHT + 30 for x, y in points)
