"""How children come from their parents by drawing: crossed place by place, and changed at one of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from agentmesh.learning.evolution.genome import Changes, Individual, Space
from agentmesh.learning.evolution.operators import Scored

TRIES = 20
"""Draws until a child is one that was neither tried and lost nor is there already; then it may be one that is."""
_MUTATES = 0.5
"""The chance that a crossed child is also changed at one place; one that is like a parent is in any case."""
AS_WRITTEN = "(as written)"
_CHANCE = 0.01
"""Weight of a parent that was never right: it can still be drawn from."""


@dataclass(frozen=True)
class DeadEnd:
    """A variation that was tried and lost: it did worse than the parent that it changes."""

    key: str
    changed: Changes
    """By path, against that parent."""
    success: float
    parent: float
    generation: int

    def to_json(self) -> dict[str, Any]:
        """For JSON, and for the varying model."""
        return {
            "changed": dict(self.changed),
            "success": round(self.success, 4),
            "parent": round(self.parent, 4),
            "generation": self.generation,
        }


@dataclass
class DeadEnds:
    """All of them, each once."""

    ends: list[DeadEnd] = field(default_factory=list)

    @property
    def keys(self) -> set[str]:
        """Of individuals that are not tried again."""
        return {one.key for one in self.ends}

    def note(self, child: Scored, parent: Scored, generation: int) -> None:
        """Remember a child that did worse than its parent."""
        own = child.individual
        if own.key == parent.individual.key or child.success >= parent.success or own.key in self.keys:
            return
        was = parent.individual.changes
        changed = {path: own.changes.get(path, AS_WRITTEN) for path in _differing(own.changes, was)}
        self.ends.append(DeadEnd(own.key, changed, child.success, parent.success, generation))


def _differing(a: Changes, b: Changes) -> list[str]:
    return sorted(path for path in {*a, *b} if a.get(path) != b.get(path))


@dataclass(frozen=True)
class Drawing:
    """Variation by drawing from a space."""

    space: Space
    fits: Callable[[Individual], bool]
    """Whether somebody is a team, and no dead end."""

    def child(self, name: str, parents: Sequence[Scored], random: Random, taken: Collection[str]) -> Individual | None:
        """A child of these that nobody was yet; one that is there already where none is found; None where none fits."""
        best = max(parents, key=lambda one: one.rank)
        others = [one.individual.name for one in parents if one is not best]
        names = tuple(dict.fromkeys([best.individual.name, *others]))
        again = None
        for _ in range(TRIES):
            crossed = self._crossed(parents, random)
            same = any(crossed == dict(one.individual.changes) for one in parents)
            changes = self._mutated(crossed, random) if same or random.random() < _MUTATES else crossed
            how = ("cross" if len(names) > 1 else "") + (" and mutation" if changes != crossed else "")
            one = Individual(name, changes, names, how.removeprefix(" and ") or "cross")
            if not self.fits(one):
                continue
            if one.key not in taken:
                return one
            again = one
        return again

    def stranger(self, name: str, random: Random, taken: Collection[str], how: str = "drawn") -> Individual | None:
        """Any point of the space, as a child is; None where none fits."""
        again = None
        for _ in range(TRIES):
            one = Individual(name, self.space.random(random), (), how)
            if not self.fits(one):
                continue
            if one.key not in taken:
                return one
            again = one
        return again

    def _crossed(self, parents: Sequence[Scored], random: Random) -> dict[str, Any]:
        """At each place what one of the parents has: half of the time the best one, else drawn by how good they are."""
        weights = [_CHANCE + max(0.0, one.merit) for one in parents]
        weights[max(range(len(parents)), key=lambda at: parents[at].rank)] += sum(weights)
        changes: dict[str, Any] = {}
        for gene in self.space.genes:
            parent = random.choices(parents, weights)[0]
            changes[gene.path] = self.space.value(parent.individual.changes, gene)
        # What a model has written beside the space comes along from one of them.
        beside = random.choices(parents, weights)[0].individual.changes
        return self.space.plain({**{p: v for p, v in beside.items() if p not in self.space.by_path}, **changes})

    def _mutated(self, changes: Changes, random: Random) -> dict[str, Any]:
        if not self.space.genes:
            return dict(changes)
        gene = random.choice(self.space.genes)
        return self.space.plain({**changes, gene.path: gene.drawn(random, self.space.value(changes, gene))})
