"""Model calls beside the turns of agents: of judges, and of an agent that verifies."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from agentmesh.agents.context import estimated_tokens
from agentmesh.messages import Reply
from agentmesh.providers.base import Provider, Request
from agentmesh.runner.calls import PaidCall
from agentmesh.runner.turn import Shell


async def reply_to(runner: Shell, provider: Provider, request: Request, key: str, *, last: bool = False) -> Reply:
    """The reply to one call: paid under its key, or once before. `last`: see `PaidCall`.

    Raises: ProviderError, LimitExceeded, RunChanged.
    """
    digest = hashlib.sha256(repr(request.messages).encode("utf-8", "surrogatepass")).hexdigest()[:32]
    known = runner.past.reply(key, digest)
    if known is not None:
        return known
    estimate = estimated_tokens("".join(str(message["content"]) for message in request.messages))
    call = PaidCall(provider, request.agent, key, digest, estimate, last=last)
    return await call.make(runner, replace(request, memo={}))
