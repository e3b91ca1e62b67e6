"""When requests may leave so that a rate is kept, by all processes of a user on one machine together.

Each limit is one number per model, address and key: the instant until which its rate is spoken for (the generic cell
rate algorithm). A process books the next departures of those who wait in one short transaction, and so holds no budget
that it does not use. Nothing else serves unrelated processes without a server: pyrate-limiter's SQLite bucket keeps a
row for each token, and its token bucket lives in one process family or in Redis.
"""

from __future__ import annotations

import getpass
import os
import sqlite3
import stat
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

AHEAD_SECONDS = 0.1
"""Departures are booked no further ahead than this."""
TURN_SECONDS = 0.05
"""What one process may book at once, in seconds of the rate, so that others come to their turn."""
BURST_SECONDS = 0.1
"""What was left unused within so long may be made up for: timers are late."""
AGAIN_SECONDS = 0.25
"""Longest wait before somebody whose booking was too early asks again: others may have given tokens back."""
MARGIN = 0.95
"""Share of a limit that is used: requests do not arrive as evenly as they leave."""
LOCKED_SECONDS = 1.0
"""How long another process may hold the file."""
KEPT_SECONDS = 86_400.0
"""After so long nothing that was booked matters."""

_TABLE = "CREATE TABLE IF NOT EXISTS pace (key TEXT PRIMARY KEY, requests REAL, tokens REAL, written REAL)"


class Rates(NamedTuple):
    """Requests and tokens a second; None where there is no bound."""

    requests: float | None
    tokens: float | None


class Held(NamedTuple):
    """Until when each rate is spoken for, and when that was written."""

    requests: float
    tokens: float
    written: float


class Booking(NamedTuple):
    """When the first of the requests may leave, one instant for each; the rest should ask again at `again_at`."""

    times: list[float]
    again_at: float


def booked(held: Held | None, rates: Rates, tokens: Sequence[int], returned: int, now: float) -> tuple[Held, Booking]:
    """Departures for requests of so many `tokens` each; `returned` tokens were set aside before and not used."""
    if held is None or held.written > now:  # of an earlier start of the machine
        held = Held(now, now, now)
    spoken = [max(held.requests, now - BURST_SECONDS), held.tokens]
    if rates.tokens:
        spoken[1] -= returned / rates.tokens
    spoken[1] = max(spoken[1], now - BURST_SECONDS)
    times: list[float] = []
    for each in tokens:
        at = max(now, spoken[0] if rates.requests else now, spoken[1] if rates.tokens else now)
        if at > now + AHEAD_SECONDS or (times and at > times[0] + TURN_SECONDS):
            break
        times.append(at)
        for axis, (rate, cost) in enumerate(((rates.requests, 1), (rates.tokens, each))):
            if rate:
                spoken[axis] = max(spoken[axis], at - BURST_SECONDS) + cost / rate
    bounded = [until for until, rate in zip(spoken, rates, strict=True) if rate]
    again_at = min(max(bounded, default=now) - AHEAD_SECONDS / 2, now + AGAIN_SECONDS)
    return Held(spoken[0], spoken[1], now), Booking(times, again_at)


class Timetable:
    """What is booked, in a file that all processes of this user share; in this process alone where that fails.

    Used by one thread.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._database: sqlite3.Connection | None = None
        self._own: dict[str, Held] = {}
        self.shared = True
        """Whether the file can still be used."""

    def book(self, key: str, rates: Rates, tokens: Sequence[int], returned: int = 0) -> Booking:
        """Departures of the next requests to one model. Never fails."""
        if self.shared:
            try:
                return self._in_file(key, rates, tokens, returned)
            except (sqlite3.Error, OSError):
                self.shared = False
                self.close()
        self._own[key], booking = booked(self._own.get(key), rates, tokens, returned, time.monotonic())
        return booking

    def close(self) -> None:
        """Close the file."""
        if self._database is not None:
            with suppress(sqlite3.Error):
                self._database.close()
            self._database = None

    def _in_file(self, key: str, rates: Rates, tokens: Sequence[int], returned: int) -> Booking:
        database = self._database or self._opened()
        database.execute("BEGIN IMMEDIATE")
        try:
            row = database.execute("SELECT requests, tokens, written FROM pace WHERE key = ?", (key,)).fetchone()
            held, booking = booked(row and Held(*row), rates, tokens, returned, time.monotonic())
            database.execute("INSERT OR REPLACE INTO pace VALUES (?, ?, ?, ?)", (key, *held))
            self._own[key] = held
        except BaseException:
            database.execute("ROLLBACK")
            raise
        database.execute("COMMIT")
        return booking

    def _opened(self) -> sqlite3.Connection:
        path = self._path or private_directory() / "pace.db"
        try:
            self._database = _connected(path)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:  # no database: it holds nothing that is worth keeping
            path.unlink()
            self._database = _connected(path)
        return self._database


def _connected(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=LOCKED_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        # Losing the last moments with the power is harmless: a minute later nothing in the file matters.
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA journal_mode = TRUNCATE")
        database.execute(_TABLE)
        database.execute("DELETE FROM pace WHERE written < ?", (time.monotonic() - KEPT_SECONDS,))
    except BaseException:
        database.close()
        raise
    return database


def private_directory() -> Path:
    """A directory for temporary files that only this user can read. Raises: OSError where somebody else owns it."""
    user = os.getuid() if hasattr(os, "getuid") else getpass.getuser()
    path = Path(tempfile.gettempdir()) / f"agentmesh-{user}"
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or (hasattr(os, "getuid") and found.st_uid != user):
        raise PermissionError(f"{path} belongs to somebody else")
    if os.name == "posix" and stat.S_IMODE(found.st_mode) & 0o077:
        path.chmod(0o700)
    return path
