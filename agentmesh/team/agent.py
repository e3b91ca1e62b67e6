"""An agent as Python code declares it: the fields of the YAML entry, and a name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import ConfigDict, Field, model_validator

from agentmesh.config.base import Name
from agentmesh.config.kinds import misplaced
from agentmesh.config.models import AgentConfig, ModelConfig, ToolConfig
from agentmesh.errors import ConfigError
from agentmesh.providers.base import Provider


class Agent(AgentConfig):
    """One agent. Beside what the YAML takes, `model`, `tools` and `function` may be plain functions."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    name: Name = Field(description="Name of the node on the graph")
    model: str | ModelConfig | Provider | Callable[..., Any] = Field(  # type: ignore[assignment]
        "default",
        description="Name of a model, provider:model[@base_url], its configuration, a provider, or fn(request)",
    )
    tools: tuple[str | ToolConfig | Callable[..., Any], ...] = Field(  # type: ignore[assignment]
        (), description="Names of tools, or functions whose type hints and docstring describe them"
    )
    function: str | Callable[..., Any] | None = Field(  # type: ignore[assignment]
        None, description="fn(view) or fn(text: str) -> str | Reply | None, for an agent that is a function"
    )
    team: Any = Field(None, description="Another team, or the path of its file, for an agent that is a team")

    @model_validator(mode="before")
    @classmethod
    def _function_says_the_kind(cls, data: Any) -> Any:
        """An agent given a function, a command or a team need not also say `kind`."""
        if isinstance(data, dict) and "kind" not in data:
            kind = next((kind for kind in ("function", "command", "team") if data.get(kind)), "llm")
            return {**data, "kind": kind}
        return data

    @model_validator(mode="after")
    def _has_only_keys_of_its_kind(self) -> Agent:
        wrong = [message for _, message in misplaced(self)]
        if wrong:
            raise ValueError(f"agent '{self.name}': {'; '.join(wrong)}")
        return self

    @classmethod
    def of(cls, given: Agent | Callable[..., Any]) -> Agent:
        """The agent itself, or the one that a plain function is. Raises: ConfigError."""
        if isinstance(given, Agent):
            return given
        name = getattr(given, "__name__", "")
        if not callable(given) or not name.isidentifier():
            raise ConfigError(f"an agent is an Agent(name=...) or a named function; found {given!r}")
        return cls(name=name, function=given)
