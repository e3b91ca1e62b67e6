"""Short forms of whole mappings written out, and the paths of a file made whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from agentmesh.config.models import AgentConfig
from agentmesh.config.topologies import AnyTopology, DrawnPhase, Graph, PhaseConfig, long_phase

D = TypeVar("D", bound=DrawnPhase)


def long_forms(data: Any) -> Any:
    """The data with a node that is a team, and the arguments of a generator, as the models have them."""
    if not isinstance(data, dict):
        return data
    agents, topology = data.get("agents"), data.get("topology")
    if isinstance(agents, dict):
        data = {**data, "agents": {name: _long_agent(agent) for name, agent in agents.items()}}
    if isinstance(topology, dict) and topology.get("kind") == "graph":
        topology = long_phase(topology, Graph)
        if isinstance(topology.get("phases"), list):
            topology = {**topology, "phases": [long_phase(phase, PhaseConfig) for phase in topology["phases"]]}
        data = {**data, "topology": topology}
    return data


def _long_agent(agent: Any) -> Any:
    """`{team: other.yaml}` is an agent of kind team."""
    if isinstance(agent, dict) and "team" in agent and "kind" not in agent:
        return {**agent, "kind": "team"}
    return agent


def agents_at(folder: Path, agents: Mapping[str, AgentConfig]) -> dict[str, AgentConfig]:
    """The agents with the paths of teams, which are relative to their file, made whole."""
    return {
        name: agent.model_copy(update={"team": str(folder / agent.team)}) if agent.team else agent
        for name, agent in agents.items()
    }


def topology_at(folder: Path, topology: AnyTopology) -> AnyTopology:
    """The topology with the paths of graphs, which are relative to their file, made whole."""
    if not isinstance(topology, Graph):
        return topology
    phases = tuple(_phase_at(folder, phase) for phase in topology.phases)
    return _phase_at(folder, topology).model_copy(update={"phases": phases})


def _phase_at(folder: Path, phase: D) -> D:
    return phase.model_copy(update={"file": str(folder / phase.file)}) if phase.file else phase
