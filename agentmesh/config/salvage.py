"""What can still be checked of a file that is not valid: its names, so that they are reported in the same breath."""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import deepcopy
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from agentmesh.config.models import AgentConfig, Chain, Flat, Graph, Hierarchy, ModelConfig, Solo, TopologyConfig
from agentmesh.config.problems import Fault

_STANDS_FOR: dict[str, Any] = {
    "agent": "",
    "planner": "",
    "agents": [""],
    "workers": [""],
    "edges": [["", ""]],
    "nodes": [],
}
"""What stands for a required value that is absent or wrong: names that no later check looks at."""


class Parts(NamedTuple):
    """The valid remainder of a file, with neutral values in place of what is wrong."""

    agents: dict[str, AgentConfig]
    models: dict[str, ModelConfig | str]
    topology: Solo | Chain | Flat | Hierarchy | Graph | None


def salvage(data: dict[str, Any], wrong: Sequence[Fault]) -> Parts:
    """The parts of the data whose names can be checked although something in it is wrong."""
    agents = data.get("agents")
    models = data.get("models", {"default": "simulated:worker"})
    return Parts(
        {name: _agent(agent) for name, agent in agents.items()} if isinstance(agents, dict) else {},
        {name: _model(model) for name, model in models.items()} if isinstance(models, dict) else {},
        _topology(data.get("topology"), wrong) if isinstance(agents, dict) and agents else None,
    )


def _agent(data: Any) -> AgentConfig:
    known: dict[str, Any] = data if isinstance(data, dict) else {}
    model, replicas = known.get("model"), known.get("replicas")
    fitting: dict[str, Any] = {"model": model} if isinstance(model, str) else {}
    if isinstance(replicas, int) and 0 < replicas <= 10_000:
        fitting["replicas"] = replicas
    if "model" not in fitting and (data is not known or "model" in known or known.get("kind", "llm") != "llm"):
        fitting["model"] = "echo:nobody"  # asked for elsewhere, or no model at all
    return AgentConfig(**fitting)


def _model(data: Any) -> ModelConfig | str:
    if isinstance(data, str):
        return data
    fallback = data.get("fallback") if isinstance(data, dict) else None
    names = fallback if isinstance(fallback, list) and all(isinstance(name, str) for name in fallback) else []
    return ModelConfig(provider="echo", fallback=tuple(names))


def _topology(data: Any, wrong: Sequence[Fault]) -> Solo | Chain | Flat | Hierarchy | Graph | None:
    if not isinstance(data, dict):
        return None
    mended = json.loads(json.dumps(data))
    for fault in wrong:
        if fault.path[:1] == ("topology",) and len(fault.path) > 1:
            _mend(mended, fault)
    try:
        text = json.dumps(mended)
        return TypeAdapter[Solo | Chain | Flat | Hierarchy | Graph](TopologyConfig).validate_json(text, strict=True)
    except ValidationError:
        return None


def _mend(data: Any, fault: Fault) -> None:
    parent: Any = data
    path = fault.path[1:]
    if path[:1] == ("edges",) and len(path) > 1:
        path = path[:2]
    for step in path[:-1]:
        parent = parent[step]
    last = path[-1]
    if isinstance(last, int) and isinstance(parent, list):
        parent[last] = ["", ""] if path[0] == "edges" else ""
    elif not isinstance(parent, dict):
        return  # already replaced for another fault
    elif not fault.at_key and last in _STANDS_FOR:
        parent[last] = deepcopy(_STANDS_FOR[last])
    else:
        parent.pop(last, None)
