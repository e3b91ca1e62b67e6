"""Matches that several tests play."""

from __future__ import annotations

from typing import Any

import anyio

from agentmesh.evaluation.games import Match, Setting, play


def match_of(game: str, seed: int = 1, **more: Any) -> Match:
    """A match that has come to its end."""
    played = anyio.run(play, Setting(game, **more), seed)
    played.result.raise_for_outcome()
    return played


def moves(match: Match) -> list[tuple[str, ...]]:
    """Of each round, what everybody did, in the order of the players."""
    return [tuple(one.acts[name] for name in match.game.players if name in one.acts) for one in match.game.log]
