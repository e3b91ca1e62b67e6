"""All turns of one agent, one after the other, with every request that they made."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise
from typing import Any

from agentmesh.agents.base import View
from agentmesh.agents.llm import LLMAgent, LLMSettings
from agentmesh.config.models import AgentConfig
from agentmesh.events import ContextReason
from agentmesh.messages import ChatMessage, Reply
from agentmesh.providers.base import Request
from tests.agents.agent_turns import FakeTurn, fine, message, script, view


def agent(window: int = 128_000, schema: dict[str, Any] | None = None, **config: Any) -> LLMAgent:
    return LLMAgent(AgentConfig(**config), LLMSettings(context_window=window, schema=schema))


@dataclass
class Life:
    """All turns of one agent, with what every request held and in which context it was made."""

    me: LLMAgent
    requests: list[tuple[int, Request]] = field(default_factory=list)
    reasons: list[ContextReason] = field(default_factory=list)
    turns: int = 0
    notes: list[str | Exception] = field(default_factory=list)
    """What its model answers when it is to take notes; by default, which notes they are."""

    async def turn(self, shown: View | str, *replies: Any, sender: str = "b", size: int = 4) -> FakeTurn:
        """One turn, shown a text from `sender`, or a view; what its tools return has `size` characters."""
        self.turns += 1
        seen = shown if isinstance(shown, View) else view(message(shown, sender), turn=self.turns)
        results = lambda call: replace(fine(call), text="r" * size)  # noqa: E731
        turn = _Logged(seen, script(*replies), results)
        turn.life = self
        await self.me.act(turn)
        return turn

    @property
    def last(self) -> Request:
        return self.requests[-1][1]

    def shown(self) -> str:
        """The last request as text."""
        return "\n".join(str(item.get("content")) for item in self.last.messages)


@dataclass
class _Logged(FakeTurn):
    life: Life = field(default=None)  # type: ignore[assignment]

    async def complete(
        self, request: Request, request_hash: str, input_tokens: int, provider: Any = None, key: str = ""
    ) -> Reply:
        self.life.requests.append((len(self.life.reasons), request))
        if request.tool_choice == "none":
            return await self._noted()
        return await super().complete(request, request_hash, input_tokens)

    async def _noted(self) -> Reply:
        answer = self.life.notes.pop(0) if self.life.notes else f"notes {len(self.life.reasons)}"
        if isinstance(answer, Exception):
            raise answer
        return Reply(answer)

    def context_started(self, reason: ContextReason, system: str) -> None:
        self.life.reasons.append(reason)
        super().context_started(reason, system)


def sent(request: Request) -> str:
    """The request as one text that only grows within a context."""
    head = json.dumps([request.tools, request.response_schema])
    return head + "".join(json.dumps(item) for item in request.messages)


def assert_contexts_only_grow(requests: list[tuple[int, Request]]) -> int:
    compared = 0
    for _, group in groupby(requests, key=lambda entry: entry[0]):
        for (_, before), (_, after) in pairwise(group):
            assert sent(after).startswith(sent(before))
            compared += 1
    return compared


def assert_well_formed(messages: list[ChatMessage]) -> None:
    """Each call has one result, right after the reply that made it; no id is there twice."""
    waiting: list[str] = []
    seen: set[str] = set()
    for item in messages:
        if item["role"] == "tool":
            waiting.remove(item["tool_call_id"])
            continue
        assert not waiting
        waiting = [call["id"] for call in item.get("tool_calls", [])]
        assert not seen & set(waiting)
        seen |= set(waiting)
    assert not waiting


def notes_in(life: Life) -> int:
    return sum(request.tool_choice == "none" for _, request in life.requests)
