"""A run under way: to be watched, spoken to, and stopped."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

import anyio

from agentmesh.config.language import did_you_mean, one_of
from agentmesh.errors import AgentMeshError, TopologyError
from agentmesh.events import (
    Answered,
    Change,
    Event,
    MessageProposed,
    MessageWithheld,
    Metric,
    PhaseStarted,
    TopologyChanged,
)
from agentmesh.messages import USER
from agentmesh.runner import Runner
from agentmesh.runner.past import INTERRUPTED
from agentmesh.scheduler.post import RELEASE
from agentmesh.team.result import RunResult
from agentmesh.topology.graph import Topology
from agentmesh.topology.history import topology_at
from agentmesh.topology.phases import edges_hash

_OVER = "the run has ended: nothing can be said to it or changed in it any more"


class Run:
    """One run of a team, between `team.start(...)` and its end."""

    def __init__(self, runner: Runner, finish: Callable[[Runner], RunResult]) -> None:
        self._runner = runner
        self._finish = finish
        self._over = anyio.Event()
        self._failure: BaseException | None = None
        self._said = sum(_is_said(event) for event in runner.plan.recorded)

    @property
    def run_id(self) -> str:
        """Identifies the run in its log."""
        return self._runner.plan.run_id

    @property
    def events(self) -> Sequence[Event]:
        """The log so far."""
        return tuple(self._runner.events)

    async def result(self) -> RunResult:
        """Wait for the end."""
        await self._over.wait()
        if self._failure is not None:
            raise self._failure
        return self._finish(self._runner)

    def cancel(self, reason: str = "cancelled by the caller") -> None:
        """Stop everything in flight at once. A run that has ended, or waits for people, stays as it is."""
        if not self._over.is_set():
            self._runner.stop("cancelled", reason)

    def _go_on(self, event: Event) -> None:
        if self._over.is_set():
            raise AgentMeshError(_OVER)
        self._runner.record(event)

    def say(self, agent: str, text: str) -> None:
        """Speak to an agent along an edge from `user`; without the edge the message is refused, as any other."""
        self._said += 1
        self._go_on(
            MessageProposed(agent=USER, message_id=f"{USER}{self._said}", sender=USER, recipient=agent, content=text)
        )

    @property
    def topology(self) -> Topology:
        """The graph as it is now: the edges that hold in the phase that the run is in."""
        return topology_at(self.events)

    def cut(self, sender: str, recipient: str) -> None:
        """Take an edge away; what is under way on it is refused. Raises: TopologyError if there is no such edge."""
        self._change("cut", [(sender, recipient)])

    def restore(self, sender: str, recipient: str) -> None:
        """Give back an edge that was cut. Raises: TopologyError if the topology has no such edge."""
        self._change("restore", [(sender, recipient)])

    def isolate(self, agent: str) -> None:
        """Take away every edge from and to an agent. Raises: TopologyError if there is no such agent."""
        self._on_the_graph(agent)
        self._change("isolate", [pair for pair in self._edges() if agent in pair], agents=(agent,))

    def replace(self, agent: str, by: str) -> None:
        """Put an agent that is held in reserve in the place of another, which knows nothing of what that one knew.

        What the one who leaves is still writing is refused. Raises: TopologyError if that cannot be.
        """
        phases = self._runner.scheduler.phases
        standing = self._on_the_graph(agent)
        spare = [name for name in self._runner.plan.members if name not in standing]
        if by not in spare:
            raise TopologyError(f"'{by}' is not held in reserve; in reserve: {one_of(spare)}")
        planning = [phase.planning for phase in phases if phase.planning is not None]
        if any(agent in plan.workers or agent == plan.judge for plan in planning):
            raise TopologyError(f"'{agent}' plans or judges, and holds what was planned; replace a worker")
        before = self._runner.scheduler.state.phase
        removed = [edge.pair for edge in before.edges if agent in edge.pair]
        edges = [edge.pair for edge in before.renamed(agent, by).edges if by in edge.pair]
        self._record(TopologyChanged(change="replace", edges=tuple(edges), removed=tuple(removed), agents=(agent, by)))

    def enter_phase(self, name: str) -> None:
        """Leave the phase as soon as nobody is in a turn, and begin the named one. Raises: TopologyError."""
        phases = {phase.name: phase for phase in self._runner.scheduler.phases}
        if name not in phases:
            raise TopologyError(f"there is no phase '{name}'; phases: {one_of(phases)}{did_you_mean(name, phases)}")
        edges = tuple(edge.pair for edge in phases[name].edges)
        self._record(TopologyChanged(change="enter_phase", phase=name, edges=edges))

    def release(self, message_id: str) -> None:
        """Let a withheld message pass, if an edge permits it by now. Raises: TopologyError if none is withheld."""
        self._decide(message_id, RELEASE)

    def refuse(self, message_id: str) -> None:
        """Refuse a withheld message. Raises: TopologyError if none is withheld."""
        self._decide(message_id, "refuse")

    def record_metric(self, name: str, value: float, kind: Literal["proxy", "held_out", "milestone"] = "proxy") -> None:
        """Note a measured value in the log; agents never see it."""
        self._go_on(Metric(name=name, value=value, kind=kind))

    async def driven(self) -> RunResult:
        """The result of the run, carried out here and now. Called once, by the team."""
        await self._runner.execute()
        return self._finish(self._runner)

    @asynccontextmanager
    async def driving(self) -> AsyncIterator[None]:
        """The run is carried out beside what is done in this block. Called once, by the team."""
        failure: Exception | None = None
        async with anyio.create_task_group() as group:
            group.start_soon(self._drive)
            try:
                yield
            except Exception as error:  # raised below as it is: the task group would wrap it
                failure = error
            except anyio.get_cancelled_exc_class():
                self.cancel(INTERRUPTED)  # nobody has decided that it is to end for good
                raise
            finally:
                self.cancel()
        if failure is not None:
            raise failure

    async def _drive(self) -> None:
        try:
            await self._runner.execute()
        except Exception as error:  # kept for whoever asks for the result
            self._failure = error
        finally:
            self._over.set()

    def _decide(self, message_id: str, answer: str) -> None:
        log = self._runner.events
        decided = {event.question_id for event in log if isinstance(event, Answered)}
        held = [event.message_id for event in log if isinstance(event, MessageWithheld)]
        withheld = [message for message in held if message not in decided]
        if message_id not in withheld:
            raise TopologyError(f"no message '{message_id}' is withheld; withheld: {one_of(withheld)}")
        self._go_on(Answered(question_id=message_id, content=answer))

    def _edges(self) -> list[tuple[str, str]]:
        return [edge.pair for phase in self._runner.scheduler.phases for edge in phase.edges]

    def _on_the_graph(self, agent: str) -> list[str]:
        """The agents on the graph. Raises: TopologyError if this one is not among them."""
        standing = list(dict.fromkeys(name for phase in self._runner.scheduler.phases for name in phase.participants))
        if agent not in standing:
            known = f"on it are: {one_of(standing)}{did_you_mean(agent, standing)}"
            raise TopologyError(f"'{agent}' is not on the graph; {known}")
        return standing

    def _change(self, change: Change, edges: list[tuple[str, str]], agents: tuple[str, ...] = ()) -> None:
        known = self._edges()
        if not edges or not all(pair in known for pair in edges):
            drawn, all_ = (one_of(f"{a} -> {b}" for a, b in dict.fromkeys(pairs)) for pairs in (edges, known))
            raise TopologyError(f"there is no such edge: {drawn}; edges: {all_}")
        self._record(TopologyChanged(change=change, edges=tuple(edges), agents=agents))

    def _record(self, event: TopologyChanged) -> None:
        """Record a change with the hash of the edges that hold after it."""
        log = [*self._runner.events, event]
        if not any(isinstance(one, PhaseStarted) for one in log):  # a change before the first word of the run
            first = self._runner.plan.phases[0]
            edges = tuple(edge.pair for edge in first.edges)
            log.insert(0, PhaseStarted(phase=first.name, order=first.order, edges=edges))
        self._go_on(event.model_copy(update={"hash": edges_hash(topology_at(log).edges)}))


def _is_said(event: Event) -> bool:
    return isinstance(event, MessageProposed) and event.message_id.startswith(USER)


class EndedRun(Run):
    """A run that ended in another process: there is nothing left to do in it."""

    def __init__(self, result: RunResult) -> None:
        self._result = result
        self._said = 0
        self._over = anyio.Event()
        self._over.set()

    def __getattr__(self, name: str) -> Any:
        if name == "_runner":
            raise AgentMeshError(_OVER)
        raise AttributeError(name)

    @property
    def run_id(self) -> str:
        """Identifies the run in its log."""
        return self._result.run_id

    @property
    def events(self) -> Sequence[Event]:
        """The whole log."""
        return self._result.events

    async def result(self) -> RunResult:
        """How it ended."""
        return self._result
