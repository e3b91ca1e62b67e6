"""A node that is a team: it takes a turn by running the whole team, whose model calls the outer run pays for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from agentmesh.agents.base import Said, Turn
from agentmesh.errors import AgentError
from agentmesh.messages import Part, Reply
from agentmesh.providers.base import Delta, Provider, Request
from agentmesh.runner import Member
from agentmesh.team.result import RunResult

_CHARACTERS_PER_TOKEN = 4
RunWithin = Callable[[str, tuple[Part, ...], Turn], Awaitable[RunResult]]
"""Runs the team on a text with files, every model call being made through the turn."""


@dataclass
class NestedTeam:
    """Runs its team once a turn, on what has reached the node, and replies with the team's answer."""

    name: str
    run: RunWithin
    results: list[RunResult] = field(default_factory=list)
    """What came of each turn; the result of the outer run has them too."""

    def fork(self) -> NestedTeam:
        """The team remembers nothing between its runs."""
        return NestedTeam(self.name, self.run)

    async def act(self, turn: Turn) -> Said:
        """One run of the team. Raises: AgentError where it ends without an answer."""
        view = turn.view
        parts = tuple(part for message in view.messages for part in message.parts)
        senders = {message.sender for message in view.messages}
        text = view.text if len(senders) <= 1 else "\n\n".join(f"{m.sender}: {m.content}" for m in view.messages)
        result = await self.run(text, parts, turn)
        self.results.append(result)
        if result.answer is None:
            raise AgentError(f"the team '{self.name}' came to no answer: {result.outcome}: {result.reason}")
        return Said(result.answer)


@dataclass(frozen=True)
class Through:
    """A model of an inner team, asked through the turn of the outer run: reserved, logged and paid there as well."""

    provider: Provider
    turn: Turn

    @property
    def model_id(self) -> str:
        """`provider:model`, as both logs name it."""
        return self.provider.model_id

    async def complete(self, request: Request, on_delta: Delta | None = None) -> Reply:
        """One answer. Raises: ProviderError, LimitExceeded."""
        text = json.dumps([request.messages, request.tools], ensure_ascii=False)
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        return await self.turn.complete(request, digest, len(text) // _CHARACTERS_PER_TOKEN + 1, self.provider)

    async def aclose(self) -> None:
        """The outer team closes what it opened."""


def through(members: dict[str, Member], turn: Turn | None) -> dict[str, Member]:
    """The members of a team that stands on a node: their models are asked through the turn of that node."""
    if turn is None:
        return members
    return {
        name: replace(member, provider=member.provider and Through(member.provider, turn))
        for name, member in members.items()
    }
