"""What matches come to: the measures of a game over its seeds, each with its interval.

Source: DPBench for deadlock, throughput, fairness and starvation; Ashery et al. (2025) for convergence; the folk region
after Fudenberg and Maskin (1986).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from agentmesh.evaluation.games.base import Game, PairGame, successes
from agentmesh.evaluation.games.dining import DiningPhilosophers
from agentmesh.evaluation.games.equilibria import position
from agentmesh.evaluation.games.goods import WORK, PublicGoods
from agentmesh.evaluation.games.matrix import MatrixGame
from agentmesh.evaluation.intervals import Estimate, quantile, ratio, share

_SHARE, _MEAN, _MEDIAN = "share", "mean", "median"


@dataclass(frozen=True)
class Measure:
    """One figure. `kind`: a share with Wilson's interval, a mean over matches (bootstrap), or a median of matches."""

    name: str
    kind: str
    estimate: Estimate
    cases: int

    def to_json(self) -> dict[str, str | int | float | None]:
        """For JSON."""
        return {"measure": self.name, "kind": self.kind, "cases": self.cases, **self.estimate.to_json()}


def measures(games: Sequence[Game]) -> list[Measure]:
    """The measures of matches of one game, in the order in which they are told."""
    given: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for game in games:
        for name, kind, value in _of_one(game):
            given.setdefault((name, kind), []).append(value)
    return [Measure(name, kind, _ESTIMATES[kind](parts), _cases(kind, parts)) for (name, kind), parts in given.items()]


def fairness(amounts: Iterable[float]) -> float | None:
    """1 - G N / (N - 1), G being Gini's coefficient: 1 if all have the same, 0 if one has all; None of nothing."""
    values = sorted(amounts)
    n, total = len(values), sum(values)
    if n < 2 or total <= 0:
        return None
    gini = sum((2 * place - n - 1) * value for place, value in enumerate(values, 1)) / (n * total)
    return 1 - gini * n / (n - 1)


def entropy(acts: Iterable[str]) -> float:
    """Of what players do, in bits: 0 if all do the same."""
    counts = Counter(acts)
    total = counts.total()
    return -sum(n / total * math.log2(n / total) for n in counts.values()) + 0.0


def converged_at(game: Game) -> float:
    """After how many meetings 3N in a row had succeeded for the first time; infinite if they never had."""
    enough, run = 3 * len(game.players), 0
    for number, hit in enumerate(successes(game.log), 1):
        run = run + 1 if hit else 0
        if run == enough:
            return number
    return math.inf


def latest(game: Game) -> dict[str, str]:
    """By player, its latest move."""
    return {name: act for one in game.log for name, act in one.acts.items()}


Value = tuple[str, str, tuple[float, float]]
"""Name, kind, and hits of so many cases; of a mean or median the value, of 1."""


def _of_one(game: Game) -> Iterator[Value]:
    payoffs = [payoff for one in game.log for payoff in one.payoffs.values()]
    if payoffs:
        yield "payoff per move", _MEAN, (fmean(payoffs), 1)
    match game:
        case MatrixGame():
            yield from _of_matrix(game)
        case DiningPhilosophers():
            yield from _of_dining(game)
        case PublicGoods():
            acts = [act for one in game.log for act in one.acts.values()]
            yield "work", _SHARE, (acts.count(WORK), len(acts))
        case _:
            pass
    if isinstance(game, PairGame):
        yield from _of_pairs(game)
    yield from _of_replies(game)


def _of_matrix(game: MatrixGame) -> Iterator[Value]:
    acts = [act for one in game.log for act in one.acts.values()]
    yield game.moves[0], _SHARE, (acts.count(game.moves[0]), len(acts))
    pairs = [[one.payoffs[name] for name in pair] for one in game.log for pair in one.meetings]
    if pairs:
        first, second = (fmean(pair[who] for pair in pairs) for who in (0, 1))
        found = position(game.table, (first, second))
        yield "each gets its minmax", _SHARE, (found is not None, 1)
        if found is not None:
            yield "way from minmax to Pareto", _MEAN, (found, 1)


def _of_pairs(game: PairGame) -> Iterator[Value]:
    hits = successes(game.log)
    yield "pairs that do the same", _SHARE, (sum(hits), len(hits))
    at = converged_at(game)
    yield "converged", _SHARE, (at < math.inf, 1)
    yield "meetings until then", _MEDIAN, (at, 1)
    last = latest(game)
    yield "conventions at the end", _MEAN, (len(set(last.values())), 1)
    yield "entropy at the end", _MEAN, (entropy(last.values()), 1)


def _of_dining(game: DiningPhilosophers) -> Iterator[Value]:
    yield "deadlock", _SHARE, (game.deadlocked, 1)
    yield "rounds until then", _MEDIAN, (len(game.log) if game.deadlocked else math.inf, 1)
    meals = game.meals.values()
    yield "meals per round", _MEAN, (sum(meals) / max(len(game.log), 1), 1)
    fair = fairness(meals)
    if fair is not None:
        yield "fairness", _MEAN, (fair, 1)
    yield "starved", _SHARE, (sum(not count for count in meals), len(meals))


def _of_replies(game: Game) -> Iterator[Value]:
    moves = sum(len(one.acts) for one in game.log)
    announced = [(name, said, one) for one in game.log for name, said in one.announced.items()]
    if announced:
        kept = sum(one.acts.get(name) == said for name, said, one in announced)
        yield "did as announced", _SHARE, (kept, len(announced))
    yield "asked again", _SHARE, (sum(one.repeated for one in game.log), moves)
    yield "moved for", _SHARE, (sum(one.defaulted for one in game.log), moves)


_ESTIMATES: Mapping[str, Callable[[Sequence[tuple[float, float]]], Estimate]] = {
    _SHARE: lambda parts: share(int(sum(hits for hits, _ in parts)), int(sum(of for _, of in parts))),
    _MEAN: ratio,
    _MEDIAN: lambda parts: quantile([value for value, _ in parts], 0.5),
}


def _cases(kind: str, parts: Sequence[tuple[float, float]]) -> int:
    return int(sum(of for _, of in parts)) if kind == _SHARE else len(parts)
