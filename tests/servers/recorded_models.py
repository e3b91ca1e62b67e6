"""A server that speaks as OpenAI's does and keeps every request: what agents are sent, in order of arrival."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_NAME = re.compile(r'You are "([^"]+)"')
Call = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Asked:
    """One request."""

    agent: str
    model: str
    number: int
    """Counts the requests of this agent, from 1."""
    messages: tuple[dict[str, Any], ...]

    @property
    def text(self) -> str:
        """Everything in it, as one text."""
        return json.dumps(self.messages, ensure_ascii=False)

    @property
    def last(self) -> str:
        """What the agent was told last."""
        return str(self.messages[-1]["content"])


Answers = Callable[[Asked], str | Call]
"""What the model says, or the tool that it calls."""


@dataclass
class Recorded:
    """The server's address and what it was asked."""

    url: str
    requests: list[Asked] = field(default_factory=list)

    def of(self, agent: str) -> list[Asked]:
        """The requests of one agent."""
        return [asked for asked in self.requests if asked.agent == agent]

    def after(self, marker: str) -> list[Asked]:
        """The requests from the first that holds this text on."""
        first = next(index for index, asked in enumerate(self.requests) if marker in asked.last)
        return self.requests[first:]


@contextmanager
def recorded_models(answers: Answers) -> Iterator[Recorded]:
    """Serve while the block lasts."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with lock:
                asked = _asked(body, recorded)
                recorded.requests.append(asked)
                said = answers(asked)
            data = json.dumps(_completion(said, body["model"], len(recorded.requests))).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.block_on_close = True, False
    recorded = Recorded(f"http://127.0.0.1:{server.server_address[1]}/v1")
    thread = threading.Thread(target=lambda: server.serve_forever(0.01), daemon=True)
    thread.start()
    try:
        yield recorded
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _asked(body: dict[str, Any], recorded: Recorded) -> Asked:
    found = _NAME.search(str(body["messages"][0]["content"]))
    assert found is not None, "the first message says who is asked"
    agent = found[1]
    return Asked(agent, body["model"], len(recorded.of(agent)) + 1, tuple(body["messages"]))


def _completion(said: str | Call, model: str, number: int) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": said if isinstance(said, str) else None}
    if not isinstance(said, str):
        function = {"name": said[0], "arguments": json.dumps(said[1])}
        message["tool_calls"] = [{"id": f"call{number}", "type": "function", "function": function}]
    reason = "stop" if isinstance(said, str) else "tool_calls"
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    choices = [{"index": 0, "message": message, "finish_reason": reason}]
    return {
        "id": f"c{number}",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": choices,
        "usage": usage,
    }
