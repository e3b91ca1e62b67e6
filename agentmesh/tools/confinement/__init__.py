"""Programs that agents chose, run so that they can neither leave their workspace nor outlive the call."""

from agentmesh.tools.confinement.base import Confinement, Ended, Ran, Rules
from agentmesh.tools.confinement.choosing import confinement_of, why_not

__all__ = ["Confinement", "Ended", "Ran", "Rules", "confinement_of", "why_not"]
