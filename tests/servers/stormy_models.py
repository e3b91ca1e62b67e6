"""A server of Chat Completions with a rate limit in real time and faults in a seeded random order.

Run it as a program with its weather as JSON: its first line of output is the port. `GET /log` gives what was answered:
a list of [seconds, outcome, tokens]. The model answers with the last number of the last message and one more.

    seed                    of the faults
    latency_s               of an answer
    faults                  chance of each: {"429", "429+", "500", "529", "reset", "hang", "half", "garbage": 0..1};
                            429+ comes with a Retry-After
    requests, tokens        a second, or none: token buckets that refuse with 429; input and longest answer count as
                            tokens, and what an answer did not need is given back
    burst                   what a bucket holds, in seconds of its rate
    full                    whether the buckets are full at first; else they are empty
    retry_after             whether such a refusal says when to come again
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import time
from typing import Any

HANG_SECONDS = 30.0
ANSWER_TOKENS = 4
CLOSING = ("reset", "half")


class Bucket:
    """A token bucket in real time."""

    def __init__(self, rate: float | None, burst: float, *, full: bool) -> None:
        self.rate = rate
        self.most = (rate or 0) * burst
        self.level = self.most if full else 0.0
        self.seen = time.monotonic()

    def short_of(self, cost: float, now: float) -> float:
        """Seconds until so much is there."""
        if self.rate is None:
            return 0.0
        self.level = min(self.most, self.level + (now - self.seen) * self.rate)
        self.seen = now
        return max(0.0, (cost - self.level) / self.rate)


class Storm:
    """The server and its log."""

    def __init__(self, weather: dict[str, Any]) -> None:
        self.weather = weather
        self.random = random.Random(weather.get("seed", 0))
        burst, full = weather.get("burst", 1.0), weather.get("full", False)
        self.requests = Bucket(weather.get("requests"), burst, full=full)
        self.tokens = Bucket(weather.get("tokens"), burst, full=full)
        self.log: list[tuple[float, str, int]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, with keep-alive."""
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = re.search(r"content-length: *(\d+)", head, re.IGNORECASE)
        body = await reader.readexactly(int(length[1]) if length else 0)
        if head.startswith("GET /log"):
            await answer(writer, 200, json.dumps(self.log).encode())
            return True
        asked = json.loads(body)
        longest = asked.get("max_completion_tokens") or asked.get("max_tokens") or ANSWER_TOKENS
        tokens = len(body) // 4 + ANSWER_TOKENS
        outcome, seconds = self._outcome(len(body) // 4 + longest)
        self.log.append((time.monotonic(), outcome, tokens))
        if outcome == "ok":
            await asyncio.sleep(self.weather.get("latency_s", 0.0))
            self.tokens.level += longest - ANSWER_TOKENS
        await self._answer(writer, outcome, seconds, asked)
        return outcome not in CLOSING

    def _outcome(self, tokens: int) -> tuple[str, float]:
        now = time.monotonic()
        short = max(self.requests.short_of(1, now), self.tokens.short_of(tokens, now))
        if short:
            return "limit", short
        self.requests.level -= 1
        self.tokens.level -= tokens
        drawn = self.random.random()
        for fault, chance in self.weather.get("faults", {}).items():
            drawn -= chance
            if drawn < 0:
                return fault, 0.1
        return "ok", 0.0

    async def _answer(self, writer: asyncio.StreamWriter, outcome: str, seconds: float, asked: dict[str, Any]) -> None:
        match outcome:
            case "ok":
                await answer(writer, 200, completion(asked))
            case "limit" | "429" | "429+":
                told = outcome == "429+" or (outcome == "limit" and self.weather.get("retry_after"))
                headers = f"retry-after: {seconds:.3f}\r\n" if told else ""
                await answer(writer, 429, b'{"error": {"message": "Rate limit reached"}}', headers)
            case "500" | "529":
                await answer(writer, int(outcome), b'{"error": {"message": "overloaded"}}')
            case "hang":
                await asyncio.sleep(HANG_SECONDS)
            case "garbage":
                await answer(writer, 200, b'{"choices": [{"mess')
            case "half":
                whole = completion(asked)
                writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {len(whole)}\r\n\r\n".encode())
                writer.write(whole[: len(whole) // 2])
                await writer.drain()
            case "reset":
                writer.transport.abort()
            case _:
                raise ValueError(f"no such weather: {outcome}")


def completion(asked: dict[str, Any]) -> bytes:
    """The next number after the last one of the last message."""
    number = int(re.findall(r"\d+", str(asked["messages"][-1]["content"]))[-1]) + 1
    message = {"role": "assistant", "content": str(number)}
    tokens = len(json.dumps(asked)) // 4
    usage = {"prompt_tokens": tokens, "completion_tokens": ANSWER_TOKENS, "total_tokens": tokens + ANSWER_TOKENS}
    return json.dumps({"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}).encode()


async def answer(writer: asyncio.StreamWriter, status: int, body: bytes, headers: str = "") -> None:
    """One whole answer."""
    writer.write(f"HTTP/1.1 {status} .\r\n{headers}content-length: {len(body)}\r\n\r\n".encode() + body)
    await writer.drain()


async def main() -> None:
    """Serve until whoever started it closes its standard input."""
    storm = Storm(json.loads(sys.argv[1]))
    server = await asyncio.start_server(storm.serve, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
