"""Which process runs what: one byte of a file beside the journal is locked for each run, until its process ends."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from agentmesh.errors import JournalError

if sys.platform != "win32":
    import fcntl

_TRIES = 4
"""Who only looks whether a run is held locks it for a moment: whoever wants it tries again."""
_PAUSE_SECONDS = 0.003
_lock = threading.Lock()
_open: dict[Path, Owners] = {}


@dataclass
class Owners:
    """The locks of this process in one file: one such object per file, since closing one would drop all its locks."""

    path: Path
    held: set[str] = field(default_factory=set)
    _descriptor: int | None = None

    @classmethod
    def of(cls, path: Path) -> Owners:
        """The locks of this process in that file."""
        with _lock:
            return _open.setdefault(path, cls(path))

    def take(self, run_id: str) -> bool:
        """Lock a run, unless somebody has. The system gives the lock back when the process ends, however it ends.

        Raises: JournalError if the file cannot be written.
        """
        for left in reversed(range(_TRIES)):
            with _lock:
                if run_id in self.held:
                    return False
                if self._try(run_id):
                    self.held.add(run_id)
                    return True
            time.sleep(_PAUSE_SECONDS if left else 0)
        return False

    def give_back(self, run_id: str) -> None:
        """Let others have the run."""
        with _lock:
            if run_id in self.held:
                self.held.discard(run_id)
                self._unlock(run_id)

    def is_taken(self, run_id: str) -> bool:
        """Whether a process, this one or another, holds the run. Raises: JournalError."""
        with _lock:
            if run_id in self.held:
                return True
            if not self.path.exists():
                return False
            if not self._try(run_id):
                return True
            self._unlock(run_id)
            return False

    def _unlock(self, run_id: str) -> None:
        if sys.platform != "win32" and self._descriptor is not None:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, _place(run_id))

    def _try(self, run_id: str) -> bool:
        if sys.platform == "win32":
            return True  # there the fences of the store alone keep others out
        try:
            fcntl.lockf(self._opened(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _place(run_id))
        except (BlockingIOError, PermissionError):
            return False
        except OSError as error:
            raise self._failure(error) from error
        return True

    def _opened(self) -> int:
        if self._descriptor is None:
            try:
                self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            except OSError as error:
                raise self._failure(error) from error
        return self._descriptor

    def _failure(self, error: OSError) -> JournalError:
        return JournalError(
            f"{self.path} cannot be locked, which shows who runs what: {error.strerror}; it stands beside the journal "
            "and must be writable: mend that, or use another --journal"
        )


def _place(run_id: str) -> int:
    return int.from_bytes(hashlib.blake2b(run_id.encode("utf-8", "surrogatepass"), digest_size=7).digest(), "big")
