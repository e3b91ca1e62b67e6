"""Ballots are counted by plurality, Borda or Condorcet, with weights; ties are decided, and said to be ties."""

from __future__ import annotations

from collections import Counter
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.topology.phases import Method, Vote
from agentmesh.topology.voting import count

OPTIONS = ("x", "y", "z", "q")
METHODS: tuple[Method, ...] = ("plurality", "borda", "condorcet")
rankings = st.lists(st.sampled_from(OPTIONS), min_size=1, max_size=4, unique=True)
elections = st.dictionaries(st.sampled_from("abcdefg"), rankings, min_size=1)
methods = st.sampled_from(METHODS)


def each(*ballots: str) -> dict[str, list[str]]:
    """One voter a ballot: `xyz` ranks x first."""
    return {f"voter-{place}": list(ballot) for place, ballot in enumerate(ballots)}


# The three methods


def test_plurality_counts_first_places_alone() -> None:
    tally = count(each("xyz", "xzy", "yzx", "yzx", "yxz"), Vote())
    assert (tally.winner, tally.scores, tally.tied) == ("y", {"x": 2.0, "y": 3.0, "z": 0.0}, ())


def test_borda_gives_points_for_all_that_stand_below() -> None:
    tally = count(each("xyz", "xyz", "yzx"), Vote(method="borda"))
    assert (tally.scores, tally.tied) == ({"x": 4.0, "y": 4.0, "z": 1.0}, ("x", "y"))
    assert count(each("xyz", "yzx", "yzx"), Vote(method="borda")).scores == {"x": 2.0, "y": 5.0, "z": 2.0}


def test_what_a_ballot_leaves_out_gets_no_points_from_it() -> None:
    tally = count(each("x", "yx"), Vote(method="borda", options=("x", "y", "z")))
    assert tally.scores == {"x": 2 + 1, "y": 2, "z": 0}


def test_condorcet_finds_who_beats_everybody_though_plurality_would_not() -> None:
    ballots = each("xyz", "xyz", "xyz", "zyx", "zyx", "zyx", "zyx", "yxz", "yxz")
    assert count(ballots, Vote()).winner == "z"
    tally = count(ballots, Vote(method="condorcet"))
    assert (tally.winner, tally.scores, tally.tied) == ("y", {"y": 2.0}, ())


def test_a_circle_of_victories_is_decided_by_borda() -> None:
    ballots = each("xyz", "yzx", "zxy", "xyz", "yzx")
    assert count(ballots, Vote(method="condorcet")).scores == count(ballots, Vote(method="borda")).scores
    assert count(ballots, Vote(method="condorcet")).winner == "y"


# Weights


def test_a_heavy_voter_counts_for_several() -> None:
    ballots = {"expert": ["x"], "a": ["y"], "b": ["y"]}
    assert count(ballots, Vote()).winner == "y"
    assert count(ballots, Vote(weights={"expert": 2.5})).scores == {"x": 2.5, "y": 2.0}


def test_weights_are_added_as_they_are_written() -> None:
    """In floating point 0.1 + 0.2 is more than 0.3."""
    weights = {"a": 0.1, "b": 0.2, "c": 0.3}
    tally = count({"a": ["x"], "b": ["x"], "c": ["y"]}, Vote(weights=weights, ties="c"))
    assert (tally.tied, tally.winner) == (("x", "y"), "y")


@given(elections, methods, st.dictionaries(st.sampled_from("abcdefg"), st.integers(1, 3)))
def test_a_weight_is_as_good_as_so_many_equal_voters(
    ballots: dict[str, list[str]], method: Method, weights: dict[str, int]
) -> None:
    many = {f"{voter}{copy}": ballot for voter, ballot in ballots.items() for copy in range(weights.get(voter, 1))}
    weighted: Any = count(ballots, Vote(method=method, weights=weights))
    assert weighted == count(many, Vote(method=method))


# Ties


def test_the_seed_decides_a_tie_always_in_the_same_way_and_not_always_for_the_same() -> None:
    ballots = each("x", "y", "z")
    winners = [count(ballots, Vote(), seed).winner for seed in range(40)]
    assert winners == [count(ballots, Vote(), seed).winner for seed in range(40)]
    assert set(winners) == {"x", "y", "z"}
    assert count(ballots, Vote(), 1).tied == ("x", "y", "z")


def test_a_named_voter_decides_a_tie_even_for_what_it_did_not_put_first() -> None:
    ballots = {"a": ["x", "y"], "b": ["y", "x"], "chair": ["z", "y", "x"], "c": ["x"], "d": ["y"]}
    for seed in range(10):
        tally = count(ballots, Vote(ties="chair"), seed)
        assert (tally.tied, tally.winner) == (("x", "y"), "y")


def test_a_deciding_voter_who_ranks_none_of_the_tied_or_did_not_vote_leaves_it_to_the_seed() -> None:
    ballots = {"a": ["x"], "b": ["y"], "c": ["x"], "d": ["y"], "chair": ["z"]}
    plain = [count(ballots, Vote(), seed).winner for seed in range(20)]
    assert [count(ballots, Vote(ties="chair"), seed).winner for seed in range(20)] == plain
    assert [count(ballots, Vote(ties="nobody"), seed).winner for seed in range(20)] == plain
    assert set(plain) == {"x", "y"}


# Words


def test_spellings_of_one_option_are_one_option_in_the_words_of_whoever_named_it_first() -> None:
    tally = count({"a": ["The Answer."], "b": ["the  answer"], "c": ["other"]}, Vote())
    assert (tally.winner, tally.scores) == ("The Answer.", {"The Answer.": 2.0, "other": 1.0})


def test_options_of_a_vote_are_told_in_its_own_words_also_if_nobody_wants_them() -> None:
    tally = count({"a": ["YES"]}, Vote(options=("yes", "no")))
    assert (tally.winner, tally.scores) == ("yes", {"yes": 1.0, "no": 0.0})


def test_candidates_are_options() -> None:
    assert count({"judge": ["b", "a"]}, Vote(candidates=("a", "b", "c"), method="borda")).scores == {
        "a": 1.0,
        "b": 2.0,
        "c": 0.0,
    }


# Whatever the ballots


@given(elections, methods, st.integers(), st.sampled_from(["seed", *"abcdefg"]), st.randoms(use_true_random=False))
def test_it_does_not_matter_who_was_counted_first(
    ballots: dict[str, list[str]], method: Method, seed: int, ties: str, chance: Any
) -> None:
    order = list(ballots)
    chance.shuffle(order)
    rule = Vote(method=method, ties=ties)
    one, other = count(ballots, rule, seed), count({voter: ballots[voter] for voter in order}, rule, seed)
    assert (one.winner, one.scores, set(one.tied)) == (other.winner, other.scores, set(other.tied))


@given(elections, methods, st.integers())
def test_the_winner_has_the_best_score_and_ties_are_all_who_have_it(
    ballots: dict[str, list[str]], method: Method, seed: int
) -> None:
    tally = count(ballots, Vote(method=method), seed)
    best = [option for option, score in tally.scores.items() if score == max(tally.scores.values())]
    assert tally.winner in best
    assert tally.tied == (tuple(best) if len(best) > 1 else ())


@given(elections)
def test_who_beats_everybody_in_pairs_wins_by_condorcet_and_else_the_points_decide(
    ballots: dict[str, list[str]],
) -> None:
    named = {option for ballot in ballots.values() for option in ballot}

    def prefers(ballot: list[str], one: str, other: str) -> bool:
        return one in ballot and (other not in ballot or ballot.index(one) < ballot.index(other))

    wins = Counter(
        one
        for one, other in permutations(named, 2)
        if sum(prefers(b, one, other) - prefers(b, other, one) for b in ballots.values()) > 0
    )
    champion = next((option for option in named if wins[option] == len(named) - 1), None)
    tally = count(ballots, Vote(method="condorcet"))
    if champion is not None:
        assert tally.winner == champion
    else:
        assert tally == count(ballots, Vote(method="borda"))


@given(elections, st.sampled_from(OPTIONS))
def test_more_support_never_makes_a_winner_lose(ballots: dict[str, list[str]], option: str) -> None:
    tally = count({**ballots, "more": [option]}, Vote())
    before = count(ballots, Vote())
    if before.winner == option:
        assert tally.winner == option


@pytest.mark.parametrize("method", METHODS)
def test_a_lone_voter_gets_what_it_wants(method: Method) -> None:
    assert count({"a": ["y", "x"]}, Vote(method=method)).winner == "y"
