"""Bytes to and from one server: over httpx2, or over aiohttp where that is installed.

httpx2's connection pool looks at every connection for every request, so its cost grows with the number of requests in
flight; `SpreadTransport` keeps it flat by using many small pools.
"""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import io
import os
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore2
import httpx2

from agentmesh.errors import ConfigError, MissingExtra, ProviderError
from agentmesh.providers.failures import failed, redacted
from agentmesh.providers.gate import Gate
from agentmesh.providers.patience import CONNECT_SECONDS, Patience, let_in, timed_out

if TYPE_CHECKING:
    import aiohttp

WIRE_VARIABLE = "AGENTMESH_HTTP"
"""`httpx2` or `aiohttp`; by default aiohttp where it is installed, since it costs less than half of the CPU time."""

POOL_SIZE = 8
"""Requests in flight in one httpx2 pool: measured best between 4 and 16 with 256 in flight."""
LARGE_BODY = 1 << 20

Headers = list[tuple[bytes, bytes]]
_CONNECTING = {"timeout": {"connect": CONNECT_SECONDS}}
"""All else is within the bound on the whole exchange, and a bound on each read and write would cost as much again."""
_HTTPCORE_FAILURES = (
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.ProxyError,
    httpcore2.UnsupportedProtocol,
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests of one kind go, and the headers that go with them."""

    url: str
    headers: Mapping[str, str]
    secrets: tuple[str, ...] = ()
    """Keys among the headers, which no error may repeat."""


class Answer(NamedTuple):
    """A whole HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Stream(NamedTuple):
    """An HTTP answer that is still arriving."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


class Wire(Protocol):
    """Sends bodies to one server. Raises ProviderError of kind `timeout` or `connection`, nothing else."""

    @property
    def in_flight(self) -> int:
        """How many requests are on their way."""
        ...

    async def post(self, target: Target, body: bytes, timeout_s: float) -> Answer:
        """Send and wait for the whole answer, `timeout_s` seconds in all."""
        ...

    def stream(
        self, target: Target, body: bytes, timeout_s: float, idle_s: float
    ) -> AbstractAsyncContextManager[Stream]:
        """Send and read the answer as it comes, `timeout_s` seconds in all and at most `idle_s` without any of it."""
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


def open_wire(transport: SpreadTransport, choice: str | None = None) -> Wire:
    """The wire that `choice`, by default the environment, asks for. httpx2 goes through `transport`."""
    choice = choice or os.environ.get(WIRE_VARIABLE) or ""
    match choice:
        case "aiohttp":
            if importlib.util.find_spec("aiohttp") is None:
                raise MissingExtra(f"{WIRE_VARIABLE}=aiohttp", "aiohttp")
            return AiohttpWire()
        case "httpx2":
            return HttpxWire(transport)
        case "":
            return AiohttpWire() if importlib.util.find_spec("aiohttp") else HttpxWire(transport)
        case _:
            raise ConfigError(f"{WIRE_VARIABLE} is {choice!r}; it may be httpx2 or aiohttp")


@functools.cache
def tls_context() -> ssl.SSLContext:
    """The one TLS context of the process: the operating system's trust store."""
    return httpx2.create_ssl_context()


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names for this address."""
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    return None if not proxy or proxy_bypass(parts.hostname or "") else proxy


class SpreadTransport(httpx2.AsyncBaseTransport):
    """Spreads requests over small connection pools, opening another where all are full.

    The pool used last is used next, so idle connections are few and warm.
    """

    def __init__(self, base_url: str, pool_size: int = POOL_SIZE) -> None:
        self._proxy = proxy_for(base_url)
        self._pool_size = pool_size
        self._pools: list[_Pool] = []
        self._with_room: list[_Pool] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request through a pool with room for it."""
        pool = self._take()
        try:
            response = await pool.handle_async_request(request)
        except BaseException:
            self._give_back(pool)
            raise
        if isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = _Counted(response.stream, self, pool)
        return response

    async def exchange(self, request: httpcore2.Request) -> httpcore2.Response:
        """Send one request and read its whole answer, below httpx2: its own objects cost a sixth of a call."""
        pool = self._take()
        try:
            return await pool.exchange(request)
        finally:
            self._give_back(pool)

    async def aclose(self) -> None:
        """Close every pool."""
        pools, self._pools, self._with_room = self._pools, [], []
        for pool in pools:
            await pool.aclose()

    def _take(self) -> _Pool:
        if not self._with_room:
            limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
            pool = _Pool(verify=tls_context(), limits=limits, proxy=self._proxy)
            self._pools.append(pool)
            self._with_room.append(pool)
        pool = self._with_room[-1]
        pool.in_flight += 1
        if pool.in_flight == self._pool_size:
            self._with_room.pop()
        return pool

    def _give_back(self, pool: _Pool) -> None:
        if pool.in_flight == self._pool_size:
            self._with_room.append(pool)
        pool.in_flight -= 1


class _Pool(httpx2.AsyncHTTPTransport):
    in_flight = 0

    async def exchange(self, request: httpcore2.Request) -> httpcore2.Response:
        response = await self._pool.handle_async_request(request)
        try:
            await response.aread()
        finally:
            await response.aclose()
        return response


class _Counted(httpx2.AsyncByteStream):
    """A response body that gives its place in the pool back once it is closed."""

    def __init__(self, inner: httpx2.AsyncByteStream, owner: SpreadTransport, pool: _Pool) -> None:
        self._inner = inner
        self._owner = owner
        self._pool: _Pool | None = pool

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._inner.__aiter__()

    async def aclose(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            self._owner._give_back(pool)  # noqa: SLF001 - the other half of this file's one mechanism
        await self._inner.aclose()


class HttpxWire:
    """Requests straight to a transport: no cookies, no redirects, no per-client configuration to merge."""

    def __init__(self, transport: SpreadTransport) -> None:
        self._transport = transport
        self._prepared: dict[str, tuple[httpcore2.URL, Headers]] = {}
        self._gate = Gate()

    @property
    def in_flight(self) -> int:
        """How many requests are on their way."""
        return self._gate.in_flight

    async def post(self, target: Target, body: bytes, timeout_s: float) -> Answer:
        """Send and wait for the whole answer."""
        with _httpx_failures(target, timeout_s):
            left = await let_in(self._gate, target.url, timeout_s)
            try:
                async with asyncio.timeout(left):
                    response = await self._transport.exchange(self._request(target, body))
            finally:
                self._gate.leave()
            headers = {name.lower().decode("latin-1"): value.decode("latin-1") for name, value in response.headers}
            content = response.content
            if "content-encoding" in headers:
                content = httpx2.Response(response.status, headers=response.headers, content=content).content
        return Answer(response.status, headers, content)

    @asynccontextmanager
    async def stream(self, target: Target, body: bytes, timeout_s: float, idle_s: float) -> AsyncIterator[Stream]:
        """Send and read the answer as it comes."""
        with _httpx_failures(target, timeout_s):
            left = await let_in(self._gate, target.url, timeout_s)
            try:
                async with Patience(target.url, left, idle_s) as patience:
                    response = await self._send(target, body)
                    try:
                        yield Stream(response.status_code, response.headers, patience.over(response.aiter_bytes()))
                    finally:
                        await response.aclose()
            finally:
                self._gate.leave()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()

    async def _send(self, target: Target, body: bytes) -> httpx2.Response:
        request = httpx2.Request("POST", target.url, headers=target.headers, content=body, extensions=_CONNECTING)
        return await self._transport.handle_async_request(request)

    def _request(self, target: Target, body: bytes) -> httpcore2.Request:
        prepared = self._prepared.get(target.url)
        if prepared is None:
            prepared = self._prepared[target.url] = _prepared(target)
        url, headers = prepared
        request = httpcore2.Request("POST", url, content=body, extensions=_CONNECTING)
        request.headers = [*headers, (b"Content-Length", b"%d" % len(body))]
        return request


def _prepared(target: Target) -> tuple[httpcore2.URL, Headers]:
    """Address and headers of all requests of one kind; only the length of the body is missing."""
    model = httpx2.Request("POST", target.url, headers=target.headers)
    url = model.url
    headers = [(name, value) for name, value in model.headers.raw if name.lower() != b"content-length"]
    return httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path), headers


@contextmanager
def _httpx_failures(target: Target, timeout_s: float) -> Iterator[None]:
    try:
        yield
    except (httpx2.TimeoutException, httpcore2.TimeoutException, TimeoutError) as error:
        connecting = isinstance(error, httpx2.ConnectTimeout | httpcore2.ConnectTimeout)
        raise timed_out(target.url, timeout_s, connecting=connecting) from error
    except (httpx2.TransportError, httpx2.DecodingError, *_HTTPCORE_FAILURES, OSError) as error:
        refused = isinstance(error, httpx2.ConnectError | httpcore2.ConnectError)
        raise _disconnected(target, error, refused=refused) from error


class AiohttpWire:
    """Requests through one aiohttp session, which opens as many connections as the gate lets requests out."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._gate = Gate()

    @property
    def in_flight(self) -> int:
        """How many requests are on their way."""
        return self._gate.in_flight

    async def post(self, target: Target, body: bytes, timeout_s: float) -> Answer:
        """Send and wait for the whole answer."""
        with _aiohttp_failures(target, timeout_s):
            left = await let_in(self._gate, target.url, timeout_s)
            try:
                async with self._request(target, body, left) as response:
                    return Answer(response.status, response.headers, await response.read())
            finally:
                self._gate.leave()

    @asynccontextmanager
    async def stream(self, target: Target, body: bytes, timeout_s: float, idle_s: float) -> AsyncIterator[Stream]:
        """Send and read the answer as it comes."""
        with _aiohttp_failures(target, timeout_s):
            left = await let_in(self._gate, target.url, timeout_s)
            try:
                async with (
                    Patience(target.url, left, idle_s) as patience,
                    self._request(target, body, left) as response,
                ):
                    yield Stream(response.status, response.headers, patience.over(response.content.iter_any()))
            finally:
                self._gate.leave()

    async def aclose(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    def _request(
        self, target: Target, body: bytes, timeout_s: float
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        import aiohttp

        if self._session is None:
            secure = target.url.startswith("https:")
            connector = aiohttp.TCPConnector(limit=0, ssl=tls_context() if secure else True)
            self._session = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=bool(proxy_for(target.url))
            )
        return self._session.post(
            target.url,
            # aiohttp warns of large bodies given as bytes, since sending them blocks the loop for a moment.
            data=body if len(body) < LARGE_BODY else io.BytesIO(body),
            headers=target.headers,
            timeout=aiohttp.ClientTimeout(total=timeout_s, sock_connect=CONNECT_SECONDS),
            allow_redirects=False,
        )


@contextmanager
def _aiohttp_failures(target: Target, timeout_s: float) -> Iterator[None]:
    import aiohttp

    try:
        yield
    except TimeoutError as error:
        raise timed_out(target.url, timeout_s, connecting=isinstance(error, aiohttp.ConnectionTimeoutError)) from error
    except (aiohttp.ClientError, OSError) as error:
        raise _disconnected(target, error, refused=isinstance(error, aiohttp.ClientConnectorError)) from error


def _disconnected(target: Target, error: Exception, *, refused: bool) -> ProviderError:
    if refused:
        return failed("connection", f"no connection to {target.url}", hint="is the server running there?")
    found = redacted(str(error), target.secrets) or type(error).__name__
    return failed("connection", f"the connection to {target.url} broke: {found}")
