"""Beginning turns: who may begin one, what it reads, and what it is offered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agentmesh.config.limits import Limits
from agentmesh.events import Event, LimitWasReached, MessageDelivered, TurnStarted
from agentmesh.scheduler.commands import StartTurn
from agentmesh.scheduler.limits import Reached
from agentmesh.scheduler.orders import Order
from agentmesh.scheduler.state import RunState
from agentmesh.tools.graph import READING, WRITING, Choices


class Turns:
    """Starts turns within the limits on them."""

    def __init__(self, state: RunState, reached: Reached, limits: Limits, agent_limits: Mapping[str, Limits]) -> None:
        self._state = state
        self._reached = reached
        self._limits = limits
        self._agent_limits = agent_limits
        self._count = 0

    def start(self, agents: Sequence[str], order: Order) -> list[Event]:
        """The turns that these agents begin, or the limits that stand in the way."""
        events: list[Event] = []
        for agent in agents:
            if agent in self._state.retired:
                continue
            limit = self._limit(agent)
            events.append(self._started(agent, order) if limit is None else limit)
            if limit is not None and limit.agent is None:
                return events
        return events

    def last(self, agent: str, order: Order) -> list[Event]:
        """The turn that was kept for an answer, if there is one left."""
        most = self._limits.turns
        return [] if most and self._count >= most else [self._started(agent, order)]

    def _limit(self, agent: str) -> LimitWasReached | None:
        """The limit that one more turn of the agent would break: its own, the phase's or the run's."""
        state, phase = self._state, self._state.phase
        own = self._agent_limits.get(agent, Limits()).turns
        number = state.turns[agent] + 1
        if own and number > own:
            return LimitWasReached(agent=agent, limit="turns", allowed=own, needed=number, scope=f"agent:{agent}")
        number = state.phase_turns[phase.name] + 1
        if phase.limits.turns and number > phase.limits.turns:
            return LimitWasReached(
                limit="turns", allowed=phase.limits.turns, needed=number, scope=f"phase:{phase.name}"
            )
        if not self._limits.turns or self._count + 1 < self._limits.turns:
            return None
        kept = self._reached.keeps_turn(agent)
        number = self._count + 1 + kept
        if number <= self._limits.turns:
            return None
        return LimitWasReached(limit="turns", allowed=self._limits.turns, needed=number, kept=kept)

    def _started(self, agent: str, order: Order) -> TurnStarted:
        state = self._state
        self._count += 1
        state.phase_turns[state.phase.name] += 1
        ids = tuple(
            item.message_id if isinstance(item, MessageDelivered) else f"notice:{item.id}"
            for item in order.reads(agent, state.inbox.get(agent, []))
        )
        number = state.turns[agent] + 1
        return TurnStarted(agent=agent, turn=number, phase=state.phase.name, round=order.round, inbox=ids)

    def begin(self, event: TurnStarted, order: Order) -> StartTurn:
        """The turn as the agent gets it: its inbox, and what it may do."""
        agent = event.agent or ""
        state = self._state
        inbox = order.reads(agent, state.inbox.pop(agent, []))
        state.busy[agent] = event.turn
        state.turns[agent] = event.turn
        state.written[agent] = set()
        state.stated.pop(agent, None)
        state.labels.begin(agent, inbox)
        order.started(agent)
        self._open_what_was_shut(agent, order)
        answers = order.answers(agent)
        tools, choices = self._offered(agent, order)
        return StartTurn(
            agent=agent,
            turn=event.turn,
            phase=event.phase,
            occurrence=state.occurrence,
            round=event.round,
            inbox=tuple(inbox),
            recipients=state.recipients(agent),
            tools=tools,
            answers=answers,
            choices=choices,
            positions="off" if answers or not order.free_talk else state.phase.positions,
            restart=state.restart.pop(agent, None),
            wrap_up=agent == state.closing,
            task=order.task_of(agent),
        )

    def _open_what_was_shut(self, agent: str, order: Order) -> None:
        """Who begins anew has begun to: what others wrote to it meanwhile it reads in its next turn."""
        if self._state.revote is not None:
            self._state.revote.begin(agent)
        for item in self._state.aside.begin(agent):
            self._state.inbox.setdefault(agent, []).append(item)
            order.delivered(item)

    def _offered(self, agent: str, order: Order) -> tuple[tuple[str, ...], dict[str, Choices]]:
        """The tools of an agent's part in the order, and those of the votes and boards that it has edges with."""
        state, phase = self._state, self._state.phase
        tools = list(order.tools(agent))
        choices = dict(order.choices(agent))
        votes = [name for name in phase.votes if agent in phase.voters(name)]
        if votes:
            tools.append("vote")
            choices["vote"] = {"ranking": phase.votes[votes[0]].choices if len(votes) == 1 else ()}
        alone = state.revote is not None and agent in state.revote.begun
        for names, boards in ((READING, () if alone else state.reads(agent)), (WRITING, state.writes(agent))):
            if boards:
                tools += names
                choices.update({name: {"board": boards} for name in names})
        return tuple(tools), {name: choices[name] for name in tools if name in choices}
