"""A match: a game as a run of a team, in which the referee and all players are agents, and every move is a turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import anyio

from agentmesh.config.topologies import Preset
from agentmesh.errors import AgentMeshError
from agentmesh.evaluation.games.base import MEMORY, Game
from agentmesh.evaluation.games.graphs import neighbours_on
from agentmesh.evaluation.games.naming import NamingGame
from agentmesh.evaluation.games.players import Player, agent_of
from agentmesh.evaluation.games.referee import OPENING, REFEREE, Referee, before_its_turn, refereed
from agentmesh.evaluation.games.registry import game_named
from agentmesh.evaluation.games.telling import LEAD, VOTE, task
from agentmesh.events import Event, MessageDelivered
from agentmesh.messages import USER
from agentmesh.runner.past import effective, resume_point
from agentmesh.team import Agent, RunResult, Team
from agentmesh.team.kept import Address, opened
from agentmesh.topology.agreeing import agreeing
from agentmesh.topology.graph import Topology
from agentmesh.topology.phases import Edge, Phase, Vote

BALLOT = "ballot"
"""The vote of the preset `vote`."""
DEFAULT_MODEL = "simulated:worker"
AT_ONCE = 4
"""Matches that are played at the same time."""


@dataclass(frozen=True)
class Setting:
    """What a match is to be: everything but its seed.

    `players`: how many, or by name who plays; those for whom None stands are played by `model`. `graph`: `clique`,
    `ring`, `line`, or a generator of NetworkX such as `watts_strogatz_graph:k=4,p=0.1`. `select`: how they agree
    before play. `words`, `established`: of the naming game, see there.
    """

    game: str
    players: int | Mapping[str, Player | None] | None = None
    graph: str | None = None
    model: Player = DEFAULT_MODEL
    rounds: int | None = None
    memory: int = MEMORY
    talk: bool = False
    select: Preset | None = None
    words: Sequence[str] | None = None
    established: str | None = None

    @cached_property
    def named(self) -> dict[str, Player]:
        """Who plays, by name. Raises: AgentMeshError."""
        given = game_named(self.game).players_at_first if self.players is None else self.players
        if isinstance(given, int):
            given = dict.fromkeys(f"p{number:0{len(str(given))}}" for number in range(1, given + 1))
        if len(given) < 2:
            raise AgentMeshError(f"a game takes two players or more; found {len(given)}")
        taken = {REFEREE, BALLOT, USER}.intersection(given)
        if taken:
            raise AgentMeshError(f"a player may not be called '{taken.pop()}': the name is taken in every game")
        return {name: self.model if player is None else player for name, player in given.items()}

    @property
    def drawn(self) -> str:
        """The graph of the players."""
        return self.graph or game_named(self.game).graph_at_first

    @cached_property
    def neighbours(self) -> Mapping[str, Sequence[str]]:
        """By player, whom it may meet. Raises: TopologyError."""
        return neighbours_on(self.drawn, tuple(self.named))

    def game_at(self, seed: int) -> Game:
        """The game before its first round."""
        made = game_named(self.game)(
            tuple(self.named), self.neighbours, rounds=self.rounds, memory=self.memory, seed=seed
        )
        if isinstance(made, NamingGame):
            made.words = tuple(self.words or made.words)
            if self.established is not None:
                made.establish(self.established)
        return made


@dataclass(frozen=True)
class Match:
    """A match that was played. What came of it is read from the events of its run."""

    setting: Setting
    seed: int
    result: RunResult

    @cached_property
    def game(self) -> Game:
        """The game as its run left it."""
        return refereed(Referee(self.setting.game_at(self.seed), self.setting.talk), self.result.events).game


def team_for(setting: Setting, seed: int = 0, recorded: Sequence[Event] = ()) -> Team:
    """The team that plays one match, and is good for one run; `recorded`: the log of one that goes on.

    Raises: AgentMeshError.
    """
    game = setting.game_at(seed)
    knowing = refereed(Referee(game, setting.talk), before_its_turn(recorded))
    referee = Agent(name=REFEREE, function=knowing.judge)
    told: dict[str, list[str]] = {}
    for event in recorded:
        if isinstance(event, MessageDelivered):
            told.setdefault(event.recipient, []).append(event.content)
    players = [agent_of(name, player, game, seed, told.get(name, ())) for name, player in setting.named.items()]
    if setting.select is not None:  # what was agreed upon has to stay in view
        players = [one.model_copy(update={"memory": "full"}) if one.kind == "llm" else one for one in players]
    return Team(
        [referee, *players], _topology(setting, game), name=f"game-{game.name}", models={"default": DEFAULT_MODEL}
    )


async def play(setting: Setting, seed: int = 0, **options: Any) -> Match:
    """One match. `options` as of `Team.run`. Raises: AgentMeshError."""
    team = team_for(setting, seed)
    asked = {"leader": LEAD, "vote": VOTE}.get(setting.select or "", "")
    result = await team.run(task(setting.game_at(seed), asked).strip(), seed=seed, **options)
    return Match(setting, seed, result)


async def resume(setting: Setting, run_id: str, seed: int = 0, *, journal: Address, **options: Any) -> Match:
    """Go on with a match that was cut off, as `Team.resume` does. Raises: RunNotFound, RunChanged, JournalError."""
    async with opened(journal) as store:
        recorded = await store.events((await store.status(run_id)).record.run_id)
    at = resume_point(recorded, options.get("added") or ()) or 0
    team = team_for(setting, seed, [event for event in effective(recorded) if event.id <= at])
    return Match(setting, seed, await team.resume(run_id, journal=journal, **options))


async def play_all(setting: Setting, seeds: Sequence[int]) -> list[Match]:
    """A match for each seed, a few at a time. Raises: AgentMeshError."""
    played: dict[int, Match] = {}
    failures: list[AgentMeshError] = []
    at_once = anyio.CapacityLimiter(AT_ONCE)

    async def one(seed: int) -> None:
        async with at_once:
            try:
                played[seed] = await play(setting, seed)
            except AgentMeshError as error:  # raised below as it is: the task group would wrap it
                failures.append(error)
                group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for seed in seeds:
            group.start_soon(one, seed)
    if failures:
        raise failures[0]
    return [played[seed] for seed in seeds]


def _topology(setting: Setting, game: Game) -> Topology:
    """Players and referee as a star; before that, if they select, the phase in which they agree."""
    names = game.players
    beats = 2 * (3 if setting.talk else 2) * game.rounds + 1
    told = tuple(Edge(REFEREE, name) for name in names)
    heard = tuple(Edge(name, REFEREE) for name in names)
    edges = (*told, *heard, Edge(REFEREE, USER))
    phases = [
        Phase(OPENING, "reactive", (REFEREE,), (Edge(USER, REFEREE), *told)),
        Phase("play", "simultaneous", (REFEREE, *names), edges, rounds=beats, end="rounds"),
    ]
    votes = {}
    if setting.select is not None:
        leader = names[0] if setting.select == "leader" else None
        phases.insert(0, agreeing(setting.select, names, leader=leader, vote=BALLOT))
        votes = {BALLOT: Vote(options=game.conventions)} if setting.select == "vote" else {}
    return Topology(phases, votes=votes)
