"""What a run has spent and set aside: nothing is sent that its limits could not pay for.

Limits form a tree, and a call is charged to every account above it: the run, the phase, the agent, and for a summary
the edge. Each is a line of the ledger under its name: `run`, `phase:NAME`, `agent:NAME`, `edge:A->B`; what monitors ask
models is charged to `monitor:NAME` alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import anyio

from agentmesh.config.limits import Spending
from agentmesh.config.models import Price
from agentmesh.events import LimitWasReached, ModelCallFinished, ModelCallStarted
from agentmesh.messages import Usage
from agentmesh.topology.phases import Phase

RUN = "run"
PICO = 10**12
"""USD are counted in whole trillionths: sums of fractions would drift."""
SHORTEST = 128
"""A last answer may be cut to what is left to pay for it, but to no fewer tokens than these."""

_KEY = re.compile(
    r"[^/]*/(?P<phase>.+?)#\d+/(?:edge:(?P<edge>(?P<sender>.+)->.+)/[^/]+|(?P<agent>.+?)/\d+/.+)", re.DOTALL
)


def phase_account(name: str) -> str:
    """The account of a phase, over all its occurrences."""
    return f"phase:{name}"


def agent_account(name: str) -> str:
    """The account of an agent."""
    return f"agent:{name}"


def edge_account(sender: str, recipient: str) -> str:
    """The account of the summaries of what passes over an edge."""
    return f"edge:{sender}->{recipient}"


def accounts_of(key: str) -> tuple[str, ...]:
    """The accounts that a call is charged to, by the key that it has in the log."""
    found = _KEY.fullmatch(key)
    if found is None:
        return (RUN,)
    if (found["agent"] or "").startswith("monitor:"):
        return (found["agent"],)
    above = (RUN, phase_account(found["phase"]), agent_account(found["agent"] or found["sender"]))
    return above if found["edge"] is None else (*above, f"edge:{found['edge']}")


def limits_by_account(
    run: Spending, phases: Iterable[Phase], agents: Mapping[str, Spending], monitors: Mapping[str, Spending]
) -> dict[str, Spending]:
    """The limits of every account. An edge that is drawn in several phases has the narrowest of its limits."""
    found: dict[str, Spending] = {RUN: run}
    found |= {f"monitor:{name}": limits for name, limits in monitors.items()}
    found |= {agent_account(name): limits for name, limits in agents.items()}
    for phase in phases:
        found[phase_account(phase.name)] = phase.limits
        for edge in phase.edges:
            if edge.carries == "summary":
                account = edge_account(*edge.pair)
                found[account] = _narrowest(found.get(account, Spending()), edge.limits)
    return found


def pico(usd: float) -> int:
    """USD as they are counted here."""
    return round(usd * PICO)


class Closer(NamedTuple):
    """Who would give the last answer of the run, and what one call of it may say. No price: it asks no model."""

    agent: str
    output_tokens: int
    price: Price | None
    asks: bool = True


@dataclass(frozen=True, slots=True)
class Bill:
    """One call before it is sent: who makes it, which accounts it is charged to, and the most that it can use.

    `last`: it can come to nothing but an answer, so that what is kept for one is its own.
    """

    agent: str
    accounts: tuple[str, ...]
    input_tokens: int
    output_tokens: int
    price: Price | None = None
    last: bool = False

    @property
    def tokens(self) -> int:
        """Tokens of prompt and answer."""
        return self.input_tokens + self.output_tokens

    @property
    def usd(self) -> float | None:
        """The most that those can cost, where a price is known."""
        return None if self.price is None else self.cost(self.input_tokens, self.output_tokens) / PICO

    def cost_usd(self, usage: Usage) -> float | None:
        """What a call has cost: as its provider's prices have it, else at most; None where no price is known."""
        if usage.cost_usd is not None or self.price is None:
            return usage.cost_usd
        return self.cost(usage.input_tokens, usage.output_tokens) / PICO

    def cost(self, input_tokens: int, output_tokens: int) -> int:
        """What so many tokens cost at most, in trillionths of USD; 0 where no price is known."""
        price = self.price
        return 0 if price is None else pico((input_tokens * price.input + output_tokens * price.output) / 1e6)


class Amount(NamedTuple):
    """What a call, or several, use."""

    tokens: int = 0
    usd: int = 0
    calls: int = 0


_NOTHING = Amount()


@dataclass
class Account:
    """One line of the ledger. Tokens and USD are settled or reserved; calls count when they start."""

    limits: Spending = field(default_factory=Spending)
    settled: int = 0
    reserved: int = 0
    settled_usd: int = 0
    reserved_usd: int = 0
    calls: int = 0

    def lacks(self, wanted: Amount) -> _Lack | None:
        """The limit that so much more would break."""
        limits = self.limits
        if limits.model_calls and self.calls + wanted.calls > limits.model_calls:
            return _Lack("model_calls", limits.model_calls, self.calls + wanted.calls, for_good=True)
        needed = self.settled + self.reserved + wanted.tokens
        if limits.tokens and needed > limits.tokens:
            return _Lack("tokens", limits.tokens, needed, needed - self.reserved > limits.tokens)
        needed = self.settled_usd + self.reserved_usd + wanted.usd
        if limits.usd and needed > pico(limits.usd):
            for_good = needed - self.reserved_usd > pico(limits.usd)
            return _Lack("usd", limits.usd, needed / PICO, for_good)
        return None

    def room(self) -> tuple[int | None, int | None]:
        """Tokens and trillionths of USD that are left, where they are limited."""
        limits = self.limits
        tokens = None if limits.tokens is None else limits.tokens - self.settled - self.reserved
        usd = None if limits.usd is None else pico(limits.usd) - self.settled_usd - self.reserved_usd
        return tokens, usd


class _Lack(NamedTuple):
    limit: str
    allowed: float
    needed: float
    for_good: bool
    """Whether nothing that is still in flight could make room."""


@dataclass
class Ledger:
    """Reserves before a call is sent and settles when it is answered: settled + reserved <= limit, always.

    `limits`: by account. `prices`: by `provider.model_id`, what no call to the model exceeds. `closer`: who would give
    the last answer now; as much as that takes is kept back of the limits of the run, from all other calls.
    """

    limits: Mapping[str, Spending]
    prices: Mapping[str, Price] = field(default_factory=dict)
    closer: Callable[[], Closer | None] = lambda: None
    accounts: dict[str, Account] = field(default_factory=dict)
    _prompts: dict[str, int] = field(default_factory=dict)
    """By agent: the length of the last prompt that it sent, in tokens."""
    _settlement: anyio.Event | None = None

    def __post_init__(self) -> None:
        self._bounded = {
            name for name, limits in self.limits.items() if limits.tokens or limits.usd or limits.model_calls
        }
        """The accounts that have a limit: most have none, and nothing has to be computed for them at each call."""

    def account(self, name: str) -> Account:
        """A line of the ledger, begun now if it was not yet."""
        if name not in self.accounts:
            self.accounts[name] = Account(self.limits.get(name, Spending()))
        return self.accounts[name]

    async def reserve(self, bill: Bill) -> LimitWasReached | None:
        """Set aside what a call may use, waiting for calls in flight if they alone stand in the way.

        An event means refusal.
        """
        wanted = Amount(bill.tokens, bill.cost(bill.input_tokens, bill.output_tokens), 1)
        while lacks := self._lacks(bill, wanted):
            refused = next((one for one in lacks if one[1].for_good), None)
            if refused is not None:
                return self._refusal(bill, *refused)
            self._settlement = self._settlement or anyio.Event()
            await self._settlement.wait()
        if bill.accounts[-1] == agent_account(bill.agent):
            self._prompts[bill.agent] = bill.input_tokens
        for account in map(self.account, bill.accounts):
            account.reserved += wanted.tokens
            account.reserved_usd += wanted.usd
            account.calls += 1
        return None

    def bill(self, key: str, agent: str, model_id: str, tokens: tuple[int, int], *, last: bool = False) -> Bill:
        """The bill of a call by its key: `tokens` are those of its prompt, as estimated, and of the longest answer."""
        return Bill(agent, accounts_of(key), *tokens, self.prices.get(model_id), last)

    def settle(self, bill: Bill, tokens: int, usd: float | None) -> None:
        """Replace what was set aside by what was used."""
        reserved = bill.cost(bill.input_tokens, bill.output_tokens)
        for account in map(self.account, bill.accounts):
            account.reserved -= bill.tokens
            account.reserved_usd -= reserved
            account.settled += tokens
            account.settled_usd += pico(usd or 0.0)
        if self._settlement is not None:
            self._settlement.set()
            self._settlement = None

    def charge(self, started: ModelCallStarted, finished: ModelCallFinished | None) -> None:
        """Enter a call of a process before this one; one that was cut off, at its reserved size."""
        tokens, usd = started.reserved, started.reserved_usd
        if finished is not None:
            known = finished.settled is not None
            tokens = finished.settled or 0 if known else finished.usage.tokens
            usd = finished.settled_usd if known else finished.usage.cost_usd
        for account in map(self.account, accounts_of(started.key)):
            account.settled += tokens
            account.settled_usd += pico(usd or 0.0)
            account.calls += 1

    def fitting(self, bill: Bill) -> Bill:
        """The bill of a last answer, which may be no longer than what is left pays for."""
        most = bill.output_tokens
        for tokens, usd in (self.account(name).room() for name in bill.accounts):
            if tokens is not None:
                most = min(most, tokens - bill.input_tokens)
            if usd is not None and bill.price is not None and bill.price.output > 0:
                left = usd - bill.cost(bill.input_tokens, 0)
                most = min(most, int(left / (bill.price.output * PICO / 1e6)))
        return replace(bill, output_tokens=most) if most >= SHORTEST else bill

    def _lacks(self, bill: Bill, wanted: Amount) -> list[tuple[str, _Lack]]:
        found = []
        for name in (name for name in bill.accounts if name in self._bounded) if self._bounded else ():
            kept = self._kept(bill) if name == RUN and not bill.last else _NOTHING
            lack = self.account(name).lacks(Amount(*(one + other for one, other in zip(wanted, kept, strict=True))))
            if lack is not None:
                found.append((name, lack))
        return found

    def _kept(self, bill: Bill) -> Amount:
        """What is kept back of the limits of the run for its last answer."""
        limits, last = self.limits.get(RUN, Spending()), self._last_answer(bill)
        if last is None:
            return _NOTHING
        return Amount(
            _share(limits.tokens, last.output_tokens, lambda answer: last.input_tokens + answer),
            _share(pico(limits.usd or 0.0), last.output_tokens, lambda answer: last.cost(last.input_tokens, answer)),
            1 if limits.model_calls and limits.model_calls > 1 else 0,
        )

    def _last_answer(self, bill: Bill) -> Bill | None:
        """The bill of a last answer now, as far as it is known; None where nobody could give one, or it takes none."""
        closer = self.closer() if RUN in self._bounded else None
        if closer is None or not closer.asks:
            return None
        prompt = bill.input_tokens if closer.agent == bill.agent else self._prompts.get(closer.agent, 0)
        return Bill(closer.agent, (), prompt, closer.output_tokens, closer.price)

    def _refusal(self, bill: Bill, name: str, lack: _Lack) -> LimitWasReached:
        agent = bill.agent if name.partition(":")[0] in ("agent", "edge") else None
        limit, allowed, needed, _ = lack
        kept = name == RUN and not bill.last and self._is_kept(bill, limit)
        return LimitWasReached(agent=agent, limit=limit, allowed=allowed, needed=needed, scope=name, kept=kept)

    def _is_kept(self, bill: Bill, limit: str) -> bool:
        """Whether what a last answer takes of a limit of the run is left of it."""
        last = self._last_answer(bill)
        if last is None or (limit == "usd" and not last.usd):
            return self.closer() is not None  # who takes none of it
        kept = self._kept(bill)
        return {"tokens": kept.tokens, "usd": kept.usd, "model_calls": kept.calls}[limit] > 0


def _share(limit: int | None, longest: int, cost: Callable[[int], int]) -> int:
    """What is kept of a limit: the prompt and as long an answer as a quarter of it pays for, if half of it does."""
    each = cost(1) - cost(0)
    answer = min(longest, (limit or 0) // 4 // each) if each else longest
    kept = cost(answer)
    return kept if limit and answer >= min(SHORTEST, longest) and 2 * kept <= limit else 0


def _narrowest(one: Spending, other: Spending) -> Spending:
    values = {}
    for key in Spending.model_fields:
        given = [value for value in (getattr(one, key), getattr(other, key)) if value is not None]
        values[key] = min(given) if given else None
    return Spending(**values)
