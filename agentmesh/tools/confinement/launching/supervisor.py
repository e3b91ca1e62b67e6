"""The process above a program: it keeps to the limits that the kernel does not, and ends all that was started."""

from __future__ import annotations

import marshal
import os
import select
import sys
import time

from . import kernel
from .inside import begin, exit_code

TYPE_CHECKING = False  # `typing` takes long to import
if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator

    from .order import Order, Report, Why
else:
    import _signal as signal

_TICK = 0.02
_PATIENCE = 5.0
_CHUNK = 1 << 16
_CHUNKS_AT_ONCE = 64


def main() -> None:
    """Carry out the order on standard input, and report on standard output."""
    order: Order = marshal.loads(sys.stdin.buffer.read())
    try:
        report = _Supervisor(order).run()
    except OSError as error:
        report = _unable(str(error))
    if report is not None:
        try:
            sys.stdout.buffer.write(marshal.dumps({**report}))
            sys.stdout.buffer.flush()
        except OSError:
            pass  # nobody waits for it any more
    # Another program removes the folder: trees may be deeper than Python can descend.
    tidy = 'rm -rf -- "$0" 2>/dev/null || { chmod -R u+rwx -- "$0"; rm -rf -- "$0"; }'
    os.execve("/bin/sh", ["sh", "-c", tidy, order["private"]], {"PATH": os.defpath})


class _Supervisor:
    def __init__(self, order: Order) -> None:
        self._order = order
        self._kept = _Kept(order["output"])
        self._told_to_end = False
        self._status: int | None = None
        self._child = 0
        self._reading, self._writing = os.pipe()
        self._errors, self._erring = os.pipe()
        self._woken, waking = os.pipe()
        for descriptor in (self._reading, self._errors, self._woken, waking):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(waking)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_end)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        if sys.platform == "linux":
            kernel.adopt_orphans()

    def run(self) -> Report | None:
        """Run the program; nothing is reported to somebody who has turned away."""
        order, began = self._order, time.monotonic()
        os.mkdir(order["private"], 0o700)
        self._child = os.fork()
        if not self._child:
            begin(order, self._writing, self._erring)
        os.close(self._writing)
        os.close(self._erring)
        ended = self._watch(began + order["seconds"])
        seconds = time.monotonic() - began
        self._sweep()
        self._drain()
        if ended != "exited" and order["afterwards"]:
            _run(order["afterwards"], order["environment"])
        if ended == "cancelled":
            return None
        error = _read(self._errors) or b""
        code = 137 if self._status is None else exit_code(self._status)
        kept = self._kept
        return {
            "error": error.decode(errors="replace"),
            "code": code,
            "ended": ended,
            "head": bytes(kept.head),
            "tail": bytes(kept.tail),
            "dropped": kept.dropped,
            "seconds": seconds,
        }

    def _watch(self, deadline: float) -> Why:
        """Take in what the program writes until it ends or must end; say why."""
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        poll.register(self._reading, select.POLLIN)
        look = 0.0
        while True:
            for descriptor, _ in poll.poll(_TICK * 1000):
                if descriptor == self._woken:
                    _read(self._woken)
                elif not self._take(_CHUNKS_AT_ONCE):
                    poll.unregister(self._reading)
            self._reap()
            if self._status is not None:
                return "exited"
            if self._told_to_end or os.getppid() != self._order["parent"]:
                return "cancelled"
            now = time.monotonic()
            if now > deadline:
                return "timeout"
            if now > look:
                look = now + _TICK
                if self._too_many():
                    return "processes"

    def _too_many(self) -> bool:
        if not self._order["processes"]:
            return False
        left = self._order["processes"] + self._order["overhead"]
        for pid in _descendants():  # there may be more of them with every one that is found: stop in time
            left -= _threads(pid)
            if left < 0:
                return True
        return False

    def _sweep(self) -> None:
        """Kill whatever descends from this process."""
        until = time.monotonic() + _PATIENCE
        own = os.getpgrp()
        if self._status is None:
            _kill(self._child)  # where it is above a namespace, the kernel kills all of that at once
        while self._reap() and time.monotonic() < until:
            for pid in _descendants():
                group = _group(pid)
                if group not in (own, 0):
                    _kill(-group)  # a group cannot fork its way out
                _kill(pid)
            time.sleep(0.001)

    def _reap(self) -> bool:
        """Bury children that have ended; whether some have not."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == self._child:
                self._status = status
            if not pid:
                return True

    def _take(self, chunks: int) -> bool:
        """Take in so many chunks at most; whether there may be more, now or later."""
        for _ in range(chunks):
            chunk = _read(self._reading)
            if chunk is None:
                return True
            if not chunk:
                return False
            self._kept.add(chunk)
        return True

    def _drain(self) -> None:
        # A pipe holds so much and no more, and nobody writes to it any longer.
        self._take(_CHUNKS_AT_ONCE)

    def _on_end(self, *_: object) -> None:
        self._told_to_end = True


def _unable(why: str) -> Report:
    return {"error": why, "code": -1, "ended": "exited", "head": b"", "tail": b"", "dropped": 0, "seconds": 0.0}


class _Kept:
    """The beginning and the end of what was written."""

    def __init__(self, limit: int) -> None:
        self._first = limit // 2
        self._last = limit - self._first
        self.head = bytearray()
        self.tail = bytearray()
        self.dropped = 0

    def add(self, chunk: bytes) -> None:
        room = self._first - len(self.head)
        self.head += chunk[:room]
        self.tail += chunk[room:]
        excess = len(self.tail) - self._last
        if excess > 0:
            del self.tail[:excess]
            self.dropped += excess


def _read(descriptor: int) -> bytes | None:
    """What is there; nothing at the end, None where nothing is there yet."""
    try:
        return os.read(descriptor, _CHUNK)
    except BlockingIOError:
        return None


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        pass  # it has ended already


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except OSError:
        return 0


def _threads(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return 0


def _descendants() -> Iterator[int]:
    """Every process below this one."""
    found = [os.getpid()]
    for pid in found:  # grows while it is read
        children = _children(pid)
        yield from children
        found += children


def _children(pid: int) -> list[int]:
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    found: list[int] = []
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found += map(int, file.read().split())
        except OSError:
            continue
    return found


def _run(argv: list[str], environment: dict[str, str]) -> None:
    """Run a program that tidies up, for a few seconds at most."""
    child = os.fork()
    if not child:
        try:
            os.execvpe(argv[0], argv, environment)
        finally:
            os._exit(127)
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        if os.waitpid(child, os.WNOHANG)[0]:
            return
        time.sleep(_TICK)
    _kill(child)
