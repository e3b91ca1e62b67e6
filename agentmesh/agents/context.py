"""The growing prompt of one agent: each request extends the one before, byte for byte, until a new context starts."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from agentmesh.agents.base import ToolResult
from agentmesh.agents.quoting import escaped
from agentmesh.messages import ChatMessage, Reply

CHARACTERS_PER_TOKEN = 4
"""The usual rule of thumb; only reservations rest on it, and they are settled with what the provider reports."""
_LOST = "the turn ended before this call was done"
_encoded = json.JSONEncoder(ensure_ascii=False).encode


class Context:
    """Messages and tools as the provider gets them, with a running hash and a running estimate of their tokens."""

    def __init__(self, system: str, tools: Sequence[dict[str, Any]], schema: dict[str, Any] | None) -> None:
        self.messages: list[ChatMessage] = []
        self.tools = list(tools)
        self.schema = schema
        self.memo: dict[str, Any] = {}
        self._open_calls: dict[str, None] = {}
        head = _encoded([self.tools, schema])
        self._hash = hashlib.sha256(head.encode())
        self._characters = len(head)
        self._add({"role": "system", "content": system})

    @property
    def request_hash(self) -> str:
        """Hash of the whole canonical request so far."""
        return self._hash.hexdigest()[:32]

    @property
    def input_tokens(self) -> int:
        """Estimated length of the prompt, in tokens."""
        return self._characters // CHARACTERS_PER_TOKEN + 1

    def fork(self) -> Context:
        """A context that goes on from here and leaves this one as it is."""
        other = copy.copy(self)
        other.messages, other.memo = list(self.messages), {}
        other._open_calls = dict(self._open_calls)  # noqa: SLF001 - another object of this class
        other._hash = self._hash.copy()  # noqa: SLF001
        return other

    def extend(self, messages: Sequence[ChatMessage]) -> None:
        """Take over an earlier context's messages."""
        for message in messages:
            self._add(message)

    def user(self, content: str | list[dict[str, Any]]) -> None:
        """Add what the agent is shown."""
        self.close()
        self._add({"role": "user", "content": content})

    def close(self) -> None:
        """Answer the calls that a failed turn left open: no model accepts a prompt with an unanswered call."""
        for call_id in list(self._open_calls):
            self._result(call_id, _LOST)

    def assistant(self, reply: Reply, call_ids: Sequence[str]) -> None:
        """Add what the model answered."""
        message: ChatMessage = {"role": "assistant", "content": reply.text or None}
        if reply.tool_calls:
            message["tool_calls"] = [
                {
                    "id": call_id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": _arguments_text(call.arguments)},
                }
                for call_id, call in zip(call_ids, reply.tool_calls, strict=True)
            ]
            self._open_calls = dict.fromkeys(call_ids)
        elif not reply.text:
            message["content"] = ""
        if reply.extra:
            message["extra"] = reply.extra
        self._add(message)

    def results(self, call_ids: Sequence[str], results: Sequence[ToolResult]) -> None:
        """Add what came of the tool calls, in the order of the calls."""
        for call_id, result in zip(call_ids, results, strict=True):
            text = escaped(result.text)  # what a tool found on the web must not pass for a message either
            self._result(call_id, f"error: {text}" if result.failed else text)

    def _result(self, call_id: str, text: str) -> None:
        self._open_calls.pop(call_id, None)
        self._add({"role": "tool", "tool_call_id": call_id, "content": text})

    def _add(self, message: ChatMessage) -> None:
        encoded = _encoded(message)
        self._hash.update(encoded.encode("utf-8", "surrogatepass"))
        self._characters += len(encoded)
        self.messages.append(message)


def _arguments_text(arguments: Mapping[str, Any]) -> str:
    """Arguments that were no JSON object stand under the empty name, and go back as they came."""
    raw = arguments.get("") if len(arguments) == 1 else None
    return raw if isinstance(raw, str) else json.dumps(arguments, ensure_ascii=False)
