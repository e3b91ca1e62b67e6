"""The YAML language: models, loader with file:line:column errors, JSON Schema. Names are resolved on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentmesh.config.loader import Draft, Loaded, from_mapping, load_team, load_team_text, read_team
    from agentmesh.config.models import TeamConfig
    from agentmesh.config.names import check_names, expand_names, resolve, resolver
    from agentmesh.config.programs import Import, executes, imports
    from agentmesh.config.schema import team_schema

__all__ = [
    "Draft",
    "Import",
    "Loaded",
    "TeamConfig",
    "check_names",
    "executes",
    "expand_names",
    "from_mapping",
    "imports",
    "load_team",
    "load_team_text",
    "read_team",
    "resolve",
    "resolver",
    "team_schema",
]

_HOMES = {
    "agentmesh.config.loader": ("Draft", "Loaded", "from_mapping", "load_team", "load_team_text", "read_team"),
    "agentmesh.config.models": ("TeamConfig",),
    "agentmesh.config.names": ("check_names", "expand_names", "resolve", "resolver"),
    "agentmesh.config.programs": ("Import", "executes", "imports"),
    "agentmesh.config.schema": ("team_schema",),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'agentmesh.config' has no attribute '{name}'")
