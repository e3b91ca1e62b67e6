"""The growing prompt of one agent: each request extends the one before, byte for byte, until a new context starts."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentmesh.agents.base import ToolResult
from agentmesh.agents.quoting import returned
from agentmesh.messages import ChatMessage, Reply, ToolCall

CHARACTERS_PER_TOKEN = 4
"""The usual rule of thumb, for what is written in ASCII. Only reservations rest on it, and on one token for any other
character; they are settled with what the provider reports."""
_LOST = "the turn ended before this call was done"
_encoded = json.JSONEncoder(ensure_ascii=False).encode

Content = str | list[dict[str, Any]]
"""What a chat message holds: text, or a list where images or files came with it."""


@dataclass(frozen=True, slots=True)
class Begun:
    """One turn of a context."""

    start: int
    """Place of its first message."""
    shown: Content
    """What the agent was shown, without what the context puts before it."""
    pinned: Content
    """What of it is never forgotten; empty if nothing."""
    fixed: int
    """Characters up to here that a context which forgets all earlier turns still holds."""
    end: int
    """Characters up to here, with what the agent was shown."""


class Context:
    """Messages and tools as the provider gets them, with a running hash and a running estimate of their tokens.

    `turns` are those whose messages it holds; `pinned` is what is left of others, `notes` what the agent wrote about
    them. Both stand before what the first turn was shown, in one message: some chat templates take no two in a row.
    """

    def __init__(self, system: str, tools: Sequence[dict[str, Any]], schema: dict[str, Any] | None) -> None:
        self.messages: list[ChatMessage] = []
        self.tools = list(tools)
        self.schema = schema
        self.memo: dict[str, Any] = {}
        self.turns: list[Begun] = []
        self.pinned: list[Content] = []
        self.notes = ""
        self._open_calls: dict[str, None] = {}
        self._call_ids: set[str] = set()
        self._replies = 0
        self._measured = (0, 0)
        head = _encoded([self.tools, schema])
        self._hash = hashlib.sha256(head.encode())
        self._characters = len(head)
        self._estimated = _quarters(head)
        self._add({"role": "system", "content": system})
        self._fixed = self._characters

    @property
    def request_hash(self) -> str:
        """Hash of the whole canonical request so far."""
        return self._hash.hexdigest()[:32]

    @property
    def input_tokens(self) -> int:
        """Estimated length of the prompt, in tokens."""
        return self._estimated // CHARACTERS_PER_TOKEN + 1

    @property
    def measured_tokens(self) -> int:
        """Length of the prompt in tokens: what its provider has counted, and an estimate of what came after."""
        characters, tokens = self._measured
        return tokens + (self._characters - characters) // CHARACTERS_PER_TOKEN + 1

    @property
    def earlier(self) -> float:
        """The share of the prompt that goes if all turns before the current one are forgotten."""
        current = self.turns[-1]
        return (current.end - current.fixed) / self._characters

    @property
    def done(self) -> float:
        """The share of the prompt that holds what the agent has done in the current turn."""
        return (self._characters - self.turns[-1].end) / self._characters

    def fork(self) -> Context:
        """A context that goes on from here and leaves this one as it is."""
        other = copy.copy(self)
        other.messages, other.memo = list(self.messages), {}
        other.turns, other.pinned = list(self.turns), list(self.pinned)
        other._call_ids = set(self._call_ids)  # noqa: SLF001 - another object of this class
        other._open_calls = dict(self._open_calls)  # noqa: SLF001
        other._hash = self._hash.copy()  # noqa: SLF001
        return other

    def begin(self, shown: Content, pinned: Content = "") -> None:
        """Begin a turn with what the agent is shown, of which some may be pinned."""
        before = [] if self.turns else [part for part in (*self.pinned, self.notes) if part]
        self._fixed += sum(map(_length, before))
        self.close()
        start = len(self.messages)
        self._add({"role": "user", "content": _joined([*before, shown])})
        self.turns.append(Begun(start, shown, pinned, self._fixed + _length(shown), self._characters))
        self._fixed += _length(pinned)

    def take_over(self, before: Context, keep: int, *, notes: str = "", end: int | None = None) -> None:
        """Go on from the last turns of an earlier context, up to the message at `end`. Pinned parts of others stay."""
        first = max(0, len(before.turns) - keep)
        forgotten, kept = before.turns[:first], before.turns[first:]
        self.pinned = [*before.pinned, *(turn.pinned for turn in forgotten if turn.pinned)]
        self.notes = notes
        self._replies = before._replies
        ends = [*(turn.start for turn in kept[1:]), len(before.messages) if end is None else end]
        for turn, until in zip(kept, ends, strict=False):  # none are kept of a context without turns
            self.begin(turn.shown, turn.pinned)
            for message in before.messages[turn.start + 1 : until]:
                self._call_ids.update(call["id"] for call in message.get("tool_calls", ()))
                self._add(message)

    def user(self, content: str) -> None:
        """Add what the agent is told within a turn."""
        self.close()
        self._add({"role": "user", "content": content})

    def close(self) -> None:
        """Answer the calls that a failed turn left open: no model accepts a prompt with an unanswered call."""
        for call_id in list(self._open_calls):
            self._result(call_id, _LOST)

    def call_ids(self, calls: Sequence[ToolCall]) -> list[str]:
        """An id for each call of the next reply: its own, unless it has none or the context holds it already."""
        ids: dict[str, None] = {}
        for place, call in enumerate(calls):
            taken = not call.id or call.id in ids or call.id in self._call_ids
            ids[f"agentmesh_{self._replies}_{place}" if taken else call.id] = None
        return list(ids)

    def assistant(self, reply: Reply, call_ids: Sequence[str]) -> None:
        """Add what the model answered."""
        self._replies += 1
        if reply.usage and reply.usage.input_tokens and not reply.usage.estimated:
            self._measured = (self._characters, reply.usage.input_tokens)
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
            self._call_ids.update(call_ids)
        elif not reply.text:
            message["content"] = ""
        if reply.extra:
            message["extra"] = reply.extra
        self._add(message)

    def results(self, call_ids: Sequence[str], results: Sequence[ToolResult]) -> None:
        """Add what came of the tool calls, in the order of the calls."""
        for call_id, result in zip(call_ids, results, strict=True):
            self._result(call_id, returned(result.text, failed=result.failed, trust=result.trust))

    def _result(self, call_id: str, text: str) -> None:
        self._open_calls.pop(call_id, None)
        self._add({"role": "tool", "tool_call_id": call_id, "content": text})

    def _add(self, message: ChatMessage) -> None:
        encoded = _encoded(message)
        self._hash.update(encoded.encode("utf-8", "surrogatepass"))
        self._characters += len(encoded)
        self._estimated += _quarters(encoded)
        self.messages.append(message)


def estimated_tokens(text: str) -> int:
    """What a text is taken to be in tokens before anybody has counted them."""
    return _quarters(text) // CHARACTERS_PER_TOKEN + 1


def _quarters(text: str) -> int:
    """The estimate for a text in quarters of tokens: one for an ASCII character, a whole token for any other."""
    return len(text) if text.isascii() else 4 * len(text) - 3 * len(text.encode("ascii", "ignore"))


def _joined(contents: Sequence[Content]) -> Content:
    """Contents as one, in this order."""
    texts = [content for content in contents if isinstance(content, str)]
    if len(texts) == len(contents):
        return "\n\n".join(texts)
    parts = ([{"type": "text", "text": one}] if isinstance(one, str) else one for one in contents)
    return [part for several in parts for part in several]


def _length(content: Content) -> int:
    return len(_encoded(content)) if content else 0


def _arguments_text(arguments: Mapping[str, Any]) -> str:
    """Arguments that were no JSON object stand under the empty name, and go back as they came."""
    raw = arguments.get("") if len(arguments) == 1 else None
    return raw if isinstance(raw, str) else json.dumps(arguments, ensure_ascii=False)
