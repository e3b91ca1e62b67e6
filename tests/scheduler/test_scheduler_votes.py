"""Votes: who may cast what, when it is counted, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from agentmesh.config.models import Limits
from agentmesh.events import (
    Event,
    MessageDelivered,
    MessageProposed,
    Notice,
    RunEnded,
    TopologyChanged,
    TurnFailed,
    VoteCast,
)
from agentmesh.scheduler import StartTurn
from agentmesh.topology.graph import Topology, Vote
from agentmesh.topology.phases import Edge, Phase
from tests.scheduler.scheduler_play import Call, Holds, Play, send, vote

VOTERS = ("a", "b", "c")


def ballot(rule: Vote | None = None, voters: tuple[str, ...] = VOTERS, *, order: str = "reactive") -> Topology:
    """Voters who hear the task, one vote, whose result is the answer."""
    edges = (*(Edge("user", name) for name in voters), *(Edge(name, "poll") for name in voters), Edge("poll", "user"))
    rounds = None if order == "reactive" else 1
    return Topology([Phase("ballot", order, voters, edges, rounds=rounds, votes={"poll": rule or Vote()})])  # type: ignore[arg-type]


def cast(**rankings: str) -> dict[str, Any]:
    """Who ranks what, as one word of letters: `a="xyz"`."""
    return {name: [[vote(*ranking), None]] for name, ranking in rankings.items()}


def test_a_plain_reply_is_a_ballot_of_one_and_the_plurality_is_the_answer() -> None:
    play = Play(ballot(), {"a": ["Paris"], "b": ["Rome"], "c": [" paris. "]}).run()
    assert play.end.answer == "Paris"
    ballots = [(e.agent, e.ranking) for e in play.of(VoteCast)]
    assert ballots == [("a", ("Paris",)), ("b", ("Rome",)), ("c", ("paris.",))]
    play.check_form()


def test_the_answer_of_a_position_is_the_ballot_and_not_the_text_beside_it() -> None:
    play = Play(ballot(), {"a": [Holds("I am torn", "Rome")], "b": [Holds("no doubt", "Rome")], "c": ["Paris"]}).run()
    assert play.end.answer == "Rome"
    assert [e.ranking for e in play.of(VoteCast)] == [("Rome",), ("Rome",), ("Paris",)]


# x leads among first choices; y is nobody's last; y beats both others in pairs, and so does not z.
SPLIT = {"a": "xyz", "b": "xyz", "c": "yzx", "d": "zyx", "e": "yxz"}


@pytest.mark.parametrize(
    ("method", "rankings", "winner"),
    [
        ("plurality", {"a": "xyz", "b": "xyz", "c": "yzx", "d": "zyx"}, "x"),
        ("borda", {"a": "xyz", "b": "xyz", "c": "yzx", "d": "zyx", "e": "yzx"}, "y"),
        ("condorcet", SPLIT, "y"),
        ("condorcet", {"a": "xyz", "b": "yzx", "c": "zxy", "d": "x"}, "x"),  # a circle: Borda decides
    ],
)
def test_each_method_of_counting_has_its_winner(method: Any, rankings: Mapping[str, str], winner: str) -> None:
    play = Play(ballot(Vote(method=method), tuple(rankings)), cast(**rankings)).run()
    assert play.end.answer == winner


def test_weights_count() -> None:
    rule = Vote(weights={"a": 3.0})
    play = Play(ballot(rule), cast(a="x", b="y", c="y")).run()
    assert play.end.answer == "x"
    assert [(e.agent, e.weight) for e in play.of(VoteCast)] == [("a", 3.0), ("b", 1.0), ("c", 1.0)]


def test_a_tie_is_decided_by_the_named_voter_else_by_the_seed_whoever_voted_first() -> None:
    tied = cast(a="x", b="y")
    assert Play(ballot(Vote(ties="b"), ("a", "b")), tied).run().end.answer == "y"
    assert Play(ballot(Vote(ties="a"), ("a", "b")), tied).run().end.answer == "x"
    drawn = {Play(ballot(voters=("a", "b")), tied, seed=seed).run().end.answer for seed in range(12)}
    assert drawn == {"x", "y"}
    last_first = Play(ballot(voters=("a", "b")), cast(a="x", b="y"), seed=3, choose=lambda p: len(p) - 1).run()
    assert last_first.end.answer == Play(ballot(voters=("a", "b")), cast(a="x", b="y"), seed=3).run().end.answer


def test_nobody_is_shown_a_ballot_and_the_result_comes_only_when_all_are_in() -> None:
    voters = ("a", "b", "c", "d")
    edges = (
        *(Edge("user", name) for name in voters[:3]),
        *(Edge(name, "poll") for name in voters[:3]),
        Edge("poll", "d"),
        Edge("d", "user"),
    )
    topology = Topology([Phase("ballot", "reactive", voters, edges, votes={"poll": Vote()})])
    play = Play(topology, {"a": ["secret-a"], "b": ["secret-b"], "c": ["secret-b"], "d": ["done"]}).run()
    kinds = [type(event).__name__ for event in play.log if isinstance(event, VoteCast | MessageProposed)]
    [result] = [e for e in play.of(MessageDelivered) if e.sender == "poll"]
    assert (result.recipient, result.kind) == ("d", "result")
    assert result.content == "secret-b\n\nVotes: secret-b: 2; secret-a: 1"
    counted = next(index for index, e in enumerate(play.log) if isinstance(e, MessageProposed) and e.sender == "poll")
    assert sum(isinstance(e, VoteCast) for e in play.log[:counted]) == 3
    assert kinds.count("VoteCast") == 3
    before = [view for view in play.views if view.agent != "d"]
    assert not any("secret" in item.content for view in before for item in view.inbox)


def test_a_second_ballot_and_one_for_what_is_no_option_are_refused_and_do_not_count() -> None:
    rule = Vote(options=("x", "y"))
    play = Play(
        ballot(rule),
        {"a": [[vote("z"), vote("x"), vote("y"), None]], "b": [[vote("Y"), None]], "c": [[vote(" "), "y"]]},
    ).run()
    assert play.refused == [("a", "poll", "no_option"), ("a", "poll", "already_voted"), ("c", "poll", "no_option")]
    assert play.errors[0] == "the ballot names what cannot be voted for at 'poll'; allowed: x, y"
    assert [(e.agent, e.ranking) for e in play.of(VoteCast)] == [("a", ("x",)), ("b", ("Y",)), ("c", ("y",))]
    assert play.end.answer == "y"
    play.check_form()


def test_a_voter_that_fails_abstains_once_nobody_acts_any_more() -> None:
    play = Play(ballot(), {"a": ["x"], "b": [Exception("broken")], "c": [None]}).run()
    assert (play.end.outcome, play.end.answer) == ("completed", "x")


def test_a_vote_without_a_ballot_has_no_result() -> None:
    play = Play(ballot(), {"a": [None], "b": [None], "c": [None]}).run()
    assert play.end.outcome == "stalled"
    assert not [e for e in play.of(MessageProposed) if e.sender == "poll"]


def test_nobody_waits_for_the_ballot_of_who_may_not_act_any_more() -> None:
    edges = ["user -> a", "user -> b", "a -> poll", "b -> poll", "b -> c", "c -> b", "c -> d", "poll -> user"]
    play = Play(
        Topology.graph(edges, votes={"poll": Vote()}),
        {"a": ["x"], "b": [[send("c"), None]], "c": ["go on"], "d": [None]},
        options={"agent_limits": {"b": Limits(turns=1)}},
    ).run()
    assert play.end.answer == "x"
    assert play.order == ["a", "b", "c", "d"]
    assert play.of(TurnFailed)[0].agent == "d", "it was counted while d was still in its turn"


def test_a_ballot_cannot_come_over_an_edge_that_was_cut_and_is_not_waited_for() -> None:
    cut = TopologyChanged(change="cut", edges=(("c", "poll"),))
    play = Play(ballot(), {"a": [[cut, "x"]], "b": ["y"], "c": [[vote("y"), None]]}, seed=1)
    play.choose = lambda pending: min(range(len(pending)), key=lambda i: "acb".index(pending[i].agent))
    play.run()
    assert play.refused == [("c", "poll", "no_edge")]
    assert {e.agent for e in play.of(VoteCast)} == {"a", "b"}
    assert play.end.outcome == "completed"


def test_ballots_of_a_simultaneous_round_leave_when_it_is_over_and_each_voter_has_one() -> None:
    play = Play(
        ballot(order="simultaneous"),
        {"a": [[vote("x"), vote("y"), None]], "b": ["y"], "c": ["x"]},
        choose=lambda pending: len(pending) - 1,
    ).run()
    assert play.refused == [("a", "poll", "already_voted")]
    assert [(e.agent, e.ranking) for e in play.of(VoteCast)] == [("a", ("x",)), ("b", ("y",)), ("c", ("x",))]
    last_turn = max(index for index, event in enumerate(play.log) if event.type == "turn_ended")
    assert min(index for index, event in enumerate(play.log) if isinstance(event, VoteCast)) > last_turn
    assert play.end.answer == "x"
    play.check_form()


def test_who_votes_by_tool_may_vote_beside_what_it_writes() -> None:
    """A ballot is no message to a peer: both count, once each."""
    edges = ("user -> a", "a -> b", "a -> poll", "b -> poll", "poll -> user")
    topology = Topology.graph(edges, votes={"poll": Vote()})
    play = Play(topology, {"a": [[vote("x"), send("b", content="vote y"), None]], "b": [[vote("x"), None]]}).run()
    assert ("a", "b", "vote y") in play.said
    assert play.end.answer == "x"


def test_who_has_no_vote_is_told_so() -> None:
    play = Play(Topology.solo("a"), {"a": [[vote("x"), "answer"]]}).run()
    assert play.errors == ["'a' has no vote in this phase (solo)"]


def test_a_voter_is_offered_the_options_and_only_voters_the_tool() -> None:
    play = Play(ballot(Vote(options=("x", "y"))), {"a": ["x"], "b": ["x"], "c": ["y"]}).run()
    assert {view.tools for view in play.views} == {("vote",)}
    assert dict(play.views[0].choices) == {"vote": {"ranking": ("x", "y")}}


def best_of(order: tuple[str, ...] = ("w1", "w2", "j")) -> Topology:
    edges = (
        *(Edge("user", name) for name in order),
        *(Edge(name, "best") for name in order),
        Edge("best", "user"),
    )
    return Topology([Phase("pick", "reactive", order, edges, votes={"best": Vote(candidates=("w1", "w2"))})])


def test_the_words_of_the_candidate_that_wins_are_passed_on_as_they_are() -> None:
    play = Play(
        Topology.independent(["w1", "w2"], best_of="j"), {"w1": ["First.\n"], "w2": [" Second "], "j": ["W2"]}
    ).run()
    assert play.end.answer == " Second "
    assert [e.agent for e in play.of(VoteCast)] == ["j"]
    play.check_form()


def test_a_vote_waits_for_the_entries_of_its_candidates() -> None:
    def judge_first(pending: Any) -> int:
        return min(range(len(pending)), key=lambda index: ("j", "w1", "w2").index(pending[index].agent))

    play = Play(best_of(), {"w1": ["one"], "w2": ["two"], "j": [[vote("w2", "w1"), None]]}, choose=judge_first).run()
    assert play.end.answer == "two"


def test_a_candidate_that_entered_nothing_cannot_win() -> None:
    second = {"w1": ["one"], "w2": [Exception("broken")], "j": [[vote("w2", "w1"), None]]}
    assert Play(best_of(), second).run().end.answer == "one"
    nobody = {"w1": [None], "w2": [Exception("broken")], "j": [[vote("w2", "w1"), None]]}
    play = Play(best_of(), nobody).run()
    assert play.end.outcome == "failed"
    assert play.end.reason == "best: nobody who was voted for had entered anything"


def test_a_candidate_enters_once_and_votes_only_if_nobody_else_does() -> None:
    edges = ("user -> w1", "user -> w2", "w1 -> best", "w2 -> best", "best -> user")
    topology = Topology.graph(edges, votes={"best": Vote(candidates=("w1", "w2"))})

    def act(turn: StartTurn) -> list[Call | None]:
        return [send("best", content=f"by {turn.agent}"), send("best", content="again"), vote("w1"), vote("w2"), None]

    play = Play(topology, {"w1": act, "w2": act}).run()
    assert play.refused[:2] == [("w1", "best", "already_sent"), ("w1", "best", "already_voted")]
    assert play.end.answer == "by w1"
    play.check_form()


def test_who_takes_anothers_place_votes_anew_and_the_others_ballot_is_void() -> None:
    def outside(play: Play, event: Event) -> list[Event]:
        voted = isinstance(event, VoteCast) and event.agent == "a"
        return [TopologyChanged(change="replace", agents=("a", "r"))] if voted else []

    actors = {"a": ["x"], "b": [[vote("y"), None]], "c": [Exception("broken")], "r": ["y"]}
    play = Play(ballot(), actors, after=outside).run()
    assert [e.ranking for e in play.of(VoteCast)] == [("x",), ("y",), ("y",)]
    assert play.end.answer == "y"
    assert [e.agent for e in play.of(VoteCast)] == ["a", "b", "r"]


def test_a_vote_that_is_replaced_by_a_new_phase_starts_empty() -> None:
    edges = (*(Edge(name, "poll") for name in "ab"), Edge("poll", "user"))
    talk = Phase("talk", "simultaneous", ("a", "b"), (Edge("user", "a"), Edge("user", "b")), rounds=1)
    ballots = Phase("ballot", "simultaneous", ("a", "b"), edges, opens=("a", "b"), rounds=1, votes={"poll": Vote()})
    play = Play(Topology([talk, ballots]), {"a": ["hello", "x"], "b": ["hello", "x"]}).run()
    assert [e.template for e in play.of(Notice)] == ["vote_now", "vote_now"]
    assert play.end.answer == "x"
    assert isinstance(play.log[-1], RunEnded)


def test_a_limit_on_turns_lets_a_vote_be_counted_only_if_all_have_voted() -> None:
    for turns, answer in ((3, "x"), (2, None)):
        play = Play(
            ballot(order="simultaneous"),
            {"a": ["x"], "b": ["x"], "c": ["y"]},
            options={"limits": Limits(turns=turns)},
        ).run()
        assert play.end.answer == answer
        assert play.end.outcome == ("completed" if answer else "limit")


def test_who_is_voted_for_is_offered_no_ballot_where_others_vote_and_has_none() -> None:
    topology = Topology.independent(["a", "b"], best_of="j")
    cast = ("vote", {"ranking": ["a"]})
    done = Play(
        topology, {"a": [[cast, "mine"]], "b": ["yours"], "j": [[("vote", {"ranking": ["b", "a"]}), None]]}
    ).run()
    assert {view.agent: "vote" in view.tools for view in done.views} == {"a": False, "b": False, "j": True}
    assert [result.error for result in done.results if result.agent == "a"] == [
        "'a' has no vote in this phase (answers)"
    ]
    assert done.end.answer == "yours"
