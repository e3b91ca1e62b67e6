"""`agentmesh games`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agentmesh.evaluation.games import GAMES, match, players
from agentmesh.team import Agent

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from agentmesh.evaluation.games.base import Game
    from agentmesh.evaluation.games.players import Player
    from tests.cli.cli_processes import Command

pytest_plugins = ["tests.cli.cli_processes"]


def test_without_a_game_all_games_are_listed(inside: Command) -> None:
    assert [line.split()[0] for line in inside("games").out.splitlines()] == list(GAMES)
    assert [game["name"] for game in inside("games", "--json").json["games"]] == list(GAMES)


def test_the_table_and_the_json_give_the_same_measures_with_their_intervals(inside: Command) -> None:
    told = inside("games", "dining", "--seeds", "3", "--json").json
    [deadlock] = [one for one in told["measures"] if one["measure"] == "deadlock"]
    assert deadlock == {"measure": "deadlock", "kind": "share", "cases": 3, "value": 1.0, "low": 0.4385, "high": 1.0}
    assert [run["seed"] for run in told["runs"]] == [0, 1, 2]
    assert {run["outcome"] for run in told["runs"]} == {"completed"}
    assert (told["topology"], told["select"]) == ("ring", None)
    table = inside("games", "dining", "--seeds", "3").out
    assert ["deadlock", "1", "0.439", "to", "1", "3"] in [line.split() for line in table.splitlines()]
    assert "dining, 5 players on ring, 3 matches" in table


def test_select_and_against_change_who_plays_and_what_is_agreed(inside: Command) -> None:
    told = inside("games", "dining", "--seeds", "2", "--rounds", "6", "--select", "ordering", "--json").json
    assert [one["value"] for one in told["measures"] if one["measure"] == "deadlock"] == [0]
    told = inside("games", "stag-hunt", "--against", "always:stag", "--rounds", "3", "--seeds", "1", "--json").json
    assert told["players"] == {"p1": "simulated:worker", "p2": "always:stag"}
    assert told["runs"][0]["answer"] == "played, 3 rounds: p1 11, p2 8"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("dinning",), "did you mean 'dining'"),
        (("dining", "--topology", "rong"), "no generator 'rong'"),
        (("stag-hunt", "--against", "axelrod:TitForTat"), "in stag-hunt there are other moves"),
    ],
)
def test_what_cannot_be_played_is_bad_input(inside: Command, arguments: tuple[str, ...], said: str) -> None:
    ended = inside("games", *arguments)
    assert ended.code == 2
    assert said in ended.err


def test_matches_that_fail_are_named_and_not_counted(inside: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(text: str) -> str:
        raise RuntimeError("no idea")

    def agent_of(name: str, player: Player, game: Game, seed: int, told: Iterable[str]) -> Agent:
        return Agent(name=name, function=broken) if seed == 1 else players.agent_of(name, player, game, seed, told)

    monkeypatch.setattr(match, "agent_of", agent_of)
    ended = inside("games", "stag-hunt", "--seeds", "3", "--rounds", "2", "--json")
    assert ended.code == 1
    assert "the match of seed 1 is not counted: failed: turn_failed" in ended.err
    assert [run["outcome"] for run in ended.json["runs"]] == ["completed", "failed", "completed"]
    assert [one["cases"] for one in ended.json["measures"] if one["measure"] == "stag"] == [8]


def test_a_script_plays_in_place_of_a_model(inside: Command, tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text("p1: [hare, stag]\np2: [stag, stag]\n")
    told = inside("games", "stag-hunt", "-m", f"scripted:{script}", "--rounds", "2", "--seeds", "1", "--json").json
    assert told["runs"][0]["answer"] == "played, 2 rounds: p1 7, p2 4"
