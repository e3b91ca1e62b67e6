"""The games by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from agentmesh.config.language import did_you_mean
from agentmesh.errors import AgentMeshError
from agentmesh.evaluation.games.base import Game
from agentmesh.evaluation.games.dining import DiningPhilosophers
from agentmesh.evaluation.games.goods import PublicGoods
from agentmesh.evaluation.games.matrix import BattleOfTheSexes, PrisonersDilemma, StagHunt
from agentmesh.evaluation.games.naming import NamingGame

GAMES: Mapping[str, type[Game]] = MappingProxyType(
    {
        game.name: game
        for game in (PrisonersDilemma, StagHunt, BattleOfTheSexes, PublicGoods, NamingGame, DiningPhilosophers)
    }
)


def game_named(name: str) -> type[Game]:
    """The game of this name. Raises: AgentMeshError with the closest one."""
    if name not in GAMES:
        raise AgentMeshError(f"there is no game '{name}'; games: {', '.join(GAMES)}{did_you_mean(name, GAMES)}")
    return GAMES[name]
