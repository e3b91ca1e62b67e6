"""The lineage of a population: where everybody stands in its picture, and who comes from whom."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from agentmesh.reporting.series import Told

MOST = 32
"""Members of a generation that are drawn: the champion's ancestors, and then the best."""
KEPT = ("kept", "kept for want of another")
"""How somebody comes about who is as its parent was."""


@dataclass(frozen=True)
class Member:
    """One individual: its column is its generation, and in it the best stand at the top."""

    name: str
    success: float
    how: str
    parents: tuple[str, ...]
    why: str
    column: int
    row: int
    ancestor: bool
    """The champion, or one that it comes from."""
    main: bool
    """On the champion's line: the champion, its first parent, which is the best one, the first of that, and so on."""


@dataclass(frozen=True)
class Descent:
    """From a parent to a child."""

    parent: Member
    child: Member

    @property
    def main(self) -> bool:
        """Whether it is on the champion's line."""
        return self.child.main and self.parent.name == self.child.parents[0]

    @property
    def how(self) -> str:
        """What made the child."""
        return "kept" if self.child.how in KEPT else self.child.how

    @property
    def own(self) -> bool:
        """Whether the champion comes from this."""
        return self.child.ancestor and self.parent.ancestor


@dataclass(frozen=True)
class Family:
    """Everybody who is drawn."""

    champion: str
    generations: tuple[int, ...]
    members: tuple[Member, ...]
    descents: tuple[Descent, ...]
    left_out: int

    @property
    def ways(self) -> dict[str, int]:
        """How children came about, and how many did; the ways without parents are not among them."""
        counted: dict[str, int] = {}
        for child in {one.child.name: one for one in self.descents}.values():
            counted[child.how] = counted.get(child.how, 0) + 1
        return counted

    @property
    def rows(self) -> int:
        """Of the longest column."""
        return max((one.row for one in self.members), default=-1) + 1


def family_of(told: Told) -> Family:
    """The lineage of an evolution."""
    born = {one["name"]: one for generation in told["generations"] for one in generation["individuals"]}
    champion = told["best"]["name"]
    ancestors, main = _ancestors(champion, born), _main(champion, born)
    members: dict[str, Member] = {}
    for column, generation in enumerate(told["generations"]):
        for row, one in enumerate(_drawn(generation, main, ancestors)):
            name = one["name"]
            facts = (name, one["success"], one["how"], tuple(one["parents"]), one["why"], column, row)
            members[name] = Member(*facts, ancestor=name in ancestors, main=name in main)
    descents = tuple(
        Descent(members[parent], child) for child in members.values() for parent in child.parents if parent in members
    )
    numbers = tuple(one["generation"] for one in told["generations"])
    return Family(champion, numbers, tuple(members.values()), descents, len(born) - len(members))


def _ancestors(champion: str, born: Mapping[str, Mapping[str, Any]]) -> set[str]:
    waiting, found = [champion], set[str]()
    while waiting:
        name = waiting.pop()
        if name in born and name not in found:
            found.add(name)
            waiting += born[name]["parents"]
    return found


def _main(champion: str, born: Mapping[str, Mapping[str, Any]]) -> list[str]:
    line: list[str] = []
    name = champion
    while name in born and name not in line:
        line.append(name)
        name = next(iter(born[name]["parents"]), "")
    return line


def _drawn(generation: Told, *first: Collection[str]) -> list[Mapping[str, Any]]:
    ranked = sorted(generation["individuals"], key=lambda one: -one["success"])
    chosen = sorted(ranked, key=lambda one: tuple(one["name"] not in names for names in first))[:MOST]
    kept = {one["name"] for one in chosen}
    return [one for one in ranked if one["name"] in kept]
