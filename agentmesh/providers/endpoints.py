"""One SDK client and one set of connections for each server, key and event loop, shared by all who ask it."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import httpx2

from agentmesh.config.secrets import MASK, keep_out
from agentmesh.providers.pacing import pacers_of
from agentmesh.providers.wire import SpreadTransport, Target, Wire, open_wire, proxy_for

UNMISTAKABLE = 16
"""A shorter key may be a word that a model says, such as the name of its server."""
_HARMLESS = re.compile(r"accept|content-type|user-agent|anthropic-version|x-stainless-.*", re.IGNORECASE)
"""Headers of the SDKs that say nothing about who asks."""


class Client(Protocol):
    """What is used of a provider's SDK client: who we are and how we prove it."""

    @property
    def auth_headers(self) -> dict[str, str]:
        """The headers that hold the key."""
        ...

    @property
    def default_headers(self) -> Mapping[str, Any]:
        """API version, organization, SDK and the like; values that are no text are left out."""
        ...


@dataclass(frozen=True, slots=True)
class Address:
    """Which server, with which key."""

    sdk: str
    base_url: str
    key: str = field(repr=False)


class Endpoint:
    """An open endpoint on one event loop."""

    def __init__(self, address: Address, client: Client, wire: Wire) -> None:
        self.address = address
        self.client = client
        self.wire = wire
        self.users = 0
        self.pacers = pacers_of(address.sdk, address.base_url.rstrip("/"), address.key)
        self._targets: dict[str, Target] = {}
        self.secrets = tuple(_secrets(address, client))
        """Keys that go with every request, and that nothing may repeat."""
        keep_out(self.secrets)
        self._long = [secret.encode() for secret in self.secrets if len(secret) >= UNMISTAKABLE]

    def cleaned(self, body: bytes) -> bytes:
        """What the server answered, without the keys that it was sent: some repeat all that they get."""
        for secret in self._long:
            if secret in body:
                body = body.replace(secret, MASK.encode())
        return body

    def target(self, path: str) -> Target:
        """Address and headers for a path, the SDK's headers included."""
        known = self._targets.get(path)
        if known is None:
            merged = {**self.client.default_headers, **self.client.auth_headers}
            headers = {name: value for name, value in merged.items() if isinstance(value, str)}
            known = self._targets[path] = Target(self.address.base_url.rstrip("/") + path, headers, self.secrets)
        return known


def _secrets(address: Address, client: Client) -> Iterator[str]:
    """The key, what SDKs take from their own environment variables, and the password of a proxy."""
    yield address.key
    for name, value in {**client.default_headers, **client.auth_headers}.items():
        if isinstance(value, str) and not _HARMLESS.fullmatch(name):
            yield value.removeprefix("Bearer ")
    if password := urlsplit(proxy_for(address.base_url) or "").password:
        yield password


_lock = threading.Lock()
_open: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Address, Endpoint]] = WeakKeyDictionary()


def acquire(address: Address, make_client: Callable[[Address, httpx2.AsyncClient], Client]) -> Endpoint:
    """The endpoint of the running loop, opened if nobody holds it. Each call is matched by one `release`."""
    loop = asyncio.get_running_loop()
    with _lock:
        endpoints = _open.setdefault(loop, {})
        endpoint = endpoints.get(address)
        if endpoint is None:
            transport = SpreadTransport(address.base_url)
            client = make_client(address, httpx2.AsyncClient(transport=transport))
            endpoint = endpoints[address] = Endpoint(address, client, open_wire(transport))
        endpoint.users += 1
        return endpoint


async def release(endpoint: Endpoint) -> None:
    """Give the endpoint back; its connections close with the last who held it."""
    with _lock:
        endpoint.users -= 1
        if endpoint.users:
            return
        endpoints = _open.get(asyncio.get_running_loop(), {})
        if endpoints.get(endpoint.address) is endpoint:
            del endpoints[endpoint.address]
    await endpoint.wire.aclose()


def open_endpoints() -> int:
    """How many endpoints the running loop holds open."""
    return len(_open.get(asyncio.get_running_loop(), {}))
