"""The topology of a file: its entry, with what the file says of the nodes that stand on it."""

from __future__ import annotations

from collections.abc import Mapping

from agentmesh.config.models import AgentConfig
from agentmesh.config.names import expand_agents
from agentmesh.config.places import resolver
from agentmesh.config.topologies import AnyTopology
from agentmesh.topology.graph import Topology
from agentmesh.topology.kinds import Resolve
from agentmesh.topology.phases import Board, Vote


def topology_of(agents: Mapping[str, AgentConfig], topology: AnyTopology) -> Topology:
    """The topology with the joins of its agents, its votes and its boards. Raises: TopologyError."""
    resolve = resolver(agents)
    acting = expand_agents(agents)
    return Topology.from_config(
        topology,
        resolve,
        {name: agent.join for name, agent in acting.items() if agent.join != "any"},
        votes={
            name: Vote(agent.method, agent.options, resolve(agent.candidates), _weights(agent, resolve), agent.ties)
            for name, agent in agents.items()
            if agent.kind == "vote"
        },
        boards={name: Board(agent.content) for name, agent in agents.items() if agent.kind == "board"},
        everybody=tuple(name for name, agent in acting.items() if not agent.reserve),
    )


def _weights(vote: AgentConfig, resolve: Resolve) -> dict[str, float]:
    """What the ballot of each voter counts; each replica has the weight of them all."""
    return {voter: weight for name, weight in vote.weights.items() for voter in resolve([name])}
