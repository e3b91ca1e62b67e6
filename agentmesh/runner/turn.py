"""One turn of one agent, as the runner lets it act: each deed is in the log before its effect is felt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import anyio
import anyio.lowlevel

from agentmesh.agents.base import ToolResult, View
from agentmesh.errors import (
    AgentError,
    ToolError,
)
from agentmesh.events import (
    Answered,
    ContextReason,
    ContextStarted,
    Event,
    Notice,
    Question,
    ToolCallFinished,
    ToolCallStarted,
)
from agentmesh.messages import USER, Reply, ToolCall, Trust
from agentmesh.providers.base import Provider, Request
from agentmesh.providers.encoding import mended
from agentmesh.runner.calls import PaidCall
from agentmesh.runner.ledger import Ledger
from agentmesh.runner.member import Delta, FailedAttempt, Member, RunPlan, Watcher
from agentmesh.scheduler.commands import StartTurn
from agentmesh.tools import calling
from agentmesh.tools.graph import GRAPH_TOOLS
from agentmesh.tools.results import READ_RESULT, LongResults


class Shell(Protocol):
    """What a turn needs of the run that it belongs to."""

    plan: RunPlan
    ledger: Ledger

    @property
    def ending(self) -> bool:
        """Whether the end of the run is decided."""
        ...

    def untrusted(self, agent: str) -> str | None:
        """Where the untrusted part of an agent's context came from, or None."""
        ...

    def passes(self, message_id: str) -> bool:
        """Whether a message is still on its way through what its edge does with it."""
        ...

    def results(self, agent: str) -> LongResults:
        """The results of the agent's tools that were too long to be shown at once."""
        ...

    def record(self, event: Event) -> None:
        """Append an event to the log and carry out all that follows from it."""
        ...

    def remaining_s(self) -> float | None:
        """Seconds until the run's deadline, if it has one."""
        ...

    async def on_graph(self, event: ToolCallStarted) -> ToolCallFinished:
        """Record a call of a graph tool and wait until it is decided."""
        ...


class RunningTurn:
    """What an agent acts through while its turn lasts."""

    def __init__(self, runner: Shell, member: Member, command: StartTurn) -> None:
        self._runner = runner
        self._member = member
        self._agent = command.agent
        self._key = f"{runner.plan.run_id}/{command.phase}#{command.occurrence}/{command.agent}/{command.turn}"
        self._index = 0
        self.view = View(
            agent=command.agent,
            turn=command.turn,
            phase=command.phase,
            round=command.round,
            inbox=command.inbox,
            recipients=command.recipients,
            tools=command.tools,
            answers=command.answers,
            choices=command.choices,
            positions=command.positions,
            restart=command.restart,
        )

    def context_started(self, reason: ContextReason) -> None:
        """Note that the next request does not extend the one before."""
        self._runner.record(ContextStarted(agent=self._agent, reason=reason, recipients=self.view.recipients))

    async def complete(
        self, request: Request, request_hash: str, input_tokens: int, provider: Provider | None = None
    ) -> Reply:
        """One model call, paid from the ledger. Raises: ProviderError, LimitExceeded."""
        runner, agent = self._runner, self._agent
        provider = provider or self._member.provider
        if runner.ending:
            await anyio.lowlevel.checkpoint()  # this turn is cancelled already: spend nothing more
        if provider is None:
            raise AgentError("has no model")
        watch = self._runner.plan.watch
        if watch is not None and getattr(watch, "attempts", False):
            request = replace(request, attempts=_ToldAttempts(self._agent, watch))
        call = PaidCall(provider, agent, self._next_key, request_hash, input_tokens)
        return await call.make(runner, request, self._on_delta())

    async def call(self, calls: Sequence[ToolCall]) -> list[ToolResult]:
        """Carry out tool calls: those on the graph one after the other, the rest at the same time."""
        results: dict[int, ToolResult] = {}

        async def work(index: int) -> None:
            results[index] = await self._work(calls[index])

        others = [index for index, call in enumerate(calls) if call.name not in GRAPH_TOOLS]
        if len(others) == 1:
            await work(others[0])
        elif others:
            async with anyio.create_task_group() as group:
                for index in others:
                    group.start_soon(work, index)
        for index, call in enumerate(calls):
            if call.name in GRAPH_TOOLS:
                results[index] = await self._on_graph(call)
        return [results[index] for index in range(len(calls))]

    def fault(self, text: str) -> str | None:
        """Why the text may not become the answer, whose form the team declares."""
        checks = self._runner.plan.answer_fault if self.view.answers else None
        return checks(text) if checks else None

    def remind(self, text: str) -> None:
        """Let the run tell this agent something at its next turn."""
        self._runner.record(Notice(agent=self._agent, template="refused", content=text))

    async def ask(self, question: str) -> str:
        """Put a question to the person in charge. Raises: AgentError if nobody can answer."""
        ask = self._runner.plan.ask
        if ask is None:
            raise AgentError("is human, and nobody is there to answer: run in a terminal, or pass ask=")
        question_id = self._next_key()
        self._runner.record(Question(agent=self._agent, question_id=question_id, content=question))
        answer = mended(str(await calling.call(ask, self._agent, question)))
        self._runner.record(Answered(agent=self._agent, question_id=question_id, content=answer))
        return answer

    async def _on_graph(self, call: ToolCall) -> ToolResult:
        key, agent, arguments = self._next_key(), self._agent, call.arguments
        if call.name == "send_message" and USER in _texts(arguments.get("recipients")):
            fault = self.fault(str(arguments.get("content")))
            if fault is not None:
                refused = ToolCallFinished(agent=agent, key=key, name=call.name, arguments=arguments, error=fault)
                self._runner.record(refused)
                return _result(call, refused)
        started = ToolCallStarted(agent=agent, key=key, name=call.name, arguments=arguments)
        return _result(call, await self._runner.on_graph(started))

    async def _work(self, call: ToolCall) -> ToolResult:
        runner, agent, key = self._runner, self._agent, self._next_key()
        runner.record(ToolCallStarted(agent=agent, key=key, name=call.name, arguments=call.arguments))
        result: str | None = None
        error: str | None = None
        trust: Trust = "trusted"
        try:
            result, trust = await self._called(call)
        except ToolError as failure:
            error = str(failure)
        except anyio.get_cancelled_exc_class():
            error = "cancelled"
            raise
        except (
            Exception
        ) as failure:  # a tool is somebody else's code: whatever it raises goes to the model that called it
            error = f"{type(failure).__name__}: {failure}"
        finally:
            finished = ToolCallFinished(
                agent=agent, key=key, name=call.name, arguments=call.arguments, result=result, error=error, trust=trust
            )
            runner.record(finished)
        if result is None or call.name == READ_RESULT:
            return _result(call, finished)
        # The log has all of it; the prompt, as much as it takes.
        return ToolResult(call, runner.results(agent).shown(result, trust))

    async def _called(self, call: ToolCall) -> tuple[str, Trust]:
        """What a tool of the agent's own returns, and whether that may be acted upon. Raises: ToolError, any other."""
        tool = self._member.tools.get(call.name)
        if tool is None and call.name == READ_RESULT:
            return self._runner.results(self._agent).read(call.arguments)
        if tool is None:
            known = ", ".join([*self._member.tools, *self.view.tools]) or "none"
            raise ToolError(f"there is no tool '{call.name}'; your tools: {known}")
        source = self._runner.untrusted(self._agent)
        if tool.requires == "trusted" and source is not None:
            raise ToolError(
                f"'{call.name}' takes nothing that comes from untrusted content, and your context holds {source}"
            )
        return mended(await tool(call.arguments)), tool.trust

    def _next_key(self) -> str:
        self._index += 1
        return f"{self._key}/{self._index}"

    def _on_delta(self) -> Callable[[str], None] | None:
        watch, agent = self._runner.plan.watch, self._agent
        if watch is None or not getattr(watch, "deltas", False):
            return None
        return lambda text: watch(Delta(agent, text))


def _texts(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


class _ToldAttempts(list[str]):
    """Failed attempts of one call, each told as it is noted."""

    def __init__(self, agent: str, watch: Watcher) -> None:
        super().__init__()
        self._agent = agent
        self._watch = watch

    def append(self, why: str) -> None:
        """Note an attempt, and tell of it."""
        super().append(why)
        self._watch(FailedAttempt(self._agent, len(self), why))


def _result(call: ToolCall, finished: ToolCallFinished) -> ToolResult:
    failed = finished.error is not None
    return ToolResult(call, finished.error or finished.result or "", failed, finished.ends_turn)
