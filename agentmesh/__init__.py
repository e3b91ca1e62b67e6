"""Teams of LLM agents on a declared, enforced topology, watched by monitors.

Names are resolved on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as type checkers read it; importing `typing` would take longer than all else here
if TYPE_CHECKING:
    from typing import Any

    from agentmesh.agents.base import View
    from agentmesh.config.models import Limits, ModelConfig, MonitorConfig, VerifyConfig
    from agentmesh.errors import (
        AgentMeshError,
        ConfigError,
        JournalError,
        LimitReached,
        ProviderError,
        RunCancelled,
        RunChanged,
        RunError,
        RunFailed,
        RunHalted,
        RunStalled,
        RunTaken,
        ToolError,
        TopologyError,
    )
    from agentmesh.events import Event
    from agentmesh.journal import Journal, open_journal
    from agentmesh.messages import FilePart, Finding, ImagePart, Message, Position, Reply, ToolCall, Usage
    from agentmesh.monitors.base import Monitor
    from agentmesh.providers.base import Provider, Request
    from agentmesh.providers.scripted import ScriptedProvider
    from agentmesh.team import Agent, Run, RunResult, Team
    from agentmesh.tools.context import ToolContext
    from agentmesh.tools.function import FunctionTool
    from agentmesh.topology.graph import Topology
    from agentmesh.topology.history import topology_at
    from agentmesh.topology.phases import Board, Vote

__version__ = "0.1.0"

_HOMES = {
    "agentmesh.agents.base": ("View",),
    "agentmesh.config.models": ("Limits", "ModelConfig", "MonitorConfig", "VerifyConfig"),
    "agentmesh.errors": (
        "AgentMeshError",
        "ConfigError",
        "JournalError",
        "LimitReached",
        "ProviderError",
        "RunCancelled",
        "RunChanged",
        "RunError",
        "RunFailed",
        "RunHalted",
        "RunStalled",
        "RunTaken",
        "ToolError",
        "TopologyError",
    ),
    "agentmesh.events": ("Event",),
    "agentmesh.messages": ("FilePart", "Finding", "ImagePart", "Message", "Position", "Reply", "ToolCall", "Usage"),
    "agentmesh.monitors.base": ("Monitor",),
    "agentmesh.providers.base": ("Provider", "Request"),
    "agentmesh.providers.scripted": ("ScriptedProvider",),
    "agentmesh.team": ("Agent", "Run", "RunResult", "Team"),
    "agentmesh.journal": ("Journal", "open_journal"),
    "agentmesh.tools.context": ("ToolContext",),
    "agentmesh.tools.function": ("FunctionTool",),
    "agentmesh.topology.graph": ("Topology",),
    "agentmesh.topology.history": ("topology_at",),
    "agentmesh.topology.phases": ("Board", "Vote"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Agent",
    "AgentMeshError",
    "Board",
    "ConfigError",
    "Event",
    "FilePart",
    "Finding",
    "FunctionTool",
    "ImagePart",
    "Journal",
    "JournalError",
    "LimitReached",
    "Limits",
    "Message",
    "ModelConfig",
    "Monitor",
    "MonitorConfig",
    "Position",
    "Provider",
    "ProviderError",
    "Reply",
    "Request",
    "Run",
    "RunCancelled",
    "RunChanged",
    "RunError",
    "RunFailed",
    "RunHalted",
    "RunResult",
    "RunStalled",
    "RunTaken",
    "ScriptedProvider",
    "Team",
    "ToolCall",
    "ToolContext",
    "ToolError",
    "Topology",
    "TopologyError",
    "Usage",
    "VerifyConfig",
    "View",
    "Vote",
    "open_journal",
    "topology_at",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'agentmesh' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
