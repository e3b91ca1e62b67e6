"""A plain server of Chat Completions whose models are right or wrong by what they are shown.

Run it as a program: its first line of output is the port; it ends with its standard input. The task is a sum of two
numbers, `What is 3 + 4?`. The model's name says when the answer is right: `always`; `alone` if no other agent is
quoted; `together` if two or more are. `GET /count` gives how many requests were answered.
"""

from __future__ import annotations

import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

_SUM = re.compile(r"What is (\d+) \+ (\d+)\?")
_QUOTED = re.compile(r'<message from="([^"]+)"')

answered = count()
"""Its next value is how many requests were answered."""


def reply(body: dict[str, Any]) -> str:
    """The sum, or one more."""
    said = [str(message.get("content") or "") for message in body["messages"] if message["role"] != "system"]
    text = "\n".join(said)
    others = {name for name in _QUOTED.findall(text) if name != "user"}
    right = {"always": True, "alone": not others, "together": len(others) >= 2}[body["model"]]
    a, b = map(int, _SUM.findall(text)[-1])
    return f"The answer is {a + b if right else a + b + 1}"


class Handler(BaseHTTPRequestHandler):
    """Answers at once."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave together: apart, the second would wait for the first to be acknowledged

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        message = {"role": "assistant", "content": reply(body)}
        usage = {"prompt_tokens": sum(len(str(one)) for one in body["messages"]) // 4, "completion_tokens": 5}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        next(answered)
        envelope = {"id": "1", "object": "chat.completion", "created": 0, "model": "m"}
        self._send({**envelope, "choices": choices, "usage": usage})

    def do_GET(self) -> None:
        self._send({"count": int(repr(answered)[6:-1])})

    def _send(self, content: Any) -> None:
        data = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing is logged."""


def main() -> None:
    """Serve until standard input ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
