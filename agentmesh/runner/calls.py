"""A model call as a run pays for it: set aside before it leaves, settled when it is over, in the log at both ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import anyio

from agentmesh.errors import AgentMeshError, LimitExceeded, ProviderError, ProviderErrorKind
from agentmesh.events import Event, ModelCallFinished, ModelCallStarted
from agentmesh.messages import Reply, Usage
from agentmesh.providers.base import Provider, Request
from agentmesh.runner.ledger import Ledger

_ONE_CALL = Usage(model_calls=1)
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

    def remaining_s(self) -> float | None:
        """Seconds until the run's deadline, if it has one."""
        ...


@dataclass(frozen=True)
class PaidCall:
    """One call on one agent's account. `key` is asked for once it is sure to leave; `input_tokens` is an estimate."""

    provider: Provider
    agent: str
    key: Callable[[], str]
    request_hash: str
    input_tokens: int

    async def make(self, run: Payer, request: Request, on_delta: Callable[[str], None] | None = None) -> Reply:
        """The model's reply. Raises: ProviderError, LimitExceeded."""
        agent, provider, spent = self.agent, self.provider, self.input_tokens
        reserved = self.input_tokens + request.max_output_tokens
        refused = await run.ledger.reserve(agent, reserved)
        if refused is not None:
            run.record(refused)
            raise LimitExceeded(refused.limit, refused.allowed, refused.needed)
        key, model = self.key(), provider.model_id
        run.record(
            ModelCallStarted(agent=agent, key=key, model=model, request_hash=self.request_hash, reserved=reserved)
        )
        started = time.monotonic()
        usage, reply, error = _ONE_CALL, _NO_REPLY, None
        remaining_s = run.remaining_s()
        if remaining_s is not None:
            request = replace(request, deadline_s=remaining_s)
        try:
            reply = await provider.complete(request, on_delta)
            usage = self._usage(reply)
            spent = usage.tokens
        except ProviderError as failure:
            error = str(failure)
            if failure.kind in UNSPENT:
                spent = 0
            raise
        except Exception as failure:  # a provider may be anybody's code
            error = str(failure) if isinstance(failure, AgentMeshError) else f"{type(failure).__name__}: {failure}"
            raise
        except anyio.get_cancelled_exc_class():
            error = "cancelled"
            raise
        finally:
            run.ledger.settle(agent, reserved, spent)
            run.record(
                ModelCallFinished(
                    agent=agent,
                    key=key,
                    model=reply.model or model,
                    usage=usage,
                    content=reply.text,
                    tool_calls=reply.tool_calls,
                    finish_reason=reply.finish_reason,
                    structured=reply.structured,
                    extra=reply.extra,
                    error=error,
                    seconds=round(time.monotonic() - started, 6),
                    attempts=tuple(request.attempts),
                )
            )
        return reply

    def _usage(self, reply: Reply) -> Usage:
        usage = reply.usage or Usage(
            input_tokens=self.input_tokens, output_tokens=len(reply.text) // 4 + 1, estimated=True, cost_usd=None
        )
        return usage if usage.model_calls == 1 else usage.model_copy(update={"model_calls": 1})
