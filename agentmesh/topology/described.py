"""From a `topology:` entry to phases: each kind by its preset, a graph as it is drawn."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import assert_never

from agentmesh.config.topologies import (
    AnyTopology,
    Chain,
    Debate,
    Flat,
    Graph,
    Hierarchy,
    Independent,
    Layers,
    Ring,
    Solo,
    Star,
)
from agentmesh.topology import kinds
from agentmesh.topology.drawn import drawn_phases
from agentmesh.topology.phases import Phase


def phases_of(  # noqa: C901 - one case for each kind; splitting it would hide the list
    config: AnyTopology, resolve: kinds.Resolve = tuple, everybody: Sequence[str] = (), votes: Collection[str] = ()
) -> tuple[Phase, ...]:
    """The phases of a `topology:` entry. `everybody`, `votes`: the file's agents and votes. Raises: TopologyError."""
    match config:
        case Solo():
            phases = kinds.solo(*resolve([config.agent]))
        case Chain():
            phases = kinds.chain(resolve(config.agents))
        case Flat():
            chosen = {"rounds": config.rounds, "speaker": config.speaker, "vote": config.vote}
            phases = kinds.flat(resolve(config.agents), order=config.order, end=config.end, **chosen)  # type: ignore[arg-type]
        case Star():
            phases = kinds.star(config.center, resolve(config.leaves), rounds=config.rounds)
        case Ring():
            phases = kinds.ring(
                resolve(config.agents), rounds=config.rounds, speaker=config.speaker, order=config.order
            )
        case Layers():
            phases = kinds.layers(config.agents, resolve=resolve, votes=votes)
        case Debate():
            phases = kinds.debate(resolve(config.sides), config.judge, rounds=config.rounds, order=config.order)
        case Independent():
            ways = {"vote": config.vote, "best_of": config.best_of, "aggregator": config.aggregator}
            phases = kinds.independent(resolve(config.agents), **ways)
        case Hierarchy():
            phases = kinds.hierarchy(
                config.planner,
                config.workers,
                judge=config.judge,
                max_cycles=config.max_cycles,
                max_tasks=config.max_tasks,
                resolve=resolve,
                retries=config.retries,
                fresh=config.memory == "fresh",
                reconcile=config.reconcile,
            )
        case Graph():
            return drawn_phases(config, resolve, everybody)
        case _:
            assert_never(config)
    return kinds.with_positions(phases, config.positions)
