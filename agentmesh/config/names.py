"""Names that the file alone can decide: agents and their replicas, models, and who stands where in the topology."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Literal, NamedTuple, assert_never

from agentmesh.config.kinds import misplaced
from agentmesh.config.language import did_you_mean, meant_model, one_of
from agentmesh.config.models import (
    PROVIDERS,
    AgentConfig,
    Chain,
    Flat,
    Graph,
    Hierarchy,
    ModelConfig,
    Planner,
    Solo,
    TeamConfig,
)
from agentmesh.config.source import Path, written
from agentmesh.messages import RUN, USER

Topology = Solo | Chain | Flat | Hierarchy | Graph
_FORM = "provider:model[@base_url]"
_NAMELESS = ("echo", "simulated")
"""Providers with one model of their own."""
_RESERVED = {USER: "sends the task and receives the answer", RUN: "is the sender of the run's own notices"}


class Remark(NamedTuple):
    """Something wrong (`error`) or odd (`warning`) at a place of the file."""

    kind: Literal["error", "warning"]
    path: Path
    message: str
    at_key: bool = False
    given: Path = ()
    """A place that the remark takes for granted."""


class _Use(NamedTuple):
    """A place of the topology that names an agent. `single` places take one agent, not all its replicas."""

    path: Path
    name: str
    part: str
    single: bool = False


def replicas_of(name: str, agent: AgentConfig) -> tuple[str, ...]:
    """The names under which an agent of the file takes part."""
    if agent.replicas == 1:
        return (name,)
    return tuple(f"{name}-{number}" for number in range(1, agent.replicas + 1))


def expand_names(config: TeamConfig) -> dict[str, AgentConfig]:
    """The agents that take part, in the order of the file: `worker` with three replicas is worker-1 to worker-3."""
    return expand_agents(config.agents)


def expand_agents(agents: Mapping[str, AgentConfig]) -> dict[str, AgentConfig]:
    """As `expand_names`, for the agents alone."""
    expanded: dict[str, AgentConfig] = {}
    for name, agent in agents.items():
        one = agent if agent.replicas == 1 else agent.model_copy(update={"replicas": 1})
        expanded.update(dict.fromkeys(replicas_of(name, agent), one))
    return expanded


def resolver(agents: Mapping[str, AgentConfig]) -> Callable[[Iterable[str]], tuple[str, ...]]:
    """A function from names in the file to names of agents; names that it does not know stay as they are."""
    table = {name: replicas_of(name, agent) for name, agent in agents.items() if agent.replicas > 1}
    return lambda names: tuple(one for name in names for one in table.get(name, (name,)))


def resolve(config: TeamConfig, names: Iterable[str]) -> tuple[str, ...]:
    """The agents that names in the file mean, in order."""
    return resolver(config.agents)(names)


def check_names(config: TeamConfig, known_models: Collection[str] = ()) -> list[Remark]:
    """Everything wrong or odd about the names of a valid config; `known_models` are given by the caller."""
    return check_parts(config.agents, config.models, config.topology, known_models)


def check_parts(
    agents: Mapping[str, AgentConfig],
    models: Mapping[str, ModelConfig | str] | None,
    topology: Topology | None,
    known_models: Collection[str] = (),
) -> list[Remark]:
    """As `check_names`, for the parts of a config that may lack its models or its topology."""
    remarks = [*_agent_names(agents), *_misplaced_keys(agents)]
    if models is not None:
        remarks += _model_names(agents, models, known_models)
    if topology is not None:
        remarks += _topology_names(agents, topology)
    return remarks


def _agent_names(agents: Mapping[str, AgentConfig]) -> Iterator[Remark]:
    for name, agent in agents.items():
        if name in _RESERVED:
            reason = f"'{name}' is reserved: it {_RESERVED[name]}; give the agent another name"
            yield Remark("error", ("agents", name), reason, at_key=True)
        taken = [one for one in replicas_of(name, agent) if one != name and one in agents]
        if taken:
            message = (
                f"the replicas of '{name}' would take the names of other agents: {one_of(taken)}; rename one of them"
            )
            yield Remark("error", ("agents", name, "replicas"), message)


def _misplaced_keys(agents: Mapping[str, AgentConfig]) -> Iterator[Remark]:
    for name, agent in agents.items():
        for key, message in misplaced(agent):
            yield Remark("error", ("agents", name, key), message, at_key=True, given=("agents", name, "kind"))


def _model_names(
    agents: Mapping[str, AgentConfig], models: Mapping[str, ModelConfig | str], known: Collection[str]
) -> Iterator[Remark]:
    names = [*models, *(name for name in known if name not in models)]
    for name, model in models.items():
        if isinstance(model, str):
            wrong = _unusable(model, ())
            if wrong:
                yield Remark("error", ("models", name), wrong)
            continue
        for index, other in enumerate(model.fallback):
            wrong = _unusable_fallback(name, other, names)
            if wrong:
                yield Remark("error", ("models", name, "fallback", index), wrong)
    yield from _agent_models(agents, names)


def _agent_models(agents: Mapping[str, AgentConfig], names: Collection[str]) -> Iterator[Remark]:
    unsaid = []
    for name, agent in agents.items():
        if agent.kind != "llm":
            continue
        wrong = _unusable(agent.model, names)
        if wrong and "model" in agent.model_fields_set:
            yield Remark("error", ("agents", name, "model"), wrong)
        elif wrong:
            unsaid.append(name)
    if unsaid:
        message = f"no model 'default', which agents without a model of their own use: {one_of(unsaid)}; models: "
        yield Remark("error", ("models",), message + one_of(names), at_key=True)


def _unusable(model: str, names: Collection[str]) -> str:
    """Why a text names no model, or nothing. Without names only provider:model is allowed."""
    if model in names:
        return ""
    provider, colon, rest = model.partition(":")
    if provider in PROVIDERS:
        named = rest or provider in _NAMELESS
        return "" if named else f"'{model}' names no model; write {provider}:MODEL"
    if colon:
        allowed = f"allowed: {', '.join(PROVIDERS)}"
        return f"unknown provider '{provider}' in '{model}'; {allowed}{did_you_mean(provider, PROVIDERS)}"
    allowed = f"models: {one_of(names)}; or {_FORM}" if names else f"allowed: {_FORM}"
    return f"no model '{model}'; {allowed}{meant_model(model) or did_you_mean(model, names)}"


def _unusable_fallback(name: str, other: str, names: Collection[str]) -> str:
    """Why a model cannot stand in for another, or nothing."""
    if other == name:
        return "a model cannot stand in for itself; remove it"
    if other in names:
        return ""
    others = [one for one in names if one != name]
    return f"no model '{other}' under models; allowed: {one_of(others)}{did_you_mean(other, others)}"


def _topology_names(agents: Mapping[str, AgentConfig], topology: Topology) -> Iterator[Remark]:
    uses = [use for use in _uses(topology) if use.name]
    replicas = {one: name for name, agent in agents.items() for one in replicas_of(name, agent)}
    every = resolver(agents)
    used: set[str] = set()
    for use in uses:
        wrong = _wrong_use(use, agents, replicas)
        if wrong:
            yield Remark("error", use.path, wrong)
        used.update(every([use.name]))
    yield from _placed_twice(topology, uses, every)
    if isinstance(topology, Flat):
        yield from _flat_names(topology, every, replicas)
    yield from _idle(agents, used)


def _uses(topology: Topology) -> Iterator[_Use]:
    here: Path = ("topology",)
    match topology:
        case Solo():
            yield _Use((*here, "agent"), topology.agent, "the agent", single=True)
        case Chain():
            yield from _listed((*here, "agents"), topology.agents, "an agent")
        case Flat():
            yield from _listed((*here, "agents"), topology.agents, "an agent")
            if topology.speaker is not None:
                yield _Use((*here, "speaker"), topology.speaker, "the speaker", single=True)
        case Hierarchy():
            yield _Use((*here, "planner"), topology.planner, "a planner", single=True)
            yield from _workers(here, topology)
            if topology.judge is not None:
                yield _Use((*here, "judge"), topology.judge, "the judge", single=True)
        case Graph():
            yield from _listed((*here, "nodes"), topology.nodes, "a node")
            for index, edge in enumerate(topology.edges):
                yield _Use((*here, "edges", index, "from"), edge.sender, "an end of an edge")
                yield _Use((*here, "edges", index, "to"), edge.recipient, "an end of an edge")
        case _:
            assert_never(topology)


def _listed(path: Path, names: Iterable[str], part: str) -> Iterator[_Use]:
    return (_Use((*path, index), name, part) for index, name in enumerate(names))


def _workers(path: Path, planner: Hierarchy | Planner) -> Iterator[_Use]:
    for index, worker in enumerate(planner.workers):
        place: Path = (*path, "workers", index)
        if isinstance(worker, str):
            yield _Use(place, worker, "a worker")
        else:
            yield _Use((*place, "planner"), worker.planner, "a planner", single=True)
            yield from _workers(place, worker)


def _wrong_use(use: _Use, agents: Mapping[str, AgentConfig], replicas: Mapping[str, str]) -> str:
    """What is wrong with one place of the topology, or nothing."""
    name = use.name
    if name in _RESERVED:
        if use.part == "an end of an edge":
            return "" if name == USER else f"'{name}' {_RESERVED[name]}; it has no edges"
        return f"'{name}' is no agent: it {_RESERVED[name]}; leave it out here"
    if name in agents:
        agent = agents[name]
        if use.single and agent.replicas > 1:
            return f"{use.part} is one agent, and '{name}' has {agent.replicas} replicas; name one, such as '{name}-1'"
        return ""
    if name in replicas:
        return ""
    base, _, number = name.rpartition("-")
    if base in agents and number.isdigit() and agents[base].replicas > 1:
        return f"no agent '{name}': the replicas of '{base}' are {base}-1 to {base}-{agents[base].replicas}"
    return f"no agent '{name}'; agents: {one_of(agents)}{did_you_mean(name, [*agents, *replicas])}"


def _placed_twice(
    topology: Topology, uses: Iterable[_Use], every: Callable[[Iterable[str]], tuple[str, ...]]
) -> Iterator[Remark]:
    """Nobody stands in two places of one topology, and no edge is drawn twice."""
    if isinstance(topology, Graph):
        yield from _drawn_twice(topology, every)
    first: dict[str, Path] = {}
    for use in uses:
        if use.path[1:2] in (("edges",), ("speaker",)):
            continue
        twice = [one for one in every([use.name]) if one in first]
        if twice:
            message = f"'{twice[0]}' already stands at {written(first[twice[0]])}; an agent has one place in a topology"
            yield Remark("error", use.path, message)
        first.update({one: use.path for one in every([use.name]) if one not in first})


def _drawn_twice(graph: Graph, every: Callable[[Iterable[str]], tuple[str, ...]]) -> Iterator[Remark]:
    drawn: dict[tuple[str, str], int] = {}
    for index, edge in enumerate(graph.edges):
        path: Path = ("topology", "edges", index)
        if edge.sender == edge.recipient and edge.sender and every([edge.sender]) == (edge.sender,):
            yield Remark("error", path, f"an edge from '{edge.sender}' to itself; an agent remembers its own turns")
        pairs = [(a, b) for a in every([edge.sender]) for b in every([edge.recipient]) if a != b and a and b]
        again = [pair for pair in pairs if pair in drawn]
        if again:
            a, b = again[0]
            yield Remark(
                "error", path, f"the edge {a} -> {b} is drawn twice, first at {written((*path[:2], drawn[a, b]))}"
            )
        drawn.update({pair: index for pair in pairs if pair not in drawn})


def _flat_names(
    flat: Flat, every: Callable[[Iterable[str]], tuple[str, ...]], known: Collection[str]
) -> Iterator[Remark]:
    names = every(flat.agents)
    if "" in names:
        return  # it stands for something that is reported elsewhere
    if len(names) < 2:
        yield Remark("error", ("topology", "agents"), "a discussion takes two agents or more; for one use kind: solo")
    if flat.speaker is not None and flat.speaker in known and flat.speaker not in names:
        message = f"the speaker '{flat.speaker}' is not among the agents: {one_of(names)}"
        yield Remark("error", ("topology", "speaker"), message + did_you_mean(flat.speaker, names))


def _idle(agents: Mapping[str, AgentConfig], used: Collection[str]) -> Iterator[Remark]:
    for name, agent in agents.items():
        idle = [one for one in replicas_of(name, agent) if one not in used]
        if idle:
            who = "it" if idle == [name] else one_of(idle)
            yield Remark("warning", ("agents", name), f"takes no part: the topology does not name {who}", at_key=True)
