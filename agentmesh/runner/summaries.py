"""Summaries of messages, for edges that carry no more than that: one for each message, paid like any model call."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

import anyio

from agentmesh.agents.context import estimated_tokens
from agentmesh.agents.prompt import summary_request
from agentmesh.errors import LimitExceeded
from agentmesh.events import MessageRefused, MessageTransformed
from agentmesh.messages import Reply
from agentmesh.providers.encoding import mended
from agentmesh.runner.calls import PaidCall
from agentmesh.runner.turn import Shell
from agentmesh.scheduler.commands import Summarise
from agentmesh.topology.bounds import SUMMARY_TOKENS


@dataclass
class _Summary:
    """One summary, made or being made: whoever wants the same one waits for it."""

    command: Summarise
    """The first that asks for it."""
    made: anyio.Event = field(default_factory=anyio.Event)
    text: str | None = None
    over_limit: bool = False
    """Whether the limit of that first edge allows none: another edge may still ask for it."""


class Summaries:
    """Makes the summaries of one run. A text that goes to several recipients is summarised once."""

    def __init__(self, runner: Shell) -> None:
        self._runner = runner
        self._latest: dict[tuple[str, str], _Summary] = {}
        """By sender and model: the summary of the text that came last."""

    def recall(self, commands: Iterable[Summarise]) -> None:
        """The summaries that a log tells of: they are asked for once more under the name under which they were paid."""
        for command in commands:
            self._of(command)
        for summary in self._latest.values():
            reply = self._runner.past.reply(self._key(summary.command), _request_hash(summary.command))
            summary.text = None if reply is None else _text(reply)
            if reply is not None:
                summary.made.set()
        self._latest = {place: summary for place, summary in self._latest.items() if summary.made.is_set()}

    async def make(self, command: Summarise) -> None:
        """Summarise a message and pass the summary on; without one the message is refused."""
        summary, is_new = self._of(command)
        while not is_new and not summary.made.is_set():
            await summary.made.wait()
            summary, is_new = self._of(command)
        if is_new:
            try:
                summary.text = await self._ask(command, summary)
            finally:
                summary.made.set()
        if not self._runner.passes(command.message_id):
            return  # the run is ending, and has refused it already
        ends = {name: getattr(command, name) for name in ("message_id", "sender", "recipient")}
        if summary.text is None:
            reason = "edge_limit" if summary.over_limit else "not_summarised"
            refused = MessageRefused(agent=command.sender, content=command.content, reason=reason, **ends)
            self._runner.record(refused)
        else:
            transformed = MessageTransformed(agent=command.sender, content=summary.text, by="summary", **ends)
            self._runner.record(transformed)

    def _of(self, command: Summarise) -> tuple[_Summary, bool]:
        """The summary that is asked for, and whether nobody has asked for it before."""
        place = (command.sender, command.model)
        known = self._latest.get(place)
        if known is not None and known.command.content == command.content and not known.over_limit:
            return known, False
        self._latest[place] = _Summary(command)
        return self._latest[place], True

    async def _ask(self, command: Summarise, summary: _Summary) -> str | None:
        """The summary, or None where no model call could be paid or none succeeded: the log says why."""
        runner, agent = self._runner, command.sender
        request = summary_request(agent, command.content, SUMMARY_TOKENS)
        estimate = estimated_tokens("".join(str(message["content"]) for message in request.messages))
        provider = runner.plan.summarisers[command.model]
        key, digest = self._key(command), _request_hash(command)
        try:
            paid = runner.past.reply(key, digest)
            reply = paid or await PaidCall(provider, agent, key, digest, estimate).make(runner, request)
        except LimitExceeded as refused:
            summary.over_limit = refused.scope.startswith("edge:")
            return None
        except Exception:  # a provider may be anybody's code; why it failed stands in the log
            return None
        return _text(reply)

    def _key(self, command: Summarise) -> str:
        edge = f"edge:{command.sender}->{command.recipient}"
        return f"{self._runner.plan.run_id}/{command.phase}#{command.occurrence}/{edge}/{command.message_id}"


def _text(reply: Reply) -> str | None:
    return mended(reply.text) if reply.text.strip() else None


def _request_hash(command: Summarise) -> str:
    messages = summary_request(command.sender, command.content, SUMMARY_TOKENS).messages
    return hashlib.sha256(repr(messages).encode("utf-8", "surrogatepass")).hexdigest()[:32]
