"""The simulated models over HTTP, with an account of every request: what came, what it cost, whether it was answered.

Run it as a program: its first line of output is the port; it ends with its standard input. A client names its account
in the address, and how many milliseconds an answer takes: `http://127.0.0.1:PORT/NAME~MILLISECONDS/v1`.
`GET /NAME~MILLISECONDS/requests` gives a list of {"body", "tokens", "answered"}, in the order in which they came.
The same request has the same answer.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections import defaultdict
from typing import Any

from agentmesh.messages import Reply
from agentmesh.providers.simulated.provider import respond
from agentmesh.providers.simulated.server import canonical
from agentmesh.providers.simulated.skill import profile_named


class Accounts:
    """The server, and what each client has asked for."""

    def __init__(self) -> None:
        self.requests: dict[str, list[dict[str, Any]]] = defaultdict(list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, with keep-alive."""
        try:
            while True:
                await self._one(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        _, path, _ = head[0].split(" ")
        account, _, rest = path.removeprefix("/").partition("/")
        if rest == "requests":
            await answer(writer, self.requests[account])
            return
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers["content-length"]))
        entry = {"body": body.decode(), "tokens": 0, "answered": False}
        self.requests[account].append(entry)
        milliseconds = account.rpartition("~")[2]
        await asyncio.sleep(float(milliseconds) / 1000)
        asked = json.loads(body)
        reply = respond(canonical(asked), profile_named(asked["model"]))
        assert reply.usage is not None
        entry["tokens"] = reply.usage.tokens  # whoever hangs up pays all the same
        await answer(writer, completion(reply, hashlib.sha256(body).hexdigest()))
        entry["answered"] = True


def completion(reply: Reply, id_: str) -> dict[str, Any]:
    """A reply as Chat Completions has it."""
    assert reply.usage is not None
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
    if reply.tool_calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
            }
            for call in reply.tool_calls
        ]
    usage = {"prompt_tokens": reply.usage.input_tokens, "completion_tokens": reply.usage.output_tokens}
    choices = [{"index": 0, "message": message, "finish_reason": reply.finish_reason}]
    return {"id": id_, "object": "chat.completion", "created": 0, "model": "m", "choices": choices, "usage": usage}


async def answer(writer: asyncio.StreamWriter, content: Any) -> None:
    """One whole answer."""
    body = json.dumps(content).encode()
    writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
    await writer.drain()


async def main() -> None:
    """Serve until whoever started it closes its standard input."""
    server = await asyncio.start_server(Accounts().serve, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
