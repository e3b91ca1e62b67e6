"""Dining philosophers: to eat takes all the forks between oneself and one's neighbours, taken one at a time.

Source: E. W. Dijkstra (1971); as a test of agents DPBench (deadlock, throughput, fairness, starvation). Changed: forks
lie on the edges of any graph; whoever holds all of its forks eats and lays them down in the same step; of two who reach
for one fork at once the draw decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agentmesh.evaluation.games.base import Game

TAKE, LAY_DOWN, WAIT = "take ", "lay down", "wait"


class DiningPhilosophers(Game):
    """Everybody acts at once; when no fork is free, each waits for what others hold, and the game is over."""

    name = "dining"
    about = "philosophers share forks: who waits for whom?"
    players_at_first = 5
    rounds_at_first = 30
    graph_at_first = "ring"

    def __init__(self, players: Sequence[str], neighbours: Mapping[str, Sequence[str]], **more: int) -> None:
        super().__init__(players, neighbours, **more)
        self.forks = self._laid()
        self.holder: dict[str, str] = {}
        self.meals = dict.fromkeys(self.players, 0)

    @property
    def rules(self) -> str:
        return (
            "A fork lies between each two neighbours. Whoever holds all of its forks eats, and lays them down. In each "
            f"round everybody takes one free fork, lays down what it holds (`{LAY_DOWN}`), or waits, all at once."
        )

    @property
    def conventions(self) -> tuple[str, ...]:
        return self.players

    @property
    def deadlocked(self) -> bool:
        """Whether no fork is free: nobody holds all of its forks, and nobody can take one more."""
        return all(fork in self.holder for own in self.forks.values() for fork in own)

    def options(self, player: str) -> tuple[str, ...]:
        own = self.forks[player]
        free = tuple(TAKE + fork for fork in own if fork not in self.holder)
        held = any(self.holder.get(fork) == player for fork in own)
        return (*free, *((LAY_DOWN,) if held else ()), WAIT)

    def situation(self, player: str, met: Sequence[str]) -> str:
        lines = [f"- {fork}: {self._whose(fork, player)}" for fork in self.forks[player]]
        meals = ", ".join(f"{name} {self.meals[name]}" for name in (player, *met))
        return "\n".join(("Your forks:", *lines, f"Meals: {meals}"))

    def settle(self, acts: Mapping[str, str]) -> dict[str, float]:
        wanted: dict[str, list[str]] = {}
        for name, act in acts.items():
            if act == LAY_DOWN:
                self._lay_down(name)
            elif act.startswith(TAKE):
                wanted.setdefault(act.removeprefix(TAKE), []).append(name)
        for fork, names in wanted.items():
            self.holder[fork] = self.draw(names, fork)[0]
        eating = [name for name in self.players if all(self.holder.get(fork) == name for fork in self.forks[name])]
        for name in eating:
            self._lay_down(name)
            self.meals[name] += 1
        for name, act in acts.items():
            self.seen[name].append(f"- round {self.round}: you {act}{', and ate' if name in eating else ''}")
        return {name: float(name in eating) for name in self.players}

    def over(self) -> str:
        return "deadlock" if self.deadlocked else ""

    def _laid(self) -> dict[str, tuple[str, ...]]:
        """By player: its forks, first the one between it and whoever sits before it."""
        count = len(self.players)
        place = {name: at for at, name in enumerate(self.players)}
        # Between p1 and p2 lies fork 1, between the last and p1 the last: on a ring as one would number them.
        pairs = sorted(
            {tuple(sorted((place[a], place[b]))) for a in self.players for b in self.neighbours[a]},
            key=lambda pair: (pair[0], pair[1]) if pair != (0, count - 1) or count == 2 else (count, 0),
        )
        digits = len(str(len(pairs)))
        fork = {pair: f"fork-{number:0{digits}}" for number, pair in enumerate(pairs, 1)}
        return {
            name: tuple(
                fork[tuple(sorted((at, place[other])))]
                for other in sorted(self.neighbours[name], key=lambda other: (at - place[other]) % count)
            )
            for name, at in place.items()
        }

    def _whose(self, fork: str, player: str) -> str:
        holder = self.holder.get(fork)
        return "free" if holder is None else "held by you" if holder == player else f"held by {holder}"

    def _lay_down(self, player: str) -> None:
        self.holder = {fork: name for fork, name in self.holder.items() if name != player}
