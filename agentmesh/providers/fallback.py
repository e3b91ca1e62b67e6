"""Models in a row: where one fails, the next is asked."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from agentmesh.errors import ProviderError
from agentmesh.messages import Reply
from agentmesh.providers.base import Delta, Provider, Request


class FallbackProvider:
    """Asks providers in order until one answers. `Reply.model` says which did."""

    def __init__(self, providers: Sequence[Provider]) -> None:
        self._providers = tuple(providers)

    @property
    def model_id(self) -> str:
        """The first one's."""
        return self._providers[0].model_id

    async def complete(self, request: Request, on_delta: Delta | None = None) -> Reply:
        """The first answer. Raises: ProviderError, the last one's."""
        started = time.monotonic()
        *earlier, last = self._providers
        asked = request
        for provider in earlier:
            try:
                return await provider.complete(asked, on_delta)
            except ProviderError as error:
                request.attempts.append(f"{provider.model_id} failed ({error.kind}); the next model is asked")
                asked = _for_the_next(request, started)
        return await last.complete(asked, on_delta)

    async def aclose(self) -> None:
        """Release what each of them holds."""
        for provider in self._providers:
            await provider.aclose()


def _for_the_next(request: Request, started: float) -> Request:
    """The request with the time that is left, without what only the first model's entry says."""
    left = request.deadline_s
    if left is not None:
        left = max(0.0, left - (time.monotonic() - started))
    return replace(request, deadline_s=left, top_p=None, reasoning_effort=None)
