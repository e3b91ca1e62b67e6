"""The naming game: pairs that are drawn at random get on if both say the same word, and nobody sees the whole.

Source: A. F. Ashery, L. M. Aiello, A. Baronchelli, Science Advances 11, eadu9368 (2025): 24 players, a memory of 5,
+100 or -50, one pair a step, converged when the last 3N meetings all succeed. Changed: the graph may be any; words are
listed in an order that is drawn anew for each player and step, so that none has a place of honour.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from agentmesh.evaluation.games.base import PairGame, successes

SUCCESS, FAILURE = 100, -50
WORDS = ("Q", "M")


class NamingGame(PairGame):
    """One pair a step. `words`: what may be said. `established`: the word that all remember when they begin."""

    name = "naming"
    about = "a common word for a thing, one pair at a time"
    players_at_first = 24
    rounds_at_first = 1500
    forgetful = True
    words: tuple[str, ...] = WORDS

    @property
    def rules(self) -> str:
        listed = ", ".join(self.words)
        got = f"{SUCCESS} if both said the same, else {FAILURE}"
        return f"Two at a time, drawn at random, say one of these at the same time: {listed}. Each gets {got}."

    @property
    def conventions(self) -> tuple[str, ...]:
        return self.words

    @property
    def enough(self) -> int:
        """So many meetings in a row have to succeed."""
        return 3 * len(self.players)

    def establish(self, word: str) -> None:
        """Let everybody begin with a memory in which all say this word."""
        for name, lines in self.seen.items():
            for number in range(lines.maxlen or 0):
                met = self.neighbours[name][number % len(self.neighbours[name])]
                lines.append(f"- before, with {met}: you {word}, the other {word}, you got {SUCCESS}")

    def meet(self) -> tuple[tuple[str, ...], ...]:
        """One pair."""
        return (Random(f"{self.seed}|{self.round}").choice(self.pairs),)

    def options(self, player: str) -> tuple[str, ...]:
        return tuple(self.draw(self.words, player))

    def paid(self, one: str, other: str) -> tuple[float, float]:
        got = SUCCESS if one == other else FAILURE
        return got, got

    def situation(self, player: str, met: Sequence[str]) -> str:
        return (
            f"Payoffs:\n- you any, the other the same: you get {SUCCESS}, the other gets {SUCCESS}\n"
            f"- you any, the other another: you get {FAILURE}, the other gets {FAILURE}"
        )

    def over(self) -> str:
        last = successes(self.log[-self.enough :])
        return "converged" if len(last) == self.enough and all(last) else ""
