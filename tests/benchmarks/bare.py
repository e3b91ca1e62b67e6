"""The measure of all rows: the same bytes, sent by as few lines of httpx2 and of aiohttp as will do."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import httpx2

Waves = Sequence[Sequence[bytes]]
Post = Callable[[bytes], Awaitable[Any]]
HEADERS = {"content-type": "application/json", "authorization": "Bearer no-key"}
TIMEOUT_SECONDS = 60.0
"""As every client that is in earnest, these loops give up some time, and so do ours."""
_tls = ssl.create_default_context()  # made once, so that the bare loop does not pay for it in each run


def in_waves(bodies: Sequence[str], widths: Sequence[int]) -> Waves:
    """The recorded bodies of one run, grouped as they left."""
    left: Iterator[bytes] = iter([body.encode() for body in bodies])
    return [[next(left) for _ in range(width)] for width in widths]


async def httpx2_loop(url: str, waves: Waves, at_once: int) -> None:
    """So many runs at once over one httpx2 client, which waits as long as it must for one of its 100 connections.

    That is its default. Without the bound it looks at thousands of connections for every request, and is far slower.
    """
    async with httpx2.AsyncClient(headers=HEADERS, verify=_tls, timeout=TIMEOUT_SECONDS) as client:

        async def post(body: bytes) -> Any:
            response = await client.post(url, content=body)
            return response.json()

        await _together(post, waves, at_once)


async def aiohttp_loop(url: str, waves: Waves, at_once: int) -> None:
    """So many runs at once over one aiohttp session, which does not bound its connections."""
    import aiohttp

    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    async with aiohttp.ClientSession(headers=HEADERS, connector=connector, timeout=timeout) as session:

        async def post(body: bytes) -> Any:
            async with session.post(url, data=body) as response:
                return await response.json()

        await _together(post, waves, at_once)


async def _together(post: Post, waves: Waves, at_once: int) -> None:
    if at_once == 1:
        await _one(post, waves)
        return
    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(_one(post, waves))


async def _one(post: Post, waves: Waves) -> None:
    for wave in waves:
        if len(wave) == 1:
            await post(wave[0])
            continue
        async with asyncio.TaskGroup() as group:
            for body in wave:
                group.create_task(_discard(post, body))


async def _discard(post: Post, body: bytes) -> None:
    await post(body)
