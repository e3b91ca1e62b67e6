"""The graph of a file: drawn, and what is wrong with it told where the file draws it."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
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
from agentmesh.config.verifier import team_of
from agentmesh.errors import TopologyError
from agentmesh.messages import USER
from agentmesh.team.shape import topology_of
from agentmesh.topology.bounds import bounds_of
from agentmesh.topology.checks import Lint, lint
from agentmesh.topology.drawn import (
    edges_of,
    generate,
    generated_edges,
    generator_named,
    read_graph,
    wrong_arguments,
)
from agentmesh.topology.graph import Topology
from agentmesh.topology.kinds import Resolve
from agentmesh.topology.phases import Edge

_HERE: Path = ("topology",)
_STANDING = ("kind", "replicas", "reserve")
"""Keys of an agent that decide on which nodes it stands."""
_SHAPING = (*_STANDING, "join", "options", "candidates", "weights", "ties", "content")
"""Those, and the keys that decide what the graph makes of an agent, a vote or a board."""


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
    return team_of(given.agents, given.verify), given.topology


def _is_known(read: Loaded | Draft) -> bool:
    """Whether the whole entry is as its author meant it, and so is who stands on the graph."""
    if isinstance(read, Loaded):
        return True
    if any(path[:1] == _HERE for path in read.broken):
        return False
    return _agents_are_known(read, _SHAPING)


def _agents_are_known(read: Loaded | Draft, keys: Collection[str | int]) -> bool:
    return isinstance(read, Loaded) or not any(
        path[:1] == ("agents",) and (len(path) < 3 or path[2] in keys) for path in read.broken
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
        if wrong or not _is_settled(read, (*path, "arguments")):
            continue
        nodes_are_known = _agents_are_known(read, _STANDING) and _is_settled(read, (*path, "nodes"))
        try:
            edges = list(generated_edges(phase, resolve, everybody)) if nodes_are_known else _unplaced(phase)
        except TopologyError as error:
            yield Remark("error", (*path, key), _as_named(error.problems[0].message, phase, read.path))
        else:
            yield from _misdrawn(path, key, edges, phase, resolve)


def _unplaced(phase: DrawnPhase) -> list[Edge]:
    """No edges: it is not known who stands on the graph, only whether there is one. Raises: TopologyError."""
    if phase.generator is None:
        read_graph(phase.file or "")
    else:
        generate(phase.generator, phase.arguments)
    return []


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


def _misdrawn(path: Path, key: str, edges: Sequence[Edge], phase: DrawnPhase, resolve: Resolve) -> Iterator[Remark]:
    """Edges of a file that would import something, or that are drawn by hand as well."""
    if any(edge.rewrite is not None for edge in edges):
        message = "an edge of it has a `rewrite`: only the team's file says what a run imports"
        yield Remark("error", (*path, key), message)
    generated = {edge.pair for edge in edges}
    for index, edge in enumerate(phase.edges):
        again = next((one for one in edges_of([edge], resolve) if one.pair in generated), None)
        if again is not None:
            yield Remark("error", (*path, "edges", index), _twice(again, key))


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
    """Where the file draws what a fault of its graph is about: the most exact place that it has."""
    if read is None:
        return _HERE
    agents, config = _parts(read)
    return _HERE if config is None else next(_places(fault, agents, config), _HERE)


def _places(fault: Lint, agents: Mapping[str, AgentConfig], config: AnyTopology) -> Iterator[Path]:
    resolve = resolver(agents)
    drawn = [(path, phase) for path, phase in drawn_phases(config)]
    if fault.phase is not None:
        drawn = drawn[fault.phase : fault.phase + 1]
    if fault.check == "cycle":
        yield from _edges_of(fault.agents, drawn, resolve)
    elif fault.key == "edges":
        yield from _one_edge(fault, drawn, resolve)
    elif fault.check in ("candidate", "voter"):
        yield from _in_vote(fault, agents, resolve)
    elif fault.key is not None:
        yield from ((*path, fault.key) for path, _ in drawn)
    elif fault.check == "positions":
        yield (*_HERE, "positions")
    elif len(fault.agents) == 1:
        [node] = fault.agents
        entry = next((name for name, agent in agents.items() if node in replicas_of(name, agent)), node)
        if fault.check == "join" and entry in agents and "join" in agents[entry].model_fields_set:
            yield ("agents", entry, "join")
        named = [use.path for use in uses_of(config) if use.name in (entry, node)]
        within = drawn[0][0] if fault.phase is not None and drawn else _HERE
        yield from (path for path in named if path[: len(within)] == within)


def _edges_of(cycle: Sequence[str], drawn: Sequence[tuple[Path, DrawnPhase]], resolve: Resolve) -> Iterator[Path]:
    """The edges of the file that are part of a cycle."""
    pairs = set(zip(cycle, (*cycle[1:], cycle[0]), strict=True))
    for path, phase in drawn:
        for index, entry in enumerate(phase.edges):
            if any(edge.pair in pairs for edge in edges_of([entry], resolve)):
                yield (*path, "edges", index)


def _one_edge(fault: Lint, drawn: Sequence[tuple[Path, DrawnPhase]], resolve: Resolve) -> Iterator[Path]:
    """The edges that a fault is about: those between its nodes, or the senders of positions."""
    for path, phase in drawn:
        for index, entry in enumerate(phase.edges):
            for edge in edges_of([entry], resolve):
                ends = tuple(name for name in edge.pair if name != USER)
                if ends == fault.agents if fault.check == "useless_edge" else _carries_position(edge, fault):
                    yield (*path, "edges", index)


def _carries_position(edge: Edge, fault: Lint) -> bool:
    return edge.carries == "position" and (edge.sender in fault.agents or not fault.agents)


def _in_vote(fault: Lint, agents: Mapping[str, AgentConfig], resolve: Resolve) -> Iterator[Path]:
    """Where the entry of a vote names somebody."""
    one, vote = fault.agents
    path: Path = ("agents", vote)
    if fault.key == "ties":
        yield (*path, "ties")
    elif fault.key == "weights":
        yield from ((*path, "weights", voter) for voter in agents[vote].weights if one in resolve([voter]))
    else:
        candidates = enumerate(agents[vote].candidates)
        yield from ((*path, "candidates", at) for at, candidate in candidates if one in resolve([candidate]))


def faults_drawn(draft: Draft, topology: Topology | None, agents: Mapping[str, AgentConfig]) -> list[Lint]:
    """What is wrong with the graph of a file that is wrong elsewhere too."""
    if topology is None:
        return []
    limits = draft.parts.limits
    taking_part = {name: agents[name] for name in topology.nodes if name in agents}
    bounds = bounds_of(topology.phases, taking_part, limits)
    bounded = draft.is_settled(("limits", "turns"))
    return [fault for fault in lint(topology, bounds, limits) if fault.fatal and (bounded or fault.check != "cycle")]
