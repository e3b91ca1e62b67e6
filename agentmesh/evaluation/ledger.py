"""One hard budget of tokens for whatever is begun: set aside before, settled after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agentmesh.errors import AgentMeshError


@dataclass
class Reservation:
    """Tokens that are set aside for something that is about to begin, until it is known what it used."""

    ledger: Ledger
    tokens: int
    settled: bool = False

    def settle(self, used: int | Mapping[str, int]) -> None:
        """Put what was used in the place of what was set aside: in all, or by keys each of which counts only once.

        Raises: ValueError where it was settled before, or less than nothing was used.
        """
        if self.settled:
            raise ValueError("a reservation is settled once; reserve anew for what comes after it")
        self.ledger.settle(self, {} if isinstance(used, int) else used, used if isinstance(used, int) else 0)
        self.settled = True


@dataclass
class Ledger:
    """What was used of a limit, and what is set aside: together never above it, after every call.

    A reservation that does not fit is refused: `None`. So the limit holds if nobody uses more than he reserved; who
    did, because a provider counts otherwise than was allowed to it, is counted whole, and `overdrawn` says by how much.
    Methods give way to nobody, so that tasks of one event loop may share a ledger; threads may not.
    """

    limit: int
    spent: int = 0
    reserved: int = 0
    peak_reserved: int = 0
    """The most that was ever set aside at once."""
    _counted: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        if self.limit < 0:
            raise AgentMeshError(f"a budget of {self.limit:,} tokens is none; give 0 or more")

    @property
    def left(self) -> int:
        """What may still be set aside."""
        return max(0, self.limit - self.spent - self.reserved)

    @property
    def overdrawn(self) -> int:
        """How far above the limit providers went that used more than they were allowed."""
        return max(0, self.spent - self.limit)

    def reserve(self, tokens: int) -> Reservation | None:
        """Set so much aside; None where it does not fit. Raises: ValueError for less than nothing."""
        if tokens < 0:
            raise ValueError(f"{tokens} tokens cannot be set aside; give 0 or more")
        if self.spent + self.reserved + tokens > self.limit:
            return None
        self.reserved += tokens
        self.peak_reserved = max(self.peak_reserved, self.reserved)
        return Reservation(self, tokens)

    def settle(self, reservation: Reservation, by_key: Mapping[str, int], used: int = 0) -> None:
        """What `Reservation.settle` does. Raises: ValueError."""
        new = {key: tokens for key, tokens in by_key.items() if key not in self._counted}
        if used < 0 or any(tokens < 0 for tokens in new.values()):
            raise ValueError("less than nothing cannot have been used")
        self._counted |= new.keys()
        self.reserved -= reservation.tokens
        self.spent += used + sum(new.values())

    def to_json(self) -> dict[str, int]:
        """As `ledger` of commands that keep one have it."""
        return {"limit": self.limit, "spent": self.spent, "peak_reserved": self.peak_reserved}
