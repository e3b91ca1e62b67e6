"""An agent that is a language model: view in, prompt out, tools and text back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agentmesh.agents.base import Said, Turn, View
from agentmesh.agents.context import Context
from agentmesh.agents.memory import (
    TAKE_NOTES,
    compaction_share,
    end_of_kept,
    noted,
    pinned_part,
    turns_remembered,
)
from agentmesh.agents.positions import contribution_schema, read_contribution
from agentmesh.agents.prompt import CUT_OFF, NO_BALLOT, NOTHING_SAID, inbox_content, system_text
from agentmesh.config.models import AgentConfig
from agentmesh.errors import AgentError
from agentmesh.events import ContextReason
from agentmesh.messages import Reply
from agentmesh.providers.ask import repair_message
from agentmesh.providers.base import Request
from agentmesh.tools.graph import GRAPH_TOOLS, definition
from agentmesh.tools.results import LongResults


@dataclass(frozen=True)
class LLMSettings:
    """What the composition root knows of an agent, beside its configuration."""

    tools: Sequence[dict[str, Any]] = ()
    """Definitions of its own tools."""
    schema: dict[str, Any] | None = None
    """The form of the answer, for an agent whose text may become the answer."""
    temperature: float | None = None
    top_p: float | None = None
    reasoning_effort: str | None = None
    seed: int | None = None
    timeout_s: float = 600.0
    context_window: int = 128_000
    """Tokens that fit into its model's context."""


@dataclass
class LLMAgent:
    """Calls its model until the model has acted: with plain text, or with tool calls that end the turn."""

    config: AgentConfig
    settings: LLMSettings = field(default_factory=LLMSettings)
    results: LongResults = field(default_factory=LongResults)
    """Results of its tools that were too long to be shown at once."""
    _context: Context | None = None
    _shape: tuple[object, ...] = ()

    async def act(self, turn: Turn) -> Said:
        """One turn of at most `max_steps` model calls. Raises: AgentError, ProviderError."""
        view = turn.view
        context = self._in_context(turn)
        context.begin(inbox_content(view.inbox), pinned_part(view.inbox))
        if view.wrap_up:
            return await self._last_words(turn, context)
        for step in range(1, self.config.max_steps + 1):
            end = self._end_of_kept(context, step)
            if end is not None:
                context = await self._compacted(turn, context, end)
                continue
            reply = await turn.complete(self._request(view.agent, context), context.request_hash, context.input_tokens)
            calls = reply.tool_calls
            ids = context.call_ids(calls)
            context.assistant(reply, ids)
            if not calls:
                said = self._said(reply, turn)
                if isinstance(said, Said):
                    return said
                context.user(said)
                continue
            results = await turn.call(calls)
            context.results(ids, results)
            on_graph = all(call.name in GRAPH_TOOLS for call in calls)
            if on_graph and all(result.ends_turn for result in results):
                return Said(None)
            if any(result.ends_turn and result.call.name != "send_message" for result in results):
                return Said(None)
        raise AgentError(f"no end after {self.config.max_steps} model calls (max_steps)")

    async def _last_words(self, turn: Turn, context: Context) -> Said:
        """The text of one call with the tools switched off, cut off or not: there is no other. Raises: AgentError."""
        request = replace(self._request(turn.view.agent, context), tool_choice="none")
        reply = await turn.complete(request, context.request_hash, context.input_tokens)
        context.assistant(reply, context.call_ids(reply.tool_calls))
        fault = turn.fault(reply.text) if reply.text.strip() else "its model wrote no text"
        if fault is not None:
            raise AgentError(f"no last answer: {fault}")
        return Said(reply.text)

    def fork(self) -> LLMAgent:
        """The same agent with the same memory, for another run: what it learns there this one does not know."""
        return replace(self, results=self.results.fork(), _context=self._context.fork() if self._context else None)

    def _said(self, reply: Reply, turn: Turn) -> Said | str:
        """What the reply comes to; or what the model is told about one that cannot be used."""
        positions = turn.view.positions
        if reply.finish_reason == "length":
            return CUT_OFF.format(tokens=self.config.max_output_tokens)
        if not reply.text.strip():
            return NOTHING_SAID
        if positions != "off" and reply.position is None:
            try:
                read = read_contribution(reply.text, positions)
            except ValueError as error:
                return repair_message(str(error))
            fault = turn.view.ballot_fault(read.position.answer if read.position else read.text)
            return repair_message(fault) if fault else Said(read.text, position=read.position)
        unfit = turn.view.ballot_fault(reply.position.answer if reply.position else reply.text)
        if unfit is not None:
            return NO_BALLOT.format(why=unfit)
        fault = turn.fault(reply.text)
        return repair_message(fault) if fault else Said(reply.text, position=reply.position)

    def _in_context(self, turn: Turn) -> Context:
        """The context that this turn goes on with: the last one, unless it may not or need not."""
        view, before = turn.view, self._context
        reason: ContextReason
        fresh = self.config.memory == "fresh" and not view.wrap_up  # whose last answer goes on from its last turn
        if before is None or fresh or view.restart is not None:
            return self._new_context(turn, view.restart or "fresh")
        before.close()
        most = turns_remembered(self.config.memory)
        if len(before.turns) >= most:
            reason, keep = "window", int(most) // 2
        elif self._shape != _shape(view):
            reason, keep = "phase", len(before.turns)
        else:
            return before
        context = self._new_context(turn, reason)
        context.take_over(before, keep, notes=before.notes)
        return context

    def _new_context(self, turn: Turn, reason: ContextReason) -> Context:
        """A context without turns, which is the agent's from now on."""
        view = turn.view
        system = system_text(self.config.instructions, view)
        turn.context_started(reason, system)
        tools = [*self.settings.tools, *(definition(name, view.choices.get(name)) for name in view.tools)]
        schema = self.settings.schema if view.answers else contribution_schema(view.positions)
        self._context = Context(system, tools, schema)
        self._shape = _shape(view)
        return self._context

    def _end_of_kept(self, context: Context, step: int) -> int | None:
        """Where what stays of the current turn ends, if the context is to be compacted. The last step is the turn's."""
        share = compaction_share(self.config.memory)
        if share is None or step == self.config.max_steps:
            return None
        return end_of_kept(context, share, self.settings.context_window)

    async def _compacted(self, turn: Turn, context: Context, end: int) -> Context:
        """A context that begins with the agent's notes on this one, which cost a model call."""
        view, asked = turn.view, context
        if context.schema is not None:  # notes have no such form: they are asked for in a context of their own
            system = str(context.messages[0]["content"])
            turn.context_started("compact", system)
            asked = Context(system, context.tools, None)
            asked.take_over(context, len(context.turns), notes=context.notes)
            self._context, self._shape = asked, ()
        asked.user(TAKE_NOTES)
        request = replace(self._request(view.agent, asked), tool_choice="none")
        reply = await turn.complete(request, asked.request_hash, asked.input_tokens)
        if not reply.text.strip():
            raise AgentError("its model wrote no notes on its context, which is nearly full (memory: compact)")
        after = self._new_context(turn, "compact")
        after.take_over(context, 1, notes=noted(reply.text), end=end)
        return after

    def _request(self, agent: str, context: Context) -> Request:
        settings = self.settings
        return Request(
            agent=agent,
            messages=list(context.messages),
            tools=context.tools,
            response_schema=context.schema,
            max_output_tokens=self.config.max_output_tokens,
            temperature=self.config.temperature if self.config.temperature is not None else settings.temperature,
            top_p=settings.top_p,
            reasoning_effort=settings.reasoning_effort,
            seed=settings.seed,
            timeout_s=settings.timeout_s,
            memo=context.memo,
        )


def _shape(view: View) -> tuple[object, ...]:
    """What a context cannot change: another one begins where it does."""
    return (view.tools, view.phase, view.answers, view.positions)
