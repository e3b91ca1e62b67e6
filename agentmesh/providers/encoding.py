"""Request bodies that only grow at the end: each message of a context is encoded once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from agentmesh.messages import ChatMessage, ToolCall
from agentmesh.providers.base import Request

Encode = Callable[[ChatMessage], str]

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def dumps(value: Any) -> str:
    """Compact JSON."""
    return _encode(value)


def to_bytes(text: str) -> bytes:
    """UTF-8; a lone surrogate, which no server accepts, becomes a question mark."""
    return text.encode("utf-8", "replace")


def mended(text: str) -> str:
    """The text as UTF-8 can hold it: halves of a character joined where both are there, else U+FFFD for each."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def mended_value(value: Any) -> Any:
    """A JSON value with all its texts `mended`."""
    match value:
        case str():
            return mended(value)
        case dict():
            return {mended_value(name): mended_value(inner) for name, inner in value.items()}
        case list() | tuple():
            return [mended_value(inner) for inner in value]
        case _:
            return value


def mended_calls(calls: Iterable[ToolCall]) -> tuple[ToolCall, ...]:
    """Tool calls with all their texts `mended`."""
    return tuple(ToolCall(mended(call.name), mended_value(call.arguments), mended(call.id)) for call in calls)


def plain_text(message: ChatMessage) -> str:
    """The text of a message, without what is attached to it."""
    content = message.get("content") or ""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def content_of(content: Any, part: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """The content of a message for another API: text as it is, each of several parts as `part` writes it."""
    return [part(one) for one in content] if isinstance(content, list) else content or ""


class Prefix:
    """The encoded beginning of a context's requests: the fields that stay, then the messages so far.

    Args:
        key: Whatever the fields were made from; another key starts the encoding anew.
        head: JSON text up to the place where the first message, or the next one, goes.
        skip: So many messages are part of the head.
        started: Whether the head already holds a message, so that a comma comes next.
        group: Opening and closing text around messages that follow one another with role `tool`, for the API that
            takes them as one message; none where each stands alone.

    `encode` gives the JSON of a message, of several with commas between them, or nothing.

    """

    __slots__ = ("_buffer", "_count", "_group", "_last", "_skip", "_started", "key")

    def __init__(
        self,
        key: object,
        head: str,
        *,
        skip: int = 0,
        started: bool = False,
        group: tuple[str, str] | None = None,
    ) -> None:
        self.key = key
        self._buffer = bytearray(to_bytes(head))
        self._count = self._skip = skip
        self._group = group
        self._last: ChatMessage | None = None
        self._started = started

    def fits(self, key: object, messages: Sequence[ChatMessage]) -> bool:
        """Whether these messages extend the ones encoded so far, under the same fields."""
        count = self._count
        if self.key != key or len(messages) < count:
            return False
        return count == self._skip or messages[count - 1] is self._last or messages[count - 1] == self._last

    def body(self, messages: Sequence[ChatMessage], encode: Encode, tail: str) -> bytes:
        """The whole body: what is new is encoded and kept, `tail` (which closes the brackets) is not kept."""
        new = messages[self._count :] if self._count else messages
        if new:
            text, self._started = self._joined(new, encode)
            self._buffer += to_bytes(text)
            self._count = len(messages)
            self._last = messages[-1]
        return b"".join((self._buffer, to_bytes(tail)))

    def _joined(self, new: Sequence[ChatMessage], encode: Encode) -> tuple[str, bool]:
        """What is new, and whether any message is there by now; `encode` may refuse, and then nothing has changed."""
        pieces: list[str] = []
        started, in_group = self._started, False
        for message in new:
            text = encode(message)
            if not text:
                continue
            grouped = self._group is not None and message["role"] == "tool"
            if self._group is not None and in_group != grouped:
                pieces.append(self._group[1] if in_group else ("," if started else "") + self._group[0] + text)
                if in_group:
                    pieces.append("," + text)
            else:
                pieces.append("," + text if started else text)
            started, in_group = True, grouped
        if in_group and self._group is not None:
            pieces.append(self._group[1])
        return "".join(pieces), started


@dataclass(frozen=True, slots=True)
class Start:
    """How a context's requests begin: the arguments of `Prefix`."""

    head: str
    skip: int = 0
    started: bool = False


def grown_body(
    owner: object,
    request: Request,
    key: object,
    start: Callable[[], Start],
    encode: Encode,
    tail: str,
    group: tuple[str, str] | None = None,
) -> bytes:
    """The body of a request, extending what `owner` encoded before in this context where the key is the same."""
    name = f"prefix:{id(owner)}"
    prefix: Prefix | None
    _, prefix = request.memo.get(name, (owner, None))
    if prefix is None or not prefix.fits(key, request.messages):
        first = start()
        prefix = Prefix(key, first.head, skip=first.skip, started=first.started, group=group)
        request.memo[name] = (owner, prefix)  # held, so that no later owner can have the same id
    return prefix.body(request.messages, encode, tail)


def fields(pairs: Iterable[tuple[str, Any]]) -> str:
    """The beginning of a JSON object with those fields that are not None."""
    return "{" + "".join(f"{dumps(name)}:{dumps(value)}," for name, value in pairs if value is not None)


class Counts(NamedTuple):
    """Tokens of one call, as the server told them. `input_tokens` counts all input, cached or not."""

    input_tokens: int
    output_tokens: int
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0


def estimated_counts(body: bytes, answer: str) -> Counts:
    """Tokens where a server tells none: four characters to a token."""
    return Counts(max(1, len(body) // 4), max(1, len(answer) // 4))


def count(data: Mapping[str, Any] | None, *path: str) -> int:
    """The number at this path of a usage object, 0 where it is absent."""
    value: Any = data
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return int(value) if isinstance(value, int | float) else 0
