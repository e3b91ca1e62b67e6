"""The one seam to models: a canonical request goes in, a reply comes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from agentmesh.messages import ChatMessage, Reply

ToolChoice = Literal["auto", "none", "required"]
Delta = Callable[[str], None]
"""Receives each piece of streamed text: a signal to whoever watches, never journalled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a model is asked, in the shape of Chat Completions, the form that every provider can be given.

    `messages` and `tools` are plain dictionaries. Within one context each request's `messages` extend those of the
    request before, and `memo` is the same dictionary: a provider keeps there what it has already encoded.
    """

    agent: str
    messages: list[ChatMessage]
    tools: list[dict[str, Any]] = field(default_factory=list)
    """`{"type": "function", "function": {"name", "description", "parameters"}}` each."""
    response_schema: dict[str, Any] | None = None
    tool_choice: ToolChoice = "auto"
    max_output_tokens: int = 4096
    temperature: float | None = None
    top_p: float | None = None
    reasoning_effort: str | None = None
    seed: int | None = None
    timeout_s: float = 600.0
    """Longest wait for one attempt, in seconds."""
    deadline_s: float | None = None
    """Seconds that remain of the run: retries end there."""
    memo: dict[str, Any] = field(default_factory=dict, compare=False)
    key: str = field(default="", compare=False)
    """Names the call in the log: run / phase#occurrence / agent / turn / index."""
    request_hash: str = field(default="", compare=False)
    """Of messages, tools and form of the answer, as the log has it."""
    attempts: list[str] = field(default_factory=list, compare=False)
    """The provider notes here each failed attempt, for the log."""

    @property
    def run(self) -> str:
        """The run that asks, where one does."""
        return self.key.partition("/")[0]


@runtime_checkable
class Provider(Protocol):
    """Answers requests for one model. Made once per team, shared by all its runs."""

    @property
    def model_id(self) -> str:
        """`provider:model`, as the log names it."""
        ...

    async def complete(self, request: Request, on_delta: Delta | None = None) -> Reply:
        """One answer. `on_delta` asks for streaming. Raises: ProviderError."""
        ...

    async def aclose(self) -> None:
        """Release what the running event loop holds: connections, processes."""
        ...
