"""A model call as a run pays for it: set aside before it leaves, settled when it is over, in the log at both ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import anyio

from agentmesh.config.secrets import told, without_keys
from agentmesh.errors import AgentMeshError, JournalError, LimitExceeded, ProviderError, ProviderErrorKind
from agentmesh.events import Event, ModelCallFinished, ModelCallStarted
from agentmesh.messages import Reply, Usage
from agentmesh.providers.base import Provider, Request
from agentmesh.runner.ledger import Bill, Ledger

_ONE_CALL = Usage(model_calls=1)
_NOTHING = Usage()
_OF_THE_REPLY = ("tool_calls", "finish_reason", "structured", "position", "extra", "cached")
"""What the log repeats of a reply under the same names."""
_NO_REPLY = Reply()
"""What a call that failed used and said."""


UNSPENT: frozenset[ProviderErrorKind] = frozenset(
    {"authentication", "quota", "rate", "context_too_long", "bad_request", "connection", "price"}
)
"""Failures of calls that no server has worked on. Others may have cost their prompt, and count as if they had."""


class Payer(Protocol):
    """The run that pays."""

    ledger: Ledger

    def record(self, event: Event) -> None:
        """Append an event to the log and carry out all that follows from it."""
        ...

    async def durable(self) -> None:
        """Wait until all that was recorded is safe. Raises: JournalError."""
        ...

    def remaining_s(self) -> float | None:
        """Seconds until the run's deadline, if it has one."""
        ...


@dataclass(frozen=True)
class PaidCall:
    """One call on one agent's account. `input_tokens` is an estimate."""

    provider: Provider
    agent: str
    key: str
    request_hash: str
    input_tokens: int
    last: bool = False
    """Whether it can come to nothing but an answer: it may use what is kept for one."""
    wrap_up: bool = False
    """Whether it is the last one of a run, whose answer may be no longer than what is left pays for."""

    async def make(self, run: Payer, request: Request, on_delta: Callable[[str], None] | None = None) -> Reply:
        """The model's reply. Raises: ProviderError, LimitExceeded."""
        agent, provider = self.agent, self.provider
        bill = await self._reserve(run, request)
        key, model = self.key, provider.model_id
        set_aside = {"reserved": bill.tokens, "reserved_usd": bill.usd}
        run.record(ModelCallStarted(agent=agent, key=key, model=model, request_hash=self.request_hash, **set_aside))
        started = time.monotonic()
        usage, reply, error = _ONE_CALL, _NO_REPLY, None
        spent = Usage(input_tokens=self.input_tokens, cost_usd=None)
        remaining_s = run.remaining_s()
        request = replace(
            request,
            deadline_s=remaining_s,
            max_output_tokens=bill.output_tokens,
            key=key,
            request_hash=self.request_hash,
        )
        try:
            # Whatever happens from now on, the log knows of the call, and of all that led to it.
            await run.durable()
            reply = await provider.complete(request, on_delta)
            usage = self._usage(reply)
            spent = _NOTHING if reply.cached else usage
        except ProviderError as failure:
            error = without_keys(str(failure))
            if failure.kind in UNSPENT:
                spent = _NOTHING
            raise
        except JournalError as failure:
            error, spent = str(failure), _NOTHING
            raise
        except Exception as failure:  # a provider may be anybody's code
            error = without_keys(str(failure)) if isinstance(failure, AgentMeshError) else told(failure)
            raise
        except anyio.get_cancelled_exc_class():
            error = "cancelled"
            raise
        finally:
            cost = bill.cost_usd(spent)
            run.ledger.settle(bill, spent.tokens, cost)
            run.record(
                ModelCallFinished(
                    agent=agent,
                    key=key,
                    model=reply.model or model,
                    usage=usage,
                    **{name: getattr(reply, name) for name in _OF_THE_REPLY},
                    content=reply.text,
                    error=error,
                    settled=spent.tokens,
                    settled_usd=cost,
                    seconds=round(time.monotonic() - started, 6),
                    attempts=tuple(request.attempts),
                )
            )
        return reply

    async def _reserve(self, run: Payer, request: Request) -> Bill:
        """What the call is to be charged with at most. Raises: LimitExceeded, which then stands in the log."""
        size = (self.input_tokens, request.max_output_tokens)
        bill = run.ledger.bill(self.key, self.agent, self.provider.model_id, size, last=self.last or self.wrap_up)
        bill = run.ledger.fitting(bill) if self.wrap_up else bill
        refused = await run.ledger.reserve(bill)
        if refused is not None:
            run.record(refused)
            raise LimitExceeded(refused.limit, refused.allowed, refused.needed, refused.scope)
        return bill

    def _usage(self, reply: Reply) -> Usage:
        usage = reply.usage or Usage(
            input_tokens=self.input_tokens, output_tokens=len(reply.text) // 4 + 1, estimated=True, cost_usd=None
        )
        return usage if usage.model_calls == 1 else usage.model_copy(update={"model_calls": 1})
