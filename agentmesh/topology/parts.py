"""The parts of a graph whose nodes all reach each other, in order: what bounds and checks need of graph theory."""

from __future__ import annotations

from collections.abc import Iterable


def strong_parts(nodes: Iterable[str], pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    """All nodes, senders before recipients; those on a common cycle stand together, in the order of their names."""
    import networkx as nx

    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(nodes)
    graph.add_edges_from(pairs)
    parts = nx.condensation(graph)
    return [sorted(parts.nodes[part]["members"]) for part in nx.topological_sort(parts)]
