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
        for provider in earlier:
            try:
                return await provider.complete(_with_time_left(request, started), on_delta)
            except ProviderError as error:
                request.attempts.append(f"{provider.model_id} failed ({error.kind}); the next model is asked")
        return await last.complete(_with_time_left(request, started), on_delta)

    async def aclose(self) -> None:
        """Release what each of them holds."""
        for provider in self._providers:
            await provider.aclose()


def _with_time_left(request: Request, started: float) -> Request:
    if request.deadline_s is None:
        return request
    return replace(request, deadline_s=max(0.0, request.deadline_s - (time.monotonic() - started)))
