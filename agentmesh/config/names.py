"""Names that the file alone can decide: agents and their replicas, models, and who stands where in the topology."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from agentmesh.config.kinds import misplaced
from agentmesh.config.language import did_you_mean, meant_model, one_of
from agentmesh.config.models import PROVIDERS, AgentConfig, ModelConfig, TeamConfig, VerifyConfig
from agentmesh.config.phases import drawn_phases
from agentmesh.config.places import RESERVED, check_topology, replicas_of, resolver
from agentmesh.config.remarks import Remark
from agentmesh.config.secrets import shown, unfit
from agentmesh.config.topologies import AnyTopology

__all__ = ["Remark", "check_names", "check_parts", "expand_agents", "expand_names", "replicas_of", "resolver"]

_FORM = "provider:model[@base_url]"
_NAMELESS = ("echo", "simulated")
"""Providers with one model of their own."""


def expand_names(config: TeamConfig) -> dict[str, AgentConfig]:
    """The agents that take part, in the order of the file: `worker` with three replicas is worker-1 to worker-3.

    Votes and boards, which take no turns, are left out.
    """
    return expand_agents(config.agents)


def expand_agents(agents: Mapping[str, AgentConfig]) -> dict[str, AgentConfig]:
    """As `expand_names`, for the agents alone."""
    expanded: dict[str, AgentConfig] = {}
    for name, agent in agents.items():
        if not agent.acts:
            continue
        one = agent if agent.replicas == 1 else agent.model_copy(update={"replicas": 1})
        expanded.update(dict.fromkeys(replicas_of(name, agent), one))
    return expanded


def resolve(config: TeamConfig, names: Iterable[str]) -> tuple[str, ...]:
    """The agents that names in the file mean, in order."""
    return resolver(config.agents)(names)


def check_names(config: TeamConfig, known_models: Collection[str] = ()) -> list[Remark]:
    """Everything wrong or odd about the names of a valid config; `known_models` are given by the caller."""
    return check_parts(config.agents, config.models, config.topology, known_models, config.verify)


def check_parts(
    agents: Mapping[str, AgentConfig],
    models: Mapping[str, ModelConfig | str] | None,
    topology: AnyTopology | None,
    known_models: Collection[str] = (),
    verify: VerifyConfig | None = None,
) -> list[Remark]:
    """As `check_names`, for the parts of a config that may lack its models or its topology."""
    remarks = [*_agent_names(agents), *_misplaced_keys(agents)]
    if models is not None:
        remarks += _model_names(agents, models, known_models)
    if topology is not None:
        remarks += check_topology(agents, topology, verify)
    if models is not None and topology is not None:
        remarks += _summary_models(topology, [*models, *known_models])
    return remarks


def _agent_names(agents: Mapping[str, AgentConfig]) -> Iterator[Remark]:
    for name, agent in agents.items():
        if name in RESERVED:
            reason = f"'{name}' is reserved: it {RESERVED[name]}; give the agent another name"
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


def _summary_models(topology: AnyTopology, names: Collection[str]) -> Iterator[Remark]:
    """Whom edges that carry summaries ask for them."""
    for path, phase in drawn_phases(topology):
        for index, edge in enumerate(phase.edges):
            if edge.carries == "summary" and edge.model not in names:
                key = "model" if "model" in edge.model_fields_set else "carries"
                message = f"no model '{edge.model}' under models, to make the summaries; allowed: {one_of(names)}"
                place = (*path, "edges", index, key)
                yield Remark("error", place, message + did_you_mean(edge.model, names))


def _unusable(model: str, names: Collection[str]) -> str:
    """Why a text names no model, or nothing. Without names only provider:model is allowed."""
    if model in names:
        return ""
    provider, colon, rest = model.partition(":")
    if provider in PROVIDERS:
        named = rest or provider in _NAMELESS
        return unfit(rest) if named else f"'{model}' names no model; write {provider}:MODEL"
    if colon:
        allowed = f"allowed: {', '.join(PROVIDERS)}"
        return f"unknown provider '{provider}' in '{shown(model)}'; {allowed}{did_you_mean(provider, PROVIDERS)}"
    allowed = f"models: {one_of(names)}; or {_FORM}" if names else f"allowed: {_FORM}"
    return f"no model '{shown(model)}'; {allowed}{meant_model(model) or did_you_mean(model, names)}"


def _unusable_fallback(name: str, other: str, names: Collection[str]) -> str:
    """Why a model cannot stand in for another, or nothing."""
    if other == name:
        return "a model cannot stand in for itself; remove it"
    if other in names:
        return ""
    others = [one for one in names if one != name]
    return f"no model '{other}' under models; allowed: {one_of(others)}{did_you_mean(other, others)}"
