"""What the Python code of a caller adds to a team by name; names that nobody uses are refused, not ignored."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from agentmesh.config.language import did_you_mean, one_of
from agentmesh.config.loader import Draft, Loaded
from agentmesh.config.models import AgentConfig, ModelConfig, MonitorConfig, ToolConfig
from agentmesh.errors import Problem
from agentmesh.topology.graph import Topology


@dataclass(frozen=True)
class Brought:
    """Objects by the names that agents, edges and entries of a file call them."""

    models: Mapping[str, Any] = field(default_factory=dict)
    tools: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    """By agent of kind function."""
    monitors: Mapping[str, Any] = field(default_factory=dict)
    """A monitor for an entry of the file, or a pair (monitor, MonitorConfig) beside those of the file."""


def unused(
    brought: Brought,
    agents: Mapping[str, AgentConfig],
    models: Mapping[str, ModelConfig],
    topology: Topology | None,
    read: Loaded | Draft | None,
    judging: Collection[str] = (),
) -> list[Problem]:
    """A problem for every given name that neither the file nor an agent uses: a typo would go unnoticed."""
    declared = _declared(agents, read)
    names: dict[str, tuple[Mapping[str, Any], Collection[str], str]] = {
        "models": (brought.models, [*_models(declared, models, topology, read), *judging], "models in use"),
        "tools": (brought.tools, _tools(declared, topology), "tools in use"),
        "functions": (brought.functions, _functions(declared, agents), "agents of kind function"),
        "monitors": (_entries_of_the_file(brought.monitors), _monitors(read), "monitors of the file"),
    }
    if isinstance(read, Draft):
        sections = {str(path[0]) for path in read.broken if path}
        names = {key: value for key, value in names.items() if not sections & _NAMED_IN[key]}
    return [
        Problem(0, 0, f"{key}['{name}']", _message(name, known, what))
        for key, (objects, known, what) in names.items()
        for name in objects
        if name not in known
    ]


_NAMED_IN = {
    "models": {"models", "agents", "topology"},
    "tools": {"agents", "topology"},
    "functions": {"agents"},
    "monitors": {"monitors"},
}
"""Sections of a file that may name such an object: where one is broken, nothing is known to be unused."""


def _message(name: str, known: Collection[str], what: str) -> str:
    return f"nobody uses '{name}', which was given in Python; {what}: {one_of(known)}{did_you_mean(name, known)}"


def _declared(agents: Mapping[str, AgentConfig], read: Loaded | Draft | None) -> Mapping[str, AgentConfig]:
    if read is None:
        return agents
    return read.parts.agents if isinstance(read, Draft) else read.config.agents


def _models(
    agents: Mapping[str, AgentConfig],
    configs: Mapping[str, ModelConfig],
    topology: Topology | None,
    read: Loaded | Draft | None,
) -> list[str]:
    of_file = (read.parts.models or {}) if isinstance(read, Draft) else read.config.models if read else {}
    configured = [config for config in [*of_file.values(), *configs.values()] if isinstance(config, ModelConfig)]
    fallbacks = [name for config in configured for name in config.fallback]
    asked = [agent.model for agent in agents.values() if isinstance(agent.model, str)]
    edges = [edge for phase in topology.phases for edge in phase.edges] if topology else []
    summarise = [edge.model for edge in edges if edge.carries == "summary"]
    return list(dict.fromkeys(["default", *of_file, *asked, *summarise, *fallbacks]))


def _tools(agents: Mapping[str, AgentConfig], topology: Topology | None) -> list[str]:
    named = (tool.use if isinstance(tool, ToolConfig) else tool for agent in agents.values() for tool in agent.tools)
    called = [tool for tool in named if isinstance(tool, str)]
    phases = topology.phases if topology else ()
    rewrites = [edge.rewrite for phase in phases for edge in phase.edges if edge.rewrite is not None]
    untils = [phase.until.function for phase in phases if phase.until is not None and phase.until.function is not None]
    return list(dict.fromkeys([*called, *rewrites, *untils]))


def _functions(declared: Mapping[str, AgentConfig], agents: Mapping[str, AgentConfig]) -> list[str]:
    every = {**declared, **agents}
    return [name for name, agent in every.items() if agent.kind == "function"]


def _entries_of_the_file(monitors: Mapping[str, Any]) -> dict[str, Any]:
    return {name: monitor for name, monitor in monitors.items() if not isinstance(monitor, tuple)}


def _monitors(read: Loaded | Draft | None) -> Mapping[str, MonitorConfig]:
    return {} if read is None else read.parts.monitors if isinstance(read, Draft) else read.config.monitors
