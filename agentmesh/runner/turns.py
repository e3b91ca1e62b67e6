"""The turns of a run that are under way: each ends in the log, as what the agent said or as what went wrong."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Mapping
from typing import Protocol

import anyio

from agentmesh.agents.base import Said
from agentmesh.config.secrets import told, without_keys
from agentmesh.errors import (
    AgentMeshError,
    JournalError,
    LimitExceeded,
    ModelRequestsBlocked,
    ProviderError,
    ReplayMiss,
    RunChanged,
)
from agentmesh.events import Event, LimitWasReached, PositionStated, TurnEnded, TurnFailed
from agentmesh.messages import Outcome, Position
from agentmesh.providers.encoding import mended
from agentmesh.runner.past import INTERRUPTED, Deeds
from agentmesh.runner.turn import RunningTurn, Shell
from agentmesh.runner.working import prepared
from agentmesh.scheduler.commands import StartTurn


class Running(Shell, Protocol):
    """The run that the turns belong to."""

    @property
    def waiting(self) -> bool:
        """Whether the run is left as it is, until people have answered."""
        ...

    def record(self, *events: Event) -> None:
        """Append events to the log, together, and carry out all that follows from them."""
        ...

    def stop(self, outcome: Outcome, reason: str, by: str = "", *, raising: BaseException | None = None) -> None:
        """End the run; whoever waits for it gets the error, if there is one."""
        ...

    def freeze(self, error: BaseException) -> None:
        """Do and write nothing more: whoever waits for the run gets the error."""
        ...


class Turns:
    """Lets agents act, within the seconds that each may use."""

    def __init__(self, runner: Running) -> None:
        self._runner = runner
        self._scopes: dict[str, anyio.CancelScope] = {}
        self._deeds: dict[str, Deeds] = {}
        self._seconds: dict[str, float] = {}

    def go_on_from(self, deeds: Mapping[str, Deeds], seconds: Mapping[str, float]) -> None:
        """By agent: what it noted in the turn that it is in, and how long its turns took so far."""
        self._deeds = dict(deeds)
        self._seconds = dict(seconds)

    def cancel(self) -> None:
        """Stop all that are under way."""
        for scope in list(self._scopes.values()):
            scope.cancel()

    async def take(self, command: StartTurn) -> None:
        """One turn, from its beginning to its end in the log."""
        runner, agent = self._runner, command.agent
        failure: tuple[str, str] | None = None
        started = time.monotonic()
        begun = self._deeds.pop(agent, None)
        with anyio.CancelScope() as scope:
            self._scopes[agent] = scope
            if runner.ending:
                scope.cancel()
            try:
                failure = await self._act(command, begun)
            except anyio.get_cancelled_exc_class():
                if not runner.waiting:
                    if not runner.ending:
                        runner.stop("cancelled", INTERRUPTED)
                    failed = TurnFailed(agent=agent, turn=command.turn, error="cancelled", kind="cancelled")
                    self._end(command, failed)
                raise
            except Exception as error:  # an agent may be anybody's code: its failure is an event, never a message
                if isinstance(error, JournalError | RunChanged) and not isinstance(error, ReplayMiss):
                    runner.freeze(error)
                    return
                failure = classified(error)
                if isinstance(error, ModelRequestsBlocked | ReplayMiss):
                    runner.stop("failed", str(error), raising=error)
            finally:
                self._seconds[agent] = self._seconds.get(agent, 0.0) + time.monotonic() - started
        if failure is not None:
            kind, text = failure
            self._end(command, TurnFailed(agent=agent, turn=command.turn, error=text, kind=kind))

    async def _act(self, command: StartTurn, begun: Deeds | None) -> tuple[str, str] | None:
        """Let the agent act, and end its turn with what it says; or say what kind of failure it is, and why."""
        plan, deeds = self._runner.plan, begun or Deeds()
        member = plan.members[command.agent]
        turn = RunningTurn(self._runner, member, command, deeds)
        turn.workspace = await prepared(plan, command, again=begun is not None)
        said = await self._in_own_time(command.agent, member.occupant.act(turn))
        if said is None:
            return self._out_of_time(command.agent)
        fault = turn.fault(said.text) if said.text is not None else None
        if fault is not None:
            return ("answer_form", fault)
        self._say(command, said, stated=deeds.stated)
        return None

    def _say(self, command: StartTurn, said: Said, *, stated: bool) -> None:
        """The turn ends with what the agent said; first with its position, which what it says then carries."""
        agent, position = command.agent, said.position
        if position is None and command.positions == "required" and said.text:
            position = Position(answer=said.text.strip())  # a function's, program's or person's reply is what it holds
        states = []
        if position is not None and command.positions != "off" and not stated:
            place = {"turn": command.turn, "phase": command.phase, "round": command.round}
            states = [PositionStated(agent=agent, position=position, **place)]
        reply = said.text and mended(said.text)
        self._end(command, *states, TurnEnded(agent=agent, turn=command.turn, reply=reply, parts=said.parts))

    def _end(self, command: StartTurn, *events: Event) -> None:
        self._scopes.pop(command.agent, None)
        self._runner.record(*events)

    async def _in_own_time(self, agent: str, acting: Awaitable[Said]) -> Said | None:
        """What the agent said, or None if the seconds that it alone may use are over."""
        limit = self._runner.plan.members[agent].limits.seconds
        if limit is None:
            return await acting
        with anyio.move_on_after(max(0.0, limit - self._seconds.get(agent, 0.0))):
            return await acting
        return None

    def _out_of_time(self, agent: str) -> tuple[str, str]:
        allowed = self._runner.plan.members[agent].limits.seconds or 0.0
        limit = {"limit": "seconds", "allowed": allowed, "needed": allowed}
        self._runner.record(LimitWasReached(agent=agent, scope=f"agent:{agent}", **limit))
        return ("limit", f"seconds: {allowed:g} allowed")


def classified(error: Exception) -> tuple[str, str]:
    """The kind of a failure and its words, as `turn_failed` has them."""
    match error:
        case ProviderError():
            return (error.kind, without_keys(str(error)))
        case LimitExceeded():
            return ("limit", str(error))
        case AgentMeshError():
            return ("agent", without_keys(str(error)))
        case ExceptionGroup(exceptions=[Exception() as only]):  # what an agent's own task group made of its error
            return classified(only)
        case _:
            return ("error", told(error))
