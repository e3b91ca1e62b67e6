"""What `import agentmesh` gives, and what it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import agentmesh

HEAVY = (
    "openai",
    "anthropic",
    "mcp",
    "networkx",
    "numpy",
    "pydantic",
    "httpx2",
    "aiohttp",
    "rich",
    "ruamel",
    "anyio",
    "asyncio",
)
NAMES = [
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


def test_the_public_names_are_these_in_order() -> None:
    assert agentmesh.__all__ == NAMES
    assert sorted(agentmesh.__all__) == agentmesh.__all__


def test_every_public_name_resolves_and_is_listed() -> None:
    for name in agentmesh.__all__:
        assert getattr(agentmesh, name) is getattr(agentmesh, name)
        assert name in dir(agentmesh)
    assert set(agentmesh._HOME_OF) == set(agentmesh.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'agentmesh' has no attribute 'Teem'"):
        agentmesh.Teem  # noqa: B018


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, agentmesh; print([name for name in sys.argv[1:] if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code, *HEAVY], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_team_of_functions_needs_no_provider_sdk_and_no_networkx() -> None:
    code = (
        "import sys\nfrom agentmesh import Agent, Team, Topology\n"
        "made = Team([Agent(name='a', function=str)], Topology.flat(['a']))\n"
        "assert made.run_sync('task').answer\n"
        "print([name for name in sys.argv[1:] if name in sys.modules])"
    )
    heavy = ("openai", "anthropic", "numpy", "httpx2", "aiohttp", "rich", "mcp")
    done = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
