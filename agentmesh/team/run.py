"""A run under way: to be watched, spoken to, and stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import anyio

from agentmesh.errors import AgentMeshError, TopologyError
from agentmesh.events import Event, MessageProposed, Metric, TopologyChanged
from agentmesh.messages import USER
from agentmesh.runner import Runner
from agentmesh.team.result import RunResult


class Run:
    """One run of a team, between `team.start(...)` and its end."""

    def __init__(self, runner: Runner, finish: Callable[[Runner], RunResult]) -> None:
        self._runner = runner
        self._finish = finish
        self._over = anyio.Event()
        self._failure: BaseException | None = None
        self._said = 0

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
        """Stop everything in flight at once. A run that has ended stays as it is."""
        self._runner.stop("cancelled", reason)

    def _go_on(self, event: Event) -> None:
        if self._over.is_set():
            raise AgentMeshError("the run has ended: nothing can be said to it or changed in it any more")
        self._runner.record(event)

    def say(self, agent: str, text: str) -> None:
        """Speak to an agent along an edge from `user`; without the edge the message is refused, as any other."""
        self._said += 1
        self._go_on(
            MessageProposed(agent=USER, message_id=f"{USER}{self._said}", sender=USER, recipient=agent, content=text)
        )

    def cut(self, sender: str, recipient: str) -> None:
        """Take an edge away. Raises: TopologyError if the topology has no such edge."""
        self._change("cut", [(sender, recipient)])

    def restore(self, sender: str, recipient: str) -> None:
        """Give back an edge that was cut. Raises: TopologyError if the topology has no such edge."""
        self._change("restore", [(sender, recipient)])

    def isolate(self, agent: str) -> None:
        """Take away every edge from and to an agent. Raises: TopologyError if there is no such agent."""
        self._change("isolate", [pair for pair in self._edges() if agent in pair])

    def record_metric(self, name: str, value: float, kind: Literal["proxy", "held_out", "milestone"] = "proxy") -> None:
        """Note a measured value in the log; agents never see it."""
        self._go_on(Metric(name=name, value=value, kind=kind))

    async def drive(self) -> None:
        """Carry the run out. Called once, by the team."""
        try:
            await self._runner.execute()
        except Exception as error:  # kept for whoever asks for the result
            self._failure = error
        finally:
            self._over.set()

    def _edges(self) -> list[tuple[str, str]]:
        return [edge.pair for phase in self._runner.plan.phases for edge in phase.edges]

    def _change(self, change: Literal["cut", "restore", "isolate"], edges: list[tuple[str, str]]) -> None:
        known = self._edges()
        if not edges or not all(pair in known for pair in edges):
            drawn = ", ".join(f"{a} -> {b}" for a, b in known)
            raise TopologyError(f"there is no such edge: {edges}; edges: {drawn}")
        self._go_on(TopologyChanged(change=change, edges=tuple(edges)))
