"""Coders at their desks: each has files of its own, the tools to change them, and a context."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentmesh.errors import ToolError
from agentmesh.messages import Reply
from agentmesh.providers.simulated import profile_named, respond
from agentmesh.tools.graph import definition
from agentmesh.tools.workspaces.files import Files
from tests.providers.simulated.simulated_office import Seat, quoted

TOOLS = ("read_file", "write_file", "edit_file")


@dataclass
class Desk:
    """A simulated coder and its files. `answers`: what graph tools say, by name."""

    name: str
    folder: Path
    told: str
    model: str = "coder"
    tools: tuple[str, ...] = TOOLS
    graph: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    answers: Mapping[str, Callable[[dict[str, Any]], str]] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        files = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in self.tools]
        graph = [definition(name, choices) for name, choices in self.graph.items()]
        told = f"Write code.\n\nOnly you know this:\n{self.told}" if self.told else "Write code."
        self.seat = Seat(self.name, [*files, *graph], told, profile_named(self.model))
        self.files = Files(self.folder.resolve())

    def turn(self, *blocks: str) -> Reply:
        """One turn, in which the tools really act."""
        self.seat.messages.append({"role": "user", "content": "\n".join(blocks or [quoted("user", "Write the code.")])})
        for _ in range(16):
            reply = respond(self.seat.request(), self.seat.profile)
            self.seat.note(reply)
            for call in reply.tool_calls:
                self.calls.append((call.name, dict(call.arguments)))
                result = self._result(call.name, dict(call.arguments))
                self.seat.messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
            if not reply.tool_calls or reply.tool_calls[0].name in ("hand_off", "open_tasks"):
                return reply
        raise AssertionError("the turn did not end")

    def _result(self, name: str, given: dict[str, Any]) -> str:
        if name in self.answers:
            return self.answers[name](given)
        acts: dict[str, Callable[..., str]] = {
            "read_file": self.files.read,
            "write_file": self.files.write,
            "edit_file": self.files.edit,
        }
        act = acts.get(name)
        try:
            return "accepted" if act is None else act(**given)
        except ToolError as error:
            return f"error: {error}"


def laid_out(folder: Path, texts: Mapping[str, str]) -> Path:
    """A folder with these files."""
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def passes(folder: Path, command: tuple[str, ...]) -> bool:
    """Whether a check that is run in Python holds there."""
    done = subprocess.run([sys.executable, *command[1:]], cwd=folder, capture_output=True, timeout=60, check=False)
    return done.returncode == 0


def board(content: Mapping[str, Any]) -> Callable[[dict[str, Any]], str]:
    """What a board shows that is read."""
    return lambda given: json.dumps({"board": given["board"], "version": 0, "content": "", **content})
