"""The YAML language: models, loader with file:line:column errors, JSON Schema. Names are resolved on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentmesh.config.loader import Loaded, from_mapping, load_team, load_team_text
    from agentmesh.config.models import TeamConfig
    from agentmesh.config.names import check_names, expand_names, resolve, resolver

__all__ = [
    "Loaded",
    "TeamConfig",
    "check_names",
    "expand_names",
    "from_mapping",
    "load_team",
    "load_team_text",
    "resolve",
    "resolver",
]

_HOMES = {
    "agentmesh.config.loader": ("Loaded", "from_mapping", "load_team", "load_team_text"),
    "agentmesh.config.models": ("TeamConfig",),
    "agentmesh.config.names": ("check_names", "expand_names", "resolve", "resolver"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'agentmesh.config' has no attribute '{name}'")
