"""A server whose models take a fixed number of calls for a turn: with a tool they use it first, then they reply.

Run it as a program with the number of calls: its first line of output is the port. `GET /count` says how many chat
completions were asked for. What an agent is told of the phase `peers` it answers at once: one call for an exchange.
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any

CALLS = int(sys.argv[1]) if len(sys.argv) > 1 else 1


class Handler(BaseHTTPRequestHandler):
    """Chat Completions, and the count of them."""

    protocol_version = "HTTP/1.1"
    count = 0
    lock = Lock()

    def do_GET(self) -> None:
        self._send({"count": Handler.count})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with Handler.lock:
            Handler.count += 1
        self._send({"id": "x", "object": "chat.completion", "created": 0, "model": "m", **completion(asked)})

    def _send(self, data: dict[str, Any]) -> None:
        body = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing."""


def completion(asked: dict[str, Any]) -> dict[str, Any]:
    """A tool call as long as the turn has calls left, then text."""
    messages = asked["messages"]
    last = max(index for index, message in enumerate(messages) if message["role"] == "user")
    done = sum(message["role"] == "assistant" for message in messages[last:])
    tools = [tool["function"]["name"] for tool in asked.get("tools", ())]
    message: dict[str, Any] = {"role": "assistant", "content": "An answer."}
    steps = 1 if "The phase 'peers' begins" in str(messages[last]["content"]) else CALLS
    if "calculator" in tools and done < steps - 1:
        call = {"name": "calculator", "arguments": json.dumps({"expression": "1 + 1"})}
        message = {
            "role": "assistant",
            "tool_calls": [{"id": f"c{len(messages)}", "type": "function", "function": call}],
        }
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    finish = "tool_calls" if "tool_calls" in message else "stop"
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": usage}


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
