"""Simulated models: they read their request as a real model would, and cost nothing."""

from __future__ import annotations

from agentmesh.providers.simulated.provider import SimulatedProvider, respond
from agentmesh.providers.simulated.skill import PROFILES, Profile, profile_named

__all__ = ["PROFILES", "Profile", "SimulatedProvider", "profile_named", "respond"]
