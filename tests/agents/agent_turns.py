"""A turn without a run: the test says what the model replies and what came of each tool call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from agentmesh.agents.base import ToolResult, View
from agentmesh.errors import AgentError
from agentmesh.events import ContextReason, Inbound, MessageDelivered, Notice
from agentmesh.messages import Reply, ToolCall
from agentmesh.providers.base import Provider, Request
from agentmesh.tools.workspaces.base import Workspace


def message(content: str, sender: str = "user", **more: object) -> MessageDelivered:
    return MessageDelivered.model_validate(
        {"message_id": "m1", "sender": sender, "recipient": "me", "content": content, **more}
    )


def told(content: str) -> Notice:
    return Notice(agent="me", template="note", content=content)


def view(*inbox: Inbound, turn: int = 1, tools: Sequence[str] = (), **more: object) -> View:
    facts: dict[str, object] = {"phase": "p", "round": 0, "recipients": ("b",), "answers": False, **more}
    return View(agent="me", turn=turn, inbox=inbox, tools=tuple(tools), **facts)  # type: ignore[arg-type]


Results = Callable[[ToolCall], ToolResult]


def fine(call: ToolCall) -> ToolResult:
    return ToolResult(call, "done", ends_turn=call.name in {"send_message", "hand_off"})


@dataclass
class FakeTurn:
    """Answers each request from `replies`; an exception among them is raised."""

    view: View
    replies: Iterator[Reply | Exception] = field(default_factory=lambda: iter([]))
    results: Results = fine
    answer: str | None = None
    requests: list[Request] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    estimates: list[int] = field(default_factory=list)
    contexts: list[ContextReason] = field(default_factory=list)
    called: list[ToolCall] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    wrong: Callable[[str], str | None] | None = None
    reminders: list[str] = field(default_factory=list)
    workspace: Workspace | None = None

    async def complete(
        self, request: Request, request_hash: str, input_tokens: int, provider: Provider | None = None, key: str = ""
    ) -> Reply:
        self.requests.append(request)
        self.hashes.append(request_hash)
        self.estimates.append(input_tokens)
        reply = next(self.replies)
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def call(self, calls: Sequence[ToolCall]) -> list[ToolResult]:
        self.called += calls
        return [self.results(call) for call in calls]

    def context_started(self, reason: ContextReason, system: str) -> None:
        self.contexts.append(reason)

    def remind(self, text: str) -> None:
        self.reminders.append(text)

    def fault(self, text: str) -> str | None:
        return self.wrong(text) if self.view.answers and self.wrong else None

    async def ask(self, question: str, key: str = "") -> str:
        self.asked.append(question)
        if self.answer is None:
            raise AgentError("is human, and nobody is there to answer")
        return self.answer


def script(*replies: str | Reply | Exception | ToolCall | Sequence[ToolCall]) -> Iterator[Reply | Exception]:
    """Replies from texts, tool calls, or several tool calls at once."""
    return iter([_reply(reply) for reply in replies])


def _reply(given: str | Reply | Exception | ToolCall | Sequence[ToolCall]) -> Reply | Exception:
    if isinstance(given, Reply | Exception):
        return given
    if isinstance(given, str):
        return Reply(given)
    return Reply(tool_calls=tuple(given) if isinstance(given, Iterable) else (given,))
