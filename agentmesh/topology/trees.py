"""Planners above those who work for them, the judge beside the first, `user` at both sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agentmesh.topology.drafts import COLUMN_GAP, NODE_GAP, Draft, runs_over, straight, turned
from agentmesh.topology.phases import Planning
from agentmesh.topology.shapes import ANSWER, TASK, Curve, Link, Piece, Spot

ROW_OF_WORKERS = 6
"""So many workers stand side by side; more hang from a rail."""


def tree(planning: Planning, spots: Mapping[str, Spot], links: Sequence[Link]) -> Draft:
    """A phase of order `tasks`."""
    draft = Draft(dict(spots))
    rails: dict[str, float] = {}
    _grow(draft, planning.workers, planning.root, 0.0, 0.0, rails)
    root = draft.spots[planning.root]
    for keys, direction in (([TASK], -1), ([planning.judge, ANSWER], 1)):
        x = root.x + direction * (root.width / 2)
        for key in keys:
            if key is not None and key in spots:
                x += direction * (COLUMN_GAP + 12 + spots[key].width / 2)
                draft.put(key, x, root.y)
                x += direction * spots[key].width / 2
    _spare(draft, planning, links)
    for link in links:
        draft.curves.append(_branch(draft, link, planning.planner_of, rails))
    return draft


def _spare(draft: Draft, planning: Planning, links: Sequence[Link]) -> None:
    """Agents and boards outside the tree stand in a row below it, where their lines run over the fewest nodes."""
    inside = {TASK, ANSWER, planning.judge, *planning.workers, *planning.planner_of}
    spare = [key for key in draft.spots if key not in inside]
    own = [link for link in links if link.start in spare or link.stop in spare]
    placed = [spot for key, spot in draft.spots.items() if key in inside]
    y = max(spot.y for spot in placed) + NODE_GAP * 1.5
    left, _, right, _ = draft.around([spot.key for spot in placed], 0)

    def row(x: float) -> None:
        for key in spare:
            width = draft.spots[key].width
            draft.put(key, x + width / 2, y)
            x += width + 24

    def cost(x: float) -> tuple[float, ...]:
        row(x)
        ends = [[(draft.spots[key].x, draft.spots[key].y) for key in (link.start, link.stop)] for link in own]
        over = [sum(runs_over(start, stop, spot.box, air) for start, stop in ends for spot in placed) for air in (0, 6)]
        return (*over, sum(abs(start[0] - stop[0]) for start, stop in ends))

    steps = int((right - left) / 20) + 1
    row(min((left + 20 * step for step in range(steps)), key=cost) if own else 0.0)


def _grow(
    draft: Draft, workers: Mapping[str, tuple[str, ...]], planner: str, left: float, y: float, rails: dict[str, float]
) -> float:
    """Place a planner over what works for it, from `left`; returns the right end of the whole."""
    below = y + NODE_GAP * 1.7
    planners = [name for name in workers.get(planner, ()) if name in workers]
    leaves = [name for name in workers.get(planner, ()) if name not in workers]
    middles: list[float] = []
    x = left
    if len(leaves) <= ROW_OF_WORKERS:
        for name in leaves:
            draft.put(name, x + draft.spots[name].width / 2, below)
            middles.append(draft.spots[name].x)
            x += draft.spots[name].width + 24
    else:
        width = max(draft.spots[name].width for name in leaves)
        rail = x + width + 26
        for index, name in enumerate(leaves):
            aside = (width / 2 + 26) * (-1 if index % 2 == 0 else 1)
            draft.put(name, rail + aside, below + index // 2 * NODE_GAP * 0.9, width)
            rails[name] = rail
        middles.append(rail)
        x = rail + 26 + width + 24
    for name in planners:
        x = _grow(draft, workers, name, x, below, rails) + 24
        middles.append(draft.spots[name].x)
    own = draft.spots[planner].width
    middle = max((min(middles, default=left) + max(middles, default=left)) / 2, left + own / 2)
    draft.put(planner, middle, y)
    return max(x - 24, middle + own / 2)


def _branch(draft: Draft, link: Link, planner_of: Mapping[str, str], rails: Mapping[str, float]) -> Curve:
    upper, lower = link.start, link.stop
    if planner_of.get(upper) == lower:
        upper, lower = lower, upper
    if planner_of.get(lower) != upper:
        return draft.line(link)
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
            ((start[0], knee[1]), (rail, start[1]), knee) if abs(start[0] - rail) > 1 else straight(start, knee),
            straight(knee, above),
            ((rail, stop[1]), (rail, stop[1]), bend),
            straight(bend, stop),
        )
    else:
        stop = (bottom.x, bottom.y - bottom.height / 2)
        middle = (start[1] + stop[1]) / 2
        pieces = (((start[0], middle), (stop[0], middle), stop),)
    curve = Curve((link,), start, pieces)
    return curve if upper == link.start else turned(curve)
