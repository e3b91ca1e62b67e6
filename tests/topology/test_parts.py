"""Parts of a graph in order, compared with what networkx finds."""

from __future__ import annotations

from itertools import pairwise

import networkx as nx
from hypothesis import given, settings
from hypothesis import strategies as st

from agentmesh.topology.parts import strong_parts

NODES = st.sampled_from([f"n{number}" for number in range(9)])


@settings(max_examples=200, deadline=None)
@given(st.lists(NODES, max_size=9), st.lists(st.tuples(NODES, NODES), max_size=24))
def test_the_parts_are_those_of_networkx_and_senders_come_before_recipients(
    nodes: list[str], pairs: list[tuple[str, str]]
) -> None:
    parts = strong_parts(nodes, pairs)
    graph = nx.DiGraph(pairs)
    graph.add_nodes_from(nodes)
    assert sorted(parts) == sorted(sorted(part) for part in nx.strongly_connected_components(graph))
    place = {node: index for index, part in enumerate(parts) for node in part}
    assert all(place[sender] <= place[recipient] for sender, recipient in pairs)


def test_a_long_chain_does_not_exhaust_the_stack() -> None:
    names = [f"n{number:05}" for number in range(20_000)]
    assert strong_parts([], pairwise(names)) == [[name] for name in names]
    around = zip(names, [*names[1:], names[0]], strict=True)
    assert strong_parts(names, around) == [names]
