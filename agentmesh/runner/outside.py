"""What a run has done outside its team: messages rewritten on their edges, answers and phases checked."""

from __future__ import annotations

from typing import Protocol

from agentmesh.config.secrets import told
from agentmesh.errors import AgentError
from agentmesh.events import Event, MessageTransformed, Verification
from agentmesh.messages import Outcome
from agentmesh.providers.encoding import mended
from agentmesh.runner.member import RunPlan
from agentmesh.scheduler.commands import Rewrite, Verify
from agentmesh.tools import calling


class Ordering(Protocol):
    """The run that has it done."""

    plan: RunPlan

    def record(self, *events: Event) -> None:
        """Append events to the log and carry out all that follows from them."""
        ...

    def stop(self, outcome: Outcome, reason: str, by: str = "") -> None:
        """End the run."""
        ...


class Outside:
    """Functions and programs of the team's declaration. What one of them fails at, the log says."""

    def __init__(self, runner: Ordering) -> None:
        self._runner = runner

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
        runner = self._runner
        check = runner.plan.verify if command.phase is None else runner.plan.untils[command.phase]
        assert check is not None
        try:
            passed, detail = await check(command.answer)
        except Exception as error:  # a check is somebody else's code; one that fails has not passed
            passed, detail = False, told(error)
            if command.phase is not None:  # to go through the phase again would be paid for nothing
                runner.stop("failed", f"until of phase {command.phase}: {detail}")
        runner.record(Verification(passed=passed, attempt=command.attempt, detail=detail, phase=command.phase))
