"""Answers of models, kept in a file: who asks the same again is given the same, for nothing."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import anyio
import anyio.to_thread
from pydantic import TypeAdapter, ValidationError

from agentmesh.config.models import ModelConfig
from agentmesh.errors import ConfigError
from agentmesh.messages import Reply, Usage
from agentmesh.providers.base import Delta, Provider, Request

DEFAULT_CACHE = ".agentmesh/cache.db"
BUSY_SECONDS = 30.0
"""How long to wait for another process that writes."""
_APPLICATION = 0x616D6361
_VERSION = 1
_TABLES = """
    CREATE TABLE reply (digest BLOB, sample INTEGER, model TEXT, made REAL, body TEXT, PRIMARY KEY (digest, sample));
    CREATE TABLE asked (digest BLOB, run_id TEXT, key TEXT, sample INTEGER, PRIMARY KEY (digest, run_id, key))
        WITHOUT ROWID;
"""
_REPLY: TypeAdapter[Reply] = TypeAdapter(Reply)

T = TypeVar("T")
Place = tuple[bytes, int]
"""What was asked, and how often it had been asked before in the same run."""


class ResponseCache:
    """Replies by what was asked and sample number, in a SQLite file that any number of processes share.

    Raises: ConfigError if the file cannot be used.
    """

    def __init__(self, path: str | os.PathLike[str] = DEFAULT_CACHE) -> None:
        self.path = Path(path)
        self.flights: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Place, anyio.Event]] = WeakKeyDictionary()
        """By event loop: calls under way, whose answers others wait for."""
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._open():
                pass
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(f"cache {self.path}: it cannot be used ({error}); --cache PATH names another") from error
        finally:
            self.close()

    def find(self, digest: bytes, run_id: str, key: str) -> tuple[int, Reply | None]:
        """The sample number of a call, the same whenever that call is made, and its reply if there is one."""
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                sample = _sample(connection, digest, run_id, key)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
        return sample, self.reply((digest, sample))

    def reply(self, place: Place) -> Reply | None:
        """The reply that is kept, if there is one that can be read."""
        with self._open() as connection:
            row = connection.execute("SELECT body FROM reply WHERE digest = ? AND sample = ?", place).fetchone()
        try:
            return None if row is None else _REPLY.validate_json(row[0])
        except ValidationError:
            return None  # as another version has written it: it is asked for anew, and written over

    def keep(self, place: Place, model: str, reply: Reply) -> None:
        """Keep a reply."""
        body = _REPLY.dump_json(reply).decode()
        with self._open() as connection:
            row = (*place, model, time.time(), body)
            connection.execute("INSERT OR REPLACE INTO reply VALUES (?, ?, ?, ?, ?)", row)

    def close(self) -> None:
        """Let go of the file, until it is needed again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """The connection, for one thread at a time."""
        with self._lock:
            if self._connection is None:
                self._connection = _connected(self.path)
            yield self._connection


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("BEGIN IMMEDIATE")
        _make_tables(connection)
        connection.execute("COMMIT")
        # A killed process leaves what it has committed; a power cut may cost the latest answers, and nothing else.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        connection.close()
        raise
    return connection


def _make_tables(connection: sqlite3.Connection) -> None:
    """Make a cache of an empty file. Raises: DatabaseError if the file is anything else."""
    found = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
    if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        for statement in _TABLES.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {_VERSION}")
    elif found != [_APPLICATION, _VERSION]:
        raise sqlite3.DatabaseError("it holds something else, or is of another version of agentmesh")


def _sample(connection: sqlite3.Connection, digest: bytes, run_id: str, key: str) -> int:
    place = (digest, run_id, key)
    known = connection.execute("SELECT sample FROM asked WHERE digest = ? AND run_id = ? AND key = ?", place).fetchone()
    if known is not None:
        return int(known[0])
    count = connection.execute("SELECT count(*) FROM asked WHERE digest = ? AND run_id = ?", place[:2]).fetchone()[0]
    connection.execute("INSERT INTO asked VALUES (?, ?, ?, ?)", (*place, count))
    return int(count)


class CachedProvider:
    """Asks a model only what it was not asked before, as far as the cache knows. Failures are not kept."""

    def __init__(self, provider: Provider, cache: ResponseCache, config: ModelConfig | None = None) -> None:
        self._provider = provider
        self._cache = cache
        self._whose = _whose(provider, config)

    @property
    def model_id(self) -> str:
        """The model's."""
        return self._provider.model_id

    async def complete(self, request: Request, on_delta: Delta | None = None) -> Reply:
        """The kept answer, or the model's. Raises: ProviderError."""
        digest = digest_of(self._whose, request)
        try:
            sample, kept = await anyio.to_thread.run_sync(self._cache.find, digest, request.run, request.key)
        except sqlite3.Error as error:
            request.attempts.append(f"{self._cache.path} could not be read ({error}): the model is asked")
            return await self._provider.complete(request, on_delta)
        return await self._in_flight((digest, sample), request, on_delta) if kept is None else _given(kept, on_delta)

    async def _in_flight(self, place: Place, request: Request, on_delta: Delta | None) -> Reply:
        """The model's answer; only one call asks for it, and others that are asked the same wait for that one."""
        flights = self._cache.flights.setdefault(asyncio.get_running_loop(), {})
        while place in flights:
            await flights[place].wait()
        flights[place] = anyio.Event()
        try:
            kept = await self._tried(request, self._cache.reply, place)
            if kept is not None:
                return _given(kept, on_delta)
            reply = await self._provider.complete(request, on_delta)
            with anyio.CancelScope(shield=True):  # it is paid for
                await self._tried(request, self._cache.keep, place, self.model_id, reply)
            return reply
        finally:
            flights.pop(place).set()

    def unready(self) -> str | None:
        """Why the model cannot be asked now."""
        unready: Callable[[], str | None] | None = getattr(self._provider, "unready", None)
        return unready() if unready else None

    async def aclose(self) -> None:
        """Release what the model holds, and the file."""
        await self._provider.aclose()
        await anyio.to_thread.run_sync(self._cache.close)

    async def _tried(self, request: Request, work: Callable[..., T], *arguments: Any) -> T | None:
        """What comes of reading or writing the file; a fault there is noted and stops nobody."""
        try:
            return await anyio.to_thread.run_sync(work, *arguments)
        except sqlite3.Error as error:
            request.attempts.append(f"{self._cache.path} could not be used ({error}): the answer is not kept")
            return None


def kept_in(cache: ResponseCache | None, provider: Provider, config: ModelConfig | None = None) -> Provider:
    """The provider with a cache before it, if there is one.

    Functions and scripts are always asked: their name does not say what they answer.
    """
    from agentmesh.providers.function import FunctionProvider
    from agentmesh.providers.scripted import ScriptedProvider

    if cache is None or isinstance(provider, FunctionProvider | ScriptedProvider):
        return provider
    return CachedProvider(provider, cache, config)


def digest_of(whose: str, request: Request) -> bytes:
    """Of all that an answer depends on. What was read of a context once is remembered, so long ones stay cheap."""
    read, before = request.memo.get("digest", (0, None))
    if before is None or read > len(request.messages):
        read, before = 0, hashlib.sha256()
    messages = before.copy()
    for message in request.messages[read:]:
        messages.update(_encoded(message))
    request.memo["digest"] = (len(request.messages), messages)
    whole: hashlib._Hash = messages.copy()
    whole.update(_encoded([whose, *(getattr(request, name) for name in _BESIDE_MESSAGES)]))
    return whole.digest()


_BESIDE_MESSAGES = (
    "tools",
    "response_schema",
    "tool_choice",
    "max_output_tokens",
    "temperature",
    "top_p",
    "reasoning_effort",
    "seed",
)


def _encoded(value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass") + b"\n"


def _whose(provider: Provider, config: ModelConfig | None) -> str:
    """Who answers: provider, model, address, and what else of its entry no request says."""
    at = getattr(provider, "base_url", None)
    return _encoded([provider.model_id, at, config and config.api, config and config.skill]).decode()


def _given(kept: Reply, on_delta: Delta | None) -> Reply:
    """The reply as it is given from the cache."""
    if on_delta is not None and kept.text:
        on_delta(kept.text)
    usage = (kept.usage or Usage(model_calls=1, estimated=True)).model_copy(update={"cost_usd": 0.0})
    return replace(kept, usage=usage, cached=True)
