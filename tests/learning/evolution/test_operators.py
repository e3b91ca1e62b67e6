"""Who is kept and who has children, under each operator."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh import ConfigError, Topology
from agentmesh.evaluation.comparison.rows import Row
from agentmesh.evaluation.measures import measured
from agentmesh.learning.evolution import OPERATORS, Operator
from agentmesh.learning.evolution.genome import Individual
from agentmesh.learning.evolution.operators import Place, Scored, next_places, ranked


def scored(at: int, success: float = 0.0, *, tokens: int = 100, changes: Any = None) -> Scored:
    right = round(success * 10)
    rows = [
        Row(f"{at} {n}", "t", str(n), 0, 1, "", "completed", "", "1", n < right, float(n < right), "", tokens, None, 1,
            0.0, 0, measured((), lambda text: None))
        for n in range(10)
    ]  # fmt: skip
    return Scored(Individual(f"g0-{at:02}", {"p": at} if changes is None else changes), rows)


def population(size: int) -> list[Scored]:
    """The later, the better."""
    return [scored(at, at / size) for at in range(size)]


def places(operator: Operator, of: list[Scored], k: int = 4, seed: int = 0, **more: Any) -> list[Place]:
    return next_places(operator, of, k, Random(seed), **more)


@given(operator=st.sampled_from(OPERATORS), size=st.integers(1, 20), k=st.integers(1, 6), seed=st.integers(0, 99))
def test_every_operator_gives_as_many_places_as_there_are_members(
    operator: Operator, size: int, k: int, seed: int
) -> None:
    of = population(size)
    found = places(operator, of, k, seed)
    assert len(found) == size
    assert all(place.parents and (len(place.parents) == 1 or not place.kept) for place in found)
    if size > 1 and operator in ("tournament", "elitist", "novelty", "islands"):
        assert any(place.kept and place.parents[0] is ranked(of)[0] for place in found)


def test_recursive_self_aggregation_makes_every_member_of_k_random_ones() -> None:
    found = places("rsa", population(16))
    assert all(len(place.parents) == len({id(one) for one in place.parents}) == 4 for place in found)
    assert not any(place.kept for place in found)
    assert len({id(one) for place in found for one in place.parents}) == 16


def test_elitists_keep_the_k_best_and_breed_from_them_alone() -> None:
    of = population(10)
    found = places("elitist", of, k=3)
    assert [place.parents[0] for place in found if place.kept] == of[:-4:-1]
    assert {id(one) for place in found[3:] for one in place.parents} <= {id(one) for one in of[-3:]}


def test_a_tournament_prefers_the_better() -> None:
    of = population(12)
    chosen = [of.index(one) for place in places("tournament", of)[1:] for one in place.parents]
    assert sum(chosen) / len(chosen) > 7  # of 0..11 at random 5.5


def test_the_best_of_an_island_moves_along_the_edges_of_the_topology_and_no_further() -> None:
    of = [scored(at, 0.1 * (at % 3)) for at in range(8)]
    of[0] = scored(0, 1.0)  # on the first of four islands: members 0 and 4
    one_way = Topology([{"name": "p", "nodes": ["a", "b", "c", "d"], "edges": ["user -> a", "a -> b", "d -> user"]}])
    found = places("islands", of, migration=one_way)
    kept = [place.parents[0] for place in found if place.kept]
    assert [one is of[0] for one in kept] == [True, True, False, False]
    everywhere = places("islands", of)
    assert sum(place.kept and place.parents[0] is of[0] for place in everywhere) >= 2
    with pytest.raises(ConfigError, match="population of 8 or more"):
        places("islands", of[:7], migration=one_way)


def test_novelty_breeds_from_the_unlike_but_not_from_the_bad() -> None:
    alike = [scored(at, 0.5, changes={"p": "same"}) for at in range(6)]
    odd, bad = scored(6, 0.5, changes={"q": "else"}), scored(7, 0.0, changes={"r": "bad"})
    found = places("novelty", [*alike, odd, bad], k=7)
    assert all(one is odd for place in found[1:] for one in place.parents)


def test_of_equals_the_one_that_uses_less_is_better() -> None:
    dear, cheap = scored(0, 0.5, tokens=900), scored(1, 0.5, tokens=100)
    assert ranked([dear, cheap])[0] is cheap
