"""A Python function as a model: request in, text or reply out."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable

from agentmesh.config.secrets import told
from agentmesh.errors import AgentMeshError, ProviderError
from agentmesh.messages import Reply
from agentmesh.providers.base import Delta, Request
from agentmesh.providers.local import finished

Answer = str | Reply
ModelFunction = Callable[[Request], Answer | Awaitable[Answer]]


class FunctionProvider:
    """Asks a function, plain or `async`. A plain one runs on the event loop: it should be quick."""

    def __init__(self, function: ModelFunction, model_id: str = "") -> None:
        self._function = function
        self._name = getattr(function, "__name__", type(function).__name__)
        self._model_id = model_id or f"function:{self._name}"

    @property
    def model_id(self) -> str:
        """`function:name`."""
        return self._model_id

    async def complete(self, request: Request, on_delta: Delta | None = None) -> Reply:
        """What the function answers. Raises: ProviderError if it fails or answers with anything but text or a Reply."""
        try:
            answer = self._function(request)
            if inspect.isawaitable(answer):
                answer = await answer
        except AgentMeshError:
            raise
        except Exception as error:
            raise ProviderError(
                "bad_request",
                f"the function {self._name} raised {told(error)}",
                hint="mend the function: this error is its own",
            ) from error
        if isinstance(answer, str):
            answer = Reply(text=answer)
        if not isinstance(answer, Reply):
            raise ProviderError(
                "bad_request",
                f"the function {self._name} returned {type(answer).__name__}",
                hint="return a str, or a Reply(text, tool_calls)",
            )
        if on_delta is not None and answer.text:
            on_delta(answer.text)
        return finished(answer, request, self._model_id)

    async def aclose(self) -> None:
        """Nothing is held."""
