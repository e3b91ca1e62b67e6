"""Every scenario: pathologies, and for each the healthy runs that look like it."""

from __future__ import annotations

from agentmesh.evaluation.calibration.scenarios import (
    accepting,
    agreement,
    conforming,
    coordinating,
    diverging,
    ending,
    hacking,
    injecting,
    progressing,
    stopping,
)
from agentmesh.evaluation.calibration.scenarios.base import Scenario, look_alike, pathology

_MODULES = (
    agreement,
    conforming,
    stopping,
    progressing,
    ending,
    coordinating,
    accepting,
    hacking,
    diverging,
    injecting,
)

SCENARIOS: tuple[Scenario, ...] = tuple(
    found for module in _MODULES for found in vars(module).values() if isinstance(found, Scenario)
)

__all__ = ["SCENARIOS", "Scenario", "look_alike", "pathology"]
