"""What tests of servers share."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def little_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that hang are not waited for."""
    monkeypatch.setattr("agentmesh.tools.mcp.program._GRACE_SECONDS", 0.2)
