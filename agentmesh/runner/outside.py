"""What a run has done outside its team: messages rewritten on their edges, answers and phases checked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import anyio

from agentmesh.agents.verifier import Case, Verifier
from agentmesh.config.secrets import told
from agentmesh.errors import (
    AgentError,
    JournalError,
    LimitExceeded,
    ModelRequestsBlocked,
    ReplayMiss,
    RunChanged,
)
from agentmesh.events import Event, MessageTransformed, RunStarted, Verification
from agentmesh.messages import Outcome, Reply
from agentmesh.providers.base import Provider, Request
from agentmesh.providers.encoding import mended
from agentmesh.runner.asking import reply_to
from agentmesh.runner.iterating import iterated
from agentmesh.runner.past import INTERRUPTED
from agentmesh.runner.turn import Shell
from agentmesh.runner.turns import classified
from agentmesh.runner.working import accepted
from agentmesh.scheduler.commands import Accept, Rewrite, Verify
from agentmesh.tools import calling

Checked = tuple[bool, str, str]
"""Whether it holds, what was said to that, and of an iteration a digest of the files."""


class Ordering(Shell, Protocol):
    """The run that has it done."""

    events: list[Event]

    def stop(self, outcome: Outcome, reason: str, by: str = "", *, raising: BaseException | None = None) -> None:
        """End the run; whoever waits for it gets the error, if there is one."""
        ...

    def freeze(self, error: BaseException) -> None:
        """Do and write nothing more: whoever waits for the run gets the error."""
        ...


class Outside:
    """Functions, programs and a verifier of the team's declaration. What one of them fails at, the log says."""

    def __init__(self, runner: Ordering) -> None:
        self._runner = runner
        self._scopes: set[anyio.CancelScope] = set()

    def cancel(self) -> None:
        """Check nothing any more: the run is about to end."""
        for scope in self._scopes:
            scope.cancel()

    async def rewrite(self, command: Rewrite) -> None:
        """Pass a message through the function of its edge, without which it may not go on."""
        runner = self._runner
        try:
            content = await calling.call(runner.plan.rewrites[command.function], command.content)
            if not isinstance(content, str):
                raise AgentError(f"returned {type(content).__name__}, not text")  # noqa: TRY301
        except Exception as error:  # a rewrite is somebody else's code; without it the message may not pass
            runner.stop("failed", f"rewrite {command.function}: {told(error)}")
            return
        ends = {name: getattr(command, name) for name in ("message_id", "sender", "recipient")}
        rewritten = MessageTransformed(agent=command.sender, content=mended(content), by=command.function, **ends)
        runner.record(rewritten)

    async def verify(self, command: Verify) -> None:
        """Have the answer checked, or what a phase is to come to."""
        facts = {"attempt": command.attempt, "phase": command.phase}
        await self._recorded(facts, self._checked, command)

    async def accept(self, command: Accept) -> None:
        """Have what was made of a task merged, if it can be and holds."""
        facts = {"agent": command.planner, "task": command.task.id, "attempt": command.attempt}
        await self._recorded(facts, self._accepted, command)

    async def _recorded(self, facts: dict[str, Any], check: Callable[[Any], Awaitable[Checked]], command: Any) -> None:
        runner = self._runner

        def record(passed: bool, detail: str, state: str = "") -> None:
            runner.record(Verification(passed=passed, detail=mended(detail), state=state, **facts))

        with anyio.CancelScope() as scope:
            self._scopes.add(scope)
            if runner.ending:
                scope.cancel()
            try:
                checked = await check(command)
            except anyio.get_cancelled_exc_class():
                if not runner.ending:
                    runner.stop("cancelled", INTERRUPTED)
                record(False, "cancelled")  # the end of the log waits for it
                raise
            except Exception as error:  # a check is somebody else's code; one that fails has not passed
                checked = False, self._failed(command, error), ""
            finally:
                self._scopes.discard(scope)
            record(*checked)

    async def _accepted(self, command: Accept) -> Checked:
        return *await accepted(self._runner.plan, command), ""

    async def _checked(self, command: Verify) -> Checked:
        runner = self._runner
        if command.phase is not None:
            return await iterated(runner.plan, command)
        check = runner.plan.verify
        assert check is not None, "nobody asks for what nobody checks"
        return *await (self._verdict(check, command) if isinstance(check, Verifier) else check(command.answer)), ""

    async def _verdict(self, check: Verifier, command: Verify) -> tuple[bool, str]:
        runner = self._runner
        started, calls = runner.events[0], 0
        assert isinstance(started, RunStarted), "a log begins with the beginning"

        async def paid(provider: Provider, request: Request) -> Reply:
            nonlocal calls
            calls += 1
            key = f"{runner.plan.run_id}/{command.place}/verify/{command.attempt}/{calls}"
            return await reply_to(runner, provider, request, key, last=True)

        task, files = started.task, started.parts
        case = Case(task, command.answer, command.author, command.attempt, files, command.parts)
        return await check.verdict(case, paid)

    def _failed(self, command: Verify | Accept, error: Exception) -> str:
        """Why there is no verdict. Where nothing could come of another try, the run ends with it."""
        runner, check = self._runner, self._runner.plan.verify
        why = told(error)
        if isinstance(command, Accept):  # what git cannot do now it can do no better for the next task
            runner.stop("failed", f"merge of task {command.task.id}: {why}")
        elif command.phase is not None:  # to go through the phase again would be paid for nothing
            runner.stop("failed", f"until of phase {command.phase}: {why}")
        elif isinstance(check, Verifier):
            why = classified(error)[1]
            match error:
                case ReplayMiss() | ModelRequestsBlocked():
                    runner.stop("failed", str(error), raising=error)
                case JournalError() | RunChanged():
                    runner.freeze(error)
                case LimitExceeded():
                    part = error.scope.partition(":")[2]
                    limit = f"{error.limit}: {error.allowed:g} allowed"
                    runner.stop("limit", f"{part}: {limit}" if part else limit)
                case _:
                    runner.stop("failed", f"verify: {check.name} gave no verdict: {why}")
        return why
