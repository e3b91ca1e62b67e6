"""Simulated models that write code: what they write follows from what their view holds, and from nothing else."""

from __future__ import annotations

from agentmesh.providers.simulated.coding.coder import code

__all__ = ["code"]
