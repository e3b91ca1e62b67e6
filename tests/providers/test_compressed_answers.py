from __future__ import annotations

import asyncio
import gzip

import pytest

from agentmesh.errors import ProviderError
from agentmesh.providers.wire import HttpxWire, SpreadTransport, Target


async def _answer(encoded: bytes) -> asyncio.Server:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(encoded)}\r\n\r\n"
        writer.write(head.encode() + encoded)
        await writer.drain()
        writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", 0)


async def _posted(encoded: bytes) -> bytes:
    server = await _answer(encoded)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    wire = HttpxWire(SpreadTransport(url))
    try:
        return (await wire.post(Target(f"{url}/chat/completions", {}), b"{}", 5.0)).body
    finally:
        await wire.aclose()
        server.close()


@pytest.mark.anyio
async def test_an_answer_that_a_server_compressed_unasked_is_read() -> None:
    assert await _posted(gzip.compress(b'{"choices": []}')) == b'{"choices": []}'


@pytest.mark.anyio
async def test_an_answer_that_is_not_compressed_as_it_claims_is_a_broken_connection() -> None:
    with pytest.raises(ProviderError) as raised:
        await _posted(b"no gzip")
    assert raised.value.kind == "connection"
