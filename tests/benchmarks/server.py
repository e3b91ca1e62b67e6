"""A cheap server that speaks Chat Completions, in a process of its own, for measuring what its clients cost.

`POST /ms{M}/tasks{N}/v1/chat/completions` answers after M milliseconds. A request that offers `open_tasks` and holds
no handoff yet is answered with a call that opens N tasks, every other one with the same text. `GET /stats` tells the
requests and the most that were in flight at once; `POST /reset` zeroes both; `POST /record` does so and keeps the
bodies that arrive until the next reset, which `GET /recorded` gives as a JSON list.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, cast

ROOT = Path(__file__).parents[2]
TEXT = (
    "The figures for the second quarter hold: revenue rose by four per cent, costs fell by one, and the difference "
    "comes from the new line. I would keep the plan, and check the numbers for June once more before we publish."
)
"""What every agent says: 207 characters, some 45 tokens."""
_PATH = re.compile(rb"/ms(\d+)/tasks(\d+)/")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_HEAD_END = b"\r\n\r\n"


@lru_cache
def _replies(path: bytes) -> tuple[float, bytes, bytes]:
    """Seconds to wait, the plain reply, and the reply that opens tasks."""
    found = _PATH.match(path)
    milliseconds, count = (int(found[1]), int(found[2])) if found else (0, 1)
    tasks = [
        {"id": f"t{number}", "title": f"Part {number}", "instructions": f"Look at part {number} of the report."}
        for number in range(1, count + 1)
    ]
    function = {"name": "open_tasks", "arguments": json.dumps({"tasks": tasks})}
    call = {"id": "call_1", "type": "function", "function": function}
    plain = _completion({"role": "assistant", "content": TEXT}, "stop")
    opening = _completion({"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls")
    return milliseconds / 1000, plain, opening


def _completion(message: dict[str, Any], reason: str) -> bytes:
    return _answer(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": "bench",
            "choices": [{"index": 0, "message": message, "finish_reason": reason}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 45, "total_tokens": 145},
        }
    )


def _answer(value: Any) -> bytes:
    body = json.dumps(value).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


class _Counts:
    def __init__(self) -> None:
        self.reset(record=False)

    def reset(self, *, record: bool) -> None:
        self.requests = self.in_flight = self.peak = 0
        self.bodies: list[str] | None = [] if record else None


class _Connection(asyncio.Protocol):
    """One connection, kept alive; requests on it come one after the other."""

    def __init__(self, counts: _Counts) -> None:
        self._counts = counts
        self._buffer = bytearray()
        self._needed = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        while len(buffer) >= self._needed:
            end = buffer.find(_HEAD_END)
            if end < 0:
                return
            length = _LENGTH.search(buffer, 0, end)
            self._needed = end + len(_HEAD_END) + (int(length[1]) if length else 0)
            if len(buffer) < self._needed:
                return
            path = bytes(buffer[: buffer.find(b"\r\n")]).split(b" ")[1]
            body = bytes(buffer[end + len(_HEAD_END) : self._needed])
            del buffer[: self._needed]
            self._needed = 0
            self._take(path, body)

    def _take(self, path: bytes, body: bytes) -> None:
        if path.endswith(b"/chat/completions"):
            self._complete(path, body)
        else:
            self._transport.write(_answer(self._control(path)))

    def _complete(self, path: bytes, body: bytes) -> None:
        counts = self._counts
        counts.requests += 1
        counts.in_flight += 1
        counts.peak = max(counts.peak, counts.in_flight)
        if counts.bodies is not None:
            counts.bodies.append(body.decode())
        seconds, plain, opening = _replies(path)
        reply = opening if b'"open_tasks"' in body and b'kind=\\"handoff\\"' not in body else plain
        if seconds:
            self._loop.call_later(seconds, self._reply, reply)
        else:
            self._reply(reply)

    def _reply(self, reply: bytes) -> None:
        self._counts.in_flight -= 1
        self._transport.write(reply)

    def _control(self, path: bytes) -> Any:
        counts = self._counts
        match path:
            case b"/reset" | b"/record":
                counts.reset(record=path == b"/record")
                return {}
            case b"/recorded":
                return counts.bodies or []
            case _:
                return {"requests": counts.requests, "peak": counts.peak}


async def _serve() -> None:
    counts = _Counts()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(counts), "127.0.0.1", 0, backlog=8192)
    print(server.sockets[0].getsockname()[1], flush=True)
    # The server ends with whoever started it: then nobody holds the other end of its standard input.
    await loop.run_in_executor(None, sys.stdin.read)


def ask(port: int, method: str, path: str) -> Any:
    """One control request: `GET /stats`, `GET /recorded`, `POST /reset` or `POST /record`."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


@contextmanager
def served() -> Iterator[int]:
    """A server process on a free port, pinned to the last core where there are two or more."""
    command = [sys.executable, "-m", f"{__package__}.server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait(timeout=10)


def pin(index: int) -> None:
    """Keep this process on one core, where the machine has two or more and lets us choose."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) > 1:
            os.sched_setaffinity(0, {cores[index]})


if __name__ == "__main__":
    pin(-1)
    asyncio.run(_serve())
