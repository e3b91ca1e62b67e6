"""What has been met before, in bounded space: the oldest half is forgotten at once when it is full."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Memory(Generic[K]):
    """Where each thing was last met, for at least the latest `size` different things."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._young: dict[K, int] = {}
        self._old: dict[K, int] = {}

    def met(self, things: frozenset[K]) -> Counter[int]:
        """By place: how many of the things were last met there; those never met are not counted."""
        young, old = self._young, self._old
        met = [young[thing] for thing in things if thing in young]
        met += [old[thing] for thing in things if thing in old and thing not in young]
        return Counter(met)

    def unmet(self, things: frozenset[K]) -> frozenset[K]:
        """Those of the things that were never met."""
        # One dict at a time: that is what sets look up fast.
        return things.difference(self._young).difference(self._old)

    def keep(self, things: Iterable[K], place: int) -> None:
        """Remember that the things were met at this place."""
        self._young.update(dict.fromkeys(things, place))
        if len(self._young) > self._size:
            self._old, self._young = self._young, {}
