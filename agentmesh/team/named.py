"""The functions that edges and phases name, and where they are named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agentmesh.config.loader import Draft, Loaded
from agentmesh.config.phases import drawn_phases
from agentmesh.config.topologies import Graph
from agentmesh.topology.graph import Topology

Place = Sequence[str | int]


def untils_named(topology: Topology | None, read: Loaded | Draft | None) -> Iterator[tuple[str, Place]]:
    """The functions that say whether a phase is over, and where they are named."""
    config = None if read is None else read.parts.topology if isinstance(read, Draft) else read.config.topology
    if config is not None:
        for path, phase in drawn_phases(config):
            if phase.until is not None and phase.until.function is not None:
                yield phase.until.function, (*path, "until", "function")
    elif topology is not None:
        named = (phase.until.function for phase in topology.phases if phase.until is not None)
        yield from ((function, ("topology", "until")) for function in named if function is not None)


def rewrites_named(topology: Topology | None, read: Loaded | Draft | None) -> Iterator[tuple[str, Place]]:
    """The functions that edges name, and where."""
    config = None if read is None else read.parts.topology if isinstance(read, Draft) else read.config.topology
    if isinstance(config, Graph):
        for path, phase in drawn_phases(config):
            for index, edge in enumerate(phase.edges):
                if edge.rewrite is not None:
                    yield edge.rewrite, (*path, "edges", index, "rewrite")
    elif topology is not None:
        drawn = (edge.rewrite for phase in topology.phases for edge in phase.edges)
        yield from ((rewrite, ("topology", "edges")) for rewrite in drawn if rewrite is not None)
