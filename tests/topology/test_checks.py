"""What is wrong or odd about a graph is found before a token is spent, and nothing is found where nothing is."""

from __future__ import annotations

from typing import Any

import pytest

from agentmesh.config.models import Limits
from agentmesh.topology.bounds import bounds_of
from agentmesh.topology.checks import Lint, lint
from agentmesh.topology.graph import Board, Edge, Phase, Topology, Vote
from agentmesh.topology.phases import Until

VOTES = {"v": Vote()}
BOARDS = {"b1": Board()}
NAMES = ("a", "b", "c", "d")


def found(topology: Topology, limits: Limits | None = None) -> list[Lint]:
    return lint(topology, bounds_of(topology.phases, limits=limits), limits)


def only(check: str, topology: Topology, limits: Limits | None = None) -> Lint:
    """The one fault of that name; nothing else but single points of failure may have been found."""
    faults = [fault for fault in found(topology, limits) if fault.check != "single_point"]
    assert [fault.check for fault in faults] == [check]
    return faults[0]


def said(faults: list[Lint], check: str) -> list[str]:
    return [fault.message for fault in faults if fault.check == check]


def course(*phases: dict[str, Any], **more: Any) -> Topology:
    named = [{"name": f"p{index}", **phase} for index, phase in enumerate(phases)]
    return Topology(named, **more)


ANSWER: Any = {"edges": ["a -> user"], "opens": ["a"]}
DISCUSSION: Any = {"edges": ["user -> a, b, c", "a, b, c -> a, b, c"], "order": "simultaneous", "rounds": 2}


# Nothing is found where nothing is


@pytest.mark.parametrize(
    "topology",
    [
        Topology.solo("a"),
        Topology.chain(NAMES),
        Topology.flat(NAMES),
        Topology.flat(NAMES, order="round_robin", rounds=1),
        Topology.flat(NAMES, vote="v"),
        Topology.flat(NAMES, end="converged", positions="required"),
        Topology.star("a", NAMES[1:]),
        Topology.ring(NAMES),
        Topology.ring(NAMES, order="random"),
        Topology.layers([["a", "b"], ["c"], ["d"]]),
        Topology.debate(["a", "b"], judge="c", rounds=1),
        Topology.independent(NAMES, vote="v"),
        Topology.independent(NAMES[:3], best_of="d"),
        Topology.independent(NAMES[:3], aggregator="d"),
        Topology.hierarchy("a", ["b", {"planner": "c", "workers": ["d"]}], judge="e"),
    ],
    ids=lambda topology: topology.kind,
)
def test_every_kind_is_free_of_faults(topology: Topology) -> None:
    assert found(topology) == []


def test_phases_by_hand_with_a_board_and_a_vote_are_free_of_faults() -> None:
    topology = course(
        {"edges": ["user -> a, b, c"]},
        {
            "edges": ["a, b, c -> a, b, c", "a, b, c -> b1", "b1 -> a, b, c"], "order": "round_robin", "rounds": 2,
            "until": {"function": "m:f"}, "max_iterations": 3, "positions": "required", "end": "converged",
        },
        {"edges": ["a, b, c -> v", "v -> user"], "order": "simultaneous", "rounds": 1},
        votes={"v": Vote(weights={"a": 2.0}, ties="b")}, boards=BOARDS,
    )  # fmt: skip
    assert found(topology) == []


# Ways in and out


def test_boards_let_nobody_act() -> None:
    topology = Topology.graph(["user -> a", "a -> b1", "b1 -> b", "a -> user", "b -> user"], boards=BOARDS)
    fault = only("unreachable", topology)
    assert fault.agents == ("b",)
    assert fault.message == "no message can ever reach 'b': no path leads to it from 'user'; a board lets nobody act"
    woken = course({"edges": ["user -> a", "a -> b1"]}, {"edges": ["b1 -> b", "b -> user"]}, boards=BOARDS)
    assert found(woken) == [only_single(woken)]


def only_single(topology: Topology) -> Lint:
    [fault] = found(topology)
    assert fault.check == "single_point"
    return fault


def test_word_flows_through_votes() -> None:
    topology = Topology.graph(["user -> a", "user -> b", "a, b -> v", "v -> c", "c -> user"], votes=VOTES)
    assert [fault.agents for fault in found(topology)] == [("c",)]


def test_an_answer_that_can_never_come_is_found_though_there_is_an_edge_for_it() -> None:
    rounds = {"edges": ["user -> a", "a -> b", "b -> c", "c -> user"], "order": "simultaneous"}
    fault = only("no_answer", course({**rounds, "rounds": 2}))
    assert fault.message == "no answer can come: c may answer and never gets to act"
    assert fault.fatal
    assert [fault.check for fault in found(course({**rounds, "rounds": 3}))] == ["single_point"]


def test_an_agent_that_never_acts_is_told() -> None:
    short = course({"edges": ["user -> a", "a -> b, user", "b -> user"], "order": "simultaneous", "rounds": 1})
    fault = only("never_acts", short)
    assert (fault.agents, fault.fatal) == (("b",), False)
    assert fault.message == "'b' never takes a turn: the rounds are over before word reaches it"
    moderated = {"edges": ["user -> m", "m -> a", "a -> m, b", "b -> a"], "order": "moderator", "moderator": "m"}
    called = course({**moderated, "rounds": 2}, ANSWER)
    assert only("never_acts", called).message == "'b' never takes a turn: 'm' has no edge to call upon it"


def test_an_agent_whose_words_go_nowhere_is_told() -> None:
    topology = Topology.graph(["user -> a, b", "a -> user, c", "b -> c"])
    faults = [fault for fault in found(topology) if fault.check == "no_way"]
    assert [(fault.agents, fault.fatal) for fault in faults] == [(("b",), False), (("c",), False)]
    assert faults[0].message == "nothing that 'b' writes can ever reach 'user', over edges, votes or boards"


@pytest.mark.parametrize(
    ("way", "later"),
    [
        (["b -> b1", "b1 -> a"], ANSWER),
        (["b -> a"], ANSWER),
        (["b -> v", "v -> a"], ANSWER),
        (["b -> b1"], {"edges": ["b1 -> a", "a -> user"]}),
    ],
)
def test_words_reach_the_user_through_boards_votes_and_what_is_remembered(way: list[str], later: Any) -> None:
    topology = course({"edges": ["user -> a, b", *way]}, later, votes=VOTES, boards=BOARDS)
    assert said(found(topology), "no_way") == []
    forgotten = course({"edges": ["user -> a, b", *way]}, {**later, "memory": "fresh"}, votes=VOTES, boards=BOARDS)
    # What was written on a board is still there when everybody has forgotten everything.
    assert bool(said(found(forgotten), "no_way")) is (later is ANSWER)


# Joins


def test_a_quorum_and_a_number_that_can_never_be_met_are_found() -> None:
    edges = ["user -> a", "a -> b", "b -> c", "a, c, d -> e", "e -> d, user"]
    capped = [*edges[:4], {"from": "e", "to": ["d", "user"], "max_messages": 1}]
    late = only("join", Topology.graph([*capped], joins={"e": 3}))
    assert late.message == "'e' waits for 3 of its predecessors (a, c, d), but d cannot act first"
    assert found(Topology.graph(capped, joins={"e": "quorum"})) != []
    assert said(found(Topology.graph(capped, joins={"e": "quorum"})), "join") == []
    quorum = Topology.graph(["user -> a", "a, b, c -> d", "d -> b, c, user"], joins={"d": "quorum"})
    told = "'d' waits for more than half of its predecessors (a, b, c), but b, c cannot act first"
    assert said(found(quorum, Limits(turns=9)), "join") == [told]


def test_nobody_waits_for_a_task_that_it_was_given_before() -> None:
    first = {"edges": ["user -> a, b", "a -> b", "b -> c"]}
    later = {"edges": ["user -> b", "a -> b", "b -> user"], "opens": ["a"]}
    fault = only("join", course(first, later, joins={"b": "all"}))
    assert (fault.message, fault.phase) == (
        "'b' waits for all its predecessors (user, a), but 'user' has given it the task in an earlier phase",
        1,
    )
    assert said(found(course(first, {**later, "memory": "fresh"}, joins={"b": "all"})), "join") == []


def test_a_join_behind_a_vote_is_met() -> None:
    edges = ["user -> a, b", "a, b -> v", "v -> c", "a -> c", "c -> user"]
    assert said(found(Topology.graph(edges, votes=VOTES, joins={"c": "all"})), "join") == []


def test_cycles_in_rounds_are_bounded_and_only_others_are_told() -> None:
    reactive = {"edges": ["a -> b", "b -> a, user"], "opens": ["a"]}
    fault = only("cycle", course(DISCUSSION, reactive))
    assert set(fault.agents) == {"a", "b"}
    assert fault.phase == 1


# Single points of failure


@pytest.mark.parametrize(
    ("edges", "joins", "points"),
    [
        (["user -> a, b", "a, b -> c", "c -> user"], {}, ["c"]),
        (["user -> a, b", "a, b -> c", "c -> user"], {"c": "all"}, ["a", "b", "c"]),
        (["user -> a, b, d", "a, b, d -> c", "c -> user"], {"c": 2}, ["c"]),
        (["user -> a, b, d", "a, b, d -> c", "c -> user"], {"c": "quorum"}, ["c"]),
        (["user -> a, b, d", "a, b, d -> c", "c -> user"], {"c": 3}, ["a", "b", "c", "d"]),
        (["user -> e", "e -> a, b", "a, b, d -> c", "user -> d", "c -> user"], {"c": 2}, ["c", "e"]),
        (["user -> a, b", "a, b -> user"], {}, []),
        (["user -> a, b", "a, b -> v", "v -> user"], {}, []),
        (["user -> a", "a -> b", "b -> a", "a -> c", "b -> c", "c -> user"], {}, ["a", "c"]),
    ],
)
def test_those_without_whom_no_answer_can_come_are_told(edges: Any, joins: Any, points: list[str]) -> None:
    topology = Topology.graph(edges, joins=joins, votes=VOTES)
    faults = [fault for fault in found(topology, Limits(turns=20)) if fault.check == "single_point"]
    assert [sorted(fault.agents) for fault in faults] == ([points] if points else [])


def test_phases_that_open_anew_do_not_depend_on_what_was_before() -> None:
    topology = course({"edges": ["user -> a", "a -> b"]}, {"edges": ["b, c -> user"], "opens": ["b", "c"]})
    assert said(found(topology), "single_point") == []
    called = course(
        {"edges": ["user -> m", "m -> a, b", "a, b -> user"], "order": "moderator", "moderator": "m", "rounds": 2}
    )
    assert only_single(called).agents == ("m",)


def test_candidates_and_their_judges_must_not_all_fail() -> None:
    votes = {"v": Vote(candidates=("a", "b"))}
    topology = Topology.graph(["user -> a, b, c", "a, b, c -> v", "v -> user"], votes=votes)
    assert only_single(topology).agents == ("c",)


# Hearing of each other


def test_rounds_that_are_too_few_for_word_to_get_round_are_told() -> None:
    fault = only("unheard", Topology.ring(NAMES, rounds=2))
    assert fault.agents == NAMES
    assert fault.message == (
        "within the rounds 'a' can never hear of b; so it is with 3 more who do not hear of everybody (b, c, d): "
        "give the phase more rounds"
    )
    assert found(Topology.ring(NAMES, rounds=3)) == []


@pytest.mark.parametrize(
    ("order", "rounds", "deaf"),
    [
        ("round_robin", 1, {"b": "d"}),
        ("round_robin", 2, {}),
        ("simultaneous", 1, {"a": "c", "b": "d", "c": "a", "d": "b"}),
        ("simultaneous", 2, {}),
        ("random", 1, {}),
    ],
)
def test_what_is_heard_depends_on_the_order(order: str, rounds: int, deaf: dict[str, str]) -> None:
    """Of a square everybody hears two neighbours; in turn, word runs ahead within one round."""
    square = ["user -> a, b, c, d", "a <-> b", "b <-> c", "c <-> d", "d <-> a"]
    topology = course({"edges": square, "order": order, "rounds": rounds}, ANSWER)
    faults = [fault for fault in found(topology) if fault.check == "unheard"]
    assert [fault.agents for fault in faults] == ([tuple(deaf)] if deaf else [])
    for fault in faults:
        assert f"'{fault.agents[0]}' can never hear of {deaf[fault.agents[0]]}" in fault.message


def test_word_travels_over_boards_and_votes_and_from_phase_to_phase() -> None:
    line = ["user -> a, b, c", "a <-> b", "b <-> c"]
    short = {"edges": line, "order": "simultaneous", "rounds": 1}
    assert said(found(course(short, ANSWER)), "unheard")
    assert said(found(course(short, {**short, "edges": line[1:]}, ANSWER)), "unheard") == []
    board = {**short, "edges": [*line, "a, c -> b1", "b1 -> a, c"]}
    assert said(found(course(board, ANSWER, boards=BOARDS)), "unheard") == []
    vote = {**short, "edges": [*line, "a, c -> v", "v -> a, c"]}
    assert said(found(course(vote, ANSWER, votes=VOTES)), "unheard") == []
    again = {**short, "until": {"function": "m:f"}, "max_iterations": 2}
    assert said(found(course(again, ANSWER)), "unheard") == []
    assert said(found(course({**again, "memory": "fresh"}, ANSWER)), "unheard")


def test_leaves_of_a_star_are_not_meant_to_hear_each_other() -> None:
    assert found(Topology.star("a", NAMES[1:], rounds=1)) == []


# Density


def test_a_message_limit_below_what_the_rounds_need_is_told_with_both_numbers() -> None:
    topology = Topology.flat(NAMES, rounds=2)
    assert topology.bounds.messages == 29
    assert found(topology, Limits(messages=29)) == []
    fault = only("density", topology, Limits(messages=28))
    assert fault.message == (
        "limits.messages is 28, and 29 pass if everybody talks in every round (28 in 'discuss', 1 in 'answer'): "
        "the run may end before its answer"
    )
    assert not fault.fatal
    assert found(Topology.hierarchy("p", ["w"]), Limits(messages=5)) == []


# Votes and boards


def test_votes_that_nobody_reaches_or_that_tell_nobody_are_refused() -> None:
    alone = Topology.graph(["user -> a", "a -> user", "v -> user"], votes=VOTES)
    assert only("vote", alone).message == "nobody may vote at 'v': draw an edge from an agent to it"
    silent = course({"edges": ["user -> a", "a -> v"]}, ANSWER, votes=VOTES)
    fault = only("vote", silent)
    assert fault.message == (
        "the result of the vote 'v' goes nowhere in phase 'p0': draw an edge from it to 'user' or to an agent"
    )
    assert (fault.agents, fault.phase) == (("v",), 0)


def test_candidates_need_an_edge_to_their_vote() -> None:
    votes = {"v": Vote(candidates=("a", "b"))}
    fault = only("candidate", Topology.graph(["user -> a, b, c", "a, c -> v", "b -> c", "v -> user"], votes=votes))
    assert fault.message == "'b' is a candidate of 'v' and can enter nothing: draw an edge b -> v"


def test_weights_and_ties_of_those_who_may_not_vote_are_told() -> None:
    votes = {"v": Vote(weights={"a": 2.0, "c": 2.0}, ties="c")}
    faults = found(Topology.graph(["user -> a, b, c", "a, b -> v", "c -> a", "v -> user"], votes=votes))
    assert said(faults, "voter") == [
        "'c' has a weight at 'v' and no edge to it",
        "'c' decides ties at 'v' and has no edge to it: the seed will decide them",
    ]
    assert not any(fault.fatal for fault in faults)


def test_boards_that_nobody_writes_or_reads_are_told() -> None:
    written = Topology.graph(["user -> a, b", "a -> b1", "a, b -> user"], boards=BOARDS)
    assert said(found(written), "board") == ["nobody may read the board 'b1'"]
    read = ["user -> a, b", "b1 -> a", "a, b -> user"]
    assert said(found(Topology.graph(read, boards=BOARDS)), "board") == [
        "nobody may write to the board 'b1', and it is empty"
    ]
    assert said(found(Topology.graph(read, boards={"b1": Board("the rules of the house")})), "board") == []


# Edges over which nothing passes


@pytest.mark.parametrize(
    ("edge", "why"),
    [
        ("user -> v", "the edge user -> v has no use: only agents vote"),
        ("v -> w", "the edge v -> w has no use: only agents vote"),
        ("user -> b1", "the edge user -> b1 has no use: only agents read and write boards"),
        ("b1 -> user", "the edge b1 -> user has no use: only agents read and write boards"),
        ("v -> b1", "the edge v -> b1 has no use: only agents read and write boards"),
    ],
)
def test_edges_over_which_nothing_can_pass_are_refused(edge: str, why: str) -> None:
    edges = ["user -> a", "a -> v, w, b1", "b1 -> a", "v, w -> a", "a -> user", edge]
    topology = Topology.graph(edges, votes={**VOTES, "w": Vote()}, boards=BOARDS)
    assert said(found(topology), "useless_edge") == [why]


def test_who_takes_no_part_has_no_edges_but_word_may_wait_for_a_later_phase() -> None:
    stranger = course({"nodes": ["a"], "edges": ["user -> a", "a -> c", "c -> user"]})
    assert said(found(stranger), "useless_edge") == [
        "the edge a -> c has no use: 'c' takes no part; add it to `nodes`",
        "the edge c -> user has no use: 'c' takes no part; add it to `nodes`",
    ]
    assert said(found(course({"nodes": ["a"], "edges": ["user -> a", "a -> c"]}, ANSWER)), "useless_edge")
    waits = course({"nodes": ["a"], "edges": ["user -> a", "a -> c"]}, {"edges": ["c -> user"]})
    assert said(found(waits), "useless_edge") == []


def test_in_the_order_tasks_nobody_is_written_to_but_planner_workers_and_judge() -> None:
    phase = {"edges": ["user -> p, w", "p -> user"], "order": "tasks", "planner": "p", "workers": ["w"]}
    assert said(found(course(phase)), "useless_edge") == [
        "the edge user -> w has no use: order: tasks knows only planners, their workers, the judge, and 'user' before "
        "and after them"
    ]
    assert said(found(course({**phase, "edges": ["user -> p", "p -> user"]})), "useless_edge") == []


# Positions


@pytest.mark.parametrize(
    ("phases", "message"),
    [
        (
            [{**DISCUSSION, "edges": ["user -> a, b, c", {"from": "a", "to": "b", "carries": "position"}]}, ANSWER],
            "the edge a -> b carries positions in phase 'p0', and none are stated there: set positions: required",
        ),
        (
            [{"edges": [{"from": "user", "to": "a", "carries": "position"}, "a -> user"], "positions": "required"}],
            "the edge user -> a carries positions, and 'user' states none: take carries: full",
        ),
        (
            [
                {
                    "edges": ["user -> a, b", {"from": ["a", "b"], "to": ["a", "b", "user"], "carries": "position"}],
                    "positions": "required",
                    "order": "round_robin",
                    "rounds": 1,
                }
            ],
            "the edges a -> b, a -> user carry positions, and 'a' states none where it may answer 'user': "
            "let it answer in a later phase",
        ),
    ],
)
def test_positions_are_carried_only_from_where_they_are_stated(phases: list[Any], message: str) -> None:
    faults = found(course(*phases))
    assert said(faults, "positions")[0] == message
    assert faults[0].fatal
    assert faults[0].key == "edges"


def test_a_ballot_is_what_it_is_whatever_its_edge_carries() -> None:
    edges = ["user -> a", {"from": "a", "to": "v", "carries": "position"}, "v -> user"]
    assert said(found(Topology.graph(edges, votes=VOTES)), "positions") == []


def test_convergence_needs_positions_of_everybody() -> None:
    fault = only("converged", Topology.flat(NAMES, end="converged"))
    assert fault.message == (
        "end: converged in phase 'discuss' compares positions, and none are stated there: set positions: required"
    )
    assert (fault.phase, fault.key) == (0, "end")
    open_ = {**DISCUSSION, "edges": [*DISCUSSION["edges"], "c -> user"], "end": "converged", "positions": "required"}
    assert only("converged", course(open_)).message == (
        "end: converged waits for a position of 'c', who states none where it may answer 'user': let it answer in a "
        "later phase"
    )
    chaired = {"edges": ["user -> m", "m -> a", "a -> user"], "order": "moderator", "moderator": "m", "rounds": 2}
    assert only("converged", course({**chaired, "end": "converged", "positions": "required"})).message == (
        "end: converged goes with an order in rounds, and this is order: moderator"
    )


# Beginnings and ends of phases


def test_a_phase_that_is_checked_answers_itself_or_in_a_later_one() -> None:
    loop = {**DISCUSSION, "until": {"function": "m:f"}, "max_iterations": 2}
    assert found(course(loop, {"edges": ["a, b, c -> user"], "opens": ["a", "b", "c"]})) == []
    assert found(course({**loop, "edges": [*DISCUSSION["edges"], "b -> user"]}, ANSWER)) == []
    assert found(course({**loop, "edges": [*DISCUSSION["edges"], "a, b, c -> user"]})) == []
    last = course({"edges": ["user -> a, b", "b -> user"]}, {**loop, "edges": DISCUSSION["edges"][1:]})
    assert only("until", last).message == (
        "phase 'p1' has `until` and no phase comes after it, so that nobody can answer: draw an edge to 'user', or add "
        "a phase that has one"
    )


def test_a_promise_alone_proves_nothing() -> None:
    edges = (Edge("user", "a"), Edge("a", "user"))
    trusting = Phase("loop", "reactive", ("a",), edges, until=Until(promise="x"), max_iterations=2)
    assert only("until", Topology([trusting])).message == (
        "`until` of phase 'loop' has nothing that checks: a promise alone proves nothing; add `verify` or `function`"
    )


def test_a_phase_that_ends_with_an_answer_needs_somebody_who_may_answer() -> None:
    nobody = course({"edges": ["user -> a"], "end": "answer"}, ANSWER)
    assert only("answer", nobody).message == (
        "phase 'p0' ends with an answer, and nobody may answer in it: draw an edge to 'user'"
    )
    early = course({"edges": ["user -> a", "a -> user"], "end": "answer"}, ANSWER)
    fault = only("answer", early)
    assert (fault.message, fault.fatal) == (
        "phase 'p0' ends with an answer, so that the phases after it never come",
        False,
    )


def test_a_moderator_needs_somebody_to_call_upon() -> None:
    phase = {"edges": ["user -> m, a", "a -> m"], "order": "moderator", "moderator": "m", "rounds": 2}
    assert only("moderator", course(phase, ANSWER)).message == (
        "the moderator 'm' may call upon nobody in phase 'p0': draw edges from it to those who are to speak"
    )
    lost = Phase("talk", "moderator", ("a",), (Edge("user", "a"), Edge("a", "user")), rounds=1)
    assert said(found(Topology([lost])), "moderator") == ["order: moderator needs a `moderator` among a"]


def test_somebody_who_takes_part_acts_first() -> None:
    fault = only("opens", course({"edges": ["user -> a"]}, {"edges": ["a -> user"], "opens": []}))
    assert fault.message == "nobody acts first in phase 'p1': name somebody in `opens`"
    stranger = Phase("one", "reactive", ("a",), (Edge("user", "a"), Edge("a", "user")), opens=("z",))
    assert said(found(Topology([stranger])), "opens") == ["'z' opens and takes no part: add it to `nodes`"]


def test_what_is_fatal_comes_first_and_hides_warnings_of_the_whole_graph() -> None:
    loop = Phase(
        "loop", "reactive", ("a",), (Edge("user", "a"),), until=Until(function="m:f"), end="answer", max_iterations=2
    )
    faults = found(Topology([loop, Phase("answer", "reactive", ("a",), (Edge("a", "user"),), opens=("a",))]))
    assert [fault.check for fault in faults] == ["answer"]
    early = {"edges": ["user -> a", "a -> user"], "end": "answer"}
    mixed = found(course(early, {"edges": ["v -> a", "a -> user"], "opens": ["a"]}, votes=VOTES))
    assert [(fault.check, fault.fatal) for fault in mixed] == [("vote", True), ("answer", False)]


# Size


@pytest.mark.parametrize("order", ["reactive", "simultaneous", "round_robin", "random"])
def test_a_large_graph_is_checked(order: str) -> None:
    """A thousand agents with ten thousand edges; how long that takes is measured by the benchmarks."""
    names = [f"n{number}" for number in range(1000)]
    steps = [(names[i], names[(i + step) % 1000]) for step in (1, 2, 3, 5, 8, 13, 21, 34, 55) for i in range(1000)]
    edges: list[Any] = [*(("user", name) for name in names), *steps, (names[0], "user")]
    rounds = {} if order == "reactive" else {"rounds": 20}
    topology = course({"edges": edges, "order": order, **rounds})
    limits = Limits(turns=50_000, messages=1000)
    faults = lint(topology, bounds_of(topology.phases, limits=limits), limits)
    assert [fault.check for fault in faults if fault.fatal] == []
    assert said(faults, "density")


# Keys without effect


def test_what_an_edge_asks_of_a_board_or_a_ballot_and_nobody_does_is_an_error() -> None:
    edges: list[Any] = [
        "user -> a, b",
        {"from": "a", "to": "b1", "max_messages": 1, "carries": "position", "rewrite": "package:function"},
        {"from": "b1", "to": "b", "trust": "untrusted"},
        {"from": "b", "to": "v", "carries": "summary", "max_messages": 1},
        {"from": "a", "to": "v", "rewrite": "package:function"},
        "v -> user",
    ]
    faults = found(Topology.graph(edges, votes=VOTES, boards=BOARDS))
    whole = "a board is read and written whole, by tools; remove it"
    assert said(faults, "useless_edge") == [
        f"`max_messages` has no effect on the edge a -> b1: {whole}",
        f"`carries` has no effect on the edge a -> b1: {whole}",
        f"`rewrite` has no effect on the edge a -> b1: {whole}",
        "`carries: summary` has no effect on the edge b -> v: nobody changes a ballot; remove it",
        "`rewrite` has no effect on the edge a -> v: nobody changes a ballot; remove it",
    ]
    assert all(fault.fatal for fault in faults)


def test_nobody_shortens_a_task_or_what_won_a_vote() -> None:
    edges: list[Any] = [
        {"from": "user", "to": "a", "carries": "summary"}, "a -> v", {"from": "v", "to": "user", "carries": "summary"},
    ]  # fmt: skip
    assert said(found(Topology.graph(edges, votes=VOTES)), "useless_edge") == [
        "`carries: summary` has no effect on the edge user -> a: nobody shortens a task; remove it",
        "`carries: summary` has no effect on the edge v -> user: nobody shortens what won a vote; remove it",
    ]


def test_what_a_candidate_enters_may_be_rewritten() -> None:
    edges: list[Any] = [
        "user -> a, b, c", {"from": ["a", "b"], "to": "v", "rewrite": "package:function"}, "a, b -> c", "c -> v",
        "v -> user",
    ]  # fmt: skip
    faults = found(Topology.graph(edges, votes={"v": Vote(candidates=("a", "b"))}))
    assert not [fault for fault in faults if fault.fatal]


@pytest.mark.parametrize(
    ("topology", "unasked"),
    [
        (Topology.chain(["a"], positions="required"), True),
        (
            course(
                {
                    "order": "tasks",
                    "planner": "a",
                    "workers": ["b"],
                    "edges": ["user -> a", "a -> user"],
                    "positions": "optional",
                }
            ),
            True,
        ),
        (Topology.chain(["a", "b"], positions="required"), False),
        (Topology.flat(["a", "b"], positions="required"), False),
    ],
)
def test_positions_that_nobody_is_asked_for_are_told(topology: Topology, unasked: bool) -> None:
    told = said(found(topology), "positions")
    assert len(told) == unasked
    assert all("has no effect" in message for message in told)


def test_layers_may_end_in_a_vote_which_is_not_given_the_task() -> None:
    topology = Topology.layers([["a", "b"], ["c", "d"], "v"], votes=VOTES)
    assert found(topology) == []
    assert topology.phases[0].predecessors["v"] == ("c", "d")
