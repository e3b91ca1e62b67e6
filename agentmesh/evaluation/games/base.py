"""What a game is: rules and moves, and what came of them; no agents, no clock, no I/O.

A game is made anew for each match. It is told in text: players who read the same text know the same. What is drawn (who
meets whom, in which order options are listed) hangs on the seed and on names alone.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, TypeVar

from agentmesh.errors import AgentMeshError

MEMORY = 5
"""Rounds that a player is told of, H in Ashery et al. (Science Advances 11, eadu9368)."""

T = TypeVar("T")


@dataclass(frozen=True)
class Round:
    """What was done in one round, and what each who took part got for it. A pair succeeds if both do the same."""

    meetings: tuple[tuple[str, ...], ...]
    acts: Mapping[str, str]
    payoffs: Mapping[str, float]
    announced: Mapping[str, str] = field(default_factory=dict)
    """The move that each player said it would make, where it named exactly one."""
    repeated: int = 0
    """Replies that named no move, so that their players were asked once more."""
    defaulted: int = 0
    """Moves that were made for a player who named none when asked again."""


class Game(ABC):
    """A game under way. `neighbours`: whom each player may meet; `memory`: rounds that it is told of."""

    name: ClassVar[str]
    about: ClassVar[str]
    """One line for the list of games."""
    players_at_first: ClassVar[int] = 2
    rounds_at_first: ClassVar[int] = 20
    graph_at_first: ClassVar[str] = "clique"
    forgetful: ClassVar[bool] = False
    """Whether players know of earlier rounds only what they are told anew each time."""

    def __init__(
        self,
        players: Sequence[str],
        neighbours: Mapping[str, Sequence[str]],
        *,
        rounds: int | None = None,
        memory: int = MEMORY,
        seed: int = 0,
    ) -> None:
        lonely = [name for name in players if not neighbours.get(name)]
        if lonely:
            raise AgentMeshError(f"{lonely[0]} meets nobody: in a game every player has an edge to another one")
        self.players = tuple(players)
        self.neighbours = {name: tuple(neighbours[name]) for name in players}
        self.rounds = rounds or self.rounds_at_first
        self.seed = seed
        self.log: list[Round] = []
        self.seen: dict[str, deque[str]] = {name: deque(maxlen=memory) for name in players}
        """By player: lines on the latest rounds in which it took part."""
        self._meetings: tuple[int, tuple[tuple[str, ...], ...]] = (0, ())

    @property
    def round(self) -> int:
        """The round that is being played, from 1."""
        return len(self.log) + 1

    @property
    @abstractmethod
    def rules(self) -> str:
        """What is the same for all players, in words."""

    @property
    @abstractmethod
    def conventions(self) -> tuple[str, ...]:
        """What players can agree upon before they begin: moves, or names in whose favour."""

    def meet(self) -> tuple[tuple[str, ...], ...]:
        """Who meets whom in this round, drawn anew: by default each player all its neighbours."""
        return (self.players,)

    @property
    def meetings(self) -> tuple[tuple[str, ...], ...]:
        """Who meets whom in this round."""
        if self._meetings[0] != self.round:
            self._meetings = (self.round, self.meet())
        return self._meetings[1]

    @abstractmethod
    def options(self, player: str) -> tuple[str, ...]:
        """The moves that a player has now, in the order in which it is told of them."""

    def fallback(self, player: str) -> str:
        """The move of a player who names none."""
        return self.options(player)[-1]

    @abstractmethod
    def situation(self, player: str, met: Sequence[str]) -> str:
        """What a player is told beside names, options and earlier rounds: payoffs, or how things stand."""

    @abstractmethod
    def settle(self, acts: Mapping[str, str]) -> dict[str, float]:
        """What each player gets for the moves of this round, which takes effect and is remembered."""

    def over(self) -> str:
        """Why the game is over before its rounds are; empty if it is not."""
        return ""

    def met(self, player: str) -> tuple[str, ...]:
        """Whom a player deals with in this round."""
        group = next((group for group in self.meetings if player in group), ())
        return self.neighbours[player] if group == self.players else tuple(name for name in group if name != player)

    def draw(self, items: Sequence[T], *about: object) -> list[T]:
        """The items in an order that hangs on the seed, on the round and on what it is about."""
        key = f"{self.seed}|{self.round}|{'|'.join(map(str, about))}|"
        return sorted(items, key=lambda item: hashlib.sha256(f"{key}{item}".encode()).digest())


class PairGame(Game):
    """Players meet in pairs that are drawn along the edges of the graph, and both move at once."""

    @abstractmethod
    def paid(self, one: str, other: str) -> tuple[float, float]:
        """What the move of the first in a pair brings it, and what that of the second brings that one."""

    def meet(self) -> tuple[tuple[str, ...], ...]:
        """As many pairs as a greedy draw finds, so that nobody is in two of them."""
        taken: set[str] = set()
        met: list[tuple[str, ...]] = []
        for pair in self.draw(self.pairs, "pairs"):
            if taken.isdisjoint(pair):
                taken.update(pair)
                met.append(pair)
        return tuple(met)

    def settle(self, acts: Mapping[str, str]) -> dict[str, float]:
        payoffs: dict[str, float] = {}
        for first, second in self.meetings:
            got = dict(zip((first, second), self.paid(acts[first], acts[second]), strict=True))
            for own, other in ((first, second), (second, first)):
                line = f"you {acts[own]}, the other {acts[other]}, you got {got[own]:g}"
                self.seen[own].append(f"- round {self.round} with {other}: {line}")
            payoffs |= got
        return payoffs

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """All who may meet, each two once, in the order of the players."""
        place = {name: at for at, name in enumerate(self.players)}
        both = ((one, other) for one in self.players for other in self.neighbours[one])
        return list(dict.fromkeys((a, b) if place[a] < place[b] else (b, a) for a, b in both))


def successes(log: Sequence[Round]) -> list[bool]:
    """Of each meeting of two, in order, whether both did the same."""
    return [
        round_.acts[pair[0]] == round_.acts[pair[1]] for round_ in log for pair in round_.meetings if len(pair) == 2
    ]
