"""What monitors read in events: who said what and what it adds, who did what and what came of it."""

from agentmesh.monitors.signals.reading import Act, Done, Said, Signals
from agentmesh.monitors.signals.speech import Speech

__all__ = ["Act", "Done", "Said", "Signals", "Speech"]
