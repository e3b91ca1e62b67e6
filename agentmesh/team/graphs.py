"""The graph of a file: drawn, and what is wrong with it told where the file draws it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path as FilePath

from agentmesh.config.language import did_you_mean, keys_of
from agentmesh.config.loader import Draft, Loaded
from agentmesh.config.models import AgentConfig
from agentmesh.config.names import expand_agents
from agentmesh.config.phases import drawn_phases
from agentmesh.config.places import replicas_of, resolver, uses_of
from agentmesh.config.remarks import Remark
from agentmesh.config.source import Path
from agentmesh.config.topologies import AnyTopology, DrawnPhase
from agentmesh.errors import TopologyError
from agentmesh.team.shape import topology_of
from agentmesh.topology.checks import Lint
from agentmesh.topology.drawn import edges_of, generated_edges, generator_named, wrong_arguments
from agentmesh.topology.graph import Topology
from agentmesh.topology.kinds import Resolve
from agentmesh.topology.phases import Edge

_HERE: Path = ("topology",)
_SHAPING = ("kind", "replicas", "reserve", "join")
"""Keys of an agent that decide where it stands, or what the graph makes of it."""


def draw(read: Loaded | Draft) -> tuple[Loaded | Draft, Topology | None]:
    """What was read, with what is wrong about its graph; and the graph, where nothing is."""
    agents, config = _parts(read)
    if config is None:
        return read, None
    remarks = list(_wrongly_drawn(read, agents, config))
    if not remarks and _is_known(read):
        try:
            return read, topology_of(agents, config)
        except TopologyError as error:
            remarks = [Remark("error", _HERE, problem.message) for problem in error.problems]
    return (read.refused(remarks) if remarks else read), None


def _parts(read: Loaded | Draft) -> tuple[Mapping[str, AgentConfig], AnyTopology | None]:
    given = read.parts if isinstance(read, Draft) else read.config
    return given.agents, given.topology


def _is_known(read: Loaded | Draft) -> bool:
    """Whether the whole entry is as its author meant it, and so is who stands on the graph."""
    if isinstance(read, Loaded):
        return True
    if any(path[:1] == _HERE for path in read.broken):
        return False
    return _agents_are_known(read)


def _agents_are_known(read: Loaded | Draft) -> bool:
    return isinstance(read, Loaded) or not any(
        path[:1] == ("agents",) and (len(path) < 3 or path[2] in _SHAPING) for path in read.broken
    )


def _wrongly_drawn(read: Loaded | Draft, agents: Mapping[str, AgentConfig], config: AnyTopology) -> Iterator[Remark]:
    """What is wrong with generators and files of graphs."""
    resolve = resolver(agents)
    everybody = tuple(name for name, agent in expand_agents(agents).items() if not agent.reserve)
    for path, phase in drawn_phases(config):
        key = "generator" if phase.generator is not None else "file"
        if getattr(phase, key) is None or not _is_settled(read, (*path, key)):
            continue
        wrong = list(_wrong_generator(path, phase))
        yield from wrong
        nodes_are_known = _agents_are_known(read) and _is_settled(read, (*path, "nodes"))
        if not wrong and nodes_are_known and _is_settled(read, (*path, "arguments")):
            yield from _misdrawn((*path, key), phase, resolve, everybody, read.path)


def _is_settled(read: Loaded | Draft, path: Path) -> bool:
    return isinstance(read, Loaded) or not any(
        path[: len(broken)] == broken or broken[: len(path)] == path for broken in read.broken
    )


def _wrong_generator(path: Path, phase: DrawnPhase) -> Iterator[Remark]:
    """A generator that there is not, and arguments that it does not take or lacks."""
    if phase.generator is None:
        return
    try:
        generator_named(phase.generator)
    except TopologyError as error:
        yield Remark("error", (*path, "generator"), error.problems[0].message)
        return
    for key, message in wrong_arguments(phase.generator, phase.arguments):
        if key == "generator":
            yield Remark("error", (*path, key), message)
        else:
            meant = "" if "did you mean" in message else did_you_mean(key, keys_of(type(phase)))
            yield Remark("error", (*path, "arguments", key), message + meant, at_key=True)


def _misdrawn(path: Path, phase: DrawnPhase, resolve: Resolve, everybody: Sequence[str], file: str) -> Iterator[Remark]:
    """A graph that cannot be made, that has other nodes, or edges that are drawn by hand as well."""
    try:
        generated = {edge.pair for edge in generated_edges(phase, resolve, everybody)}
    except TopologyError as error:
        yield Remark("error", path, _as_named(error.problems[0].message, phase, file))
        return
    for index, edge in enumerate(phase.edges):
        again = next((one for one in edges_of([edge], resolve) if one.pair in generated), None)
        if again is not None:
            yield Remark("error", (*path[:-1], "edges", index), _twice(again, str(path[-1])))


def _twice(edge: Edge, key: str) -> str:
    return f"the edge {edge.sender} -> {edge.recipient} is drawn twice, first by the {key}; remove it here"


def _as_named(message: str, phase: DrawnPhase, team: str) -> str:
    """The message with the path of a graph as the team's file has it."""
    if phase.file is None:
        return message
    named = os.path.relpath(phase.file, FilePath(team).parent)
    relative = "; paths are relative to the team's file" if "cannot be read" in message else ""
    return message.replace(phase.file, named) + relative


def place_of(fault: Lint, read: Loaded | Draft | None) -> Path:
    """Where the file draws what a fault of its graph is about."""
    agents, config = ({}, None) if read is None else _parts(read)
    if config is None or not fault.agents:
        return _HERE
    if fault.check == "cycle":
        return _edge_of(fault.agents, config, resolver(agents))
    if len(fault.agents) > 1:
        return _HERE
    entry = next((name for name, agent in agents.items() if fault.agents[0] in replicas_of(name, agent)), "")
    if fault.check == "join" and entry and "join" in agents[entry].model_fields_set:
        return ("agents", entry, "join")
    named = (use.path for use in uses_of(config) if use.name in (entry, fault.agents[0]))
    return next(named, _HERE)


def _edge_of(cycle: Sequence[str], config: AnyTopology, resolve: Resolve) -> Path:
    """The first edge of the file that is part of a cycle."""
    pairs = set(zip(cycle, (*cycle[1:], cycle[0]), strict=True))
    for path, phase in drawn_phases(config):
        drawn = [{edge.pair for edge in edges_of([entry], resolve)} & pairs for entry in phase.edges]
        if set().union(*drawn) == pairs:
            return (*path, "edges", next(index for index, some in enumerate(drawn) if some))
    return _HERE
