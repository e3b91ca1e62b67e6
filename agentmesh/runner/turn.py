"""One turn of one agent, as the runner lets it act: each deed is in the log before its effect is felt."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import anyio
import anyio.lowlevel

from agentmesh.agents.base import ToolResult, View
from agentmesh.config.secrets import told, without_keys
from agentmesh.errors import AgentError, RunChanged, ToolError
from agentmesh.events import (
    ContextReason,
    ContextStarted,
    Event,
    Notice,
    ToolCallFinished,
    ToolCallStarted,
)
from agentmesh.messages import USER, Reply, ToolCall, Trust
from agentmesh.providers.base import Provider, Request
from agentmesh.providers.encoding import mended
from agentmesh.runner.calls import PaidCall
from agentmesh.runner.ledger import Ledger
from agentmesh.runner.member import Delta, FailedAttempt, Member, RunPlan, Watcher
from agentmesh.runner.past import Deeds, EndOfRecord, Past, relative
from agentmesh.scheduler.commands import StartTurn
from agentmesh.tools.context import ToolContext
from agentmesh.tools.graph import GRAPH_TOOLS
from agentmesh.tools.results import READ_RESULT

if TYPE_CHECKING:
    from agentmesh.tools.workspaces.base import Workspace

APPROVALS = frozenset({"yes", "y", "ok", "approve", "approved"})
"""Answers by which a person lets a tool be called, whatever their case."""


class Shell(Protocol):
    """What a turn needs of the run that it belongs to."""

    plan: RunPlan
    ledger: Ledger
    past: Past

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

    def record(self, event: Event) -> None:
        """Append an event to the log and carry out all that follows from it."""
        ...

    async def durable(self) -> None:
        """Wait until all that was recorded is safe. Raises: JournalError."""
        ...

    def remaining_s(self) -> float | None:
        """Seconds until the run's deadline, if it has one."""
        ...

    async def on_graph(self, event: ToolCallStarted) -> ToolCallFinished:
        """Record a call of a graph tool, unless it is in the log, and wait until it is decided."""
        ...

    def question(self, agent: str, question_id: str, question: str) -> None:
        """Put a question to the person in charge. Raises: AgentError if nobody can answer."""
        ...

    async def answer(self, agent: str, question_id: str, question: str) -> str:
        """Wait for the answer to a question."""
        ...

    def rests(self, change: int) -> None:
        """So many more turns, or fewer, have nothing to do but to wait for people."""
        ...


class RunningTurn:
    """What an agent acts through while its turn lasts.

    Of a turn that was begun before, what is in the log is given back as it was, and nothing is done a second time.
    `over`: the turn has ended long since, and is gone through only so that the agent remembers it.
    """

    def __init__(
        self, runner: Shell, member: Member, command: StartTurn, deeds: Deeds | None = None, *, over: bool = False
    ) -> None:
        self._runner = runner
        self._member = member
        self._agent = command.agent
        self._key = f"{runner.plan.run_id}/{command.phase}#{command.occurrence}/{command.agent}/{command.turn}"
        self._index = 0
        self._deeds = deeds or Deeds()
        self._over = over
        self._calls = 0
        self._questions = 0
        self._resting = False
        self.workspace: Workspace | None = None
        """Where the agent works on files, once that was prepared."""
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
            wrap_up=command.wrap_up,
        )

    def context_started(self, reason: ContextReason, system: str) -> None:
        """Note that the next request does not extend the one before, and with what it begins."""
        if self._deeds.context_started(self._agent, system):
            return
        self._live()
        recipients = self.view.recipients
        self._runner.record(ContextStarted(agent=self._agent, reason=reason, recipients=recipients, system=system))

    async def complete(
        self, request: Request, request_hash: str, input_tokens: int, provider: Provider | None = None, key: str = ""
    ) -> Reply:
        """One model call, paid from the ledger, or once before. Raises: ProviderError, LimitExceeded, RunChanged."""
        runner, agent = self._runner, self._agent
        provider = provider or self._member.provider
        key = self._next_key(key)
        if runner.plan.asked is not None:
            runner.plan.asked(key, request_hash, request)
        paid = runner.past.reply(key, request_hash)
        if paid is not None:
            return paid
        if self._over and relative(key) in runner.past.failures:
            raise AgentError(runner.past.failures[relative(key)])
        self._live()
        if runner.ending:
            await anyio.lowlevel.checkpoint()  # this turn is cancelled already: spend nothing more
        if provider is None:
            raise AgentError("has no model")
        watch = self._runner.plan.watch
        if watch is not None and getattr(watch, "attempts", False):
            request = replace(request, attempts=_ToldAttempts(self._agent, watch))
        paid_by = {"last": self._only_answers(request), "wrap_up": self.view.wrap_up}
        call = PaidCall(provider, agent, key, request_hash, input_tokens, **paid_by)
        return await call.make(runner, request, self._on_delta())

    async def call(self, calls: Sequence[ToolCall]) -> list[ToolResult]:
        """Carry out tool calls: those on the graph one after the other, the rest at the same time."""
        results: dict[int, ToolResult] = {}
        ended: dict[int, ToolCallFinished] = {}

        async def work(index: int, key: str) -> None:
            self._calls += 1
            try:
                ended[index] = await self._work(calls[index], key)
            finally:
                self._calls -= 1
                self._rest()

        others = [(index, self._next_key()) for index, call in enumerate(calls) if call.name not in GRAPH_TOOLS]
        if len(others) == 1 or self._over:  # of a turn that is over, nothing takes time
            for index, key in others:
                await work(index, key)
        elif others:
            async with anyio.create_task_group() as group:
                for index, key in others:
                    group.start_soon(work, index, key)
        for index in sorted(ended):  # long ones are numbered by their calls, whichever ended first
            results[index] = self._shown(calls[index], ended[index])
        for index, call in enumerate(calls):
            if call.name in GRAPH_TOOLS:
                results[index] = await self._on_graph(call)
        return [results[index] for index in range(len(calls))]

    def fault(self, text: str) -> str | None:
        """Why the text may not become the answer, whose form the team declares."""
        checks = self._runner.plan.answer_fault if self.view.answers or self.view.wrap_up else None
        return checks(text) if checks else None

    def remind(self, text: str) -> None:
        """Let the run tell this agent something at its next turn."""
        if not self._deeds.reminded():
            self._live()
            self._runner.record(Notice(agent=self._agent, template="refused", content=text))

    async def ask(self, question: str, key: str = "") -> str:
        """Put a question to the person in charge. Raises: AgentError if nobody can answer."""
        key = self._next_key(key)
        answer = self._runner.past.answers.get(relative(key))
        if answer is not None:
            return answer
        self._live()
        self._runner.question(self._agent, key, question)
        self._questions += 1
        try:
            self._rest()
            return await self._runner.answer(self._agent, key, question)
        finally:
            self._questions -= 1
            self._rest()

    def _rest(self) -> None:
        """Tell the run whether all that this turn does now is to wait for people."""
        resting = 0 < self._questions == max(1, self._calls)
        if resting != self._resting:
            self._resting = resting
            self._runner.rests(1 if resting else -1)

    async def _on_graph(self, call: ToolCall) -> ToolResult:
        key, agent, arguments = self._next_key(), self._agent, call.arguments
        before = self._runner.past.ended.get(relative(key))
        if before is not None:
            return _result(call, _same_call(call, before))
        self._live()
        if call.name == "send_message" and USER in _texts(arguments.get("recipients")):
            fault = self.fault(str(arguments.get("content")))
            if fault is not None:
                refused = ToolCallFinished(agent=agent, key=key, name=call.name, arguments=arguments, error=fault)
                self._runner.record(refused)
                return _result(call, refused)
        started = ToolCallStarted(agent=agent, key=key, name=call.name, arguments=arguments)
        return _result(call, await self._runner.on_graph(started))

    async def _work(self, call: ToolCall, key: str) -> ToolCallFinished:
        runner, agent, past = self._runner, self._agent, self._runner.past
        if relative(key) in past.ended:
            return _same_call(call, past.ended[relative(key)])
        self._live()
        if relative(key) not in past.begun:
            runner.record(ToolCallStarted(agent=agent, key=key, name=call.name, arguments=call.arguments))
        if relative(key) in past.undone:  # the run has gone back behind it: what it did is done all the same
            finished = _same_call(call, past.undone[relative(key)]).model_copy(update={"key": key})
            runner.record(finished)
            return finished
        result: str | None = None
        error: str | None = None
        trust: Trust = "trusted"
        try:
            await runner.durable()
            result, trust = await self._called(call, key)
        except ToolError as failure:
            error, trust = without_keys(str(failure)), failure.trust
        except anyio.get_cancelled_exc_class():
            error = "cancelled"
            raise
        except (
            Exception
        ) as failure:  # a tool is somebody else's code: whatever it raises goes to the model that called it
            error = told(failure)
        finally:
            finished = ToolCallFinished(
                agent=agent, key=key, name=call.name, arguments=call.arguments, result=result, error=error, trust=trust
            )
            runner.record(finished)
        return finished

    def _shown(self, call: ToolCall, finished: ToolCallFinished) -> ToolResult:
        """A result as the agent is shown it: the log has all of it; the prompt, as much as it takes."""
        if finished.result is None or call.name == READ_RESULT:
            return _result(call, finished)
        return ToolResult(call, self._member.results.shown(finished.result, finished.trust), trust=finished.trust)

    async def _called(self, call: ToolCall, key: str) -> tuple[str, Trust]:
        """What a tool of the agent's own returns, and whether that may be acted upon. Raises: ToolError, any other."""
        tool = self._member.tools.get(call.name)
        if tool is None and call.name == READ_RESULT:
            return self._member.results.read(call.arguments)
        if tool is None:
            known = ", ".join([*self._member.tools, *self.view.tools]) or "none"
            raise ToolError(f"there is no tool '{call.name}'; your tools: {known}")
        source = self._runner.untrusted(self._agent)
        if tool.requires == "trusted" and source is not None:
            raise ToolError(
                f"'{call.name}' takes nothing that comes from untrusted content, and your context holds {source}"
            )
        index = key.rpartition("/")[2]
        if tool.approve:
            answer = await self.ask(_approval(self._agent, call), f"{index}/approval")
            if answer.strip().casefold() not in APPROVALS:
                raise ToolError(f"'{call.name}' was not approved; the person in charge says: {answer}")
        asked = itertools.count(1)
        context = ToolContext(
            self._agent,
            key,
            lambda text: self.ask(text, f"{index}/question/{next(asked)}"),
            self.workspace,
            again=relative(key) in self._runner.past.begun,
        )
        return mended(await tool(call.arguments, context)), tool.trust

    def _only_answers(self, request: Request) -> bool:
        """Whether the reply can be nothing but the answer of the run: there is nobody else to write to, and no tool."""
        return self.view.answers and self.view.recipients == (USER,) and not request.tools

    def _live(self) -> None:
        """From here on things happen, which they may not in a turn that is over."""
        if self._over:
            raise EndOfRecord

    def _next_key(self, key: str = "") -> str:
        if key:
            return f"{self._key}/{key}"
        self._index += 1
        return f"{self._key}/{self._index}"

    def _on_delta(self) -> Callable[[str], None] | None:
        watch, agent = self._runner.plan.watch, self._agent
        if watch is None or not getattr(watch, "deltas", False):
            return None
        return lambda text: watch(Delta(agent, text))


def _approval(agent: str, call: ToolCall) -> str:
    arguments = json.dumps(call.arguments, ensure_ascii=False)
    return f"'{agent}' wants to call {call.name} with {arguments}. Answer yes to approve it, or say why not."


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


def _same_call(call: ToolCall, before: ToolCallFinished) -> ToolCallFinished:
    """What came of a call before. Raises: RunChanged if that was another one."""
    if (before.name, before.arguments) == (call.name, call.arguments):
        return before
    why = f"event {before.id} (tool_call_finished): '{before.agent}' called {before.name}, and now calls {call.name}"
    raise RunChanged(f"{why} with {call.arguments!r} instead of {before.arguments!r}", before.id, before.type)


def _result(call: ToolCall, finished: ToolCallFinished) -> ToolResult:
    failed = finished.error is not None
    return ToolResult(call, finished.error or finished.result or "", failed, finished.ends_turn, finished.trust)
