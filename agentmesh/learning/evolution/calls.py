"""Calls of models beside the runs, for varying and for judging: paid from the ledger, and kept as they are answered.

A call that was cut off counts as what was set aside for it: nobody knows what it used.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio

from agentmesh.errors import AgentMeshError
from agentmesh.evaluation.advice.bench import Bench
from agentmesh.evaluation.comparison.study import first_of
from agentmesh.evaluation.ledger import Reservation


@dataclass(frozen=True)
class Answered:
    """What came of a call, as JSON, and what it used."""

    value: Any
    tokens: int


@dataclass
class KeptCalls:
    """Answers by the keys of their calls, in a file of JSON lines; without a path in memory alone.

    Raises: AgentMeshError where the file holds anything else.
    """

    path: Path | None = None
    _known: dict[str, Answered] = field(default_factory=dict)
    _begun: dict[str, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.path is None or not self.path.exists():
            return
        text = self.path.read_bytes()
        whole, _, cut = text.rpartition(b"\n")
        try:
            for line in map(json.loads, whole.splitlines()):
                self._take_in(line)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise AgentMeshError(f"{self.path}: this holds no calls; name other results, or delete it") from error
        if cut:
            with self.path.open("r+b") as file:
                file.truncate(len(text) - len(cut))

    @property
    def cut_off(self) -> list[int]:
        """Of each call that was begun and never answered what was set aside for it."""
        return [tokens for begun in self._begun.values() for tokens in begun]

    def get(self, key: str) -> Answered | None:
        """The answer to the call of this key, if there was one."""
        return self._known.get(key)

    def begin(self, key: str, reserved: int) -> None:
        """Say that a call is about to leave."""
        self._write({"key": key, "reserved": reserved})

    def add(self, key: str, answered: Answered) -> None:
        """Keep what came of it."""
        self._write({"key": key, **vars(answered)})

    def _write(self, line: Mapping[str, Any]) -> None:
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
                file.flush()
                os.fsync(file.fileno())
        self._take_in(line)

    def _take_in(self, line: Mapping[str, Any]) -> None:
        key = line["key"]
        if "reserved" in line:
            self._begun.setdefault(key, []).append(line["reserved"])
            return
        self._begun[key].pop()
        self._known[key] = Answered(line["value"], line["tokens"])


@dataclass
class Calls:
    """Who makes such calls asks here whether there is room for them: what is kept back for later is none."""

    bench: Bench
    kept: KeptCalls

    def settle_before(self) -> None:
        """Count what earlier attempts were asking when they were cut off."""
        for tokens in self.kept.cut_off:
            if (held := self.bench.ledger.reserve(tokens)) is not None:
                held.settle(tokens)

    async def made(self, facts: Any, size: int, make: Callable[[Reservation], Awaitable[Answered]]) -> Answered | None:
        """The answer to a call that these facts name: the kept one, or that of a call of at most `size` tokens.

        None where the budget does not carry it. Raises: what the call raises, which then counts whole.
        """
        key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:20]
        known = self.kept.get(key)
        held = self._reserved(size if known is None else known.tokens)
        if held is None:
            return None
        if known is not None:
            held.settle({f"call {key}": known.tokens})
            return known
        self.kept.begin(key, size)
        try:
            answered = await make(held)
        except BaseException:
            held.settle(size)
            raise
        held.settle({f"call {key}": answered.tokens})
        self.kept.add(key, answered)
        return answered

    def _reserved(self, tokens: int) -> Reservation | None:
        ledger = self.bench.ledger
        return ledger.reserve(tokens) if tokens <= ledger.left - self.bench.kept_back else None


async def side_by_side(jobs: Iterable[Callable[[], Awaitable[None]]], concurrency: int) -> None:
    """All of them, some at a time. Raises: what the first one raises that goes wrong."""
    limiter = anyio.CapacityLimiter(concurrency)

    async def one(job: Callable[[], Awaitable[None]]) -> None:
        async with limiter:
            await job()

    try:
        async with anyio.create_task_group() as group:
            for job in jobs:
                group.start_soon(one, job)
    except ExceptionGroup as several:
        raise first_of(several) from several
