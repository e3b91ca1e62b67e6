"""A tiny team for tests: it knows requests and replies, quotes messages as a prompt does, and runs the calculator."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agentmesh.messages import ChatMessage, Reply
from agentmesh.providers.base import Request
from agentmesh.providers.simulated import PROFILES, Profile, respond
from agentmesh.tools.calculator import calculator
from agentmesh.tools.graph import definition

CALCULATOR: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "calculator",
        "description": "Compute.",
        "parameters": {"type": "object", "properties": {"expression": {"type": "string"}}, "required": ["expression"]},
    },
}
Change = Callable[[str], str]


def same(text: str) -> str:
    return text


def quoted(sender: str, text: str, kind: str = "", task: str = "") -> str:
    """A message as it stands in a prompt."""
    attributes = (f' task="{task}"' if task else "") + (f' kind="{kind}"' if kind else "")
    return f'<message from="{sender}"{attributes}>\n{text}\n</message>'


@dataclass
class Seat:
    """One agent: its context so far, and its profile."""

    name: str
    tools: list[dict[str, Any]] = field(default_factory=list)
    instructions: str = "Do your part."
    profile: Profile = PROFILES["worker"]
    seed: int | None = None
    schema: dict[str, Any] | None = None
    messages: list[ChatMessage] = field(default_factory=list)
    memo: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        system = f'{self.instructions}\n\nYou are "{self.name}". You may message: others.'
        self.messages.append({"role": "system", "content": system})

    def request(self, **fields: Any) -> Request:
        return Request(
            agent="nobody",
            messages=list(self.messages),
            tools=self.tools,
            seed=self.seed,
            response_schema=self.schema,
            memo=self.memo,
            **fields,
        )

    def turn(self, *blocks: str, **fields: Any) -> Reply:
        """One turn: the calculator is run here, everything else ends the turn."""
        self.messages.append({"role": "user", "content": "\n".join(blocks)})
        for _ in range(8):
            reply = respond(self.request(**fields), self.profile)
            self.note(reply)
            if not any(call.name == "calculator" for call in reply.tool_calls):
                for call in reply.tool_calls:
                    self.messages.append({"role": "tool", "tool_call_id": call.id, "content": "accepted"})
                return reply
            for call in reply.tool_calls:
                result = calculator(call.arguments["expression"])
                self.messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
        raise AssertionError("the turn did not end")

    def note(self, reply: Reply) -> None:
        message: ChatMessage = {"role": "assistant", "content": reply.text}
        if reply.tool_calls:
            message["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
                }
                for call in reply.tool_calls
            ]
        self.messages.append(message)


@dataclass
class Office:
    """A planner, a worker and a judge, and what happens to messages between them."""

    planner: Seat = field(default_factory=lambda: Seat("planner", [definition("open_tasks")]))
    worker: Seat = field(default_factory=lambda: Seat("worker-1", [definition("hand_off"), CALCULATOR]))
    judge: Seat = field(default_factory=lambda: Seat("judge", [definition("decide")]))
    to_worker: Change = same
    to_planner: Change = same
    cycles: int = 3
    opened: list[str] = field(default_factory=list)
    instructions: list[str] = field(default_factory=list)
    decisions: list[dict[str, Any]] = field(default_factory=list)

    def run(self, task: str) -> str:
        inbox = [quoted("user", task)]
        for _ in range(40):
            reply = self.planner.turn(*inbox)
            if reply.tool_calls:
                inbox = [self.done(task) for task in reply.tool_calls[0].arguments["tasks"]]
                continue
            decision = self.judge.turn(quoted(self.planner.name, reply.text, "proposal")).tool_calls[0].arguments
            self.decisions.append(decision)
            if decision["decision"] == "done" or len(self.decisions) == self.cycles:
                return reply.text
            text = f"Decision: {decision['decision']}\nReason: {decision['reason']}"
            inbox = [quoted(self.judge.name, text, "decision")]
        raise AssertionError("the work did not end")

    def done(self, task: dict[str, Any]) -> str:
        self.opened.append(task["id"])
        self.instructions.append(task["instructions"])
        text = f"Task {task['id']}: {task['title']}\n\n{task['instructions']}\n\nAcceptance: {task['acceptance']}"
        reply = self.worker.turn(quoted(self.planner.name, self.to_worker(text), "task", task["id"]))
        if reply.tool_calls:
            handoff = reply.tool_calls[0].arguments
            text = "\n".join(f"{key.capitalize()}: {value}" for key, value in handoff.items() if value)
        else:
            text = f"Status: done\nSummary: {reply.text}"
        return quoted(self.worker.name, self.to_planner(text), "handoff", task["id"])
