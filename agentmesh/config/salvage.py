"""What can still be checked of a file that is not valid, so that everything is reported in the same breath."""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import deepcopy
from typing import Any, NamedTuple, TypeVar

from pydantic import TypeAdapter, ValidationError

from agentmesh.config.models import (
    AgentConfig,
    AnswerConfig,
    Limits,
    ModelConfig,
    MonitorConfig,
    TeamConfig,
    VerifyConfig,
)
from agentmesh.config.problems import Fault
from agentmesh.config.servers import ServerConfig
from agentmesh.config.source import Path
from agentmesh.config.topologies import AnyTopology, TopologyConfig
from agentmesh.config.workspaces import MergeConfig

Part = TypeVar("Part")
_NOBODY = "echo"
"""A model that stands where the one that was meant is unknown."""
_STANDS_FOR: dict[str, Any] = {
    "agent": "",
    "planner": "",
    "agents": [""],
    "workers": [""],
    "center": "",
    "leaves": [""],
    "sides": [""],
    "judge": "",
    "edges": [["", ""]],
    "nodes": [],
    "name": "_",
    "until": {"verify": ["_"]},
    "model": _NOBODY,
    "provider": _NOBODY,
    "argv": [""],
    "input": 0,
    "output": 0,
}
"""What stands for a value that is absent or wrong and has no default: nothing that a later check looks at."""
_ENTRIES: dict[str, Any] = {
    "agents": {"model": _NOBODY},
    "models": _NOBODY,
    "monitors": {},
    "mcp": {"command": _NOBODY},
}
"""What stands for a whole entry that cannot be read."""


class Parts(NamedTuple):
    """The valid remainder of a file, with neutral values in place of what is wrong. None is what cannot be told."""

    agents: dict[str, AgentConfig]
    models: dict[str, ModelConfig | str] | None
    topology: AnyTopology | None
    limits: Limits = Limits()
    monitors: dict[str, MonitorConfig] = {}  # noqa: RUF012 - never changed
    verify: VerifyConfig | None = None
    answer: AnswerConfig | None = None
    merge: MergeConfig | None = None
    mcp: dict[str, ServerConfig] = {}  # noqa: RUF012 - never changed


def whole(config: TeamConfig) -> Parts:
    """All parts of a valid config."""
    return Parts(**{part: getattr(config, part) for part in Parts._fields})


def salvage(data: dict[str, Any], wrong: Sequence[Fault]) -> Parts:
    """The parts of the data that can be checked although something in it is wrong."""
    mended = json.loads(json.dumps(data))
    for fault in wrong:
        _mend(mended, fault)
    agents, models, monitors = (_section(mended, section) for section in ("agents", "models", "monitors"))
    unknown = {fault.meant for fault in wrong} | {fault.path for fault in wrong}
    if "models" not in mended:
        models = {"default": "simulated:worker"}
    return Parts(
        {name: _part(AgentConfig, agent, AgentConfig(model=_NOBODY)) for name, agent in agents.items()},
        None if ("models",) in unknown else {name: _model(model) for name, model in models.items()},
        _part(TopologyConfig, mended.get("topology"), None) if agents else None,
        _part(Limits, mended.get("limits", {}), Limits()),
        {name: _part(MonitorConfig, monitor, MonitorConfig()) for name, monitor in monitors.items()},
        _part(VerifyConfig, mended.get("verify"), None),
        _part(AnswerConfig, mended.get("answer"), None),
        _part(MergeConfig, mended.get("merge"), None),
        {
            name: _part(ServerConfig, server, ServerConfig(command=_NOBODY))
            for name, server in _section(mended, "mcp").items()
        },
    )


def _section(data: dict[str, Any], name: str) -> dict[str, Any]:
    section = data.get(name)
    return section if isinstance(section, dict) else {}


def _model(data: Any) -> ModelConfig | str:
    return data if isinstance(data, str) else _part(ModelConfig, data, ModelConfig(provider="echo"))


def _part(kind: Any, data: Any, otherwise: Part) -> Part:
    try:
        adapter: TypeAdapter[Part] = TypeAdapter(kind)
        return adapter.validate_json(json.dumps(data), strict=True, by_alias=True, by_name=False)
    except ValidationError:
        return otherwise


def _mend(data: Any, fault: Fault) -> None:
    """Take out of the data what the fault is about, or put something neutral in its place."""
    path = _of_whole(fault.path)
    if fault.of_a_name or not path:
        return
    parent = data
    for step in path[:-1]:
        try:
            parent = parent[step]
        except (KeyError, IndexError, TypeError):
            return  # already replaced for another fault
    last = path[-1]
    if isinstance(parent, list) and isinstance(last, int) and last < len(parent):
        parent[last] = _item(path)
    elif isinstance(parent, dict):
        neutral = None if fault.at_key and path == fault.path else _neutral(path)
        if neutral is None:
            parent.pop(last, None)
        else:
            parent[last] = deepcopy(neutral)
        if path[:1] == ("agents",) and path[2:] == ("kind",):
            parent.setdefault("model", _NOBODY)  # perhaps it asks none


def _of_whole(path: Path) -> Path:
    """The place of the edge, end, memory or rung that the path leads into: their keys go together."""
    if path[:1] == ("topology",):
        for key, length in (("edges", 2), ("until", 1)):
            if key in path[:-1]:
                return path[: path.index(key) + length]
    if path[:1] == ("monitors",) and path[2:3] == ("interventions",):
        return path[:4]
    return path[:3] if path[:1] == ("agents",) and path[2:3] == ("memory",) else path


def _neutral(path: Path) -> Any:
    if len(path) == 2 and path[0] in _ENTRIES:
        return _ENTRIES[str(path[0])]
    if path[0] in ("limits", "verify", "monitors") or len(path) == 1:
        return None
    return _STANDS_FOR.get(str(path[-1]))


def _item(path: Path) -> Any:
    """A place in a list stays one, so that those behind it keep their numbers."""
    if path[-2] in ("edges", "phases"):
        return ["", ""] if path[-2] == "edges" else {"name": "_", "edges": [["", ""]]}
    return "note" if path[-2] == "interventions" else ""
