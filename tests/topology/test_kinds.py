"""Kinds become phases and edges; a graph's hash is its identity; what cannot work is refused."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentmesh.config.models import Limits
from agentmesh.errors import ConfigError, TopologyError
from agentmesh.topology.bounds import bounds_of
from agentmesh.topology.checks import lint
from agentmesh.topology.drawn import named_graph
from agentmesh.topology.graph import Edge, Phase, Topology, Vote


def faults(topology: Topology, limits: Limits | None = None) -> dict[str, tuple[str, ...]]:
    bounds = bounds_of(topology.phases, limits=limits)
    return {fault.check: fault.agents for fault in lint(topology, bounds, limits)}


def test_solo_and_chain_are_one_path_from_the_user_to_the_user() -> None:
    assert Topology.solo("a").edges == [("user", "a"), ("a", "user")]
    chain = Topology.chain(["a", "b", "c"])
    assert chain.edges == [("user", "a"), ("a", "b"), ("b", "c"), ("c", "user")]
    assert [(phase.order, phase.participants) for phase in chain.phases] == [("reactive", ("a", "b", "c"))]
    assert chain.nodes == ("a", "b", "c")


def test_flat_is_a_clique_without_an_exit_and_then_the_speaker_alone() -> None:
    flat = Topology.flat(["a", "b", "c"], rounds=4, speaker="b", order="round_robin")
    discuss, answer = flat.phases
    assert {edge.pair for edge in discuss.edges} == {("user", name) for name in "abc"} | set(permutations("abc", 2))
    assert (discuss.order, discuss.rounds) == ("round_robin", 4)
    assert [edge.pair for edge in answer.edges] == [("b", "user")]
    assert answer.opens == ("b",)
    assert Topology.flat(["a", "b"]).phases[1].opens == ("b",)


def test_a_hierarchy_is_a_tree_with_edges_up_and_down_and_an_exit_at_its_root() -> None:
    tree = Topology.hierarchy("p", ["w1", {"planner": "s", "workers": ["w2", "w3"], "max_tasks": 2}], max_tasks=5)
    assert set(tree.edges) == {
        ("user", "p"),
        ("p", "user"),
        ("p", "w1"),
        ("w1", "p"),
        ("p", "s"),
        ("s", "p"),
        ("s", "w2"),
        ("w2", "s"),
        ("s", "w3"),
        ("w3", "s"),
    }
    [phase] = tree.phases
    assert phase.planning is not None
    assert phase.planning.max_tasks == {"p": 5, "s": 2}
    assert phase.planning.planner_of == {"w1": "p", "s": "p", "w2": "s", "w3": "s"}


def test_with_a_judge_only_the_judge_may_answer() -> None:
    judged = Topology.hierarchy("p", ["w"], judge="j")
    assert [sender for sender, recipient in judged.edges if recipient == "user"] == ["j"]
    assert ("p", "j") in judged.edges
    assert ("j", "p") in judged.edges


def test_a_graph_takes_edges_in_every_notation() -> None:
    ways: list[Any] = [["user", "a"], ("a", "b"), "b -> c", {"from": "c", "to": "user", "max_messages": 2}]
    graph = Topology.graph(ways, nodes=["d"])
    assert graph.edges == [("user", "a"), ("a", "b"), ("b", "c"), ("c", "user")]
    assert graph.nodes == ("d", "a", "b", "c")
    assert graph.phases[0].by_pair[("c", "user")].max_messages == 2


def test_a_networkx_graph_keeps_its_attributes() -> None:
    drawn: nx.DiGraph[str] = nx.DiGraph()
    drawn.add_edge("user", "a")
    drawn.add_edge("user", "b")
    drawn.add_edge("a", "b", max_messages=3, rewrite="m:f")
    drawn.add_edge("b", "user")
    drawn.add_node("b", join="all")
    made = Topology(drawn)
    edge = made.phases[0].by_pair[("a", "b")]
    assert (edge.max_messages, edge.rewrite) == (3, "m:f")
    assert made.joins == {"b": "all"}
    assert made == Topology.graph(
        ["user -> a", "user -> b", {"from": "a", "to": "b", "max_messages": 3, "rewrite": "m:f"}, "b -> user"],
        joins={"b": "all"},
    )


UNDIRECTED: Any = nx.Graph([("user", "a")])
NUMBERED: Any = [("user", 1)]


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda: Topology(UNDIRECTED), "a topology is a networkx.DiGraph; found Graph"),
        (lambda: Topology(nx.MultiDiGraph([("user", "a")])), "found MultiDiGraph"),
        (lambda: Topology(nx.DiGraph(NUMBERED)), "nodes are agent names"),
        (lambda: Topology(nx.DiGraph([("user", "a"), ("a", "agentmesh")])), "reserved"),
        (lambda: Topology.chain(["a", "b", "a"]), "named more than once: a"),
        (lambda: Topology.chain(["a", "user"]), "user"),
        (lambda: Topology.chain([]), "at least 1 item"),
        (lambda: Topology.flat([]), "at least 1 item"),
        (lambda: Topology.flat(["a", "a"]), "named more than once: a"),
        (lambda: Topology.flat(["a", "b"], rounds=0), "rounds"),
        (lambda: Topology.flat(["a", "b"], speaker="c"), "speaker 'c' is not among the agents: a, b"),
        (lambda: Topology.hierarchy("p", ["w", "w"]), "named more than once: w"),
        (lambda: Topology.hierarchy("p", ["p"]), "named more than once: p"),
        (lambda: Topology.hierarchy("p", []), "workers"),
        (lambda: Topology.hierarchy("p", ["w"], max_cycles=0), "max_cycles"),
        (lambda: Topology.hierarchy("p", ["w"], max_tasks=0), "max_tasks"),
        (lambda: Topology.graph(["user -> a", "user -> a", "a -> user"]), "named more than once: user -> a"),
        (lambda: Topology.graph(["user -> user"]), "'user' gives the task and receives the answer"),
        (lambda: Topology.graph(["user -> a", "a -> a"]), "an edge from 'a' to itself; an agent remembers its own"),
        (lambda: Topology([Phase("one", "reactive", ("a",), (Edge("a", "a"),))]), "an edge from 'a' to itself"),
        (lambda: Topology.graph(["a to b"]), "edge"),
        (lambda: Topology.graph([{"from": "user", "to": "a", "max_messages": 0}]), "max_messages"),
        (
            lambda: Topology.graph(["user -> a"], joins={"a": "most"}),
            "the join of 'a' is any, all, quorum, or a number from 1",
        ),
    ],
)
def test_what_is_no_topology_is_refused(make: Callable[[], Topology], found: str) -> None:
    with pytest.raises(TopologyError) as caught:
        make()
    assert found in str(caught.value)
    assert isinstance(caught.value, ConfigError)


names = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=4, unique=True)


@given(names, names, st.integers(1, 3), st.sampled_from(["simultaneous", "round_robin"]))
def test_the_hash_changes_when_and_only_when_the_graph_changes(
    one: list[str], other: list[str], rounds: int, order: Any
) -> None:
    assert (Topology.chain(one) == Topology.chain(other)) is (one == other)
    assert Topology.chain(one).hash == Topology.chain(list(one)).hash
    flat = Topology.flat(one, rounds=rounds, order=order)
    assert flat == Topology.flat(one, rounds=rounds, order=order, speaker=one[-1])
    assert flat != Topology.flat(one, rounds=rounds + 1, order=order)
    assert len({flat, Topology.flat(one, rounds=rounds, order=order)}) == 1
    edges: list[Any] = [("user", name) for name in one] + [(one[0], "user")]
    drawn = Topology.graph(edges)
    assert drawn == Topology.graph(edges)
    assert drawn == Topology.graph(edges, joins={one[0]: "any"})
    assert drawn != Topology.graph(edges, joins={one[0]: "all"})
    assert drawn != Topology.graph(edges, nodes=["z"])
    assert drawn != Topology.graph([*edges[:-1], {"from": one[0], "to": "user", "max_messages": 1}])


def test_the_hash_is_the_same_in_another_process() -> None:
    code = "from agentmesh import Topology; print(Topology.hierarchy('p', ['a', 'b'], judge='j').hash)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert found == Topology.hierarchy("p", ["a", "b"], judge="j").hash


# What is found before anything is spent


def test_a_graph_that_nobody_enters_or_leaves_is_found() -> None:
    assert "no_task" in faults(Topology.graph(["a -> user"]))
    assert "no_answer" in faults(Topology.graph(["user -> a", "a -> b"]))


def test_agents_that_no_message_can_reach_are_named() -> None:
    assert faults(Topology.graph(["user -> a", "a -> user", "b -> a"]))["unreachable"] == ("b",)
    island = Topology.graph(["user -> a", "a -> user", "b -> c", "c -> b", "c -> a"])
    found = [fault for fault in lint(island, island.bounds) if fault.check == "unreachable"]
    assert [fault.agents for fault in found] == [("b",), ("c",)]
    assert found[0].message == "no message can ever reach 'b': no path leads to it from 'user'"


def test_a_cycle_needs_a_bound() -> None:
    edges: list[Any] = ["user -> a", "a -> b", "b -> c", "c -> a", "c -> user"]
    topology = Topology.graph(edges)
    [fault] = [f for f in lint(topology, topology.bounds) if f.check == "cycle"]
    assert set(fault.agents) == {"a", "b", "c"}
    assert "set max_messages on one of its edges, or limits.turns" in fault.message
    assert "cycle" not in faults(topology, Limits(turns=10))
    capped = Topology.graph([*edges[:3], {"from": "c", "to": "a", "max_messages": 1}, edges[4]])
    assert "cycle" not in faults(capped)


@pytest.mark.parametrize(
    ("edges", "joins", "stuck"),
    [
        (["user -> a", "a -> b", "b -> user"], {"b": 2}, ("b",)),
        (["user -> a", "b -> a", "a -> b", "b -> user"], {"a": "all"}, ("a",)),
        (["user -> a", "user -> b", "a -> c", "b -> c", "c -> user"], {"c": "all"}, None),
        (["user -> a", "user -> b", "a -> c", "b -> c", "c -> user"], {"c": 2}, None),
        (["user -> a", "user -> b", "a -> c", "b -> c", "c -> user"], {"c": 3}, ("c",)),
    ],
)
def test_a_join_that_can_never_be_met_is_found(edges: list[str], joins: Any, stuck: tuple[str, ...] | None) -> None:
    assert faults(Topology.graph(edges, joins=joins), Limits(turns=9)).get("join") == stuck


def test_single_points_of_failure_are_told_but_not_forbidden() -> None:
    assert faults(Topology.graph(["user -> a", "a -> b", "a -> c", "b -> d", "c -> d", "d -> user"])) == {
        "single_point": ("a", "d")
    }
    assert faults(Topology.graph(["user -> a", "user -> b", "a -> user", "b -> user"])) == {}
    assert faults(Topology.chain(["a", "b"])) == {}


def test_every_kind_is_free_of_faults() -> None:
    for topology in (
        Topology.solo("a"),
        Topology.chain(["a", "b"]),
        Topology.flat(["a", "b"]),
        Topology.hierarchy("p", ["w"]),
        Topology.hierarchy("p", [{"planner": "s", "workers": ["w"]}], judge="j"),
    ):
        assert faults(topology) == {}


# Bounds


def triple(topology: Topology, **more: Any) -> tuple[int | None, int | None]:
    bounds = bounds_of(topology.phases, **more)
    return bounds.turns, bounds.messages


@pytest.mark.parametrize(
    ("topology", "expected"),
    [
        (Topology.solo("a"), (1, 2)),
        (Topology.chain(["a", "b", "c"]), (3, 4)),
        (Topology.flat(["a", "b", "c"], rounds=2), (7, 3 + 12 + 1)),
        (Topology.hierarchy("p", ["a", "b"], max_tasks=3), (4 + 3, 1 + 3 + 3 + 1)),
        (Topology.hierarchy("p", ["a"], judge="j", max_tasks=2, max_cycles=2), (2 + 2 + 2 + 6, 1 + 2 + 2 + 2 + 1 + 1)),
        (Topology.graph(["user -> a", "user -> b", "a -> c", "b -> c", "c -> user"]), (4, 5)),
        (Topology.graph(["user -> a", "user -> b", "a -> c", "b -> c", "c -> user"], joins={"c": "all"}), (3, 5)),
        (Topology.graph(["user -> a", "user -> b", "a -> c", "b -> c", "c -> user"], joins={"c": 2}), (3, 5)),
        (Topology.graph(["user -> a", "a -> b", {"from": "b", "to": "a", "max_messages": 3}, "b -> user"]), (8, 9)),
    ],
)
def test_bounds_are_exact(topology: Topology, expected: tuple[int, int]) -> None:
    assert triple(topology) == expected


def test_limits_lower_the_bounds() -> None:
    chain = Topology.chain(["a", "b"])
    bounds = bounds_of(chain.phases, limits=Limits(turns=1, model_calls=2, tokens=50, messages=1))
    assert (bounds.turns, bounds.model_calls, bounds.messages, bounds.tokens) == (1, 2, 1, 50)


def test_bounds_that_are_not_known_are_none() -> None:
    bounds = Topology.graph(["user -> a", "a -> b", "b -> a", "b -> user"]).bounds
    assert bounds.as_dict() == dict.fromkeys(["turns", "model_calls", "messages", "tokens", "usd"])


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ({"method": "pluralty"}, "the method of the vote 'v' is one of plurality, borda, condorcet; found 'pluralty'"),
        ({"options": ("x",), "candidates": ("a",)}, "`options` and `candidates` exclude each other"),
        ({"weights": {"a": -1}}, "the weight of 'a' at 'v' is a number above 0; found -1"),
        ({"weights": {"a": "much"}}, "the weight of 'a' at 'v' is a number above 0; found 'much'"),
    ],
)
def test_a_vote_from_python_is_checked_as_that_of_a_file(rule: dict[str, Any], why: str) -> None:
    with pytest.raises(TopologyError, match=re.escape(why)):
        Topology.independent(["a", "b"], vote="v", votes={"v": Vote(**rule)})


def test_a_graph_that_names_only_some_of_the_agents_is_refused_rather_than_renamed() -> None:
    with pytest.raises(TopologyError, match="names some of the agents, and 'cc' is none: a, b, c; did you mean 'c'"):
        named_graph(nx.DiGraph([("b", "a"), ("a", "cc")]), ("a", "b", "c"), "graph.json")


def test_a_wrong_attribute_of_an_edge_of_a_graph_is_told_with_its_edge() -> None:
    graph: Any = nx.DiGraph([("user", "a"), ("b", "user")])
    graph.add_edge("a", "b", carries="sumary")
    with pytest.raises(TopologyError, match="the edge a -> b: carries: "):
        Topology(graph)


def test_a_graph_is_read_from_a_file_in_python_too(tmp_path: Path) -> None:
    file = tmp_path / "team.graphml"
    nx.write_graphml(nx.DiGraph([("user", "a"), ("a", "b"), ("b", "user")]), file)
    assert Topology.from_file(str(file)) == Topology.graph([("user", "a"), ("a", "b"), ("b", "user")])
