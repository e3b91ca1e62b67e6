"""Who stands where in the topology: every name that a `topology:` entry, or a vote, uses for a node."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Literal, NamedTuple, assert_never

from agentmesh.config.language import did_you_mean, one_of
from agentmesh.config.models import AgentConfig, VerifyConfig
from agentmesh.config.phases import Every, check_phases, drawn_phases, takes_everybody
from agentmesh.config.remarks import Remark
from agentmesh.config.source import Path, written
from agentmesh.config.topologies import (
    AnyTopology,
    Chain,
    Debate,
    DrawnPhase,
    Flat,
    Graph,
    Hierarchy,
    Independent,
    Layers,
    PhaseConfig,
    Planner,
    Ring,
    Solo,
    Star,
)
from agentmesh.config.verifier import check_verifier, team_of
from agentmesh.messages import RUN, USER

RESERVED = {USER: "sends the task and receives the answer", RUN: "is the sender of the run's own notices"}
_HERE: Path = ("topology",)
_BEST_OF = "best_of"
Takes = Literal["agent", "vote", "agent or vote", "end"]


class Use(NamedTuple):
    """A place that names a node. `single` places take one agent, not all its replicas.

    Nobody stands in two places of one `group`; places without a group only mention somebody.
    """

    path: Path
    name: str
    part: str
    single: bool = False
    takes: Takes = "agent"
    group: Path = ()


def replicas_of(name: str, agent: AgentConfig) -> tuple[str, ...]:
    """The names under which an agent of the file takes part."""
    if agent.replicas == 1:
        return (name,)
    return tuple(f"{name}-{number}" for number in range(1, agent.replicas + 1))


def resolver(agents: Mapping[str, AgentConfig]) -> Every:
    """A function from names in the file to names of agents; names that it does not know stay as they are."""
    table = {name: replicas_of(name, agent) for name, agent in agents.items() if agent.replicas > 1}
    if not table:
        return tuple
    return lambda names: tuple(one for name in names for one in table.get(name, (name,)))


def check_topology(
    agents: Mapping[str, AgentConfig], topology: AnyTopology, verify: VerifyConfig | None = None
) -> Iterator[Remark]:
    """Everything wrong or odd about the names that a topology, the votes and `verify` use."""
    uses = [use for use in (*uses_of(topology), *_of_votes(agents)) if use.name]
    replicas = {one: name for name, agent in agents.items() for one in replicas_of(name, agent)}
    every = resolver(agents)
    used: set[str] = set()
    for use in uses:
        wrong = _wrong_use(use, agents, replicas)
        if wrong:
            yield Remark("error", use.path, wrong, at_key=use.path[-2:-1] == ("weights",))
        if use.path[0] == "topology":
            used.add(use.name)
    used.update(every(used))
    team = team_of(agents, verify)
    acting = {name for name, agent in team.items() if agent.acts and not agent.reserve}
    everybody = {one: None for one, name in replicas.items() if name in acting}
    yield from _placed_twice(uses, every)
    yield from check_phases(topology, every, everybody)
    yield from _of_kind(topology, every, replicas)
    if not takes_everybody(topology):
        yield from _idle(team, used)
    if not _is_reactive(topology):
        yield from _waiting(team)
    members = {replicas.get(use.name, use.name): written(use.path) for use in reversed(uses)}
    yield from check_verifier(agents, verify, members)


def nameless(agents: Mapping[str, AgentConfig], topology: AnyTopology) -> Iterator[Remark]:
    """Places that name nobody. Of a valid file only: elsewhere an empty name stands for one that is wrong."""
    for use in (*uses_of(topology), *_of_votes(agents)):
        if not use.name:
            yield Remark("error", use.path, f"found an empty name; agents: {one_of(agents)}")


def uses_of(topology: AnyTopology) -> Iterator[Use]:
    """Every place of a `topology:` entry that names a node."""
    match topology:
        case Layers():
            yield from _layers(topology)
        case Hierarchy():
            yield from _planning(_HERE, topology)
        case Graph():
            for path, phase in drawn_phases(topology):
                yield from _drawn(path, phase)
        case Solo() | Chain() | Flat() | Star() | Ring() | Debate() | Independent():
            yield from _by_keys(topology)
        case _:
            assert_never(topology)


_SINGLE = ("agent", "center", "judge", "best_of", "aggregator", "speaker", "vote")
_LISTED = {"agents": "an agent", "leaves": "a leaf", "sides": "a side"}


def _by_keys(topology: AnyTopology) -> Iterator[Use]:
    """The nodes of a kind whose every key names one, or several of one sort."""
    for key in type(topology).model_fields:
        given = getattr(topology, key)
        if key in _LISTED:
            yield from _listed(key, given, _LISTED[key])
        elif key in _SINGLE:
            yield from _named(key, given, takes="vote" if key == "vote" else "agent", mention=key == "speaker")


def _named(key: str, name: str | None, *, takes: Takes = "agent", mention: bool = False) -> Iterator[Use]:
    if name is not None:
        part = "the vote" if takes == "vote" else f"the {key.replace('best_of', 'judge')}"
        yield Use((*_HERE, key), name, part, True, takes, () if mention else _HERE)


def _listed(key: str, names: Iterable[str], part: str = "an agent") -> Iterator[Use]:
    return (Use((*_HERE, key, index), name, part, group=_HERE) for index, name in enumerate(names))


def _layers(topology: Layers) -> Iterator[Use]:
    for index, row in enumerate(topology.agents):
        path: Path = (*_HERE, "agents", index)
        last = index == len(topology.agents) - 1
        takes: Takes = "agent or vote" if last else "agent"
        names = [(path, row)] if isinstance(row, str) else [((*path, at), name) for at, name in enumerate(row)]
        yield from (Use(place, name, "an agent", takes=takes, group=_HERE) for place, name in names)


def _planning(path: Path, phase: Hierarchy | DrawnPhase) -> Iterator[Use]:
    if phase.planner is not None:
        yield Use((*path, "planner"), phase.planner, "a planner", single=True, group=path)
    yield from _workers(path, phase, path)
    if phase.judge is not None:
        yield Use((*path, "judge"), phase.judge, "the judge", single=True, group=path)
    if phase.reconcile is not None:
        yield Use((*path, "reconcile"), phase.reconcile, "who reconciles", single=True)


def _workers(path: Path, planner: Hierarchy | DrawnPhase | Planner, group: Path) -> Iterator[Use]:
    for index, worker in enumerate(planner.workers):
        place: Path = (*path, "workers", index)
        if isinstance(worker, str):
            yield Use(place, worker, "a worker", group=group)
        else:
            yield Use((*place, "planner"), worker.planner, "a planner", single=True, group=group)
            yield from _workers(place, worker, group)


def _drawn(path: Path, phase: DrawnPhase) -> Iterator[Use]:
    for index, name in enumerate(phase.nodes):
        yield Use((*path, "nodes", index), name, "a node", group=(*path, "nodes"))
    for index, edge in enumerate(phase.edges):
        for key, end in (("from", edge.sender), ("to", edge.recipient)):
            place: Path = (*path, "edges", index, key)
            ends = [(place, end)] if isinstance(end, str) else [((*place, at), name) for at, name in enumerate(end)]
            yield from (Use(where, name, "an end of an edge", takes="end") for where, name in ends)
    if phase.moderator is not None:
        yield Use((*path, "moderator"), phase.moderator, "the moderator", single=True)
    if isinstance(phase, PhaseConfig):
        if phase.leader is not None:
            yield Use((*path, "leader"), phase.leader, "the leader", single=True)
        if phase.vote is not None:
            yield Use((*path, "vote"), phase.vote, "the vote", single=True, takes="vote")
    for index, name in enumerate(phase.opens or ()):
        yield Use((*path, "opens", index), name, "who opens")
    if phase.order == "tasks":
        yield from _planning(path, phase)


def _of_votes(agents: Mapping[str, AgentConfig]) -> Iterator[Use]:
    for name, agent in agents.items():
        path: Path = ("agents", name)
        for index, candidate in enumerate(agent.candidates):
            yield Use((*path, "candidates", index), candidate, "a candidate", group=(*path, "candidates"))
        for voter in agent.weights:
            yield Use((*path, "weights", voter), voter, "a voter")
        if agent.ties != "seed":
            yield Use((*path, "ties"), agent.ties, "the voter who decides ties", single=True)


def _wrong_use(use: Use, agents: Mapping[str, AgentConfig], replicas: Mapping[str, str]) -> str:
    """What is wrong with one place, or nothing."""
    name = use.name
    if name in RESERVED:
        if use.takes == "end":
            return "" if name == USER else f"'{name}' {RESERVED[name]}; it has no edges"
        return f"'{name}' is no agent: it {RESERVED[name]}; leave it out here"
    if name in agents:
        return _wrong_node(use, agents[name])
    if name in replicas:
        return ""
    base, _, number = name.rpartition("-")
    if base in agents and number.isdigit() and agents[base].replicas > 1:
        return f"no agent '{name}': the replicas of '{base}' are {base}-1 to {base}-{agents[base].replicas}"
    return f"no agent '{name}'; agents: {one_of(agents)}{did_you_mean(name, [*agents, *replicas])}"


def _wrong_node(use: Use, agent: AgentConfig) -> str:
    name = use.name
    if use.takes == "vote":
        how = f"say kind: vote at agents.{name}"
        return "" if agent.kind == "vote" else f"'{name}' is no vote but an agent of kind {agent.kind}; {how}"
    if not agent.acts and use.takes != "end" and not (agent.kind == "vote" and use.takes == "agent or vote"):
        return f"'{name}' is a {agent.kind}, which takes no turns; name an agent"
    if use.single and agent.replicas > 1:
        return f"{use.part} is one agent, and '{name}' has {agent.replicas} replicas; name one, such as '{name}-1'"
    if agent.reserve and use.path[0] == "topology":
        return f"'{name}' is held in reserve: it takes part only in another's place; remove `reserve`, or name another"
    return ""


def _placed_twice(uses: Iterable[Use], every: Every) -> Iterator[Remark]:
    """Nobody stands in two places of one group."""
    first: dict[tuple[Path, str], Path] = {}
    for use in uses:
        if not use.group:
            continue
        names = every([use.name])
        twice = [one for one in names if (use.group, one) in first]
        if twice:
            where = written(first[use.group, twice[0]])
            message = f"'{twice[0]}' already stands at {where}; an agent has one place in a topology"
            yield Remark("error", use.path, message)
        for one in names:
            first.setdefault((use.group, one), use.path)


def _of_kind(topology: AnyTopology, every: Every, known: Collection[str]) -> Iterator[Remark]:
    """How many agents a kind takes, and whom it takes them from."""
    match topology:
        case Flat() | Ring():
            names = every(topology.agents)
            what = "a discussion" if isinstance(topology, Flat) else "a ring"
            if len(names) < 2 and "" not in names:
                yield Remark("error", (*_HERE, "agents"), f"{what} takes two agents or more; for one use kind: solo")
            yield from _one_of_them("speaker", topology.speaker, names, known)
            if isinstance(topology, Flat) and topology.vote is not None and topology.speaker is not None:
                yield Remark("error", (*_HERE, "vote"), "`speaker` and `vote` exclude each other; remove one", True)
        case Debate():
            names = every(topology.sides)
            if len(names) < 2 and "" not in names:
                yield Remark("error", (*_HERE, "sides"), "a debate takes two sides or more; for one use kind: chain")
        case Independent() if topology.best_of is not None:
            if _BEST_OF in every((*topology.agents, topology.best_of)):
                message = f"'{_BEST_OF}' is the name of the vote that passes the best answer on; rename the agent"
                yield Remark("error", ("agents", _BEST_OF), message, at_key=True)
        case Layers():
            last = topology.agents[-1]
            names = every([last] if isinstance(last, str) else last)
            if len(names) != 1:
                message = f"the last layer answers, so it is one agent, or a vote; found {len(names)}: {one_of(names)}"
                yield Remark("error", (*_HERE, "agents", len(topology.agents) - 1), message)
        case _:
            return


def _one_of_them(part: str, name: str | None, names: Collection[str], known: Collection[str]) -> Iterator[Remark]:
    if name is not None and name in known and name not in names and "" not in names:
        message = f"the {part} '{name}' is not among the agents: {one_of(names)}"
        yield Remark("error", (*_HERE, part), message + did_you_mean(name, names))


def _is_reactive(topology: AnyTopology) -> bool:
    """Whether agents act somewhere when enough others have written to them."""
    if isinstance(topology, Flat | Star | Ring | Debate | Hierarchy):
        return False
    return not isinstance(topology, Graph) or any(phase.order == "reactive" for _, phase in drawn_phases(topology))


def _waiting(agents: Mapping[str, AgentConfig]) -> Iterator[Remark]:
    for name, agent in agents.items():
        if agent.join != "any":
            message = "`join` has no effect: it is for order: reactive, and no phase has it; remove it"
            yield Remark("warning", ("agents", name, "join"), message)


def _idle(agents: Mapping[str, AgentConfig], used: Collection[str]) -> Iterator[Remark]:
    for name, agent in agents.items():
        idle = [one for one in replicas_of(name, agent) if one not in used]
        if idle and not agent.reserve:
            who = "it" if idle == [name] else one_of(idle)
            yield Remark("warning", ("agents", name), f"takes no part: the topology does not name {who}", at_key=True)
