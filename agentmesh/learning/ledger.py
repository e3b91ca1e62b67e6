"""The one budget of a search, of judging or of both, by the name under which learning knows it."""

from agentmesh.evaluation.ledger import Ledger, Reservation

__all__ = ["Ledger", "Reservation"]
