"""What agents do on the graph by their tools: messages, boards, votes, and what their part in the order demands."""

from __future__ import annotations

from collections.abc import Callable

from agentmesh.events import ToolCallStarted
from agentmesh.messages import Outcome
from agentmesh.scheduler.boards import Boards
from agentmesh.scheduler.commands import Step
from agentmesh.scheduler.course import Course
from agentmesh.scheduler.orders import Order
from agentmesh.scheduler.polls import Polls
from agentmesh.scheduler.sending import Sendings, finished
from agentmesh.scheduler.state import RunState
from agentmesh.tools.graph import BoardAction, CastVote, Decide, SendMessage, read_action


class Deeds:
    """Reads the calls of graph tools, and says what follows."""

    def __init__(
        self,
        state: RunState,
        course: Course,
        calls: Sendings,
        polls: Polls,
        boards: Boards,
        end: Callable[[Outcome, str], None],
    ) -> None:
        self._state = state
        self._course = course
        self._calls = calls
        self._polls = polls
        self._boards = boards
        self._end = end

    def called(self, event: ToolCallStarted, order: Order) -> Step:
        """What follows from a call."""
        action = read_action(event.name, event.arguments)
        agent = event.agent or ""
        if isinstance(action, str):
            return [finished(event, error=action)]
        if isinstance(action, SendMessage):
            self._course.said(agent, action.content, order.round)
            names = dict.fromkeys(action.recipients)
            return self._calls.send(event, [self._state.said(agent, name, action.content) for name in names], order)
        if isinstance(action, BoardAction):
            return self._boards.called(event, action)
        if isinstance(action, CastVote):
            ballots = self._polls.ballots(agent, action.ranking)
            if isinstance(ballots, str):
                return [finished(event, error=ballots)]
            return self._calls.send(event, ballots, order)
        done = order.called(event, action)
        if isinstance(done, str):
            return [finished(event, error=done)]
        if isinstance(action, Decide) and action.decision == "abort":
            self._end("failed", "aborted")
        return [*done, finished(event, result="accepted", ends_turn=True)]
