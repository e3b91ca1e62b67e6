"""A model that repeats what it was told last: the least that can play an agent."""

from __future__ import annotations

from agentmesh.messages import Reply
from agentmesh.providers.base import Delta, Request
from agentmesh.providers.local import finished


class EchoProvider:
    """Answers with the text of the last user message."""

    def __init__(self, model_id: str = "echo") -> None:
        self._model_id = model_id

    @property
    def model_id(self) -> str:
        """`echo`."""
        return self._model_id

    async def complete(self, request: Request, on_delta: Delta | None = None) -> Reply:
        """The text of the last user message."""
        text = ""
        for message in reversed(request.messages):
            if message["role"] == "user":
                content = message.get("content") or ""
                text = content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
                break
        if on_delta is not None and text:
            on_delta(text)
        return finished(Reply(text=text), request, self._model_id)

    async def aclose(self) -> None:
        """Nothing is held."""
