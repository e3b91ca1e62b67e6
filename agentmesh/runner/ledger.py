"""What a run has spent and set aside: nothing is sent that its limits could not pay for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import anyio

from agentmesh.config.models import Limits
from agentmesh.events import LimitWasReached


@dataclass
class Account:
    """One line of the ledger: the run, or one agent. Tokens are settled or reserved; calls count when they start."""

    limits: Limits
    settled: int = 0
    reserved: int = 0
    calls: int = 0

    def lacks(self, tokens: int) -> tuple[str, float, float] | None:
        """The limit that a call of so many tokens would break: its name, what it allows, what is needed."""
        limits = self.limits
        if limits.model_calls and self.calls >= limits.model_calls:
            return ("model_calls", limits.model_calls, self.calls + 1)
        needed = self.settled + self.reserved + tokens
        if limits.tokens and needed > limits.tokens:
            return ("tokens", limits.tokens, needed)
        return None


@dataclass
class Ledger:
    """Reserves before a call is sent and settles when it is answered: settled + reserved <= limit, always."""

    limits: Limits
    agent_limits: Mapping[str, Limits]
    _run: Account = field(init=False)
    _agents: dict[str, Account] = field(default_factory=dict)
    _settlement: anyio.Event | None = None

    def __post_init__(self) -> None:
        self._run = Account(self.limits)

    async def reserve(self, agent: str, tokens: int) -> LimitWasReached | None:
        """Set tokens aside, waiting for calls in flight if only they stand in the way. An event means refusal."""
        own = self._agents.setdefault(agent, Account(self.agent_limits.get(agent, Limits())))
        while lack := self._lack(own, tokens):
            account, name, allowed, needed = lack
            if name == "model_calls" or account.reserved == 0:
                whose = None if account is self._run else agent
                return LimitWasReached(agent=whose, limit=name, allowed=allowed, needed=needed)
            self._settlement = self._settlement or anyio.Event()
            await self._settlement.wait()
        for account in (self._run, own):
            account.reserved += tokens
            account.calls += 1
        return None

    def settle(self, agent: str, reserved: int, spent: int) -> None:
        """Replace the tokens that were set aside by those that were used."""
        for account in (self._run, self._agents[agent]):
            account.reserved -= reserved
            account.settled += spent
        if self._settlement is not None:
            self._settlement.set()
            self._settlement = None

    def _lack(self, own: Account, tokens: int) -> tuple[Account, str, float, float] | None:
        for account in (self._run, own):
            if lack := account.lacks(tokens):
                return (account, *lack)
        return None
