"""Summaries of messages, for edges that carry no more than that: one for each message, paid like any model call."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field

import anyio

from agentmesh.agents.prompt import summary_request
from agentmesh.events import MessageRefused, MessageTransformed
from agentmesh.providers.encoding import mended
from agentmesh.runner.calls import PaidCall
from agentmesh.runner.turn import Shell
from agentmesh.scheduler.commands import Summarise
from agentmesh.topology.bounds import SUMMARY_TOKENS

_CHARACTERS_PER_TOKEN = 4


@dataclass
class _Summary:
    """One summary, made or being made: whoever wants the same one waits for it."""

    made: anyio.Event = field(default_factory=anyio.Event)
    text: str | None = None


class Summaries:
    """Makes the summaries of one run. A text that goes to several recipients is summarised once."""

    def __init__(self, runner: Shell) -> None:
        self._runner = runner
        self._latest: dict[tuple[str, str], tuple[str, _Summary]] = {}
        """By sender and model: the text that was summarised last, and its summary."""
        self._calls: Counter[str] = Counter()

    async def make(self, command: Summarise) -> None:
        """Summarise a message and pass the summary on; without one the message is refused."""
        place = (command.sender, command.model)
        content, summary = self._latest.get(place, ("", None))
        if summary is None or content != command.content:
            summary = _Summary()
            self._latest[place] = (command.content, summary)
            try:
                summary.text = await self._ask(command)
            finally:
                summary.made.set()
        await summary.made.wait()
        if not self._runner.passes(command.message_id):
            return  # the run is ending, and has refused it already
        ends = {name: getattr(command, name) for name in ("message_id", "sender", "recipient")}
        if summary.text is None:
            refused = MessageRefused(agent=command.sender, content=command.content, reason="not_summarised", **ends)
            self._runner.record(refused)
        else:
            transformed = MessageTransformed(agent=command.sender, content=summary.text, by="summary", **ends)
            self._runner.record(transformed)

    async def _ask(self, command: Summarise) -> str | None:
        """The summary, or None where no model call could be paid or none succeeded: the log says why."""
        runner, agent = self._runner, command.sender
        provider = runner.plan.summarisers[command.model]
        request = summary_request(agent, command.content, SUMMARY_TOKENS)
        estimate = sum(len(str(message["content"])) for message in request.messages) // _CHARACTERS_PER_TOKEN + 1
        digest = hashlib.sha256(repr(request.messages).encode("utf-8", "surrogatepass")).hexdigest()[:32]
        call = PaidCall(provider, agent, lambda: self._key(command), digest, estimate)
        try:
            reply = await call.make(runner, request)
        except Exception:  # a provider may be anybody's code; why it failed stands in the log
            return None
        return mended(reply.text) if reply.text.strip() else None

    def _key(self, command: Summarise) -> str:
        edge = f"{command.sender}->{command.recipient}"
        self._calls[edge] += 1
        phase = f"{command.phase}#{command.occurrence}"
        return f"{self._runner.plan.run_id}/{phase}/edge:{edge}/{self._calls[edge]}"
