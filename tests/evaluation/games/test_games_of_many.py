"""Games of many: the naming game and the dining philosophers, on graphs."""

from __future__ import annotations

import pytest

from agentmesh.errors import AgentMeshError, TopologyError
from agentmesh.evaluation.games import Match, Setting, measures, team_for
from agentmesh.evaluation.games.graphs import neighbours_on
from agentmesh.evaluation.games.measures import converged_at, entropy, fairness, latest
from tests.evaluation.games.matches import match_of, moves

NAMES = [f"p{number:02}" for number in range(1, 25)]


def test_24_agents_come_to_one_word_on_a_clique_and_not_as_fast_on_a_ring() -> None:
    clique = match_of("naming", seed=2)
    assert converged_at(clique.game) == len(clique.game.log) < 200
    assert len(set(latest(clique.game).values())) == 1
    ring = match_of("naming", seed=2, graph="ring", rounds=len(clique.game.log))
    assert converged_at(ring.game) == float("inf")
    assert set(latest(ring.game).values()) == {"Q", "M"}
    assert all(second in ring.game.neighbours[first] for one in ring.game.log for first, second in one.meetings)


def test_a_committed_minority_turns_an_established_word_and_a_smaller_one_does_not() -> None:
    def said(committed: int) -> set[str]:
        players = {name: "always:M" if place < committed else None for place, name in enumerate(NAMES)}
        match = match_of("naming", players=players, established="Q", rounds=180)
        return {word for name, word in latest(match.game).items() if players[name] is None}

    assert said(10) == {"M"}
    assert said(1) == {"Q"}


def test_copies_that_reach_at_once_deadlock_in_their_first_round() -> None:
    match = match_of("dining")
    assert match.result.answer == "deadlock, 1 rounds: p1 0, p2 0, p3 0, p4 0, p5 0"
    figures = {one.name: one.estimate.value for one in measures([match.game])}
    assert (figures["deadlock"], figures["starved"], figures["rounds until then"]) == (1, 1, 1)


@pytest.mark.parametrize("select", ["leader", "ordering", "focal", "vote"])
def test_what_was_agreed_before_the_meal_keeps_copies_from_a_deadlock(select: str) -> None:
    match = match_of("dining", rounds=10, select=select)
    figures = {one.name: one.estimate.value or 0 for one in measures([match.game])}
    assert figures["deadlock"] == 0
    assert figures["meals per round"] >= 0.5
    if select != "focal":  # whoever shares the first fork waits for long
        assert figures["fairness"] == 1


def test_an_order_lets_no_philosopher_starve_on_any_graph() -> None:
    match = match_of("dining", players=6, graph="wheel_graph", rounds=40, select="ordering")
    assert min(match.game.meals.values()) > 0  # type: ignore[attr-defined]
    assert match.game.over() == ""


def test_philosophers_who_differ_reach_for_other_forks() -> None:
    first = moves(match_of("dining", model="simulated:worker,heterogeneity=1"))[0]
    assert first != moves(match_of("dining"))[0]
    assert first == moves(match_of("dining", model="simulated:worker,heterogeneity=1"))[0], "by the seed and the names"


def test_the_events_of_a_run_tell_the_whole_match() -> None:
    live = match_of("dining", select="ordering", rounds=6)
    again = Match(live.setting, live.seed, live.result)
    assert again.game.log == live.game.log
    assert len(live.game.log) == 6
    other = match_of("dining", select="ordering", rounds=6)
    assert other.game.log == live.game.log, "the same seed, the same match"


def test_graphs_are_cliques_rings_and_whatever_networkx_makes() -> None:
    assert neighbours_on("clique", ["a", "b", "c"]) == {"a": ["b", "c"], "b": ["a", "c"], "c": ["a", "b"]}
    assert neighbours_on("ring", ["a", "b", "c", "d"])["a"] == ["b", "d"]
    small = neighbours_on("watts_strogatz_graph:k=2,p=0.0,seed=1", ["a", "b", "c", "d"])
    assert small == neighbours_on("ring", ["a", "b", "c", "d"])
    with pytest.raises(TopologyError, match="no generator 'rong'"):
        neighbours_on("rong", ["a", "b"])
    with pytest.raises(TopologyError, match="write NAME=NUMBER"):
        neighbours_on("watts_strogatz_graph:k=few", ["a", "b"])


def test_a_setting_that_makes_no_game_is_refused_in_words() -> None:
    with pytest.raises(AgentMeshError, match=r"no game 'dinning'.*did you mean 'dining'"):
        team_for(Setting("dinning"))
    with pytest.raises(AgentMeshError, match="two players or more; found 1"):
        team_for(Setting("dining", players=1))
    with pytest.raises(AgentMeshError, match="may not be called 'referee'"):
        team_for(Setting("dining", players={"referee": None, "b": None}))
    with pytest.raises(AgentMeshError, match="p1 meets nobody"):
        team_for(Setting("stag-hunt", players=2, graph="empty_graph"))


def test_fairness_and_entropy_are_what_their_formulas_say() -> None:
    assert fairness([4, 4, 4]) == 1
    assert fairness([0, 0, 9]) == pytest.approx(0)
    assert fairness([0, 0]) is None
    assert entropy(["a", "a"]) == 0
    assert entropy(["a", "b"]) == 1
