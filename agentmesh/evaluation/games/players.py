"""Who plays: a model, a strategy of the library `axelrod`, or somebody who always makes the same move."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import Any

from agentmesh.agents.base import View
from agentmesh.config.language import did_you_mean
from agentmesh.errors import AgentMeshError, MissingExtra
from agentmesh.evaluation.games.base import Game
from agentmesh.evaluation.games.telling import INSTRUCTIONS
from agentmesh.team.agent import Agent

Player = str | Agent | Callable[..., Any]
"""A model such as `openai:gpt-...`, `axelrod:TitForTat`, `always:MOVE`, an agent, or a function as of `Agent`."""

COOPERATE = "cooperate"
_ASKED = re.compile(r"^Game: .*round (\d+) of .*\nPlayers: .*\nYou meet: (\S+)\nOptions: (\S+), (\S+)$", re.MULTILINE)
_BEFORE = re.compile(r"^- round (\d+) with (\S+): you (\S+), the other (\S+),", re.MULTILINE)


def agent_of(name: str, player: Player, game: Game, seed: int, told: Iterable[str] = ()) -> Agent:
    """The player as a member of a team; `told`: what it was told in a match that goes on.

    Raises: AgentMeshError, MissingExtra.
    """
    if isinstance(player, Agent):
        return player.model_copy(update={"name": name})
    if callable(player):
        return Agent(name=name, function=player)
    kind, _, what = player.partition(":")
    if kind == "always":
        return Agent(name=name, function=_always(what))
    if kind == "axelrod":
        moves = game.conventions
        if moves != (COOPERATE, "defect"):
            raise AgentMeshError(f"strategies of axelrod cooperate or defect, and in {game.name} there are other moves")
        strategy = Strategy(what, game.rounds, seed, game.players.index(name))
        for text in told:
            strategy.move(text)
        return Agent(name=name, function=strategy.act)
    memory = "fresh" if game.forgetful else "full"
    return Agent(name=name, model=player, instructions=INSTRUCTIONS, memory=memory, max_steps=2)


def _always(move: str) -> Callable[[View], Any]:
    async def always(view: View) -> str:
        return move

    return always


@dataclass
class Strategy:
    """A strategy of axelrod, which has a memory of its own of everybody that it meets.

    It plays the moves that it is told of: the first option is to cooperate, the other to defect.
    """

    strategy: str
    turns: int
    seed: int
    place: int
    _against: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    """By opponent: the strategy, and what stands for the opponent."""
    _known: int = 0
    """The latest round that it has heard of."""
    _moved: tuple[str, str] = ("", "")
    """The latest round in which it was asked, and its move."""

    def __post_init__(self) -> None:
        self._library = axelrod()
        self._class: Any = getattr(self._library, self.strategy, None)
        names = sorted(one.__name__ for one in self._library.all_strategies)
        if self.strategy not in names:
            guess = did_you_mean(self.strategy, names)
            raise AgentMeshError(f"axelrod has no strategy '{self.strategy}'; it has {len(names)}{guess}")

    async def act(self, view: View) -> str:
        """One turn of the strategy as an agent."""
        return self.move(view.messages[-1].content)

    def move(self, told: str) -> str:
        """The move that the strategy makes, on what it is told of the round before; the same if it is told so again."""
        asked = _ASKED.search(told)
        if asked is None:  # before the game, when others agree on what to do
            return COOPERATE
        number, met, *moves = asked.groups()
        if self._moved[0] != number:
            for before in _BEFORE.findall(told):
                self._remember(*before, moves=moves)
            strategy, opponent = self._met(met)
            cooperates = strategy.strategy(opponent) == self._library.Action.C
            self._moved = (number, moves[0] if cooperates else moves[1])
        return self._moved[1]

    def _met(self, name: str) -> tuple[Any, Any]:
        if name not in self._against:
            strategy = self._class()
            strategy.set_seed(self.seed * 1000 + self.place)
            strategy.set_match_attributes(length=self.turns, game=self._library.DefaultGame, noise=0)
            self._against[name] = (strategy, self._library.Player())
        return self._against[name]

    def _remember(self, number: str, name: str, own: str, other: str, *, moves: Sequence[str]) -> None:
        if int(number) <= self._known:
            return
        self._known = int(number)
        action = dict(zip(moves, (self._library.Action.C, self._library.Action.D), strict=True))
        strategy, opponent = self._met(name)
        strategy.update_history(action[own], action[other])
        opponent.update_history(action[other], action[own])


def axelrod() -> ModuleType:
    """The library, whose import takes many seconds. Raises: MissingExtra."""
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it is written for older Pythons
            return import_module("axelrod")
    except ImportError as error:
        raise MissingExtra("a strategy of axelrod", "games") from error
