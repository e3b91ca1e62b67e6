"""Players of every sort: functions, scripts, models that reply badly; and what the referee makes of it."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from agentmesh import Team
from agentmesh.evaluation.games import Setting, measures, play
from agentmesh.evaluation.games.telling import named_in
from agentmesh.messages import Reply
from agentmesh.providers.base import Request
from agentmesh.team import Agent
from tests.evaluation.games.matches import match_of, moves


def test_a_reply_that_names_no_move_is_asked_for_once_more_and_then_replaced_and_counted() -> None:
    match = match_of("stag-hunt", players={"a": "always:an elk", "b": "always:stag"}, rounds=3)
    assert moves(match) == [("hare", "stag")] * 3
    figures = {one.name: one.estimate.value for one in measures([match.game])}
    assert figures["asked again"] == figures["moved for"] == 0.5
    again = [e for e in match.result.events if e.type == "message_delivered" and "names none of the" in e.content]
    assert {(event.sender, event.recipient) for event in again} == {("referee", "a")}
    assert len(again) == 3


def test_who_says_nothing_or_fails_is_moved_for_at_once_and_the_match_goes_on() -> None:
    def broken(text: str) -> str:
        raise RuntimeError("no idea")

    def silent(text: str) -> None:
        return None

    for player in (broken, silent):
        match = match_of("stag-hunt", players={"a": player, "b": "always:stag"}, rounds=3)
        assert moves(match) == [("hare", "stag")] * 3
        assert [(one.repeated, one.defaulted) for one in match.game.log] == [(0, 1)] * 3


def test_a_model_that_mends_its_reply_plays_its_own_move() -> None:
    def model(request: Request) -> str:
        asked = str(request.messages[-1]["content"])
        return "**stag**, as agreed" if "names none" in asked else "stag or hare, both are fine"

    match = match_of("stag-hunt", players={"a": Agent(name="x", model=model), "b": "always:stag"}, rounds=2)
    assert moves(match) == [("stag", "stag")] * 2
    assert [(one.repeated, one.defaulted) for one in match.game.log] == [(1, 0)] * 2


def test_a_plain_function_and_a_scripted_team_play_too() -> None:
    def copy_cat(text: str) -> str:
        return "defect" if "the other defect" in text.partition("Before:")[2] else "cooperate"

    match = match_of("prisoners-dilemma", players={"a": copy_cat, "b": None}, rounds=3)
    assert moves(match) == [("cooperate", "defect"), ("defect", "defect"), ("defect", "defect")]


def test_who_says_one_thing_and_does_another_is_seen_by_the_measure() -> None:
    def liar(text: str) -> str:
        return "I shall cooperate, I promise." if "Before you move" in text else "defect"

    match = match_of("prisoners-dilemma", players={"a": liar, "b": "always:cooperate"}, rounds=4, talk=True)
    assert moves(match) == [("defect", "cooperate")] * 4
    figures = {one.name: one.estimate.value for one in measures([match.game])}
    assert figures["did as announced"] == 0.5
    heard = [e.content for e in match.result.events if e.type == "message_delivered" and e.recipient == "b"]
    assert any('a says: "I shall cooperate, I promise."' in text for text in heard)


def test_every_move_is_a_turn_and_a_match_that_breaks_off_says_so() -> None:
    def broken(text: str) -> str:
        raise RuntimeError("no idea")

    match = match_of("stag-hunt", rounds=2)
    taken = [(e.agent, e.phase) for e in match.result.events if e.type == "turn_started"]
    assert taken == [
        ("referee", "opening"), ("p1", "play"), ("p2", "play"), ("referee", "play"), ("p1", "play"), ("p2", "play"),
        ("referee", "play"),
    ]  # fmt: skip
    lost = anyio.run(play, Setting("stag-hunt", players={"a": broken, "b": broken}, rounds=2))
    assert lost.result.outcome == "failed"
    assert lost.game.log == []


@pytest.mark.parametrize(
    ("text", "move"),
    [
        ("stag", "stag"),
        ("  Stag. ", "stag"),
        ("I choose **hare**.", "hare"),
        ("If you hunt stag I lose.\nhare", "hare"),
        ("stag or hare", None),
        ("a stagnant pond", None),
        ("", None),
    ],
)
def test_a_move_is_read_from_a_reply_only_if_it_names_exactly_one(text: str, move: str | None) -> None:
    assert named_in(text, ("stag", "hare")) == move


def test_of_options_that_begin_alike_the_longer_one_is_meant() -> None:
    assert named_in("I take fork-10 now: take fork-10", ("take fork-1", "take fork-10")) == "take fork-10"
    assert named_in("I say Q", ("Q", "I")) is None
    assert named_in("I say\nQ", ("Q", "I")) == "Q"


def test_agents_of_a_file_heed_what_a_leader_says_before_they_begin(tmp_path: Path) -> None:
    seen: dict[str, str] = {}

    def model(request: Request) -> Reply:
        seen[request.agent] = "\n".join(str(message["content"]) for message in request.messages)
        return Reply("We all write British English." if request.agent == "ann" else "done")

    team = Team.from_yaml(_file(tmp_path, "{name: agree, preset: leader, leader: ann}"), models={"default": model})
    assert team.run_sync("Write.").answer == "done"
    assert '<message from="ann">\nWe all write British English.' in seen["cy"]


def test_an_order_is_told_to_each_with_its_place_and_costs_no_turn(tmp_path: Path) -> None:
    team = Team.from_yaml(_file(tmp_path, "{name: agree, preset: ordering, nodes: [cy, ann]}"))
    result = team.run_sync("What is 3 * 4?")
    told = {e.agent: e.content for e in result.events if e.type == "notice" and e.template == "agreed_order"}
    assert set(told) == {"cy", "ann"}
    assert "begin: cy, ann. Your place in it: 2 of 2." in told["ann"]
    assert result.turns == 3


def _file(folder: Path, phase: str) -> Path:
    path = folder / "team.yaml"
    path.write_text(
        "version: 1\nagents: {ann: {}, bob: {}, cy: {}}\ntopology:\n  kind: graph\n  phases:\n"
        f'    - {phase}\n    - {{name: work, edges: ["user -> ann, bob, cy", "ann, bob -> cy", cy -> user]}}\n',
        encoding="utf-8",
    )
    return path
