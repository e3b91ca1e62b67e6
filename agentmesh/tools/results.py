"""Results of tools that are too long for a prompt: the beginning is shown, the rest is read with a tool."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import Field, ValidationError

from agentmesh.errors import ToolError
from agentmesh.messages import Frozen, Trust
from agentmesh.tools.graph import plain_schema

READ_RESULT = "read_result"


class ReadResult(Frozen):
    """Read on in a tool's result that was too long to be shown at once."""

    id: str = Field(description="Id of the result, as it stands where the result was cut")
    start: int = Field(0, ge=0, description="First character to read, counted from 0")


def definition() -> dict[str, Any]:
    """The tool as a model is told of it."""
    parameters = plain_schema(ReadResult.model_json_schema())
    description = (ReadResult.__doc__ or "").strip()
    return {"type": "function", "function": {"name": READ_RESULT, "description": description, "parameters": parameters}}


@dataclass
class LongResults:
    """The long results of one agent. They are kept as long as the agent, whose prompt may name them."""

    limit: int = 20_000
    """Characters that are shown at once."""
    _kept: dict[str, tuple[str, Trust]] = field(default_factory=dict)

    def fork(self) -> LongResults:
        """The same results, for a run that continues this one: its prompts name them."""
        return replace(self, _kept=dict(self._kept))

    def shown(self, text: str, trust: Trust) -> str:
        """The result as its prompt holds it: whole, or cut with a word on how to read on."""
        if len(text) <= self.limit:
            return text
        id_ = f"r{len(self._kept) + 1}"
        self._kept[id_] = (text, trust)
        return self._piece(id_, 0)

    def read(self, arguments: dict[str, Any]) -> tuple[str, Trust]:
        """The next piece of a kept result, with the label of what it is a piece of. Raises: ToolError."""
        try:
            asked = ReadResult.model_validate(arguments)
        except ValidationError as error:
            raise ToolError(f"{READ_RESULT} takes id and start; {error.errors()[0]['msg']}") from error
        if asked.id not in self._kept:
            raise ToolError(f"there is no result '{asked.id}'; kept: {', '.join(self._kept) or 'none'}")
        text, trust = self._kept[asked.id]
        if asked.start >= len(text):
            raise ToolError(f"{asked.id} has {len(text)} characters; start below that")
        return self._piece(asked.id, asked.start), trust

    def _piece(self, id_: str, start: int) -> str:
        text, _ = self._kept[id_]
        end = min(start + self.limit, len(text))
        if end == len(text):
            return text[start:]
        on = f"read on with {READ_RESULT}: id {id_}, start {end}"
        return f"{text[start:end]}\n[cut: characters {start} to {end} of {len(text)}; {on}]"
