"""The asynchronous shell of a run: carries out commands, records events, cancels on the way out."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import anyio
from anyio.abc import TaskGroup

from agentmesh import __version__
from agentmesh.config.secrets import told
from agentmesh.errors import (
    JournalError,
)
from agentmesh.events import (
    Answered,
    Event,
    EventBase,
    LimitWasReached,
    PhaseStarted,
    RunEnded,
    RunResumed,
    RunStarted,
    StopRequested,
    ToolCallFinished,
    ToolCallStarted,
    stamped,
)
from agentmesh.messages import Outcome
from agentmesh.providers.encoding import mended
from agentmesh.runner.clock import PhaseClock
from agentmesh.runner.judging import Judging
from agentmesh.runner.member import RunPlan, ledger_of
from agentmesh.runner.observers import Observers, acted_on, heard, heard_after
from agentmesh.runner.outside import Outside
from agentmesh.runner.past import INTERRUPTED, Deeds, Past, relative
from agentmesh.runner.people import People
from agentmesh.runner.resume import resume
from agentmesh.runner.summaries import Summaries
from agentmesh.runner.turns import Turns
from agentmesh.runner.working import put_away
from agentmesh.scheduler import (
    Accept,
    AskPerson,
    CancelTurns,
    Command,
    Judge,
    Rewrite,
    Scheduler,
    StartTurn,
    Summarise,
    Verify,
)


class Runner:
    """Drives one run to its end. The log it keeps is the only record of what happened."""

    def __init__(self, plan: RunPlan) -> None:
        self.plan = plan
        self.events: list[Event] = []
        agent_limits = {name: member.limits for name, member in plan.members.items()}
        self.ledger = ledger_of(plan, lambda: self.scheduler.reached.closer())
        self.scheduler = Scheduler(
            plan.phases,
            policy=plan.policy,
            limits=plan.limits,
            agent_limits=agent_limits,
            ladders={watch.name: watch.config.interventions for watch in plan.monitors},
            most_interventions={watch.name: watch.config.limits.interventions for watch in plan.monitors},
            reserve=plan.reserve,
            verify_retries=plan.verify_retries if plan.verify else None,
            forgetful=[name for name, member in plan.members.items() if member.forgetful],
            untrusted=plan.untrusted,
            bounds=plan.bounds,
            patient=plan.patient,
            answerable=plan.ask is not None,
        )
        self.past = Past()
        self.observers = Observers(plan.monitors)
        self.summaries = Summaries(self)
        self.judging = Judging(self)
        self.people = People(self)
        self.turns = Turns(self)
        self.outside = Outside(self)
        self._clock = PhaseClock(self)
        self._queue: deque[Event | Command] = deque()
        self._draining = True
        """Whether the queue is being worked through; before the start, everything waits in it for `run_started`."""
        self._burst: list[Event] = []
        """What the queue has come to so far: events that are written together."""
        self._tasks: TaskGroup | None = None
        self._finished: dict[str, ToolCallFinished] = {}
        self._waiting: dict[str, anyio.Event] = {}
        self._over = anyio.Event()
        self._started = time.monotonic()
        self._fatal: BaseException | None = None
        self.kept: Mapping[str, Sequence[str]] = {}
        """By agent: branches with work that was not merged, and folders with what could not be committed."""

    async def execute(self) -> None:
        """Run to the end, or until nothing is left but to wait for people. The log of a run that ends says so itself.

        Raises: RunChanged before anything is done; JournalError where the log can no longer be written.
        """
        first = await resume(self) if self.plan.recorded else [self._beginning()]
        try:
            async with anyio.create_task_group() as tasks:
                self._tasks = tasks
                if self.remaining_s() is not None:
                    tasks.start_soon(self._deadline)
                self._queue.extendleft(reversed(first))
                await self._listen()
                await self._over.wait()
                tasks.cancel_scope.cancel()
        finally:
            if not self.people.waiting:
                self.stop("cancelled", INTERRUPTED)
            await self._close()
        if self._fatal is not None:
            raise self._fatal

    async def _listen(self) -> None:
        """Begin, and hear from then on what other processes say, and what they have said while nobody listened."""
        plan = self.plan
        if plan.log is not None:
            plan.log.listen(self.people.tell)
        words = await plan.words() if plan.words is not None else ()
        self._draining = False
        self._take([])
        for word in words:
            self.people.tell(word)

    async def _close(self) -> None:
        """Wait until the end of the log is safe too, and put away what agents worked in."""
        with anyio.CancelScope(shield=True):
            with suppress(JournalError):  # which is kept for whoever waits
                await self.durable()
            self.kept = await put_away(self.plan, self.events)

    def _beginning(self) -> RunStarted:
        plan = self.plan
        return RunStarted(
            team=plan.team,
            task=mended(plan.task),
            parts=plan.parts,
            seed=plan.seed,
            topology_hash=plan.topology_hash,
            version=__version__,
            continues=plan.continues,
            team_hash=plan.team_hash,
            servers=dict(plan.servers),
        )

    def go_on_from(self, past: Past, deeds: Mapping[str, Deeds], seconds: float, by_agent: Mapping[str, float]) -> None:
        """Take up a run that had gone on for so many seconds, and its agents' turns for so many."""
        self.past = past
        self.turns.go_on_from(deeds, by_agent)
        self._started -= seconds

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

    @property
    def waiting(self) -> bool:
        """Whether the run is left as it is, until people have answered."""
        return self.people.waiting

    def stop(self, outcome: Outcome, reason: str, by: str = "", *, raising: BaseException | None = None) -> None:
        """End the run from outside, at once. Does nothing to a run that has ended."""
        self._fatal = self._fatal or raising
        if not self.scheduler.ended:
            self._take([StopRequested(outcome=outcome, reason=reason, by=by)])

    def record(self, *events: Event) -> None:
        """Append events to the log, together, and carry out all that follows from them."""
        self._take(events)

    async def durable(self) -> None:
        """Wait until all that was recorded is safe. Raises: JournalError, after which nothing more is done."""
        if self.plan.log is None:
            return
        try:
            await self.plan.log.durable()
        except JournalError as error:
            self.freeze(error)  # what cannot be written must not happen
            raise

    def freeze(self, error: BaseException) -> None:
        """Do and write nothing more: whoever waits for the run gets the error."""
        self._fatal = self._fatal or error
        self.scheduler.ended = True
        self._over.set()

    def park(self) -> None:
        """Leave the run as it is: it waits for people, and another process goes on with it."""
        self._over.set()

    def question(self, agent: str, question_id: str, question: str) -> None:
        """Put a question to the person in charge. Raises: AgentError if nobody can answer."""
        self.people.question(agent, question_id, question)

    async def answer(self, agent: str, question_id: str, question: str) -> str:
        """Wait for the answer to a question."""
        return await self.people.answer(agent, question_id, question)

    def rests(self, change: int) -> None:
        """So many more turns, or fewer, have nothing to do but to wait for people."""
        self.people.rests(change)

    def remaining_s(self) -> float | None:
        """Seconds until the run's deadline, if it has one."""
        limit = self.plan.limits.seconds
        return None if limit is None else max(0.0, limit - (time.monotonic() - self._started))

    async def on_graph(self, event: ToolCallStarted) -> ToolCallFinished:
        """Record a call of a graph tool, unless it is in the log, and wait until the scheduler has decided on it."""
        key = relative(event.key)
        waiting = self._waiting[key] = anyio.Event()
        try:
            if key not in self.past.begun:
                self.record(event)
            if key not in self._finished:
                await waiting.wait()
            return self._finished.pop(key)
        finally:
            del self._waiting[key]

    def _take(self, items: Iterable[Event | Command]) -> None:
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
            if self.plan.log is not None and self._burst:
                self.plan.log.append(self._burst)
                self._burst = []

    def _append(self, event: Event) -> None:
        if self.scheduler.ended or self.people.waiting:
            return
        self._log(event)
        found = self.observers.found(event) if self.plan.monitors else []
        found = heard(event, found, self.scheduler, self._at_once)
        self._queue.extend(acted_on(event, self.scheduler, self._pass_on))
        self._queue.extend(found)
        match event:
            case ToolCallFinished():
                self._decided(event)
            case Answered():
                self.people.answered(event)
            case PhaseStarted() | RunResumed() if self._tasks is not None:
                self._clock.hear(event, self.events, self._tasks)
            case RunEnded():
                self._over.set()
            case _:
                pass

    def _decided(self, event: ToolCallFinished) -> None:
        """Whoever waits for the end of this call, or will as soon as it goes on with its turn, has it."""
        key = relative(event.key)
        if key in self._waiting or key in self.past.begun:
            self._finished[key] = event
        if key in self._waiting:
            self._waiting[key].set()

    def _log(self, event: Event) -> None:
        stamped(event, len(self.events) + 1, self.plan.run_id, time.time())
        self.events.append(event)
        if self.plan.log is not None:
            self._burst.append(event)
        if self.plan.watch is None or self._fatal is not None:
            return
        try:
            self.plan.watch(event)
        except Exception as error:  # whoever watches is anybody's code: the run ends, and the caller gets the error
            self.stop("failed", f"watch raised {told(error)}", raising=error)

    def _at_once(self, event: Event) -> None:
        self._log(event)
        self._queue.extend(heard_after(self.observers.found(event), self.scheduler))
        for item in self.scheduler.step(event):
            self._pass_on(item)

    def _pass_on(self, item: Event | Command) -> None:
        if isinstance(item, EventBase):
            self._at_once(item)
        else:
            self._carry_out(item)

    def _carry_out(self, command: Command) -> None:
        match command:
            case StartTurn():
                self._begin(self.turns.take, command)
            case Rewrite():
                self._begin(self.outside.rewrite, command)
            case Summarise():
                self._begin(self.summaries.make, command)
            case Verify():
                self._begin(self.outside.verify, command)
            case Accept():
                self._begin(self.outside.accept, command)
            case AskPerson():
                self._begin(self.people.put, command)
            case Judge():
                self._begin(self.judging.judge, command)
            case CancelTurns():
                self.turns.cancel()
                self.judging.cancel()
                self.outside.cancel()

    def _begin(self, work: Callable[[Any], Awaitable[None]], command: Command) -> None:
        async def carried_out() -> None:
            try:
                await work(command)
            finally:
                self.people.at_work(-1)

        assert self._tasks is not None
        self.people.at_work(1)
        self._tasks.start_soon(carried_out)

    async def _deadline(self) -> None:
        await anyio.sleep(self.remaining_s() or 0.0)
        allowed = self.plan.limits.seconds or 0.0
        self.record(LimitWasReached(limit="seconds", allowed=allowed, needed=allowed))
