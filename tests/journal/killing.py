"""Runs of teams in processes that are killed, and what server, journal and the processes themselves say of it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import anyio
from hypothesis import settings

from agentmesh import Team
from agentmesh.events import Event, ModelCallFinished, ModelCallStarted, RunResumed, event_from_json
from agentmesh.providers.guard import BLOCK_VARIABLE
from agentmesh.runner.past import effective, relative
from agentmesh.runner.replay import Replayed

HERE = Path(__file__).parent
TOPOLOGIES = HERE.parents[1] / "topologies"
TASK = "What is (12*7)+(45-6)*3?"

When = Literal["before", "after"]
Commit = tuple[int, When]
"""A moment to kill a process: right before or right after so many commits of its own."""


def nightly() -> bool:
    """Whether there is time for the long versions."""
    return settings.default is not None and settings.default.max_examples > 100


def environment() -> dict[str, str]:
    """Of programs under test: they may ask the server, and nobody measures what they cover."""
    measured = ("COV_", "COVERAGE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(measured)}
    return {**kept, BLOCK_VARIABLE: "0"}


@dataclass(frozen=True)
class Asked:
    """One request, as the server saw it."""

    body: str
    tokens: int
    answered: bool

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(self.body.encode()).hexdigest()


@dataclass(frozen=True)
class CountingServer:
    """Where it listens, and what it was asked."""

    port: int

    def model(self, account: str) -> str:
        return f"openai:worker@http://127.0.0.1:{self.port}/{account}/v1"

    def requests(self, account: str) -> list[Asked]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{account}/requests") as answer:
            return [Asked(**entry) for entry in json.load(answer)]


@contextmanager
def counting_server() -> Iterator[CountingServer]:
    """A server process; `tests/servers/counting_models.py` says what it does."""
    with _program("tests.servers.counting_models") as process:
        assert process.stdout is not None
        yield CountingServer(int(process.stdout.readline()))


@contextmanager
def nursery() -> Iterator[Nursery]:
    """A program that gives birth to processes that run teams."""
    with _program("tests.journal.mortal") as process:
        yield Nursery(process)


@contextmanager
def _program(module: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", module]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(), cwd=HERE.parents[1]
    ) as process:
        assert process.stdin is not None
        try:
            yield process
        finally:
            process.stdin.close()


@dataclass(frozen=True)
class Nursery:
    """The program, as the tests use it."""

    process: subprocess.Popen[str]

    def order(self, **order: Any) -> int:
        """What it answers: the id of a process, or how one ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


@dataclass(frozen=True)
class Life:
    """One process from birth to death, by what it left in its box."""

    pid: int
    status: int
    notes: list[tuple[str, Any]]

    @property
    def killed(self) -> bool:
        return self.status == -signal.SIGKILL

    @property
    def end(self) -> tuple[str, Any]:
        """`ended` with run id, outcome and answer; or `raised` with an error's name and words."""
        assert self.notes[-1][0] in ("ended", "raised"), f"it came to no end: {self.notes[-3:]}"
        return self.notes[-1]

    def all(self, what: str) -> list[Any]:
        return [value for name, value in self.notes if name == what]

    @property
    def acknowledged(self) -> set[str]:
        """The calls of whose answers it knew that they are safe."""
        return {key for keys in self.all("wrote") for key in keys}

    def writes_answers_at_once(self) -> bool:
        """Whether each answer that came before the end of a commit is in the next one at the latest."""
        waiting: set[str] = set()
        due: set[str] = set()
        written: set[str] = set()
        for what, value in self.notes:
            match what:
                case "over" if value not in written:
                    waiting.add(value)
                case "writes":
                    written |= set(value)
                    waiting -= written
                    if due & waiting:
                        return False
                case "wrote":
                    due = set(waiting)
                case _:
                    pass
        return True


MakeCase = Callable[..., "Case"]


@dataclass
class Case:
    """A run of one of the shipped teams, through as many processes as it takes."""

    nursery: Nursery
    server: CountingServer
    place: Path
    topology: str
    name: str
    milliseconds: float = 5
    seed: int | None = 7
    folder: Path = TOPOLOGIES
    lives: list[Life] = field(default_factory=list)
    in_flight: list[set[str]] = field(default_factory=list)
    """By process: the calls that it had begun and whose answers were not safe when it died."""
    lost: list[set[str]] = field(default_factory=list)
    """By process: the calls that it made although their answers were safe."""
    _boxes: int = 0

    @property
    def account(self) -> str:
        return f"{self.topology}-{self.name}~{self.milliseconds:g}"

    @property
    def model(self) -> str:
        return self.server.model(self.account)

    @property
    def file(self) -> Path:
        return self.folder / f"{self.topology}.yaml"

    @property
    def journal(self) -> Path:
        return self.place / f"{self.account}.db"

    @cached_property
    def team(self) -> Team:
        return Team.from_yaml(self.file, model=self.model)

    @property
    def runs(self) -> list[str]:
        """The runs in the journal that have begun."""
        if not self._read("SELECT 1 FROM sqlite_master WHERE name = 'events'"):
            return []
        return [run_id for (run_id,) in self._read("SELECT DISTINCT run_id FROM events")]

    def events(self, run_id: str | None = None) -> list[Event]:
        """The log of a run, by default of the only one."""
        rows = self._read("SELECT body FROM events WHERE run_id = ? ORDER BY id", run_id or self.runs_id)
        return [event_from_json(body) for (body,) in rows]

    def _read(self, sql: str, *values: Any) -> list[Any]:
        with closing(sqlite3.connect(self.journal)) as connection:
            return connection.execute(sql, values).fetchall()

    @property
    def runs_id(self) -> str:
        """Of the one run that there is."""
        (run_id,) = self.runs
        return run_id

    def replay(self, run_id: str | None = None) -> Replayed:
        return anyio.run(lambda: self.team.replay(run_id or self.runs_id, journal=self.journal))

    def asked(self) -> list[Asked]:
        return self.server.requests(self.account)

    def order(self, do: str, **more: Any) -> dict[str, Any]:
        self._boxes += 1
        box = self.place / f"{self.account}.{self._boxes}.box"
        paths = {"team": str(self.file), "journal": str(self.journal), "box": str(box)}
        return {"do": do, "model": self.model, "task": TASK, "seed": self.seed, **paths, **more}

    def begin(self, do: str, **more: Any) -> tuple[int, Path]:
        """A new process: its id, and its box."""
        order = self.order(do, **more)
        return self.nursery.order(**order), Path(order["box"])

    def ended(self, pid: int, box: Path) -> Life:
        """Wait for the end of a process."""
        status = self.nursery.order(do="wait", pid=pid)
        lines = box.read_text().splitlines() if box.exists() else []
        return Life(pid, status, [tuple(json.loads(line)) for line in lines])

    def live(self, commit: Commit | None = None, seconds: float | None = None) -> Life:
        """Go on with the run, or begin it, in a process that dies at a commit, or after so many seconds, or lives."""
        runs = self.runs
        safe = self.finished() if runs else set()
        do, run_id = ("resume", runs[0]) if runs else ("run", "")
        pid, box = self.begin(do, run_id=run_id, kill=commit)
        if seconds is not None:
            time.sleep(seconds)
            os.kill(pid, signal.SIGKILL)
        life = self.ended(pid, box)
        self.lives.append(life)
        sent = {relative(key) for key, _ in life.all("sends")}
        self.lost.append(sent & safe)
        begun = {relative(key) for key in life.all("begins")}
        self.in_flight.append(begun - self.finished() if life.killed else set())
        return life

    def finished(self) -> set[str]:
        """The calls whose answers are in the journal."""
        if not self.runs:
            return set()
        return {relative(e.key) for e in self.events() if isinstance(e, ModelCallFinished) and e.error is None}

    @property
    def kills(self) -> int:
        return sum(life.killed for life in self.lives)

    def tokens_in_log(self) -> int:
        """What the calls used whose answers the run knows of."""
        return sum(event.usage.tokens for event in self.events() if isinstance(event, ModelCallFinished))

    def must_be_as(self, whole: Case) -> None:
        """Whatever its processes went through, it came to what the other came to, and has paid for nothing twice."""
        what, (_, *end) = self.lives[-1].end
        assert (what, end) == (whole.lives[-1].end[0], whole.lives[-1].end[1][1:])
        assert state_of(self.events()) == state_of(whole.events())
        assert self.tokens_in_log() == whole.tokens_in_log() == sum(one.tokens for one in whole.asked())
        assert self.replay().difference is None
        self._must_have_lost_nothing()
        asked, needed = bodies(self.asked()), bodies(whole.asked())
        assert set(asked) == set(needed), "a request of the one is, byte for byte, a request of the other"
        assert asked.total() <= needed.total() + sum(map(len, self.in_flight))
        for digest, key in self._keys().items():
            assert asked[digest] <= 1 + sum(key in calls for calls in self.in_flight), f"{key} was asked for in vain"

    def _must_have_lost_nothing(self) -> None:
        finished = self.finished()
        for life, again in zip(self.lives, self.lost, strict=True):
            assert not again, f"paid for again, although the answers were in the journal: {sorted(again)}"
            assert {relative(key) for key in life.acknowledged} <= finished
            assert life.writes_answers_at_once()

    def _keys(self) -> dict[str, str]:
        """The calls, by the digests of their requests."""
        return {digest: relative(key) for life in self.lives for key, digest in life.all("sends")}


def state_of(events: Sequence[Event]) -> dict[str, list[Any]]:
    """What happened to each agent, in order, without what differs from one run to another by right.

    Those are clock, run id and model; ids of events and messages, since agents that work at the same time are put
    into the log as they arrive; that the run was resumed, and that a call which was cut off was begun once more.
    """
    found: dict[str, list[Any]] = defaultdict(list)
    begun: set[str] = set()
    for event in effective(events):
        if isinstance(event, RunResumed) or (isinstance(event, ModelCallStarted) and event.key in begun):
            continue
        facts = event.model_dump(exclude={"id", "run_id", "ts", "seconds", "model", "message_id", "inbox", "team_hash"})
        if "key" in facts:
            begun.add(facts["key"])
            facts["key"] = relative(facts["key"])
        found[f"{event.agent} {event.task.id}" if event.type == "task_changed" else str(event.agent)].append(facts)
    return found


def bodies(asked: Sequence[Asked]) -> Counter[str]:
    """How often each request came."""
    return Counter(one.digest for one in asked)
