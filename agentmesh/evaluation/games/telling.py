"""What players are told, and how their replies are read: text on both ways, the same for every sort of player."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence

from agentmesh.evaluation.games.base import Game
from agentmesh.messages import answer_key

MOVE = "Reply with one of the options and nothing else."
SAY = (
    "Before you move: tell those whom you meet, in one sentence, what you are going to do. The move itself comes later."
)
AGAIN = "Your reply names none of the options, or more than one: {options}. " + MOVE
LEAD = "Before the game begins, tell the others in one sentence what all of you will do."
VOTE = "Before the game begins, vote on what all of you will do."
INSTRUCTIONS = "You play a game for yourself: get as much as you can over all rounds."


def told(game: Game, player: str, options: Sequence[str], heard: Mapping[str, str], ending: str = MOVE) -> str:
    """What a player is told when it has to move, or to say what it will do. `heard`: what those whom it meets said."""
    met = game.met(player)
    lines = [
        f"Game: {game.name}, round {game.round} of at most {game.rounds}",
        f"Players: {', '.join(game.players)}",
        f"You meet: {', '.join(met)}",
        f"Options: {', '.join(options)}",
        game.situation(player, met),
        *(("Before:", *game.seen[player]) if game.seen[player] else ()),
        *(f"{name} says: {json.dumps(heard[name], ensure_ascii=False)}" for name in met if name in heard),
        ending,
    ]
    return "\n".join(lines)


def task(game: Game, ending: str) -> str:
    """The game as those are told of it who agree before it begins."""
    lines = (
        f"Game: {game.name}, {game.rounds} rounds at most",
        f"Players: {', '.join(game.players)}",
        f"Options: {', '.join(game.conventions)}",
        game.rules,
        ending,
    )
    return "\n".join(lines)


def named_in(text: str, options: Collection[str]) -> str | None:
    """The option that a reply consists of, or the only one that it names; None if it names none or several."""
    whole = answer_key(text)
    for option in options:
        if answer_key(option) == whole:
            return option
    named = _mentioned(text, options)
    if len(named) > 1:  # reasons first, the move on a line of its own
        named = _mentioned(text.strip().rpartition("\n")[2], options)
    return named[0] if len(named) == 1 else None


def _mentioned(text: str, options: Collection[str]) -> list[str]:
    """The options that stand in a text as words; of `take fork-1` and `take fork-10` the longer is found first."""
    found: list[str] = []
    for option in sorted(options, key=len, reverse=True):
        pattern = rf"(?<![\w-]){re.escape(option)}(?![\w-])"
        flags = 0 if len(option) == 1 else re.IGNORECASE
        if re.search(pattern, text, flags):
            found.append(option)
            text = re.sub(pattern, " ", text, flags=flags)
    return found
