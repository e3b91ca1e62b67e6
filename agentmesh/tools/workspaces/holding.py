"""Where worktrees lie, and which process works in them."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from pathlib import Path
from weakref import WeakValueDictionary

import anyio

from agentmesh.errors import ToolError

if sys.platform != "win32":
    import fcntl

_WAIT_SECONDS = 30.0
_LOOK_SECONDS = 0.02
_UNFIT = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST = 80


def state_home() -> Path:
    """Where this user's programs keep what is to outlast them, and is no setting."""
    given = os.environ.get("XDG_STATE_HOME", "")
    return Path(given) if Path(given).is_absolute() else Path.home() / ".local" / "state"


def digest(text: str) -> str:
    """A short name for a long one."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def fit(name: str) -> str:
    """A name as it can stand in the name of a branch, or of a folder; no two become one."""
    plain = _UNFIT.sub("-", name)[:_LONGEST]
    return name if plain == name and name and not name.startswith("-") else f"{plain.strip('-')}-{digest(name)}"


class Hold:
    """A file that one process holds. Calls of git inherit it: it is free once those are over that outlived a process.

    So whatever lock of git lies in a worktree of a run that is held is of nobody. It says what the run began from.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_taken = False
        path.parent.mkdir(parents=True, exist_ok=True)
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @classmethod
    def of(cls, path: Path) -> Hold:
        """The one of this process: a run that stops, and goes on in the same process, does not wait for itself."""
        known = _holds.get(path)
        if known is None or known.descriptor < 0:
            known = _holds[path] = cls(path)
        return known

    async def take(self) -> None:
        """Wait until nobody else holds it. Raises: ToolError if somebody does for long."""
        with anyio.move_on_after(_WAIT_SECONDS):
            while not self._try():  # noqa: ASYNC110 - the other is another process
                await anyio.sleep(_LOOK_SECONDS)
            return
        raise ToolError(
            f"another process works in the worktrees of this run, and holds {self._path}: wait until it has ended, or "
            "end it"
        )

    @property
    def said(self) -> str:
        """What was written to it."""
        return os.fsdecode(os.pread(self.descriptor, 4096, 0))

    def say(self, text: str) -> None:
        """Write it, for whoever takes the run up again."""
        os.pwrite(self.descriptor, os.fsencode(text), 0)

    def release(self, *, is_over: bool) -> None:
        """Let others have it; it goes where nobody needs it any more."""
        if self.descriptor < 0:
            return
        if is_over:
            self._path.unlink(missing_ok=True)
        os.close(self.descriptor)
        self.descriptor = -1

    def __del__(self) -> None:
        self.release(is_over=False)

    def _try(self) -> bool:
        if sys.platform != "win32" and not self._is_taken:
            try:
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        self._is_taken = True
        return True


_holds: WeakValueDictionary[Path, Hold] = WeakValueDictionary()
