"""A node that is a team: it takes a turn by running the whole team, whose model calls the outer run pays for."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from agentmesh.agents.base import Said, Turn
from agentmesh.agents.verifier import Verifier
from agentmesh.errors import AgentError, ConfigError, LimitExceeded
from agentmesh.messages import RUN, Part, Reply
from agentmesh.providers.base import Delta, Provider, Request
from agentmesh.runner import Member
from agentmesh.runner.past import relative
from agentmesh.team.result import RunResult

_CHARACTERS_PER_TOKEN = 4


@dataclass
class Purse:
    """The turn of the outer run, as what an inner team's model calls are paid from."""

    turn: Turn
    exceeded: LimitExceeded | None = None
    """The limit of the outer run that stood in the way."""
    asked: Counter[str] = field(default_factory=Counter)

    async def pay(self, provider: Provider, request: Request) -> Reply:
        """One call: reserved, logged and paid in the outer run. Raises: ProviderError, AgentError."""
        text = json.dumps([request.messages, request.tools], ensure_ascii=False)
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        estimate = len(text) // _CHARACTERS_PER_TOKEN + 1
        try:
            return await self.turn.complete(request, digest, estimate, provider, relative(request.key))
        except LimitExceeded as error:
            self.exceeded = error
            raise AgentError(f"the run of which this team is a part allows no more: {error}") from error

    async def ask(self, agent: str, question: str) -> str:
        """A question of an inner agent, put to the people of the outer run."""
        self.asked[agent] += 1
        return await self.turn.ask(f"{agent}: {question}", f"{agent}/question/{self.asked[agent]}")


RunWithin = Callable[[str, tuple[Part, ...], Purse], Awaitable[RunResult]]
"""Runs the team on a text with files, its model calls being paid from the purse."""


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
        """One run of the team. Raises: AgentError where it ends without an answer; LimitExceeded."""
        view = turn.view
        parts = tuple(part for message in view.messages for part in message.parts)
        senders = {message.sender for message in view.messages}
        told = (f"{getattr(item, 'sender', RUN)}: {item.content}" for item in view.work)
        text = view.text if len(senders) <= 1 else "\n\n".join(told)
        purse = Purse(turn)
        result = await self.run(text, parts, purse)
        self.results.append(result)
        # The last words of a team that has come to a limit of its own are no answer to hand on as if it were one.
        answer = result.answer if result.outcome in ("completed", "verified") else None
        if answer is None and purse.exceeded is not None:
            raise purse.exceeded  # the outer log has the limit already
        if answer is None:
            raise AgentError(f"the team '{self.name}' came to no answer: {result.outcome}: {result.reason}")
        return Said(answer)


@dataclass(frozen=True)
class Through:
    """A model of an inner team, paid from the purse of the outer run."""

    provider: Provider
    purse: Purse

    @property
    def model_id(self) -> str:
        """`provider:model`, as both logs name it."""
        return self.provider.model_id

    async def complete(self, request: Request, on_delta: Delta | None = None) -> Reply:
        """One answer. Raises: ProviderError; AgentError where the outer run has no more to spend."""
        return await self.purse.pay(self.provider, request)

    async def aclose(self) -> None:
        """The outer team closes what it opened."""


def through(members: dict[str, Member], purse: Purse | None) -> dict[str, Member]:
    """The members of a team that stands on a node: their models are paid from its purse."""
    if purse is None:
        return members
    return {
        name: replace(member, provider=member.provider and Through(member.provider, purse))
        for name, member in members.items()
    }


def paid(providers: dict[str, Provider], purse: Purse | None) -> dict[str, Provider]:
    """The models that summarise messages of a team that stands on a node, paid from its purse."""
    return providers if purse is None else {name: Through(one, purse) for name, one in providers.items()}


def verifying(verifier: Verifier | None, purse: Purse | None) -> Verifier | None:
    """Who verifies answers of a team that stands on a node, paid from its purse."""
    if verifier is None or verifier.provider is None or purse is None:
        return verifier
    return replace(verifier, provider=Through(verifier.provider, purse))


_loading: ContextVar[tuple[Path, ...]] = ContextVar("agentmesh_loading", default=())
"""The files of the teams that are being read, each of which stands on a node of the one before."""


def nested_team(load: Callable[..., Any], inner: str, outer: str | os.PathLike[str], **options: Any) -> Any:
    """The team of a file that another team's file names. Raises: ConfigError, also where a team contains itself."""
    chain = _loading.get() or (Path(outer).resolve(),)
    file = Path(inner).resolve()
    if file in chain:
        names = " -> ".join(one.name for one in (*chain[chain.index(file) :], file))
        raise ConfigError(f"a team cannot contain itself: {names}", inner)
    token = _loading.set((*chain, file))
    try:
        return load(inner, **options)
    finally:
        _loading.reset(token)
