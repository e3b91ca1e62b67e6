"""What the bounds of a run count, and where they are not known."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from agentmesh.config.models import AgentConfig, Limits
from agentmesh.topology.activity import acting, activity
from agentmesh.topology.bounds import PROMPT_TOKENS, SUMMARY_TOKENS, TASK_TOKENS, bounds_of
from agentmesh.topology.graph import Board, Edge, Phase, Topology, Vote
from agentmesh.topology.lines import Start

VOTES = {"v": Vote(), "w": Vote(candidates=("a", "b"))}
LLM = {name: AgentConfig(max_steps=1, max_output_tokens=100) for name in "abcd"}


class Price(NamedTuple):
    input: float = 1.0
    output: float = 2.0


def course(*phases: dict[str, Any]) -> Topology:
    named = [{"name": f"p{index}", **phase} for index, phase in enumerate(phases)]
    return Topology(named, votes=VOTES, boards={"b1": Board()})


def most(topology: Topology, **more: Any) -> tuple[int | None, int | None]:
    bounds = bounds_of(topology.phases, **more)
    return bounds.turns, bounds.messages


ANSWER: dict[str, Any] = {"edges": ["a -> user"]}


# Turns and messages


def test_the_task_is_given_once_but_again_to_those_who_have_forgotten_it() -> None:
    first, again = {"edges": ["user -> a, b"]}, {"edges": ["user -> a, b, c"]}
    assert most(course(first, again, ANSWER)) == (2 + 3 + 1, 2 + 1 + 1)
    fresh = most(course(first, {**again, "memory": "fresh"}, ANSWER))
    assert fresh == (2 + 3 + 1, 2 + 3 + 1)


def test_a_cap_holds_for_the_run_however_often_its_phase_is_gone_through() -> None:
    capped = [{"from": "a", "to": "b", "max_messages": 2}]
    loop = {"edges": ["user -> a", *capped], "until": {"function": "m:f"}, "max_iterations": 5}
    assert most(course(loop, ANSWER))[1] == 1 + 2 + 1


def test_a_phase_that_forgets_everything_begins_like_the_first() -> None:
    line = {"edges": ["user -> a", "a -> b", "b -> c"], "order": "simultaneous", "rounds": 3}
    loop = {**line, "until": {"function": "m:f"}, "max_iterations": 2}
    assert most(course({**loop, "memory": "fresh"}, ANSWER)) == (2 * 3 + 1, 2 * (1 + 1 + 1) + 1)
    # Who remembers may have something to read from before, whoever it is.
    assert most(course(loop, ANSWER)) == (3 + 6 + 1, 1 + 2 + 3 + 1)


@pytest.mark.parametrize(
    ("edges", "joins", "turns"),
    [
        ({"a": 5, "b": 1}, {"c": 2}, 1),
        ({"a": 5, "b": 3}, {"c": 2}, 3),
        ({"a": 5, "b": 3}, {"c": "all"}, 3),
        ({"a": 2, "b": 2, "d": 2}, {"c": 2}, 3),
        ({"a": 2, "b": 2, "d": 2}, {"c": "quorum"}, 3),
        ({"a": 9, "b": 1, "d": 1}, {"c": 3}, 1),
        ({"a": 9, "b": 1, "d": 1}, {"c": 4}, 0),
    ],
)
def test_a_join_takes_messages_of_different_senders(edges: dict[str, int], joins: Any, turns: int) -> None:
    """Each sender is set going so often by a neighbour with a cap, which the user starts."""
    around = [
        {"from": a, "to": b, "max_messages": many - 1}
        for name, many in edges.items()
        for a, b in ((name, f"{name}2"), (f"{name}2", name))
        if many > 1
    ]
    topology = Topology.graph([*(("user", name) for name in edges), *around, *((n, "c") for n in edges)], joins=joins)
    count = dict(activity(topology.phases[0]).turns)
    assert count[("c",)] == turns


def test_whoever_the_moderator_calls_upon_most_bounds_what_is_said() -> None:
    phase = Phase(
        "talk", "moderator", ("m", "a", "b"),
        (Edge("m", "a"), Edge("m", "b"), Edge("a", "m"), Edge("a", "b"), Edge("b", "a")), rounds=4, moderator="m",
    )  # fmt: skip
    assert most(Topology([phase])) == (4 * 3 + 4, 12 * 2 + 4 * 2)


def test_results_of_votes_may_come_in_any_later_round() -> None:
    """Nobody knows when a vote is counted: those who hear of it may have to act in any round after the first."""
    edges = ["user -> a, b", "a -> v", "v -> c", "b -> c"]
    phase = course({"edges": edges, "order": "simultaneous", "rounds": 4}).phases[0]
    assert acting(phase) == [frozenset("ab"), frozenset("c"), frozenset("c"), frozenset("c")]


def test_rounds_that_repeat_are_not_walked_one_by_one() -> None:
    star = Topology.star("a", ["b", "c"], rounds=1_000_000).phases[0]
    rounds = acting(star)
    assert len(rounds) == 2_000_000
    assert [rounds[0], rounds[1], rounds[-1]] == [frozenset("a"), frozenset("bc"), frozenset("bc")]


def test_limits_on_turns_bound_messages_and_calls_too() -> None:
    flat = Topology.flat("abcd", rounds=9)
    assert most(flat, limits=Limits(turns=2)) == (2, 2 * 3 + 4 + 1)
    bounds = bounds_of(flat.phases, LLM, Limits(turns=2))
    assert bounds.model_calls == 2
    told_late = course({"edges": ["user -> a"]}, {"edges": ["user -> b, c, d", "a -> user"], "opens": ["a"]})
    assert most(told_late, limits=Limits(turns=1)) == (1, 5)


def test_a_refuted_answer_costs_its_author_a_turn_and_what_follows_from_it() -> None:
    chain = Topology.chain("ab")
    assert most(chain, retries=2) == (1 + 3, 1 + 1 + 3)
    voted = Topology.independent("ab", vote="v")
    assert most(voted, retries=1) == (2, 2 + 2 + 1)
    rounds = course({"edges": ["user -> a", "a -> b, user"], "order": "round_robin", "rounds": 2})
    assert most(rounds, retries=1) == (2 + 2, 1 + 2 + 2)


def test_what_is_under_way_may_have_been_heard_over_edges_that_are_cut_by_now() -> None:
    phase = Phase("one", "reactive", ("a", "b"), (Edge("b", "user"),))
    assert most(Topology([phase])) == (0, 0)
    assert most(Topology([phase]), begun=True) == (2, 1)
    assert dict(activity(phase, Start(midway=True)).turns) == {("a",): 1, ("b",): 1}


# Model calls, tokens, USD


def test_model_calls_are_steps_of_turns_and_summaries() -> None:
    edges = ["user -> a", {"from": "a", "to": ["b", "c"], "carries": "summary"}, "b, c -> user"]
    phases = Topology.graph(edges).phases
    agents = {"a": AgentConfig(max_steps=5), "b": AgentConfig(max_steps=2), "c": AgentConfig(kind="human")}
    assert bounds_of(phases, agents).model_calls == 5 + 2 + 2
    assert bounds_of(phases, agents, Limits(messages=1)).model_calls == 5 + 2 + 1


def test_tokens_are_all_that_may_be_heard_and_said() -> None:
    bounds = bounds_of(Topology.chain("ab").phases, LLM)
    fixed = PROMPT_TOKENS + 16 * 2 + 100 + 100
    assert bounds.tokens == (fixed + TASK_TOKENS) + (fixed + 100)


def test_a_vote_passes_on_what_its_candidates_wrote() -> None:
    edges = ["user -> a, b", "a, b -> w", "w -> c", "c -> user"]
    long = {**LLM, "a": AgentConfig(max_steps=1, max_output_tokens=50_000)}
    topology = Topology.graph(edges, votes=VOTES)
    [short, wide] = (bounds_of(topology.phases, agents).tokens or 0 for agents in (LLM, long))
    assert wide - short == 2 * 49_900 + 49_900  # what `a` may have said before and says now, and `c` may read


def test_summaries_are_paid_for() -> None:
    edges = ["user -> a", {"from": "a", "to": "b", "carries": "summary", "model": "small"}, "b -> user"]
    phases = Topology.graph(edges).phases
    prices = dict.fromkeys("ab", Price(0, 0))
    priced = bounds_of(phases, LLM, prices=prices, summaries={"small": Price(1, 2)})
    assert priced.usd == pytest.approx((100 + PROMPT_TOKENS + 2 * SUMMARY_TOKENS) / 1e6)
    assert bounds_of(phases, LLM, prices=prices).usd is None


def test_what_stands_on_a_board_may_be_of_any_length() -> None:
    topology = course({"edges": ["user -> a", "b1 -> a", "a -> user"]})
    assert bounds_of(topology.phases, LLM).tokens is None
    assert bounds_of(topology.phases, LLM, Limits(tokens=500)).tokens == 500


def test_votes_that_vote_for_each_other_are_no_endless_sum() -> None:
    """A check refuses them; the bounds are computed before."""
    topology = Topology.graph(["user -> a", "a -> v", "v <-> w", "w -> a", "a -> user"], votes=VOTES)
    assert bounds_of(topology.phases, LLM).turns == 2
