"""What theory says of a game of two: equilibria, what each can secure, and what both can reach together.

Source: the folk theorem as in D. Fudenberg and E. Maskin (1986): every feasible payoff above the minmax can be an
equilibrium of repeated play. Equilibria are found by nashpy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module

from agentmesh.errors import AgentMeshError, MissingExtra
from agentmesh.evaluation.games.goods import REST, WORK, PublicGoods
from agentmesh.evaluation.games.matrix import MatrixGame, Table
from agentmesh.evaluation.games.naming import FAILURE, SUCCESS, WORDS, NamingGame
from agentmesh.evaluation.games.registry import GAMES, game_named

Point = tuple[float, float]
Mixed = Mapping[str, float]
"""By move, the chance to make it."""


def table_of(game: str) -> Table:
    """The payoffs of a game for two players. Raises: AgentMeshError where no table says it all."""
    kind = game_named(game)
    if issubclass(kind, MatrixGame):
        return kind.table
    if kind is PublicGoods:
        goods = PublicGoods(("a", "b"), {"a": ("b",), "b": ("a",)})
        moves = (WORK, REST)
        value = {(a, b): goods.value(1, b == WORK, works=a == WORK) for a in moves for b in moves}
        return {(a, b): (value[a, b], value[b, a]) for a, b in value}
    if kind is NamingGame:
        got = {(a, b): SUCCESS if a == b else FAILURE for a in WORDS for b in WORDS}
        return {pair: (one, one) for pair, one in got.items()}
    tabled = [name for name, one in GAMES.items() if issubclass(one, MatrixGame | PublicGoods | NamingGame)]
    raise AgentMeshError(f"no table says all about '{game}'; it does about: {', '.join(tabled)}")


def equilibria(table: Table) -> list[tuple[Mixed, Mixed]]:
    """All Nash equilibria of a table without ties, pure and mixed. Raises: MissingExtra."""
    try:
        nashpy = import_module("nashpy")
    except ImportError as error:
        raise MissingExtra("finding equilibria (nashpy)", "games") from error
    rows, columns = _moves(table)
    game = nashpy.Game(*([[table[a, b][who] for b in columns] for a in rows] for who in (0, 1)))
    return [
        (dict(zip(rows, map(float, first), strict=True)), dict(zip(columns, map(float, second), strict=True)))
        for first, second in game.support_enumeration()
    ]


def minmax(table: Table) -> Point:
    """What each can secure against another who plays to hold it down, and may mix its moves.

    Raises: ValueError where the other has more than two moves.
    """
    rows, columns = _moves(table)
    first = [[table[a, b][0] for b in columns] for a in rows]
    second = [[table[a, b][1] for a in rows] for b in columns]
    return _held_down(first), _held_down(second)


def frontier(table: Table) -> list[Point]:
    """The corners of the Pareto frontier: outcomes that no mixture of outcomes is better than for both."""
    corners = _hull(set(table.values()))
    first = corners.index(max(corners))
    turned = corners[first:] + corners[:first]
    return turned[: turned.index(max(corners, key=lambda one: one[::-1])) + 1]


def position(table: Table, payoff: Point) -> float | None:
    """Where a payoff lies on the way from the minmax point, 0, to the frontier, 1; None below what each can secure."""
    low = minmax(table)
    way = (payoff[0] - low[0], payoff[1] - low[1])
    if min(way) < -1e-9:
        return None
    if max(way) < 1e-9:
        return 0.0
    corners = _hull(set(table.values()))
    reached = [_met(low, way, a, b) for a, b in zip(corners, (*corners[1:], corners[0]), strict=True)]
    return 1 / max(reached)


def _moves(table: Table) -> tuple[list[str], list[str]]:
    return list(dict.fromkeys(a for a, _ in table)), list(dict.fromkeys(b for _, b in table))


def _held_down(payoffs: Sequence[Sequence[float]]) -> float:
    """The lowest, over mixtures of the other's two moves, of the best of one's own: it lies where two lines meet."""
    if any(len(row) != 2 for row in payoffs):
        raise ValueError("minmax is computed here for an opponent with two moves")
    mixtures = {0.0, 1.0}
    for a0, a1 in payoffs:
        for b0, b1 in payoffs:
            slope = (a1 - a0) - (b1 - b0)
            if slope and 0 <= (b0 - a0) / slope <= 1:
                mixtures.add((b0 - a0) / slope)
    return min(max(a0 + q * (a1 - a0) for a0, a1 in payoffs) for q in mixtures)


def _hull(points: set[Point]) -> list[Point]:
    """The corners of the convex hull, anticlockwise. Source: A. Andrew (1979)."""

    def half(ordered: Sequence[Point]) -> list[Point]:
        corners: list[Point] = []
        for x, y in ordered:
            while len(corners) > 1 and _turn(corners[-2], corners[-1], (x, y)) <= 0:
                corners.pop()
            corners.append((x, y))
        return corners[:-1]

    ordered = sorted(points)
    return half(ordered) + half(ordered[::-1]) or ordered


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _met(start: Point, way: Point, a: Point, b: Point) -> float:
    """How many ways from the start the line from a to b is met; 0 where it is not."""
    side = (b[0] - a[0], b[1] - a[1])
    across = way[0] * side[1] - way[1] * side[0]
    if abs(across) < 1e-12:
        return max(_along(start, way, a), _along(start, way, b))
    off = (a[0] - start[0], a[1] - start[1])
    t = (off[0] * side[1] - off[1] * side[0]) / across
    s = (off[0] * way[1] - off[1] * way[0]) / across
    return t if -1e-9 <= s <= 1 + 1e-9 else 0.0


def _along(start: Point, way: Point, point: Point) -> float:
    """How many ways from the start a point lies that is on the line of the way; 0 where it is not."""
    off = (point[0] - start[0], point[1] - start[1])
    if abs(off[0] * way[1] - off[1] * way[0]) > 1e-9:
        return 0.0
    return (off[0] * way[0] + off[1] * way[1]) / (way[0] ** 2 + way[1] ** 2)
