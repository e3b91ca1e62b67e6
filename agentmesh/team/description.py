"""A team in plain values: what a recorded run depends on, to tell whether, and where, it has changed since."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agentmesh.config.models import AgentConfig, MonitorConfig, VerifyConfig
from agentmesh.config.servers import ServerConfig
from agentmesh.config.workspaces import MergeConfig
from agentmesh.team.assembly import Assembly
from agentmesh.team.parts import Models
from agentmesh.topology.graph import Topology
from agentmesh.topology.phases import Phase

_MONEY_AND_TIME = {"price", "pace", "timeout_s", "idle_timeout_s", "max_retries"}
"""Of a model: what it costs and how it is paced may change between two parts of a run."""

_TOLD_OTHERWISE = {"limits", "replicas", "tools", "model", "reserve", "function", "team"}
"""Of an agent: what may change, and what need not be a plain value."""


def described(
    agents: Mapping[str, AgentConfig],
    topology: Topology,
    models: Models,
    assembly: Assembly,
    verify: VerifyConfig | None,
    answer: Any,
    merge: MergeConfig | None = None,
) -> str:
    """Expanded graph, phases, instructions, models, tools and monitors as JSON; neither limits nor prices."""
    facts = {
        "agents": {name: _agent(name, agent, assembly, models) for name, agent in agents.items()},
        "phases": [_phase(phase) for phase in topology.phases],
        "policy": topology.policy,
        "monitors": {name: _monitor(*entry) for name, entry in assembly.monitors.items()},
        "verify": _verify(verify, assembly, models) if verify else None,
        "answer": answer,
        "teams": {name: team.description for name, team in assembly.teams.items()},
        **({"mcp": {name: _server(one) for name, one in assembly.servers.items()}} if assembly.servers else {}),
        **({"merge": merge.model_dump(mode="json")} if merge is not None else {}),
    }
    return json.dumps(facts, ensure_ascii=False, indent=1, default=str)


def digest(description: str) -> str:
    """Sixteen hexadecimal digits that change with the team."""
    return hashlib.sha256(description.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def difference(before: str, now: str, most: int = 40) -> str:
    """What is different between two teams, as lines with - and +, no more than so many."""
    lines = list(
        difflib.unified_diff(before.splitlines(), now.splitlines(), "when the run began", "now", lineterm="", n=2)
    )
    return "\n".join([*lines[:most], *([f"... {len(lines) - most} more lines"] if len(lines) > most else [])])


def _agent(name: str, agent: AgentConfig, assembly: Assembly, models: Models) -> dict[str, Any]:
    told = agent.model_dump(mode="json", exclude=_TOLD_OTHERWISE, exclude_defaults=True)
    tools = assembly.tools.get(name, {})
    if wanted := assembly.wanted.get(name):
        told["served"] = [[f"{one.server}__{one.tool}", one.requires, one.trust, one.approve] for one in wanted]
    told["tools"] = {tool: getattr(one, "definition", None) or str(type(one).__name__) for tool, one in tools.items()}
    model = assembly.models.get(name)
    if model is not None:
        told["models"] = [_model(one, models) for one in models.row(model)]
    if name in assembly.functions:
        told["function"] = _name_of(assembly.functions[name])
    return told


def _server(server: ServerConfig) -> dict[str, Any]:
    """What a server is, without the values of its variables, which may be secrets."""
    told = server.model_dump(mode="json", exclude={"environment", "timeout_s"}, exclude_defaults=True)
    return {**told, "environment": sorted(server.environment)}


def _verify(verify: VerifyConfig, assembly: Assembly, models: Models) -> dict[str, Any]:
    told, verifier = verify.model_dump(mode="json"), assembly.verifier
    return {**told, "asked": _agent(verifier.name, verifier.agent, assembly, models)} if verifier else told


def _model(name: str, models: Models) -> Any:
    config = models.configs.get(name)
    if config is None or models.one is not None:
        return models.provider(name).model_id
    return config.model_dump(mode="json", exclude=_MONEY_AND_TIME | {"fallback"}, exclude_defaults=True)


def _phase(phase: Phase) -> dict[str, Any]:
    return {"phase": repr(replace(phase, edges=())), "edges": [repr(edge) for edge in phase.edges]}


def _monitor(monitor: Any, config: MonitorConfig) -> dict[str, Any]:
    told = config.model_dump(mode="json", exclude={"limits"}, exclude_defaults=True, fallback=_name_of)
    return {"monitor": _name_of(monitor), **told}


def _name_of(thing: Any) -> str:
    named = thing if hasattr(thing, "__qualname__") else type(thing)
    return f"{named.__module__}:{named.__qualname__}"
