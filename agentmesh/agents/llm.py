"""An agent that is a language model: view in, prompt out, tools and text back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agentmesh.agents.base import Said, Turn
from agentmesh.agents.context import Context
from agentmesh.agents.positions import contribution_schema, read_contribution
from agentmesh.agents.prompt import CUT_OFF, NOTHING_SAID, inbox_content, system_text
from agentmesh.config.models import AgentConfig
from agentmesh.errors import AgentError
from agentmesh.events import ContextReason
from agentmesh.messages import Reply
from agentmesh.providers.ask import repair_message
from agentmesh.providers.base import Request
from agentmesh.tools.graph import GRAPH_TOOLS, definition


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


@dataclass
class LLMAgent:
    """Calls its model until the model has acted: with plain text, or with tool calls that end the turn."""

    config: AgentConfig
    settings: LLMSettings = field(default_factory=LLMSettings)
    _context: Context | None = None
    _shape: tuple[object, ...] = ()

    async def act(self, turn: Turn) -> Said:
        """One turn of at most `max_steps` model calls. Raises: AgentError, ProviderError."""
        view = turn.view
        context = self._in_context(turn)
        context.user(inbox_content(view.inbox))
        for _ in range(self.config.max_steps):
            reply = await turn.complete(self._request(view.agent, context), context.request_hash, context.input_tokens)
            calls = reply.tool_calls
            ids = [call.id or f"call_{view.turn}_{len(context.messages)}_{i}" for i, call in enumerate(calls)]
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

    def fork(self) -> LLMAgent:
        """The same agent with the same memory, for another run: what it learns there this one does not know."""
        return replace(self, _context=self._context.fork() if self._context else None)

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
            return Said(read.text, position=read.position)
        fault = turn.fault(reply.text)
        return repair_message(fault) if fault else Said(reply.text, position=reply.position)

    def _in_context(self, turn: Turn) -> Context:
        """The context that this turn goes on with: the last one, unless it may not or need not."""
        view = turn.view
        schema = self.settings.schema if view.answers else contribution_schema(view.positions)
        shape = (view.recipients, view.tools, view.phase, view.answers, view.positions)
        before = self._context
        reason: ContextReason
        if before is None or self.config.memory == "fresh" or view.restart is not None:
            reason, kept = view.restart or "fresh", []
        elif shape[1:] != self._shape[1:]:
            before.close()
            reason, kept = "phase", before.messages[1:]
        else:
            return before
        turn.context_started(reason)
        tools = [*self.settings.tools, *(definition(name, view.choices.get(name)) for name in view.tools)]
        context = Context(system_text(self.config.instructions, view), tools, schema)
        context.extend(kept)
        self._context, self._shape = context, shape
        return context

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
