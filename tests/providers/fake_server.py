"""The fake server as the tests see it."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentmesh.providers.http import HttpProvider

KEY = "sk-test-key-0123456789"
PROGRAM = Path(__file__).parents[1] / "servers" / "fake_models.py"


@dataclass(frozen=True)
class FakeServer:
    """Where the fake server listens, and what it received."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def received(self) -> list[dict[str, Any]]:
        """Path, headers and body (bytes) of each request."""
        listed = self._get("/_requests")["requests"]
        return [{**request, "body": base64.b64decode(request["body"])} for request in listed]

    def bodies(self) -> list[dict[str, Any]]:
        """Each request's body, decoded."""
        return [json.loads(request["body"]) for request in self.received()]

    def most_open(self) -> int:
        """The most requests that were in flight at once."""
        return int(self._get("/_requests")["most_open"])

    def reset(self) -> None:
        self._get("/_reset")

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}") as answer:
            return json.load(answer)


MakeProvider = Callable[..., HttpProvider]
