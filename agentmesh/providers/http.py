"""What the providers that speak HTTP share: sending, retrying, decoding, and the ladder of structured output."""

from __future__ import annotations

import asyncio
import sys
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Literal, NamedTuple, Protocol
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import anyio
import httpx2

from agentmesh.config.models import ModelConfig, Pace
from agentmesh.config.secrets import shown, unfit
from agentmesh.errors import ConfigError, ProviderError
from agentmesh.messages import Reply, ToolCall, Usage
from agentmesh.providers.base import Delta, Request
from agentmesh.providers.encoding import Counts, estimated_counts, mended, mended_calls, mended_value
from agentmesh.providers.endpoints import Address, Client, Endpoint, acquire, release
from agentmesh.providers.failures import Origin, ParameterRefused, failed, failure, redacted, stream_failure
from agentmesh.providers.guard import refuse_blocked_request
from agentmesh.providers.pacing import Pacer
from agentmesh.providers.prices import rates_of
from agentmesh.providers.retry import FIRST_WAIT_SECONDS, Clock, OutOfTime, retried
from agentmesh.providers.sse import decoded, events
from agentmesh.providers.wire import Stream

Mode = Literal["native", "json_mode", "prompt"]
"""How structured output is asked for."""

REFUSED_MODE_STATUS = frozenset({400, 404, 415, 422, 501})
NO_KEY = "no-key"
"""Sent to compatible servers that were given no key: some refuse a request without one, none looks at it."""
UNUSED = frozenset({"authentication", "quota", "rate", "context_too_long", "bad_request", "connection"})
"""Failures that count against no limit of tokens."""
MODE_PARAMETERS = ("response_format", "text", "output_config", "output_format")


class Decoded(NamedTuple):
    """What an answer says, before it becomes a Reply."""

    text: str
    tool_calls: tuple[ToolCall, ...]
    finish_reason: str
    counts: Counts | None
    """None where the server told no usage."""
    extra: dict[str, Any] | None = None


class Assembly(Protocol):
    """Puts a streamed answer together again."""

    def feed(self, event: dict[str, Any], on_delta: Delta) -> None:
        """Take one event, and pass its text on."""
        ...

    def answer(self) -> dict[str, Any] | None:
        """The answer as the server would have sent it in one piece, or None if it is not complete."""
        ...


class HttpProvider(ABC):
    """One model behind an HTTP API.

    Args:
        config: The model's entry.
        model_id: `provider:model`, as the log names it.
        environment: Where the key is looked up.

    """

    sdk: str
    path: str
    official_host: str
    key_variable: str
    modes: tuple[Mode, ...] = ("native", "json_mode", "prompt")

    def __init__(self, config: ModelConfig, model_id: str, environment: Mapping[str, str]) -> None:
        self.config = config
        self.first_wait_s = FIRST_WAIT_SECONDS
        self._model_id = model_id
        self._environment = environment
        self._held: WeakKeyDictionary[asyncio.AbstractEventLoop, Endpoint] = WeakKeyDictionary()
        self._mode: Mode = self.modes[0]
        self.base_url = self._base_url()
        if not self.base_url.startswith(("http://", "https://")):
            raise ConfigError(f"{model_id}: base_url {shown(self.base_url)!r} must begin with http:// or https://")
        if wrong := unfit(self.base_url):  # what the environment names is checked nowhere else
            raise ConfigError(f"{model_id}: base_url {shown(self.base_url)!r}: {wrong}")

    @property
    def model_id(self) -> str:
        """`provider:model`."""
        return self._model_id

    async def complete(self, request: Request, on_delta: Delta | None = None) -> Reply:
        """One answer. Raises: ProviderError, ModelRequestsBlocked."""
        refuse_blocked_request(self._model_id)
        endpoint = self._held.get(asyncio.get_running_loop()) or await self._open_endpoint()

        clock = Clock(min(request.timeout_s, self.config.timeout_s), request.deadline_s)
        try:
            # Nearly every call succeeds at once, and then retrying costs nothing.
            return await self._attempt(endpoint, request, on_delta, clock)
        except ProviderError as error:
            request.attempts.append(str(error))
            if not error.retryable or self.config.max_retries == 0:
                raise
            failed = error
        return await retried(
            lambda: self._attempt(endpoint, request, on_delta, clock),
            failed,
            request.attempts,
            clock,
            max_retries=self.config.max_retries,
            first_wait_s=self.first_wait_s,
        )

    def unready(self) -> str | None:
        """Why the model cannot be asked now, as far as is known without asking: its key is missing."""
        try:
            self._key()
        except ProviderError as error:
            return str(error)
        return None

    async def aclose(self) -> None:
        """Release the connections of the running loop; they close with the last provider that shares them."""
        endpoint = self._held.pop(asyncio.get_running_loop(), None)
        if endpoint is not None:
            await release(endpoint)

    @abstractmethod
    def encode(self, request: Request, mode: Mode | None, *, stream: bool) -> bytes:
        """The body of a request; `mode` says how structured output is asked for, where it is."""

    @abstractmethod
    def decode(self, answer: dict[str, Any]) -> Decoded:
        """What a whole answer says. Raises: ProviderError."""

    @abstractmethod
    def assembly(self) -> Assembly:
        """A fresh assembly for a streamed answer."""

    @abstractmethod
    def _base_url(self) -> str: ...

    @abstractmethod
    def _client(self, address: Address, http_client: httpx2.AsyncClient) -> Client: ...

    @property
    def official(self) -> bool:
        """Whether the company that made the API answers, and not a server compatible with it."""
        host = urlsplit(self.base_url).hostname or ""
        return host == self.official_host or host.endswith("." + self.official_host)

    def _key(self) -> str:
        name = self.config.api_key_env or self.key_variable
        key = self._environment.get(name, "").strip()
        if not (key.isascii() and key.isprintable()):
            raise ProviderError(
                "authentication",
                f"no key for {self._model_id}: the environment variable {name} holds control or non-ASCII characters",
                hint=f"set {name} to the key alone, on one line",
            )
        if not key and not self.official and not self.config.api_key_env:
            return NO_KEY
        if not key:
            raise ProviderError(
                "authentication",
                f"no key for {self._model_id}: the environment variable {name} is not set",
                hint=f"set {name}, or name another variable with `api_key_env`",
            )
        return key

    async def _open_endpoint(self) -> Endpoint:
        address = Address(self.sdk, self.base_url, self._key())
        if self.sdk not in sys.modules:
            # The SDKs take seconds to import: the loop goes on meanwhile, and can be cancelled.
            await anyio.to_thread.run_sync(import_module, self.sdk, abandon_on_cancel=True)
        loop = asyncio.get_running_loop()
        if (endpoint := self._held.get(loop)) is None:
            endpoint = self._held[loop] = acquire(address, self._client)
            if self.config.pace != Pace():
                endpoint.pacers.need(self.config.model).configure(self.config.pace)
        return endpoint

    def _attempt(
        self, endpoint: Endpoint, request: Request, on_delta: Delta | None, clock: Clock
    ) -> Coroutine[Any, Any, Reply]:
        if request.response_schema is None:
            return self._send(endpoint, request, None, on_delta, clock)
        return self._structured(endpoint, request, on_delta, clock)

    async def _structured(self, endpoint: Endpoint, request: Request, on_delta: Delta | None, clock: Clock) -> Reply:
        """Where the server refuses a way of asking for structured output, the next way is tried."""
        refused: ProviderError | None = None
        for mode in self.modes[self.modes.index(self._mode) :]:
            try:
                reply = await self._send(endpoint, request, mode, on_delta, clock)
            except ProviderError as error:
                if error.kind != "bad_request" or error.status not in REFUSED_MODE_STATUS:
                    raise
                refused = refused or error
                if not _may_be_about_mode(error):
                    break
                request.attempts.append(f"structured output ({mode}) refused: {error}")
            else:
                self._mode = mode
                return reply
        assert refused is not None
        raise refused

    async def _send(
        self, endpoint: Endpoint, request: Request, mode: Mode | None, on_delta: Delta | None, clock: Clock
    ) -> Reply:
        body = self.encode(request, mode, stream=on_delta is not None)
        pacer = endpoint.pacers.by_model.get(self.config.model)
        if pacer is not None:
            return await self._paced(pacer, endpoint, request, body, mode, on_delta, clock)
        try:
            return await self._exchange(endpoint, body, mode, on_delta, clock.attempt_s())
        except ProviderError as error:
            if error.kind == "rate" and not isinstance(error, OutOfTime):
                # From now on there is a pacer: until the first refusal, pacing costs nothing.
                pacer = endpoint.pacers.need(self.config.model, endpoint.wire.in_flight + 1)
                pacer.refused(None, error.retry_after_s)
            raise

    async def _paced(
        self,
        pacer: Pacer,
        endpoint: Endpoint,
        request: Request,
        body: bytes,
        mode: Mode | None,
        on_delta: Delta | None,
        clock: Clock,
    ) -> Reply:
        tokens = estimated_counts(body, "").input_tokens + request.max_output_tokens
        ticket = await pacer.enter(request.run, request.agent, tokens, clock)
        used = tokens
        try:
            reply = await self._exchange(endpoint, body, mode, on_delta, clock.attempt_s())
            used = reply.usage.tokens if reply.usage else tokens
        except ProviderError as error:
            if error.kind in UNUSED:
                used = 0
            if error.kind == "rate" and not isinstance(error, OutOfTime):
                pacer.refused(ticket, error.retry_after_s)
            raise
        else:
            return reply
        finally:
            pacer.leave(ticket, used)

    async def _exchange(
        self, endpoint: Endpoint, body: bytes, mode: Mode | None, on_delta: Delta | None, seconds: float
    ) -> Reply:
        target = endpoint.target(self.path)
        if on_delta is None:
            status, headers, content = await endpoint.wire.post(target, body, seconds)
            content = endpoint.cleaned(content)
            if not 200 <= status < 300:
                raise failure(self._origin(endpoint), status, headers, content)
            answer = decoded(content)
        else:
            async with endpoint.wire.stream(target, body, seconds, self.config.idle_timeout_s) as stream:
                answer = await self._streamed(endpoint, stream, on_delta)
        with self._understanding(endpoint):
            return self._reply(endpoint, answer, body, mode)

    async def _streamed(self, endpoint: Endpoint, stream: Stream, on_delta: Delta) -> dict[str, Any]:
        status, headers, chunks = stream
        if not 200 <= status < 300:
            raise failure(self._origin(endpoint), status, headers, endpoint.cleaned(await _whole(chunks)))
        if "json" in headers.get("content-type", ""):
            answer = decoded(endpoint.cleaned(await _whole(chunks)))
            self._check(endpoint, answer)
            with self._understanding(endpoint):
                text = mended(self.decode(answer).text)
            if text:
                on_delta(text)
            return answer
        assembly = self.assembly()
        async for event in events(chunks, endpoint.cleaned):
            self._check(endpoint, event)
            pieces: list[str] = []
            with self._understanding(endpoint):
                assembly.feed(event, pieces.append)
                pieces = [mended(piece) for piece in pieces]
            for piece in pieces:
                on_delta(piece)
        with self._understanding(endpoint):
            whole = assembly.answer()
        if whole is None:
            raise failed("connection", f"{self._model_id} ended its stream before the answer was complete")
        return whole

    def _reply(self, endpoint: Endpoint, answer: dict[str, Any], body: bytes, mode: Mode | None) -> Reply:
        self._check(endpoint, answer)
        said = self.decode(answer)
        counts = said.counts
        if counts is None:
            counts = estimated_counts(body, said.text + "".join(str(call.arguments) for call in said.tool_calls))
        rates = rates_of(self.config)
        return Reply(
            text=mended(said.text),
            tool_calls=mended_calls(said.tool_calls),
            usage=Usage(
                input_tokens=counts.input_tokens,
                output_tokens=counts.output_tokens,
                cache_read_tokens=counts.cache_read_tokens,
                cache_write_tokens=counts.cache_write_tokens,
                reasoning_tokens=counts.reasoning_tokens,
                model_calls=1,
                cost_usd=None if rates is None else rates.cost_usd(counts),
                estimated=said.counts is None,
            ),
            finish_reason=said.finish_reason,
            structured=mode,
            model=self._model_id,
            extra=mended_value(said.extra) if said.extra else {},
        )

    def _check(self, endpoint: Endpoint, answer: Mapping[str, Any]) -> None:
        """Some servers put an error into an answer of status 200, or into the middle of a stream."""
        if isinstance(error := answer.get("error"), Mapping):
            raise stream_failure(self._origin(endpoint), error)

    @contextmanager
    def _understanding(self, endpoint: Endpoint) -> Iterator[None]:
        """JSON that is not built as the API says is the server's failure, as JSON that is broken."""
        try:
            yield
        except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, RecursionError) as error:
            found = redacted(f"{type(error).__name__}: {error}", self._origin(endpoint).secrets)
            raise failed("malformed", f"{self._model_id} answered in an unknown form: {found}") from error

    def _origin(self, endpoint: Endpoint) -> Origin:
        variable = self.config.api_key_env or self.key_variable
        return Origin(self._model_id, self.base_url, variable, endpoint.secrets)


def _may_be_about_mode(error: ProviderError) -> bool:
    """A refusal that names another parameter is not about structured output."""
    return not isinstance(error, ParameterRefused) or error.parameter.startswith(MODE_PARAMETERS)


async def _whole(chunks: Any) -> bytes:
    return b"".join([chunk async for chunk in chunks])
