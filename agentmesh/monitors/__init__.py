"""Guardrails for what happens between agents.

from agentmesh.monitors import any_of, all_of, after, per_edge      # monitors made of monitors
from agentmesh.monitors import Reader, Said, Done                   # to write one that reads acts, not events
"""

from agentmesh.monitors.base import Monitor, Reader, Watch
from agentmesh.monitors.combine import after, all_of, any_of, per_edge
from agentmesh.monitors.signals import Done, Said, Signals

__all__ = ["Done", "Monitor", "Reader", "Said", "Signals", "Watch", "after", "all_of", "any_of", "per_edge"]
