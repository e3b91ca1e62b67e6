"""Phases in which a team agrees, before it works, on which of several equally good ways it goes: four presets.

Where many ways are good if all go the same one, identical agents need not find it by talking. `leader`: one tells all
the others; `vote`: all vote in secret, and hear what came of it; `ordering` and `focal`: the run tells all of them an
order of their names, or a rule by which to choose, and nobody speaks.
Source: the folk theorem leaves many equilibria, from which somebody has to select (arXiv 2605.06525); leader, order and
focal point after T. Schelling, The Strategy of Conflict (1960).
"""

from __future__ import annotations

from collections.abc import Sequence

from agentmesh.config.topologies import Preset
from agentmesh.errors import TopologyError
from agentmesh.messages import USER
from agentmesh.topology.kinds import unique
from agentmesh.topology.phases import Edge, Phase


def agreeing(
    preset: Preset, agents: Sequence[str], *, name: str = "agree", leader: str | None = None, vote: str | None = None
) -> Phase:
    """The phase of a preset, for these agents. Raises: TopologyError."""
    names = tuple(agents)
    unique(names)
    if len(names) < 2:
        raise TopologyError(f"two agents or more can agree; found {', '.join(names) or 'none'}: name them in `nodes`")
    match preset:
        case "leader":
            if leader not in names:
                raise TopologyError(f"the leader '{leader}' is not among the phase's nodes: {', '.join(names)}")
            told = (Edge(leader, other) for other in names if other != leader)
            return Phase(name, "reactive", (leader,), (Edge(USER, leader), *told))
        case "vote":
            if vote is None:
                raise TopologyError("preset: vote needs `vote`: the name of a node of kind vote")
            pairs = [*((USER, one) for one in names), *((one, vote) for one in names), *((vote, one) for one in names)]
            edges = tuple(Edge(*pair) for pair in pairs)
            return Phase(name, "simultaneous", names, edges, opens=names, rounds=1, end="rounds")
        case "ordering" | "focal":
            return Phase(name, "reactive", names, (), agreed=preset)
