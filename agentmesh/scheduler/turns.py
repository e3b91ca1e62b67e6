"""Beginning turns: who may begin one, what it reads, and what it is offered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agentmesh.config.models import Limits
from agentmesh.events import Event, LimitWasReached, MessageDelivered, TurnStarted
from agentmesh.scheduler.commands import StartTurn
from agentmesh.scheduler.orders import Order
from agentmesh.scheduler.state import RunState
from agentmesh.tools.graph import READING, WRITING, Choices


class Turns:
    """Starts turns within the limits on them."""

    def __init__(self, state: RunState, limits: Limits, agent_limits: Mapping[str, Limits]) -> None:
        self._state = state
        self._limits = limits
        self._agent_limits = agent_limits
        self._count = 0

    def start(self, agents: Sequence[str], order: Order) -> list[Event]:
        """The turns that these agents begin, or the limits that stand in the way."""
        events: list[Event] = []
        state = self._state
        for agent in agents:
            if agent in state.retired:
                continue
            number = state.turns[agent] + 1
            own = self._agent_limits.get(agent)
            if own and own.turns and number > own.turns:
                events.append(LimitWasReached(agent=agent, limit="turns", allowed=own.turns, needed=number))
                continue
            if self._limits.turns and self._count >= self._limits.turns:
                return [*events, LimitWasReached(limit="turns", allowed=self._limits.turns, needed=self._count + 1)]
            self._count += 1
            ids = tuple(
                item.message_id if isinstance(item, MessageDelivered) else f"notice:{item.id}"
                for item in order.reads(agent, state.inbox.get(agent, []))
            )
            started = TurnStarted(agent=agent, turn=number, phase=state.phase.name, round=order.round, inbox=ids)
            events.append(started)
        return events

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
        )

    def _offered(self, agent: str, order: Order) -> tuple[tuple[str, ...], dict[str, Choices]]:
        """The tools of an agent's part in the order, and those of the votes and boards that it has edges with."""
        state, phase = self._state, self._state.phase
        tools = list(order.tools(agent))
        choices = dict(order.choices(agent))
        votes = [name for name in phase.votes if agent in phase.voters(name)]
        if votes:
            tools.append("vote")
            choices["vote"] = {"ranking": phase.votes[votes[0]].choices if len(votes) == 1 else ()}
        for names, boards in ((READING, state.reads(agent)), (WRITING, state.writes(agent))):
            if boards:
                tools += names
                choices.update({name: {"board": boards} for name in names})
        return tuple(tools), {name: choices[name] for name in tools if name in choices}
