"""`agentmesh games`: agents as players, on any graph, and what comes of it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from agentmesh.cli.options import json_flag
from agentmesh.cli.terminal import complain, count, one_line, say, say_json

if TYPE_CHECKING:
    from agentmesh.evaluation.games import Match, Measure, Setting


@click.command(name="games")
@click.argument("game", required=False)
@click.option("--players", type=click.IntRange(2, 1000), help="How many. Default: as is usual in the game.")
@click.option("--topology", "graph", metavar="GRAPH", help="Who may meet whom: clique, ring, line, or a generator.")
@click.option("--rounds", type=click.IntRange(1, 100_000), help="At most. Default: as is usual in the game.")
@click.option(
    "--memory",
    default=5,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="Latest rounds that each is told of anew.",
)
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(1, 10_000), help="Matches, each its seed.")
@click.option("-m", "--model", metavar="MODEL", default="simulated:worker", show_default=True, help="Who plays.")
@click.option("--against", metavar="PLAYER", help="Who plays all but the first: a model, axelrod:NAME or always:MOVE.")
@click.option(
    "--select", type=click.Choice(["leader", "ordering", "focal", "vote"]), help="How they agree before they play."
)
@click.option("--talk", is_flag=True, help="Players say what they will do before they move.")
@json_flag
def command(
    game: str | None, players: int | None, against: str | None, seeds: int, as_json: bool, **chosen: Any
) -> None:
    """Let agents play a game, and measure what comes of it. Without GAME: the list of games.

    Every match is a run of a team: the referee is an agent, each move is a turn. Shares have Wilson's interval of
    95 %, means one that is drawn from the matches. A simulated model shows what a rule of play leads to, and nothing
    about a real model.

    \b
    Examples:
      agentmesh games dining --select ordering
      agentmesh games prisoners-dilemma --against axelrod:TitForTat -m openai:MODEL
      agentmesh games naming --topology watts_strogatz_graph:k=4,p=0.1,seed=1 --json
    """  # noqa: D301 - the escape tells click to keep the lines as they are
    import anyio

    from agentmesh.evaluation.games import Setting, game_named, measures, play_all

    if game is None:
        _list(as_json=as_json)
        return
    many = players or game_named(game).players_at_first
    setting = Setting(game, players=many, **chosen)
    if against is not None:
        first, *others = setting.named
        setting = Setting(game, players={first: None, **dict.fromkeys(others, against)}, **chosen)
    matches = anyio.run(play_all, setting, range(seeds))
    ended = [match for match in matches if match.result.outcome == "completed"]
    found = measures([match.game for match in ended])
    if as_json:
        say_json(_told(setting, matches, found))
    else:
        _say_table([("measure", "value", "95 %", "cases"), *map(_cells, found)])
        say(f"\n{setting.game}, {count(many, 'player')} on {setting.drawn}, {count(seeds, 'match', 'matches')}")
    _complain(matches)


def _list(*, as_json: bool) -> None:
    from agentmesh.evaluation.games import GAMES

    if as_json:
        say_json({"games": [{"name": name, "about": game.about} for name, game in GAMES.items()]})
    else:
        _say_table([(name, game.about) for name, game in GAMES.items()])


def _told(setting: Setting, matches: Sequence[Match], found: Sequence[Measure]) -> Mapping[str, Any]:
    return {
        "game": setting.game,
        "players": {name: str(player) for name, player in setting.named.items()},
        "topology": setting.drawn,
        "select": setting.select,
        "talk": setting.talk,
        "measures": [one.to_json() for one in found],
        "runs": [
            {
                "seed": match.seed,
                "run_id": match.result.run_id,
                "outcome": match.result.outcome,
                "reason": match.result.reason,
                "answer": match.result.answer,
                "rounds": len(match.game.log),
                "turns": match.result.turns,
                "tokens": match.result.usage.input_tokens + match.result.usage.output_tokens,
            }
            for match in matches
        ],
    }


def _complain(matches: Sequence[Match]) -> None:
    """Say which matches came to no end, and exit 1 if there are any."""
    lost = [match for match in matches if match.result.outcome != "completed"]
    for match in lost:
        complain(f"the match of seed {match.seed} is not counted: {match.result.outcome}: {match.result.reason}")
    if lost:
        sys.exit(1)


def _say_table(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        say("  ".join(one_line(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _cells(one: Measure) -> tuple[str, ...]:
    value, low, high = (
        "-" if n is None else "never" if n == float("inf") else f"{round(n, 6):.3g}" if abs(n) < 1000 else f"{n:.0f}"
        for n in (one.estimate.value, one.estimate.low, one.estimate.high)
    )
    return one.name, value, "" if value == "-" or low == high else f"{low} to {high}", str(one.cases)
