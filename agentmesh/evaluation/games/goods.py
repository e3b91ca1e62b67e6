"""The public goods game with a choice of labour: who works pays for it, and what comes of it is shared with all.

Source: E. Fehr and S. Gaechter (2000); labour as the contribution: "It's Rational for AI Agents to Procrastinate"
(2025). Changed: on a graph each shares with its neighbours, and a share depends on how many of them work, not on who.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agentmesh.evaluation.games.base import Game

WORK, REST = "work", "rest"
COST, YIELD = 10, 16
"""What work costs whoever does it, and what it brings in, to be shared."""


class PublicGoods(Game):
    """Work costs each more than it gets back, and brings all of them more than it costs."""

    name = "public-goods"
    about = "work for all, or rest and share what the others earn"
    players_at_first = 4

    @property
    def rules(self) -> str:
        return (
            f"All choose at the same time. Who works pays {COST}. The work of each brings in {YIELD}, and everybody "
            "gets an equal share of what it and its neighbours bring in."
        )

    @property
    def conventions(self) -> tuple[str, ...]:
        return (WORK, REST)

    def options(self, player: str) -> tuple[str, ...]:
        return (WORK, REST)

    def value(self, others: int, working: int, *, works: bool) -> float:
        """What one gets who has so many neighbours, of whom so many work."""
        return YIELD * (working + works) / (others + 1) - COST * works

    def situation(self, player: str, met: Sequence[str]) -> str:
        lines = [
            f"- you {own}, {working} others work: you get {self.value(len(met), working, works=own == WORK):g}"
            for own in (WORK, REST)
            for working in range(len(met) + 1)
        ]
        return "\n".join(("Payoffs:", *lines))

    def settle(self, acts: Mapping[str, str]) -> dict[str, float]:
        payoffs: dict[str, float] = {}
        for name in self.players:
            others = self.neighbours[name]
            working = sum(acts[other] == WORK for other in others)
            payoffs[name] = self.value(len(others), working, works=acts[name] == WORK)
            line = f"you {acts[name]}, {working} others work, you got {payoffs[name]:g}"
            self.seen[name].append(f"- round {self.round}: {line}")
        return payoffs
