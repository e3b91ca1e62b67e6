"""Who is kept and who has children with whom: the ways from one generation to the next.

    rsa         every new member is an aggregate of K random ones; nobody is kept
    tournament  both parents are the best of K drawn at random; the best one is kept
    elitist     the K best are kept, and the others are children of two of them
    islands     elitist on four islands; before, the best of each moves along the edges of a topology
    novelty     parents are those that are least like the others, of those that are not below the median

Source: rsa from Recursive Self-Aggregation (arXiv 2509.26626), where members are solutions to one problem and a model
aggregates; novelty from Lehman and Stanley (2011), with its minimal criterion.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import fmean, median
from types import MappingProxyType
from typing import Literal, get_args

from agentmesh.errors import ConfigError
from agentmesh.evaluation.comparison.rows import Row
from agentmesh.learning.evolution.diversity import likeness
from agentmesh.learning.evolution.genome import Individual
from agentmesh.messages import USER
from agentmesh.topology.graph import Topology

Operator = Literal["rsa", "tournament", "elitist", "islands", "novelty"]
OPERATORS: tuple[Operator, ...] = get_args(Operator)
ISLANDS = 4
_TWO_ISLANDS = 4
_NEAREST = 3
"""Novelty is the mean distance to so many."""


@dataclass(frozen=True)
class Scored:
    """An individual that was measured."""

    individual: Individual
    rows: Sequence[Row] = field(repr=False)
    judged: float | None = None
    """What a ruler gives it, where that selects."""

    @property
    def success(self) -> float:
        """Share of right runs."""
        return fmean(row.correct for row in self.rows)

    @property
    def tokens(self) -> float:
        """Of a run."""
        return fmean(row.tokens for row in self.rows)

    @property
    def merit(self) -> float:
        """By what it is selected: the ruler's score, or else its success."""
        return self.success if self.judged is None else self.judged

    @property
    def worth(self) -> tuple[float, float, float]:
        """The greater, the better: success, then how good answers are, then how little it uses."""
        return (self.success, fmean(row.value for row in self.rows), -self.tokens)

    @property
    def rank(self) -> tuple[float, ...]:
        """The greater, the better: merit, then worth."""
        return (self.merit, *self.worth)


@dataclass(frozen=True)
class Place:
    """One member of the next generation: kept, where it has one parent and is to stay; else a child."""

    parents: tuple[Scored, ...]
    kept: bool = False


def ranked(population: Sequence[Scored]) -> list[Scored]:
    """The best first; of equals the one that comes first."""
    return sorted(population, key=lambda one: one.rank, reverse=True)


def next_places(
    operator: Operator, population: Sequence[Scored], k: int, random: Random, migration: Topology | None = None
) -> list[Place]:
    """As many places as there are members. A population of one has a child, and one below four has no islands."""
    k = max(1, min(k, len(population)))
    if len(population) == 1:
        return [Place((population[0],))]
    if operator == "islands" and (migration is not None or len(population) >= _TWO_ISLANDS):
        return _islands(population, k, random, migration)
    return _WAYS[operator](population, k, random)


def archipelago(size: int, islands: int = ISLANDS) -> Topology:
    """A ring of islands, as many as a population of this size has room for."""
    return Topology.ring([f"island-{n}" for n in range(1, max(1, min(islands, size // 2)) + 1)])


def _rsa(population: Sequence[Scored], k: int, random: Random) -> list[Place]:
    return [Place(tuple(random.sample(list(population), k))) for _ in population]


def _tournament(population: Sequence[Scored], k: int, random: Random) -> list[Place]:
    def winner() -> Scored:
        return ranked(random.sample(list(population), k))[0]

    children = [Place((winner(), winner())) for _ in population[1:]]
    return [Place((ranked(population)[0],), kept=True), *children]


def _elitist(population: Sequence[Scored], k: int, random: Random) -> list[Place]:
    best = ranked(population)[: min(k, len(population) - 1)]
    children = [Place(tuple(random.sample(best, min(2, len(best))))) for _ in population[len(best) :]]
    return [*(Place((one,), kept=True) for one in best), *children]


def _islands(population: Sequence[Scored], k: int, random: Random, migration: Topology | None) -> list[Place]:
    topology = migration or archipelago(len(population))
    names = [name for name in topology.nodes if name != USER]
    if not names or 2 * len(names) > len(population):
        raise ConfigError(f"{len(names)} islands take a population of {2 * len(names) or 2} or more")
    homes = {name: list(population[at :: len(names)]) for at, name in enumerate(names)}
    best = {name: ranked(own)[0] for name, own in homes.items()}
    for sender, recipient in topology.edges:
        if sender in homes and recipient in homes:
            own = ranked(homes[recipient])
            homes[recipient] = [*own[:-1], best[sender]]
    own_k = max(1, k // 2)
    grown = {name: _elitist(own, own_k, random) for name, own in homes.items()}
    # Dealt out again as they were, so that everybody stays on its island.
    return [grown[names[at % len(names)]][at // len(names)] for at in range(len(population))]


def _novelty(population: Sequence[Scored], k: int, random: Random) -> list[Place]:
    middle = median(one.merit for one in population)
    fit = [one for one in population if one.merit >= middle]
    novel = {id(one): _distance(one, population) for one in fit}

    def parent() -> Scored:
        return max(random.sample(fit, min(k, len(fit))), key=lambda one: novel[id(one)])

    return [Place((ranked(population)[0],), kept=True), *(Place((parent(), parent())) for _ in population[1:])]


def _distance(one: Scored, population: Sequence[Scored]) -> float:
    others = sorted(
        1 - likeness(one.individual.changes, other.individual.changes) for other in population if other is not one
    )
    return fmean(others[:_NEAREST])


_WAYS: Mapping[str, Callable[[Sequence[Scored], int, Random], list[Place]]] = MappingProxyType(
    {"rsa": _rsa, "tournament": _tournament, "elitist": _elitist, "islands": _elitist, "novelty": _novelty}
)
