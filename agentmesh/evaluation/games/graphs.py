"""Who may meet whom: a clique, a ring, or any generator of NetworkX."""

from __future__ import annotations

from collections.abc import Sequence

from agentmesh.errors import TopologyError
from agentmesh.topology.drawn import generate, generator_named, named_graph

SHORT = {"clique": "complete_graph", "ring": "cycle_graph", "line": "path_graph"}


def neighbours_on(graph: str, names: Sequence[str]) -> dict[str, list[str]]:
    """By player, its neighbours in the order of the names; direction does not count. Raises: TopologyError."""
    generator, _, rest = graph.partition(":")
    generator = SHORT.get(generator, generator)
    arguments = dict(_argument(piece, graph) for piece in rest.split(",") if piece)
    generator_named(generator)
    made = generate(generator, {**_size(generator, len(names), arguments), **arguments})
    near = named_graph(made, names, generator).to_undirected().adj
    return {one: [other for other in names if other in near[one] and other != one] for one in names}


def _argument(piece: str, graph: str) -> tuple[str, float | int]:
    key, _, text = piece.partition("=")
    try:
        return key.strip(), int(text) if text.strip().lstrip("-").isdigit() else float(text)
    except ValueError:
        raise TopologyError(f"'{piece}' in '{graph}' is no argument: write NAME=NUMBER, such as k=4") from None


def _size(generator: str, players: int, arguments: dict[str, float | int]) -> dict[str, int]:
    """The number of nodes, where the generator takes it and it was left out."""
    import inspect

    takes = inspect.signature(generator_named(generator)).parameters
    return {"n": players} if "n" in takes and "n" not in arguments else {}
