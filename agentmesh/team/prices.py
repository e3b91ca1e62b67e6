"""Limits in USD: the price of every model that can be charged to one is known before anything is spent."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from agentmesh.config.limits import Limits
from agentmesh.config.loader import Draft, Loaded
from agentmesh.config.models import AgentConfig, Price
from agentmesh.config.phases import drawn_phases
from agentmesh.config.places import replicas_of
from agentmesh.config.source import Path
from agentmesh.config.topologies import AnyTopology, DrawnPhase
from agentmesh.errors import ConfigError, Problem
from agentmesh.providers.registry import model_id_of
from agentmesh.team.members import Members
from agentmesh.topology.phases import Phase


def prices_of(members: Members) -> dict[str, Price]:
    """By `provider.model_id`: what no call to that model exceeds, on a node that is a team too, where it is known."""
    return {model_id: price for model_id, price in _prices(members).items() if price is not None}


def _prices(members: Members) -> dict[str, Price | None]:
    found: dict[str, Price | None] = {}
    for name in members.asked():
        _note(found, members.models.provider(name).model_id, members.models.price(name))
    for inner in _nested(members):
        for model_id, price in _prices(inner).items():
            _note(found, model_id, price)
    return found


def _nested(members: Members) -> list[Members]:
    return [team._members for team in members.assembly.teams.values()]  # noqa: SLF001 - a team stands on a node


def _note(found: dict[str, Price | None], model_id: str, price: Price | None) -> None:
    """Where two entries ask the same model at different prices, the higher counts; unknown is highest."""
    known = found.get(model_id, price)
    if known is None or price is None:
        found[model_id] = None
    else:
        found[model_id] = Price(input=max(known.input, price.input), output=max(known.output, price.output))


def unpriced(
    members: Members, phases: Sequence[Phase], limits: Limits, read: Loaded | Draft | None = None
) -> Iterator[tuple[Path, str]]:
    """Limits in USD that cannot be kept, because what is charged to them has no known price; and where they stand."""
    payers = _Payers(members)
    if limits.usd is not None:
        yield from _fault(("limits", "usd"), payers.of(members.agents) + payers.summaries(phases) + payers.verifier())
    for entry, nodes in _entries(members.agents, read):
        if members.agents[nodes[0]].limits.usd is not None:
            asked = payers.of(nodes) + payers.summaries(phases, nodes)
            yield from _fault(("agents", entry, "limits", "usd"), asked)
    for name, (_, config) in members.assembly.monitors.items():
        if config.limits.usd is not None and name in members.assembly.judges:
            yield from _fault(("monitors", name, "limits", "usd"), payers.judge(name))
    drawn = _drawn(read)
    for index, phase in enumerate(phases):
        path = drawn[index][0] if index < len(drawn) else ("topology",)
        if phase.limits.usd is not None:
            reserve = [name for name, agent in members.agents.items() if agent.reserve]
            asked = payers.of([*phase.participants, *reserve]) + payers.summaries([phase])
            yield from _fault((*path, "limits", "usd"), asked)
        for place, model in _limited_edges(path, phase, drawn[index][1] if index < len(drawn) else None):
            yield from _fault(place, payers.summary(model))


def refuse_unpriced(members: Members, phases: Sequence[Phase], limits: Limits) -> None:
    """Refuse a run whose limits in USD could not be kept. Raises: ConfigError."""
    problems = [Problem(0, 0, ".".join(map(str, path)), message) for path, message in unpriced(members, phases, limits)]
    if problems:
        raise ConfigError(problems)


class _Payers:
    """Which of the models that are asked have no known price."""

    def __init__(self, members: Members) -> None:
        self._members = members

    def of(self, nodes: Iterable[str]) -> list[str]:
        """Those that some agents ask."""
        nodes, assembly = list(nodes), self._members.assembly
        found = [assembly.models[node] for node in nodes if node in assembly.models]
        teams = [assembly.teams[node]._members for node in nodes if node in assembly.teams]  # noqa: SLF001
        return [*self._without_price(found), *(name for inner in teams for name in _Payers(inner).everything())]

    def everything(self) -> list[str]:
        """All that a run of the team asks."""
        summaries = self._without_price(self._members.summaries.values())
        return [*self.of(self._members.agents), *summaries, *self.verifier()]

    def summaries(self, phases: Iterable[Phase], senders: Collection[str] | None = None) -> list[str]:
        """Those that edges, of these senders, ask for summaries."""
        edges = (edge for phase in phases for edge in phase.edges if edge.carries == "summary")
        named = {edge.model: None for edge in edges if senders is None or edge.sender in senders}
        return [model for name in named for model in self.summary(name)]

    def summary(self, name: str) -> list[str]:
        """Those that edges ask which name this model."""
        return self._without_price([self._members.summaries[name]])

    def verifier(self) -> list[str]:
        """Those that verify answers."""
        assembly = self._members.assembly
        return self.of([assembly.verifier.name]) if assembly.verifier else []

    def judge(self, monitor: str) -> list[str]:
        """Those that judge what a monitor suspects."""
        return self._without_price([self._members.assembly.judges[monitor]])

    def _without_price(self, names: Iterable[str]) -> list[str]:
        models = self._members.models
        row = (one for name in dict.fromkeys(names) for one in models.row(name) if one not in models.faults)
        return [self._named(one) for one in row if models.price_of_one(one) is None]

    def _named(self, name: str) -> str:
        """A model as its entry is called, and as the log calls it."""
        config = self._members.models.configs.get(name)
        asked = name if config is None else model_id_of(config)
        return f"'{name}'" if asked == name else f"'{name}' ({asked})"


def _fault(path: Path, models: Iterable[str]) -> Iterator[tuple[Path, str]]:
    names = list(dict.fromkeys(models))
    if names:
        fix = "give it `price: {input: ..., output: ...}` under models, in USD per million tokens"
        found = f"a limit in USD needs the price of every model, and that of {', '.join(names)} is not known"
        yield path, f"{found}; {fix}"


def _entries(agents: Mapping[str, AgentConfig], read: Loaded | Draft | None) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The agents as they were declared, and the nodes that each of them is."""
    if read is None:
        yield from ((name, (name,)) for name in agents)
        return
    declared = read.parts.agents if isinstance(read, Draft) else read.config.agents
    for name, agent in declared.items():
        nodes = tuple(node for node in replicas_of(name, agent) if node in agents)
        if nodes:
            yield name, nodes


def _drawn(read: Loaded | Draft | None) -> list[tuple[Path, DrawnPhase]]:
    topology: AnyTopology | None = None
    if read is not None:
        topology = read.parts.topology if isinstance(read, Draft) else read.config.topology
    return list(drawn_phases(topology))


def _limited_edges(path: Path, phase: Phase, drawn: DrawnPhase | None) -> Iterator[tuple[Path, str]]:
    """Where edges have a limit in USD, and which model summarises there."""
    if drawn is not None:
        edges = (((*path, "edges", index, "limits", "usd"), edge) for index, edge in enumerate(drawn.edges))
        yield from ((place, edge.model) for place, edge in edges if edge.limits.usd is not None)
    else:
        models = {edge.model: None for edge in phase.edges if edge.limits.usd is not None}
        yield from (((*path, "edges"), model) for model in models)
