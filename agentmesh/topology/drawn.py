"""Phases that are drawn by hand, by a generator of NetworkX, or that come from a file or a `networkx.DiGraph`."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from agentmesh.config.language import did_you_mean
from agentmesh.config.loops import UntilConfig
from agentmesh.config.topologies import (
    DrawnPhase,
    EdgeConfig,
    Graph,
    PhaseConfig,
    Planner,
    Preset,
    long_phase,
)
from agentmesh.errors import TopologyError
from agentmesh.messages import USER
from agentmesh.topology.agreeing import agreeing
from agentmesh.topology.kinds import Resolve, check_edges, everyone_in, planning_of, tree_edges
from agentmesh.topology.phases import IN_ROUNDS, Board, Edge, Phase, Planning, Until, Vote

if TYPE_CHECKING:
    import networkx as nx


def drawn_phases(config: Graph, resolve: Resolve = tuple, everybody: Sequence[str] = ()) -> tuple[Phase, ...]:
    """The phases of a `kind: graph`. Raises: TopologyError."""
    if not config.phases:
        return (_phase(config, "graph", 0, resolve, everybody, config.positions),)
    return tuple(
        _phase(phase, phase.name, index, resolve, everybody, phase.positions or config.positions)
        for index, phase in enumerate(config.phases)
    )


def _phase(
    drawn: DrawnPhase, name: str, index: int, resolve: Resolve, everybody: Sequence[str], positions: Any
) -> Phase:
    if isinstance(drawn, PhaseConfig) and drawn.preset is not None:
        return _agreeing(drawn, drawn.preset, resolve, everybody, positions)
    planning = _planning(drawn, resolve)
    edges = (*generated_edges(drawn, resolve, everybody), *edges_of(drawn.edges, resolve))
    if planning is not None:
        known = {edge.pair for edge in edges}
        edges = (*edges, *(edge for edge in tree_edges(planning) if edge.pair not in known))
    check_edges(edges)
    ends = dict.fromkeys(end for edge in edges for end in edge.pair if end != USER)
    named = dict.fromkeys(resolve(drawn.nodes)) | (dict.fromkeys(everyone_in(planning)) if planning else {})
    participants = tuple(named) if drawn.nodes or planning else tuple(ends)
    return Phase(
        name,
        drawn.order,
        participants,
        edges,
        opens=_opens(drawn, index, participants, edges, resolve),
        rounds=drawn.rounds,
        planning=planning,
        moderator=drawn.moderator,
        end=drawn.end or ("rounds" if drawn.rounds is not None else "all_done"),
        until=until_of(drawn.until),
        max_iterations=drawn.max_iterations,
        loop=drawn.loop,
        fresh=drawn.memory == "fresh",
        reserve=isinstance(drawn, PhaseConfig) and drawn.reserve,
        positions=positions,
        limits=drawn.limits,
    )


def _agreeing(drawn: PhaseConfig, preset: Preset, resolve: Resolve, everybody: Sequence[str], positions: Any) -> Phase:
    """The phase of a preset, among its nodes or everybody."""
    names = resolve(drawn.nodes) or tuple(everybody)
    phase = agreeing(preset, names, name=drawn.name, leader=drawn.leader, vote=drawn.vote)
    fresh = drawn.memory == "fresh"
    return replace(phase, positions=positions, fresh=fresh, reserve=drawn.reserve, limits=drawn.limits)


def until_of(config: UntilConfig | None) -> Until | None:
    """What must hold for a phase to be over, as data."""
    return None if config is None else Until(config.verify, config.promise, config.function, config.timeout_s)


def _planning(drawn: DrawnPhase, resolve: Resolve) -> Planning | None:
    if drawn.order != "tasks" or drawn.planner is None:
        return None
    root = Planner(planner=drawn.planner, workers=drawn.workers, max_tasks=drawn.max_tasks)
    return planning_of(
        root,
        judge=drawn.judge,
        max_cycles=drawn.max_cycles,
        resolve=resolve,
        retries=drawn.retries,
        fresh=drawn.memory == "fresh",
        reconcile=drawn.reconcile,
    )


def _opens(
    drawn: DrawnPhase, index: int, participants: Sequence[str], edges: Sequence[Edge], resolve: Resolve
) -> tuple[str, ...]:
    """Who acts first although nobody has written: of a first phase those whom the user addresses are enough."""
    if drawn.opens is not None:
        return resolve(drawn.opens)
    if drawn.order == "moderator":
        return (drawn.moderator,) if drawn.moderator else ()
    if index == 0 and any(edge.sender == USER for edge in edges):
        return ()
    if drawn.order == "tasks":
        return (drawn.planner,) if drawn.planner else ()
    if drawn.order in IN_ROUNDS:
        return tuple(participants)
    hearing = {edge.recipient for edge in edges if edge.sender != USER and edge.sender in participants}
    return tuple(name for name in participants if name not in hearing) or tuple(participants[:1])


def edges_of(edges: Iterable[EdgeConfig], resolve: Resolve = tuple) -> Iterator[Edge]:
    """Each edge that an entry stands for: from every sender to every recipient, and back where it says so."""
    for config in edges:
        senders, recipients = resolve(config.senders), resolve(config.recipients)
        # Among several ends nobody is meant to write to itself; where there is but one, `check_edges` refuses it.
        one = len(senders) == len(recipients) == 1
        pairs = dict.fromkeys((a, b) for a in senders for b in recipients if a != b or one)
        if config.both:
            pairs |= dict.fromkeys([(b, a) for a, b in pairs])
        most = config.max_messages if config.limits.messages is None else config.limits.messages
        for a, b in pairs:
            yield Edge(a, b, most, config.rewrite, config.carries, config.trust, config.model, config.limits)


def generated_edges(drawn: DrawnPhase, resolve: Resolve, everybody: Sequence[str]) -> Iterator[Edge]:
    """The edges that a generator or a file draws. Raises: TopologyError."""
    if drawn.generator is None and drawn.file is None:
        return
    names = resolve(drawn.nodes) or tuple(everybody)
    graph = generate(drawn.generator, drawn.arguments) if drawn.generator is not None else read_graph(drawn.file or "")
    source = f"{drawn.generator}" if drawn.generator is not None else str(drawn.file)
    yield from edges_of_graph(named_graph(graph, names, source))


def generate(generator: str, arguments: Mapping[str, Any]) -> nx.Graph[Any]:
    """The graph that a generator of NetworkX makes. Raises: TopologyError, naming the generators or arguments."""
    function = generator_named(generator)
    wrong = wrong_arguments(generator, arguments)
    if wrong:
        raise TopologyError(wrong[0][1])
    try:
        made = function(**arguments)
    except Exception as error:  # NetworkX has no common base for "such a graph there is not"
        raise TopologyError(f"{generator} makes no graph of {_shown(arguments)}: {error}") from error
    if not hasattr(made, "is_directed"):
        raise TopologyError(f"{generator} makes {type(made).__name__}, not a graph")
    return made  # type: ignore[no-any-return]


def generator_named(name: str) -> Any:
    """The generator of NetworkX with this name. Raises: TopologyError with the closest names."""
    known = generators()
    if name not in known:
        meant = did_you_mean(name, known)
        raise TopologyError(f"NetworkX has no generator '{name}'{meant or '; such as watts_strogatz_graph'}")
    return known[name]


def generators() -> dict[str, Any]:
    """The functions of `networkx.generators` that make a graph from plain values."""
    import networkx as nx

    found = ((name, getattr(nx, name, None)) for name in dir(nx.generators))
    return {
        name: function
        for name, function in found
        if callable(function) and not inspect.isclass(function) and not name.startswith("_")
        and (getattr(function, "__module__", "") or "").startswith("networkx.generators")
    }  # fmt: skip


def wrong_arguments(generator: str, arguments: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Arguments that the generator does not take or lacks: (key, what is wrong and what it takes)."""
    parameters = inspect.signature(generator_named(generator)).parameters
    taken = [name for name in parameters if name not in ("backend", "backend_kwargs", "create_using")]
    takes = f"{generator} takes {', '.join(taken)}"
    found = [
        (key, f"'{key}' is no argument: {takes}{did_you_mean(key, taken)}") for key in arguments if key not in taken
    ]
    missing = [
        name for name in taken if name not in arguments and parameters[name].default is inspect.Parameter.empty
        and parameters[name].kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    ]  # fmt: skip
    return found + ([("generator", f"it lacks {', '.join(missing)}: {takes}")] if missing else [])


def read_graph(path: str) -> nx.Graph[Any]:
    """A graph from a GraphML or node-link JSON file. Raises: TopologyError."""
    import networkx as nx

    file = Path(path)
    try:
        if file.suffix.lower() in (".graphml", ".xml"):
            return nx.read_graphml(file)
        if file.suffix.lower() == ".json":
            data = json.loads(file.read_text(encoding="utf-8"))
            return nx.node_link_graph(data, edges="links" if "links" in data else "edges")
    except OSError as error:
        raise TopologyError(f"'{path}' cannot be read: {error.strerror or error}") from error
    except Exception as error:  # XML and NetworkX errors of many kinds
        raise TopologyError(f"'{path}' holds no graph: {type(error).__name__}: {error}") from error
    raise TopologyError(f"'{path}' ends in '{file.suffix}'; allowed: .graphml, or .json with node-link data")


def named_graph(graph: nx.Graph[Any], names: Sequence[str], source: str) -> nx.DiGraph[str]:
    """The graph with agents' names: its own where they are names of agents, else `names`, in order.

    Raises: TopologyError where only some of its own are, or it has more or fewer nodes than there are names.

    An undirected edge becomes two.
    """
    import networkx as nx

    directed: nx.DiGraph[Any] = nx.DiGraph(graph)
    own = list(directed.nodes)
    if own and all(isinstance(node, str) and (node == USER or not names or node in names) for node in own):
        return directed
    if set(own) & set(names):
        # By their order they would get each other's names.
        strange = next(node for node in own if node not in names and node != USER)
        meant = did_you_mean(str(strange), names)
        raise TopologyError(f"{source} names some of the agents, and '{strange}' is none: {', '.join(names)}{meant}")
    if len(own) != len(names):
        raise TopologyError(f"{source} draws {len(own)} nodes, and there are {len(names)} agents to stand on them")
    named: nx.DiGraph[str] = nx.relabel_nodes(directed, dict(zip(own, names, strict=True)))
    return named


def edges_of_graph(graph: nx.DiGraph[Any]) -> Iterator[Edge]:
    """The edges of a graph with the attributes that we know."""
    for a, b, data in graph.edges(data=True):
        if a == b:
            continue
        keys = ("max_messages", "rewrite", "carries", "trust", "model", "limits")
        known = {key: data[key] for key in keys if key in data}
        try:
            yield edge_from({"from": a, "to": b, **known})
        except TopologyError as error:
            raise TopologyError(f"the edge {a} -> {b}: {error.problems[0].message}") from error


def edge_from(given: Any) -> Edge:
    """One edge from a mapping or its configuration. Raises: TopologyError."""
    if not isinstance(given, EdgeConfig | Mapping):
        raise TopologyError(f"an edge is [a, b], 'a -> b' or {{from, to, max_messages, rewrite}}; found {given!r}")
    config = given if isinstance(given, EdgeConfig) else valid(EdgeConfig, given)
    [edge] = edges_of([config])
    return edge


def from_networkx(graph: Any) -> tuple[Phase, ...]:
    """One reactive phase from a `networkx.DiGraph` of names. Raises: TopologyError."""
    if not graph.is_directed() or graph.is_multigraph():
        raise TopologyError(f"a topology is a networkx.DiGraph; found {type(graph).__name__}")
    strange = [node for node in graph.nodes if not isinstance(node, str)]
    if strange:
        raise TopologyError(f"nodes are agent names (text); found {', '.join(map(repr, strange[:5]))}")
    edges = tuple(edges_of_graph(graph))
    check_edges(edges)
    nodes: dict[str, dict[str, Any]] = dict(graph.nodes(data=True))
    votes = {name: _vote(data) for name, data in nodes.items() if data.get("kind") == "vote"}
    boards = {name: Board(str(data.get("content", ""))) for name, data in nodes.items() if data.get("kind") == "board"}
    agents = tuple(name for name in nodes if name != USER and name not in votes and name not in boards)
    joins = {name: data["join"] for name, data in nodes.items() if "join" in data}
    return (Phase("graph", "reactive", agents, edges, joins=joins, votes=votes, boards=boards),)


def _vote(data: Mapping[str, Any]) -> Vote:
    known = ("method", "options", "candidates", "weights", "ties")
    return Vote(**{key: data[key] for key in known if key in data})


def phase_from(given: Phase | PhaseConfig | Mapping[str, Any], index: int) -> Phase:
    """A phase from itself, or from a mapping with the keys of the YAML. Raises: TopologyError."""
    if isinstance(given, Phase):
        check_edges(given.edges)
        return given
    config = given if isinstance(given, PhaseConfig) else valid(PhaseConfig, long_phase(given, PhaseConfig))
    return _phase(config, config.name, index, tuple, (), config.positions or "off")


def valid(model: type[Any], given: Mapping[str, Any]) -> Any:
    """The configuration from Python values. Raises: TopologyError."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        faults = (": ".join(filter(None, (".".join(map(str, at["loc"])), at["msg"]))) for at in error.errors())
        raise TopologyError("; ".join(faults)) from error


def _shown(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value!r}" for key, value in arguments.items()) or "nothing"
