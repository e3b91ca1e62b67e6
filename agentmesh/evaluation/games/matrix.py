"""Games of two that a table of payoffs says all about; more players meet in pairs along the edges of the graph.

Source: the prisoner's dilemma with R. Axelrod's payoffs (1984); the stag hunt after J.-J. Rousseau, as B. Skyrms has it
(2004); the battle of the sexes after R. D. Luce and H. Raiffa (1957). Changed: in the last one 10 and 7 in place of 2
and 1, so that no memory makes the two ways equally good.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from agentmesh.evaluation.games.base import PairGame

Table = Mapping[tuple[str, str], tuple[float, float]]


class MatrixGame(PairGame):
    """A game of two given by its table: (move of the first, move of the second) -> what each gets."""

    table: ClassVar[Table]

    @property
    def moves(self) -> tuple[str, ...]:
        """The moves of both, in the order of the table."""
        return tuple(dict.fromkeys(one for one, _ in self.table))

    @property
    def rules(self) -> str:
        told = (f"- {a} and {b}: {x:g} and {y:g}" for (a, b), (x, y) in self.table.items())
        listed = "\n".join(told)
        return f"Two who meet move at the same time. What the first and the second of them get:\n{listed}"

    @property
    def conventions(self) -> tuple[str, ...]:
        return self.moves

    def options(self, player: str) -> tuple[str, ...]:
        return self.moves

    def paid(self, one: str, other: str) -> tuple[float, float]:
        return self.table[one, other]

    def situation(self, player: str, met: Sequence[str]) -> str:
        """The table as the player sees it, whose rows are its own moves."""
        first = self.players.index(player) < self.players.index(met[0])
        lines = []
        for own in self.moves:
            for other in self.moves:
                mine, theirs = self.table[own, other] if first else self.table[other, own][::-1]
                lines.append(f"- you {own}, the other {other}: you get {mine:g}, the other gets {theirs:g}")
        return "\n".join(("Payoffs:", *lines))


class PrisonersDilemma(MatrixGame):
    """Each does better by defecting, whatever the other does; both do better if neither does."""

    name = "prisoners-dilemma"
    about = "cooperate or defect, again and again"
    table: ClassVar[Table] = {
        ("cooperate", "cooperate"): (3, 3),
        ("cooperate", "defect"): (0, 5),
        ("defect", "cooperate"): (5, 0),
        ("defect", "defect"): (1, 1),
    }


class StagHunt(MatrixGame):
    """Two ways are equilibria: one is better for both, the other is safe."""

    name = "stag-hunt"
    about = "hunt the stag together, or a hare alone"
    table: ClassVar[Table] = {
        ("stag", "stag"): (4, 4),
        ("stag", "hare"): (0, 3),
        ("hare", "stag"): (3, 0),
        ("hare", "hare"): (3, 3),
    }


class BattleOfTheSexes(MatrixGame):
    """Two ways are equilibria, and each of the two would rather have another one."""

    name = "battle-of-the-sexes"
    about = "go out together, though each would rather go elsewhere"
    table: ClassVar[Table] = {
        ("opera", "opera"): (10, 7),
        ("opera", "football"): (0, 0),
        ("football", "opera"): (0, 0),
        ("football", "football"): (7, 10),
    }
