"""The referee: a member of the team that asks players for their moves, and settles what came of them.

It hears and tells; all that it knows of a match follows from the game, the seed and the players' replies. So the events
of a run are enough to know the match: see `refereed`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from agentmesh.agents.base import View
from agentmesh.errors import AgentMeshError
from agentmesh.evaluation.games.base import Game, Round
from agentmesh.evaluation.games.telling import AGAIN, MOVE, SAY, named_in, told
from agentmesh.events import Event, MessageDelivered, TurnEnded, TurnStarted
from agentmesh.messages import USER, Reply, ToolCall

REFEREE = "referee"
OPENING = "opening"
"""The phase in which the referee asks for the first moves."""


@dataclass
class Referee:
    """Leads one match. `talk`: whether players tell those whom they meet what they will do, before they move."""

    game: Game
    talk: bool = False
    _waiting: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Who has been asked and has not replied yet, with its options."""
    _said: dict[str, str] = field(default_factory=dict)
    _announced: dict[str, str] = field(default_factory=dict)
    _acts: dict[str, str] = field(default_factory=dict)
    _again: set[str] = field(default_factory=set)
    _defaulted: int = 0
    _talking: bool = False

    async def judge(self, view: View) -> Reply | None:
        """One turn of the referee as an agent."""
        if view.phase == OPENING:
            out = self.begin()
        elif not self._waiting:
            raise AgentMeshError(
                "this referee has asked nobody: go on with a match by `agentmesh.evaluation.games.resume`"
            )
        else:
            out = self.hear({item.sender: item.content for item in view.messages if item.sender != USER})
        if not out:
            out = {USER: self.result()}
        calls = (
            ToolCall("send_message", {"recipients": [name], "content": text}, f"tell-{view.turn}-{number}")
            for number, (name, text) in enumerate(out.items(), 1)
        )
        return Reply(tool_calls=tuple(calls))

    def begin(self) -> dict[str, str]:
        """What players are told when a round begins, by player; nothing when the game is over."""
        game = self.game
        if len(game.log) >= game.rounds or (game.log and game.over()):
            return {}
        self._said, self._announced, self._acts, self._again, self._defaulted = {}, {}, {}, set(), 0
        return self._ask(talking=self.talk)

    def hear(self, replies: Mapping[str, str]) -> dict[str, str]:
        """What follows from the replies to what players were told: as `begin`."""
        if self._talking:
            self._said = {name: replies[name] for name in self._waiting if name in replies}
            moves = {name: named_in(text, self._waiting[name]) for name, text in self._said.items()}
            self._announced = {name: move for name, move in moves.items() if move is not None}
            return self._ask(talking=False)
        unread: dict[str, str] = {}
        for name, options in self._waiting.items():
            move = named_in(replies.get(name, ""), options)
            # Who said nothing at all is not asked again: if it alone were, nobody might ever answer.
            if move is None and name in replies and name not in self._again:
                self._again.add(name)
                unread[name] = AGAIN.format(options=", ".join(options))
                continue
            self._defaulted += move is None
            self._acts[name] = move or self.game.fallback(name)
        if unread:
            self._waiting = {name: self._waiting[name] for name in unread}
            return {name: self._told(name, self._waiting[name], text) for name, text in unread.items()}
        return self._settled()

    def result(self) -> str:
        """The answer of the run: how the match ended, and what each player got."""
        total = dict.fromkeys(self.game.players, 0.0)
        for one in self.game.log:
            for name, payoff in one.payoffs.items():
                total[name] += payoff
        got = ", ".join(f"{name} {payoff:g}" for name, payoff in total.items())
        return f"{self.game.over() or 'played'}, {len(self.game.log)} rounds: {got}"

    def _ask(self, *, talking: bool) -> dict[str, str]:
        game = self.game
        self._talking = talking
        moving = (name for group in game.meetings for name in group)
        self._waiting = {name: game.options(name) for name in moving}
        return {name: self._told(name, options, SAY if talking else MOVE) for name, options in self._waiting.items()}

    def _told(self, name: str, options: tuple[str, ...], ending: str) -> str:
        return told(self.game, name, options, self._said, ending)

    def _settled(self) -> dict[str, str]:
        game, meetings = self.game, self.game.meetings
        acts = {name: self._acts[name] for group in meetings for name in group}
        payoffs = game.settle(acts)
        game.log.append(Round(meetings, acts, payoffs, self._announced, len(self._again), self._defaulted))
        return self.begin()


def refereed(referee: Referee, events: Iterable[Event]) -> Referee:
    """A new referee, after it has heard all that the one of a recorded run heard."""
    replies: dict[str, str] = {}
    for event in events:
        if isinstance(event, MessageDelivered) and event.recipient == REFEREE and event.sender != USER:
            replies[event.sender] = event.content
        elif isinstance(event, TurnStarted) and event.agent == REFEREE:
            referee.hear(replies) if event.phase != OPENING else referee.begin()
            replies = {}
    return referee


def before_its_turn(events: Iterable[Event]) -> list[Event]:
    """A log as far as the referee has come: without the turn in which it was cut off, which it takes anew."""
    log = list(events)
    turns = [at for at, one in enumerate(log) if one.agent == REFEREE and isinstance(one, TurnStarted | TurnEnded)]
    return log[: turns[-1]] if turns and isinstance(log[turns[-1]], TurnStarted) else log
