"""The asynchronous shell of a run: carries out commands, records events, cancels on the way out."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable

import anyio
from anyio.abc import TaskGroup

from agentmesh import __version__
from agentmesh.agents.base import Said
from agentmesh.errors import AgentError, AgentMeshError, LimitExceeded, ModelRequestsBlocked, ProviderError
from agentmesh.events import (
    Event,
    EventBase,
    FindingRecorded,
    InterventionMade,
    LimitWasReached,
    MessageProposed,
    MessageTransformed,
    PositionStated,
    RunEnded,
    RunStarted,
    ToolCallFinished,
    ToolCallStarted,
    TurnEnded,
    TurnFailed,
    Verification,
    stamped,
)
from agentmesh.messages import Finding, Outcome, Position
from agentmesh.providers.encoding import mended
from agentmesh.runner.ledger import Ledger
from agentmesh.runner.member import RunPlan
from agentmesh.runner.summaries import Summaries
from agentmesh.runner.turn import RunningTurn
from agentmesh.scheduler import CancelTurns, Command, Rewrite, Scheduler, StartTurn, Step, Summarise, Verify
from agentmesh.scheduler.ladder import MONITOR_ERROR
from agentmesh.tools import calling
from agentmesh.tools.results import LongResults


class Runner:
    """Drives one run to its end. The log it keeps is the only record of what happened."""

    def __init__(self, plan: RunPlan) -> None:
        self.plan = plan
        self.events: list[Event] = []
        agent_limits = {name: member.limits for name, member in plan.members.items()}
        self.ledger = Ledger(plan.limits, agent_limits)
        self.scheduler = Scheduler(
            plan.phases,
            policy=plan.policy,
            limits=plan.limits,
            agent_limits=agent_limits,
            ladders={watch.name: watch.config.interventions for watch in plan.monitors},
            verify_retries=plan.verify_retries if plan.verify else None,
            forgetful=[name for name, member in plan.members.items() if member.forgetful],
            untrusted=plan.untrusted,
            bounds=plan.bounds,
        )
        self._queue: deque[Event | Command] = deque()
        self._draining = True
        """Whether the queue is being worked through; before the start, everything waits in it for `run_started`."""
        self._tasks: TaskGroup | None = None
        self._scopes: dict[str, anyio.CancelScope] = {}
        self._finished: dict[str, ToolCallFinished] = {}
        self._waiting: dict[str, anyio.Event] = {}
        self._seconds: dict[str, float] = {}
        self._summaries = Summaries(self)
        self._ended = anyio.Event()
        self._started = time.monotonic()
        self._fatal: BaseException | None = None
        self._broken: set[str] = set()
        """Monitors that raised: the run halts on the first word of that, and asks them nothing more."""

    async def execute(self) -> None:
        """Run to the end. Whatever cuts it short, the log closes with `run_ended`."""
        plan = self.plan
        try:
            async with anyio.create_task_group() as tasks:
                self._tasks = tasks
                if plan.limits.seconds:
                    tasks.start_soon(self._deadline, plan.limits.seconds)
                self._queue.appendleft(
                    RunStarted(
                        team=plan.team,
                        task=mended(plan.task),
                        parts=plan.parts,
                        seed=plan.seed,
                        topology_hash=plan.topology_hash,
                        version=__version__,
                        continues=plan.continues,
                    )
                )
                self._draining = False
                self._take([])
                await self._ended.wait()
                tasks.cancel_scope.cancel()
        finally:
            self.stop("cancelled", "interrupted")
        if self._fatal is not None:
            raise self._fatal

    @property
    def ending(self) -> bool:
        """Whether the end of the run is decided."""
        return self.scheduler.ending

    def untrusted(self, agent: str) -> str | None:
        """Where the untrusted part of an agent's context came from, or None."""
        return self.scheduler.untrusted(agent)

    def passes(self, message_id: str) -> bool:
        """Whether a message is still on its way through what its edge does with it."""
        return self.scheduler.passes(message_id)

    def results(self, agent: str) -> LongResults:
        """The results of the agent's tools that were too long to be shown at once."""
        return self.plan.members[agent].results

    def stop(self, outcome: Outcome, reason: str) -> None:
        """End the run from outside, at once. Does nothing to a run that has ended."""
        if not self.scheduler.ended:
            self._take(self.scheduler.stop(outcome, reason))

    def record(self, event: Event) -> None:
        """Append an event to the log and carry out all that follows from it."""
        self._take([event])

    def remaining_s(self) -> float | None:
        """Seconds until the run's deadline, if it has one."""
        limit = self.plan.limits.seconds
        return None if limit is None else max(0.0, limit - (time.monotonic() - self._started))

    async def on_graph(self, event: ToolCallStarted) -> ToolCallFinished:
        """Record a call of a graph tool and wait until the scheduler has decided on it."""
        waiting = self._waiting[event.key] = anyio.Event()
        try:
            self.record(event)
            if event.key not in self._finished:
                await waiting.wait()
            return self._finished.pop(event.key)
        finally:
            del self._waiting[event.key]

    def _take(self, items: Step) -> None:
        """Work through what happened and what follows, in order. Re-entrant calls only add to the end."""
        self._queue.extend(items)
        if self._draining:
            return
        self._draining = True
        try:
            while self._queue:
                item = self._queue.popleft()
                if isinstance(item, EventBase):
                    self._append(item)
                else:
                    self._carry_out(item)
        finally:
            self._draining = False

    def _append(self, event: Event) -> None:
        if self.scheduler.ended:
            return
        self._log(event)
        found = self._observe(event) if self.plan.monitors else []
        if found:
            self.scheduler.expect(event)  # nothing new begins, and the run does not end, before each finding is heard
            if isinstance(event, MessageProposed | MessageTransformed):
                # A blocking monitor's word counts before the message is decided on.
                for finding in [finding for finding in found if finding.blocking]:
                    self._at_once(finding)
                found = [finding for finding in found if not finding.blocking]
            for finding in found:
                self.scheduler.expect(finding)
        self._queue.extend(self.scheduler.step(event))
        self._queue.extend(found)
        if isinstance(event, ToolCallFinished) and event.key in self._waiting:
            self._finished[event.key] = event
            self._waiting[event.key].set()
        elif isinstance(event, RunEnded):
            self._ended.set()

    def _log(self, event: Event) -> None:
        stamped(event, len(self.events) + 1, self.plan.run_id, time.time())
        self.events.append(event)
        if self.plan.watch is None or self._fatal is not None:
            return
        try:
            self.plan.watch(event)
        except Exception as error:  # whoever watches is anybody's code: the run ends, and the caller gets the error
            self._fatal = error
            self.scheduler.expect(event)
            self.stop("failed", f"watch raised {type(error).__name__}: {error}")

    def _at_once(self, event: Event) -> None:
        self._log(event)
        for item in self.scheduler.step(event):
            if isinstance(item, EventBase):
                self._at_once(item)
            else:
                self._carry_out(item)

    def _observe(self, event: Event) -> list[FindingRecorded]:
        if isinstance(event, FindingRecorded | InterventionMade):
            return []
        found = []
        for watch in self.plan.monitors:
            if watch.name in self._broken:
                continue
            try:
                findings = watch.findings(event)
            except Exception as error:  # a monitor is somebody else's code; it fails closed
                if watch.config.on_error == "ignore":
                    continue
                self._broken.add(watch.name)
                why = f"the monitor raised {type(error).__name__}: {error}"
                findings = [Finding(monitor=watch.name, label=MONITOR_ERROR, why=why)]
            found += [
                FindingRecorded(finding=finding, threshold=watch.config.threshold, blocking=watch.config.blocking)
                for finding in findings
            ]
        return found

    def _carry_out(self, command: Command) -> None:
        assert self._tasks is not None
        match command:
            case StartTurn():
                self._tasks.start_soon(self._turn, command)
            case Rewrite():
                self._tasks.start_soon(self._rewrite, command)
            case Summarise():
                self._tasks.start_soon(self._summaries.make, command)
            case Verify():
                self._tasks.start_soon(self._verify, command)
            case CancelTurns():
                for scope in list(self._scopes.values()):
                    scope.cancel()

    async def _turn(self, command: StartTurn) -> None:
        agent = command.agent
        member = self.plan.members[agent]
        failure: tuple[str, str] | None = None
        started = time.monotonic()
        with anyio.CancelScope() as scope:
            self._scopes[agent] = scope
            if self.scheduler.ending:
                scope.cancel()
            try:
                turn = RunningTurn(self, member, command)
                said = await self._in_own_time(agent, member.occupant.act(turn))
                fault = turn.fault(said.text) if said and said.text is not None else None
                if said is not None and fault is None:
                    self._say(command, said)
                    return
                failure = ("answer_form", fault) if fault is not None else self._out_of_time(agent)
            except anyio.get_cancelled_exc_class():
                self.stop("cancelled", "interrupted")
                self._end_turn(command, TurnFailed(agent=agent, turn=command.turn, error="cancelled", kind="cancelled"))
                raise
            except Exception as error:  # an agent may be anybody's code: its failure is an event, never a message
                failure = _classified(error)
                if isinstance(error, ModelRequestsBlocked):
                    self._fatal = error
                    self.stop("failed", str(error))
            finally:
                self._seconds[agent] = self._seconds.get(agent, 0.0) + time.monotonic() - started
        if failure is not None:
            kind, text = failure
            self._end_turn(command, TurnFailed(agent=agent, turn=command.turn, error=text, kind=kind))

    def _say(self, command: StartTurn, said: Said) -> None:
        """The turn ends with what the agent said; first with its position, which what it says then carries."""
        agent, position = command.agent, said.position
        if position is None and command.positions == "required" and said.text:
            position = Position(answer=said.text.strip())  # a function's, program's or person's reply is what it holds
        if position is not None and command.positions != "off":
            self.record(
                PositionStated(
                    agent=agent, turn=command.turn, phase=command.phase, round=command.round, position=position
                )
            )
        reply = said.text and mended(said.text)
        self._end_turn(command, TurnEnded(agent=agent, turn=command.turn, reply=reply, parts=said.parts))

    def _end_turn(self, command: StartTurn, event: TurnEnded | TurnFailed) -> None:
        self._scopes.pop(command.agent, None)
        self.record(event)

    async def _in_own_time(self, agent: str, acting: Awaitable[Said]) -> Said | None:
        """What the agent said, or None if the seconds that it alone may use are over."""
        limit = self.plan.members[agent].limits.seconds
        if limit is None:
            return await acting
        with anyio.move_on_after(max(0.0, limit - self._seconds.get(agent, 0.0))):
            return await acting
        return None

    def _out_of_time(self, agent: str) -> tuple[str, str]:
        allowed = self.plan.members[agent].limits.seconds or 0.0
        self.record(LimitWasReached(agent=agent, limit="seconds", allowed=allowed, needed=allowed))
        return ("limit", f"seconds: {allowed:g} allowed")

    async def _deadline(self, seconds: float) -> None:
        await anyio.sleep(seconds)
        self.record(LimitWasReached(limit="seconds", allowed=seconds, needed=seconds))

    async def _rewrite(self, command: Rewrite) -> None:
        try:
            content = await calling.call(self.plan.rewrites[command.function], command.content)
            if not isinstance(content, str):
                raise AgentError(f"returned {type(content).__name__}, not text")  # noqa: TRY301
        except Exception as error:  # a rewrite is somebody else's code; without it the message may not pass
            self.stop("failed", f"rewrite {command.function}: {type(error).__name__}: {error}")
            return
        self.record(
            MessageTransformed(
                agent=command.sender,
                message_id=command.message_id,
                sender=command.sender,
                recipient=command.recipient,
                content=mended(content),
                by=command.function,
            )
        )

    async def _verify(self, command: Verify) -> None:
        check = self.plan.verify if command.phase is None else self.plan.untils[command.phase]
        assert check is not None
        try:
            passed, detail = await check(command.answer)
        except Exception as error:  # a check is somebody else's code; one that fails has not passed
            passed, detail = False, f"{type(error).__name__}: {error}"
            if command.phase is not None:  # to go through the phase again would be paid for nothing
                self.stop("failed", f"until of phase {command.phase}: {detail}")
        self.record(Verification(passed=passed, attempt=command.attempt, detail=detail, phase=command.phase))


def _classified(error: Exception) -> tuple[str, str]:
    match error:
        case ProviderError():
            return (error.kind, str(error))
        case LimitExceeded():
            return ("limit", str(error))
        case AgentMeshError():
            return ("agent", str(error))
        case ExceptionGroup(exceptions=[Exception() as only]):  # what an agent's own task group made of its error
            return _classified(only)
        case _:
            return ("error", f"{type(error).__name__}: {error}")
