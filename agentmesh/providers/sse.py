"""Server-sent events: the JSON objects of a stream, as they arrive."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from agentmesh.providers.failures import failed

END = b"[DONE]"


async def events(
    chunks: AsyncIterator[bytes], cleaned: Callable[[bytes], bytes] = bytes
) -> AsyncIterator[dict[str, Any]]:
    """The decoded `data` of each event, `cleaned` first, until the stream ends or says `[DONE]`.

    Raises: ProviderError (malformed).
    """
    data: list[bytes] = []
    async for line in _lines(chunks):
        if line.startswith(b"data:"):
            data.append(line[5:].strip())
        elif not line and data:
            joined = b"\n".join(data)
            data.clear()
            if joined == END:
                return
            yield decoded(cleaned(joined))
    if data and data != [END]:
        yield decoded(cleaned(b"\n".join(data)))


def decoded(text: bytes) -> dict[str, Any]:
    """A JSON object. Raises: ProviderError (malformed)."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise failed("malformed", f"the answer is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise failed("malformed", f"the answer is no JSON object but {type(value).__name__}")
    return value


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r")
    if rest:
        yield rest
